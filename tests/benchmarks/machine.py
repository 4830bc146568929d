"""What else the machine did: load average, and the CPU time of all other processes.

Figures of a busy machine are worth little. The load average of the start tells what ran before;
the CPU time of other processes tells what ran meanwhile.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tests.benchmarks.measuring import REPOSITORY

BUSY = 0.5
"""Load average per CPU, and CPUs used by others per CPU, from which figures are doubtful."""

IDLE_FIELDS = (3, 4)
"""idle and iowait of the first line of /proc/stat, after the word `cpu`."""

GUEST_FIELDS = 8
"""Fields from here on are counted in earlier ones already."""


def machine_cpu(text: str) -> float:
    """Return the CPU seconds of all processes since boot, from the text of /proc/stat."""
    fields = [int(word) for word in text.partition("\n")[0].split()[1:]]
    used = [value for index, value in enumerate(fields[:GUEST_FIELDS]) if index not in IDLE_FIELDS]
    return sum(used) / os.sysconf("SC_CLK_TCK")


def _own_cpu() -> float:
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _all_cpu() -> float | None:
    path = Path("/proc/stat")
    return machine_cpu(path.read_text()) if path.exists() else None


@dataclass(slots=True)
class Meter:
    """CPUs used on average by processes that are not ours, from its creation on."""

    begin: float = field(default_factory=time.perf_counter)
    own: float = field(default_factory=_own_cpu)
    all: float | None = field(default_factory=_all_cpu)

    def others(self) -> float | None:
        """Return the CPUs that others used; None where the machine does not tell."""
        now = _all_cpu()
        if now is None or self.all is None:
            return None
        used = (now - self.all) - (_own_cpu() - self.own)
        return max(0.0, used / (time.perf_counter() - self.begin))


def description(folder: Path) -> dict[str, object]:
    """Return the facts about program and machine that belong to saved figures."""
    return {
        "torc": metadata.version("torc-tui"),
        "commit": _commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": cpus(),
        "folder": str(folder),
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def warnings(load: float, others: dict[str, float | None], cpu_count: int) -> list[str]:
    """Return a sentence for each sign that other processes disturbed the figures."""
    found = []
    if load > BUSY * cpu_count:
        where = f"load average {load:.2f} on {cpu_count} CPUs before the start"
        found.append(f"warning: {where}; all figures are doubtful")
    for name, used in others.items():
        if used is not None and used > BUSY * cpu_count:
            where = f"other processes used {used:.1f} of {cpu_count} CPUs during {name}"
            found.append(f"warning: {where}; its figures are doubtful")
    return found
