"""Know the resources of this machine, and which jobs fit on it."""
