"""The tab of the graph."""
