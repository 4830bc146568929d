"""Implement the commands: one module per group, and what they share."""
