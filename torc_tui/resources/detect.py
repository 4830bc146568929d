"""Detect what a runner may use of this host.

Input: the system, and options that replace what it provides. Output: a ``Machine``.

Nothing heavy is loaded on a machine without GPUs: psutil only where /proc is missing, pynvml only
where the loader would find the library of the driver.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torc_tui.model import Machine
from torc_tui.resources.cgroups import limits
from torc_tui.resources.gpu_monitor import GpuMonitor
from torc_tui.resources.machine_identity import hostname

_ROOT = Path("/")


def detect_machine(
    *,
    num_cpus: int | None = None,
    memory_gb: float | None = None,
    monitor: GpuMonitor | None = None,
) -> Machine:
    """Return the machine as the runner may use it.

    ``num_cpus`` and ``memory_gb`` (in units of 2^30 bytes) replace what is detected. ``monitor``
    reads the GPUs, within its limit.
    """
    return Machine(
        hostname=hostname(),
        num_cpus=available_cpus() if num_cpus is None else num_cpus,
        memory=available_memory() if memory_gb is None else int(memory_gb * (1 << 30)),
        gpus=(monitor or GpuMonitor()).read(),
    )


def available_cpus(environ: Mapping[str, str] | None = None, root: Path = _ROOT) -> int:
    """Return how many CPUs this process may use: at least 1.

    That is its affinity, or less where cgroups (rounded down) or Slurm allow less.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = limits(root).cpus
    if quota is not None:
        count = min(count, int(quota))
    granted = _slurm_cpus(os.environ if environ is None else environ)
    if granted is not None:
        count = min(count, granted)
    return max(count, 1)


def available_memory(environ: Mapping[str, str] | None = None, root: Path = _ROOT) -> int:
    """Return how many bytes this process may use.

    That is the memory of the machine, or less where cgroups or Slurm allow less.
    """
    amounts = [_total_memory(root)]
    limit = limits(root).memory
    if limit is not None:
        amounts.append(limit)
    environ = os.environ if environ is None else environ
    if "SLURM_JOB_ID" in environ:
        per_node = _number(environ, "SLURM_MEM_PER_NODE")
        per_cpu = _number(environ, "SLURM_MEM_PER_CPU")
        cpus = _slurm_cpus(environ)
        if per_node:  # in MiB; 0 stands for all of the node
            amounts.append(per_node << 20)
        elif per_cpu and cpus:
            amounts.append(per_cpu * cpus << 20)
    return min(amounts)


def _total_memory(root: Path) -> int:
    try:
        with (root / "proc/meminfo").open() as lines:
            for line in lines:
                if line.startswith("MemTotal:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    import psutil

    return int(psutil.virtual_memory().total)


def _slurm_cpus(environ: Mapping[str, str]) -> int | None:
    return _number(environ, "SLURM_CPUS_ON_NODE") if "SLURM_JOB_ID" in environ else None


def _number(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else None
