"""The tab Timeline."""
