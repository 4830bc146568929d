"""Carry out the actions of a user: one function each, for the command line and for the app."""
