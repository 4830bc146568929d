"""Read the limits of control groups (versions 1 and 2) on this process: CPU time and memory.

Input: /proc and /sys below a root directory. Output: numbers, None where nothing is limited. A
group is limited by all groups above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_UNLIMITED = 1 << 60
"""Version 1 writes "no limit" as the largest number of pages."""


class Limits(NamedTuple):
    """The limits; ``cpus`` may be a fraction (1.5), ``memory`` is in bytes."""

    cpus: float | None
    memory: int | None


def limits(root: Path = Path("/")) -> Limits:
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
    return Limits(min(cpus, default=None), min(memory, default=None))


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
