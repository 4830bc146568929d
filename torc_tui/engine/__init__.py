"""Run workflows: the loop that records, decides and starts."""
