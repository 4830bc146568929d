"""What a runner may use of this host.

In: the system, and what the user said instead. Out: a ``Machine``. Nothing heavy is loaded on a
machine without GPUs: psutil only where /proc is missing, pynvml only where the loader would find
the driver's library.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torc_tui.model import Machine
from torc_tui.resources.cgroups import limits
from torc_tui.resources.nvml import GpuMonitor
from torc_tui.resources.process_identity import process_started

__all__ = [
    "available_cpus",
    "available_memory",
    "boot_id",
    "detect_machine",
    "hostname",
    "process_started",
]

_ROOT = Path("/")


def detect_machine(
    *,
    num_cpus: int | None = None,
    memory_gb: float | None = None,
    num_gpus: int | None = None,
    monitor: GpuMonitor | None = None,
) -> Machine:
    """The machine as the runner may use it. What the user gives counts as given (``memory_gb`` in
    units of 2^30 bytes); ``num_gpus`` limits the GPUs, or gives virtual ones where there are none.
    A ``monitor`` that is passed in reads the GPUs, with the limit that it was made with.
    """
    if monitor is None:
        monitor = GpuMonitor(num_gpus)
    return Machine(
        hostname=hostname(),
        num_cpus=available_cpus() if num_cpus is None else num_cpus,
        memory=available_memory() if memory_gb is None else int(memory_gb * (1 << 30)),
        gpus=monitor.read(),
    )


def available_cpus(environ: Mapping[str, str] | None = None, root: Path = _ROOT) -> int:
    """CPUs that this process may use: its affinity, less what cgroups and Slurm allow (broken
    numbers rounded down); at least 1.
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
    """Bytes that this process may use: the memory of the machine, or less where cgroups or Slurm
    allow less.
    """
    amounts = [_total_memory(root)]
    limit = limits(root).memory
    if limit is not None:
        amounts.append(limit)
    environ = os.environ if environ is None else environ
    if "SLURM_JOB_ID" in environ:
        per_node, per_cpu = (
            _number(environ, "SLURM_MEM_PER_NODE"),
            _number(environ, "SLURM_MEM_PER_CPU"),
        )
        cpus = _slurm_cpus(environ)
        if per_node:  # megabytes; 0 stands for all of the node
            amounts.append(per_node << 20)
        elif per_cpu and cpus:
            amounts.append(per_cpu * cpus << 20)
    return min(amounts)


def hostname() -> str:
    """The name of this host, as compute nodes are registered by it."""
    return os.uname().nodename


def boot_id() -> str:
    """A name for the time since this host was started; process start times are only comparable
    within one.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return f"boot-{int(psutil.boot_time())}"


def still_runs(boot: str, pid: int | None, started: int | None) -> bool:
    """Whether that process of this host, of the time since it was started as ``boot``, is still
    there.
    """
    return pid is not None and boot == boot_id() and process_started(pid) == started


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
