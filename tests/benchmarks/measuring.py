"""Measure whole processes: wall time, CPU time and peak memory, in turns with a reference.

Input: commands. Output: costs, their medians and slopes. Nothing is asserted here.
Invariant: measured commands never see the variables that slow Python down or point to user data.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = sys.executable
TORC = str(Path(sys.executable).parent / "torc")
REPOSITORY = Path(__file__).parents[2]
BARE = [PYTHON, "-c", "pass"]
BARE_NAME = "python -c pass"
"""The bare interpreter: the reference of every start-up budget."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall and CPU seconds of a process and the children it waited for, and its peak in bytes."""

    wall: float
    cpu: float
    peak: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.peak, other.peak))

    def slope(self, smaller: Cost, more: int) -> Cost:
        """Return the cost of one more item, when ``self`` handled ``more`` items more."""
        return Cost((self.wall - smaller.wall) / more, (self.cpu - smaller.cpu) / more, self.peak)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of measured processes: own database, home and temporary folder."""
    dropped = ("PYTHON", "TORC_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {
        **kept,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "TORC_DATABASE": str(folder / "torc.db"),
        "PYTHONPATH": str(REPOSITORY),
    }


def new_folder(root: Path, name: str) -> Path:
    """Create a folder with a number of its own below ``root``."""
    folder = root / f"{name}{sum(1 for _ in root.iterdir())}"
    folder.mkdir()
    return folder


def spend(
    argv: Sequence[str],
    folder: Path,
    *,
    expect: Sequence[int] = (0,),
    extra: dict[str, str] | None = None,
) -> Cost:
    """Run a command in ``folder``, its output in the files ``stdout`` and ``stderr`` there."""
    full = environment(folder) | (extra or {})
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        begin = time.perf_counter()
        files: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
        child = subprocess.Popen(argv, cwd=folder, env=full, **files)
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in expect:
        told = (folder / "stderr").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(argv)} exited with {child.returncode}: {told}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def output(folder: Path) -> str:
    """Return the standard output of the last command."""
    return (folder / "stdout").read_text()


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure by itself."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        int(statistics.median(cost.peak for cost in costs)),
    )
