"""Find the allocation of a batch system in which a process runs."""
