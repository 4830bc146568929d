"""The tab of the machine: CPUs, memory, GPUs, and the jobs that hold them."""
