"""How the benchmarks measure: whole processes, in turns with their reference, medians of several
rounds.

What comes in: commands. What goes out: seconds of wall and of CPU, peaks of memory, and rows of the
table. Budgets are ratios against a reference of the same run, or absolute where `performance.md`
has none; nothing is asserted here.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PYTHON = sys.executable
TORC = str(Path(sys.executable).parent / "torc")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took, with the children it waited for: seconds, and the peak of its own memory
    in bytes."""

    wall: float
    cpu: float
    peak: int = 0

    def slope(self, smaller: Cost, more: int) -> Cost:
        """What one more thing costs, when ``self`` did ``more`` things more than ``smaller``."""
        return Cost((self.wall - smaller.wall) / more, (self.cpu - smaller.cpu) / more, self.peak)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. ``budget`` is a ratio where there is a reference, else in the unit of
    the figure."""

    what: str
    unit: str
    figure: float
    budget: float
    reference: float | None = None
    against: str = ""
    cpu: float | None = None
    reference_cpu: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.figure / self.reference if self.reference else None

    @property
    def ok(self) -> bool:
        return (self.figure if self.ratio is None else self.ratio) <= self.budget

    def record(self) -> dict[str, object]:
        """The row as JSON."""
        return {**asdict(self), "ratio": self.ratio, "ok": self.ok}


def environment(folder: Path) -> dict[str, str]:
    """For the processes that are measured: a store of their own, and no variable that makes Python
    slower."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "TORC_"))
    }
    return {
        **kept,
        "TORC_DATABASE": str(folder / "torc.db"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


def spend(argv: Sequence[str], folder: Path, *, expect: Sequence[int] = (0,)) -> Cost:
    """Run a command in ``folder``, its output in files there."""
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        before = time.perf_counter()
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env=environment(folder),
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - before
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in expect:
        raise RuntimeError(
            f"{argv} ended with {child.returncode}: {(folder / 'stderr').read_text()[-2000:]}"
        )
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def output(folder: Path) -> str:
    """What the last command wrote."""
    return (folder / "stdout").read_text()


def median(costs: Sequence[Cost]) -> Cost:
    """Of each figure by itself."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.peak for cost in costs),
    )


def table(rows: Sequence[Row]) -> str:
    """The rows for a person."""
    head = ("what", "figure", "reference", "ratio", "budget", "CPU", "ref. CPU", "")
    lines = [
        head,
        *(
            (
                row.what,
                f"{row.figure:.3g} {row.unit}",
                "" if row.reference is None else f"{row.reference:.3g} ({row.against})",
                "" if row.ratio is None else f"{row.ratio:.2f}",
                f"{row.budget:g}" if row.ratio is None else f"{row.budget:g} x",
                "" if row.cpu is None else f"{row.cpu:.3g}",
                "" if row.reference_cpu is None else f"{row.reference_cpu:.3g}",
                "ok" if row.ok else "OVER",
            )
            for row in rows
        ),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
