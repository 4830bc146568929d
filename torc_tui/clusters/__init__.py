"""Ask a batch system for nodes, and find out in which allocation a process runs."""
