"""Decide what follows from events: pure rules about jobs and runners."""
