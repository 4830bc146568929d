"""The tab *Results*: the results of all attempts, and sweeps as tables and heat maps."""
