"""The tab of the machine: CPUs, memory, GPUs, and who holds them."""
