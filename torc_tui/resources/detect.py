"""Detect what a runner may use of this host.

Input: the system, and options that replace what it provides. Output: a ``Machine``.

Nothing heavy is loaded on a machine without GPUs: psutil only where /proc is missing, and the
GPUs are read by a helper process (`gpu_service`) if the caller wants them. The limits of control
groups (versions 1 and 2) are read below a root directory; a group is limited by all groups above
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from torc_tui.model import Gpu, Machine
from torc_tui.resources.machine_identity import hostname
from torc_tui.tuples import NamedTuple

_UNLIMITED = 1 << 60
"""Version 1 writes "no limit" as the largest number of pages."""


class ContainerLimits(NamedTuple):
    """The limits; ``cpus`` may be a fraction (1.5), ``memory`` is in bytes."""

    cpus: float | None
    memory: int | None


def limits(root: Path = Path("/")) -> ContainerLimits:
    """Return the tightest limits on this process."""
    groups = _lines(root / "proc/self/cgroup")
    mounts = _lines(root / "proc/self/mountinfo")
    cpus: list[float] = []
    memory: list[int] = []
    for directory, version, controllers in _directories(root, groups, mounts):
        if version == 2:
            quota, period, *_ = [*_words(directory / "cpu.max"), "", ""]
            cpus += _quota(quota, period)
            memory += _amount(_words(directory / "memory.max"))
        else:
            if "cpu" in controllers:
                quota, *_ = [*_words(directory / "cpu.cfs_quota_us"), ""]
                period, *_ = [*_words(directory / "cpu.cfs_period_us"), ""]
                cpus += _quota(quota, period)
            if "memory" in controllers:
                memory += _amount(_words(directory / "memory.limit_in_bytes"))
    return ContainerLimits(min(cpus, default=None), min(memory, default=None))


def _directories(
    root: Path, groups: list[str], mounts: list[str]
) -> Iterator[tuple[Path, int, frozenset[str]]]:
    """Yield (directory, version, controllers) of all groups of this process that are mounted."""
    paths: dict[str, str] = {}  # controller -> path of the group; "" for version 2
    for line in groups:
        _, names, path, *_ = [*line.split(":", 2), "", ""]
        for name in names.split(","):
            paths[name] = path
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or not kind or kind[0] not in ("cgroup", "cgroup2"):
            continue
        if kind[0] == "cgroup2":
            version, controllers = 2, frozenset({""})
        else:
            version, controllers = 1, frozenset(kind[-1].split(",")) & {"cpu", "memory"}
        for path in {paths[name] for name in controllers if name in paths}:
            # In a container the mount may show only a part of the tree, and the path may lie
            # outside of it.
            shown = fields[3].rstrip("/")
            inside = path.removeprefix(shown) if f"{path}/".startswith(f"{shown}/") else ""
            parts = [part for part in inside.split("/") if part and part != ".."]
            top = root / fields[4].lstrip("/")
            for depth in range(len(parts), -1, -1):
                yield top.joinpath(*parts[:depth]), version, controllers


def _quota(quota: str, period: str) -> list[float]:
    if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
        return [int(quota) / int(period)]
    return []


def _amount(words: list[str]) -> list[int]:
    if words and words[0].isdigit() and int(words[0]) < _UNLIMITED:
        return [int(words[0])]
    return []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").split()
    except (OSError, ValueError):
        return []


_ROOT = Path("/")


def detect_machine(
    *, num_cpus: int | None = None, memory_gb: float | None = None, gpus: tuple[Gpu, ...] = ()
) -> Machine:
    """Return the machine as the runner may use it, with these GPUs.

    ``num_cpus`` and ``memory_gb`` (in units of 2^30 bytes) replace what is detected.
    """
    return Machine(
        hostname=hostname(),
        num_cpus=available_cpus() if num_cpus is None else num_cpus,
        memory=available_memory() if memory_gb is None else int(memory_gb * (1 << 30)),
        gpus=gpus,
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
    granted = granted_cpus(os.environ if environ is None else environ)
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
    granted = granted_memory(os.environ if environ is None else environ)
    if granted is not None:
        amounts.append(granted)
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


def granted_cpus(environ: Mapping[str, str]) -> int | None:
    """Return how many CPUs of this node Slurm has granted; None if unknown."""
    return number_in(environ, "SLURM_CPUS_ON_NODE") if "SLURM_JOB_ID" in environ else None


def granted_memory(environ: Mapping[str, str]) -> int | None:
    """Return how much memory of this node Slurm has granted, in bytes; None if unlimited."""
    if "SLURM_JOB_ID" not in environ:
        return None
    per_node = number_in(environ, "SLURM_MEM_PER_NODE")
    if per_node:  # in MiB; 0 means all memory of the node
        return per_node << 20
    per_cpu = number_in(environ, "SLURM_MEM_PER_CPU")
    cpus = granted_cpus(environ)
    return per_cpu * cpus << 20 if per_cpu and cpus else None


def number_in(environ: Mapping[str, str], name: str) -> int | None:
    """Return the value of a variable; None if it is not a number of at most 12 digits."""
    value = environ.get(name, "")
    return int(value) if len(value) <= 12 and value.isascii() and value.isdigit() else None
