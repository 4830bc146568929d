"""Read which CPUs share a core, and choose cores that are near each other.

Input: the kernel's description of the CPUs, and the free cores. Output: cores; none on a system
without such a description or that cannot bind processes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from torc_tui.resources.visible import numbers_of
from torc_tui.tuples import NamedTuple

_DESCRIPTION = Path("/sys/devices/system/cpu")


class CpuCore(NamedTuple):
    """A core: its CPUs that this process may use, its package, and its last-level cache."""

    cpus: tuple[int, ...]
    package: int
    cache: tuple[int, int]


def read_cores(description: Path = _DESCRIPTION) -> tuple[CpuCore, ...]:
    """Return the cores that this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    allowed = os.sched_getaffinity(0)
    found: dict[int, CpuCore] = {}
    for cpu in sorted(allowed):
        folder = description / f"cpu{cpu}"
        siblings = numbers_of(_read(folder / "topology/thread_siblings_list")) or (cpu,)
        package = (numbers_of(_read(folder / "topology/physical_package_id")) or (0,))[0]
        shared = numbers_of(_read(folder / "cache/index3/shared_cpu_list")) or (-1,)
        usable = tuple(sorted(allowed.intersection(siblings) | {cpu}))
        found.setdefault(usable[0], CpuCore(usable, package, (package, min(shared))))
    return tuple(found.values())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def number_of_cores(cores: Sequence[CpuCore], num_cpus: float) -> int:
    """Return how many whole cores a job with ``num_cpus`` gets, at most all."""
    threads = max((len(core.cpus) for core in cores), default=1)
    return min(ceil(num_cpus / threads), len(cores))


def choose(free: Sequence[CpuCore], number: int) -> tuple[CpuCore, ...] | None:
    """Return ``number`` of these cores, as near to each other as possible; None if too few.

    Cores that share a cache are taken before those of one package, and the smallest group that is
    large enough before larger ones, so that large groups stay whole.
    """
    if number > len(free):
        return None
    groups: list[list[CpuCore]] = []
    for key in (_cache, _package):
        by_key: dict[object, list[CpuCore]] = {}
        for core in free:
            by_key.setdefault(key(core), []).append(core)
        groups = sorted(by_key.values(), key=len)
        fitting = next((group for group in groups if len(group) >= number), None)
        if fitting is not None:
            return tuple(fitting[:number])
    return tuple(core for group in reversed(groups) for core in group)[:number]


def _cache(core: CpuCore) -> tuple[int, int]:
    return core.cache


def _package(core: CpuCore) -> int:
    return core.package
