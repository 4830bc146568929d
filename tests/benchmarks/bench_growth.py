"""Growth: the cost per job of workflows with 1,000, 10,000 and 100,000 jobs, start-up left out.

The spawn loop runs as many processes next to each size. Flatness compares multiples of its cost, so
that a machine that becomes slower between two sizes is not taken for a cost that grows.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.benchmarks.bench_jobs import run_parameterized
from tests.benchmarks.measuring import Cost, median, new_folder
from tests.benchmarks.programs import LOOP, Work
from tests.benchmarks.rows import Rows, against

SIZES = (1_000, 10_000, 100_000)
FLAT = 1.1
"""The largest cost per job that counts as flat, as a multiple of the cost at the smallest size."""

REPEATS = 3
"""Runs of the smallest size in each round: it is the denominator of every ratio."""


def _per_job(root: Path, size: int) -> tuple[Cost, Cost]:
    """Return the cost per job of torc and of the loop."""
    folder = new_folder(root, "round")
    loop = LOOP.run(folder, Work(size)).slope(LOOP.run(folder, Work(1)), size - 1)
    torc = run_parameterized(folder, size).slope(run_parameterized(folder, 1), size - 1)
    shutil.rmtree(folder)
    return torc, loop


def growth(root: Path, rounds: int, *, smallest: int = SIZES[0]) -> Rows:
    """Measure all sizes in each round, and how flat the cost per job is."""
    sizes = [size * smallest // SIZES[0] for size in SIZES]
    costs: dict[int, list[tuple[Cost, Cost]]] = {size: [] for size in sizes}
    for _ in range(rounds):
        repeated = [_per_job(root, sizes[0]) for _ in range(REPEATS)]
        own, loop = _columns(repeated)
        costs[sizes[0]].append((median(own), median(loop)))
        for size in sizes[1:]:
            costs[size].append(_per_job(root, size))
    rows: Rows = []
    for size in sizes:
        own, loop = _columns(costs[size])
        rows.append(against(f"growth: one of {size:,} jobs", "ms", own, loop, name=LOOP.name))
    first = in_loops(costs[sizes[0]])
    for size in sizes[1:]:
        rows.append(
            against(
                f"flatness: {size:,} jobs",
                "×",
                in_loops(costs[size]),
                first,
                name=f"{sizes[0]:,} jobs",
                budget=FLAT,
                cpu_budget=FLAT,
            )
        )
    return rows


def _columns(pairs: list[tuple[Cost, Cost]]) -> tuple[list[Cost], list[Cost]]:
    return [own for own, _ in pairs], [loop for _, loop in pairs]


def in_loops(pairs: list[tuple[Cost, Cost]]) -> list[Cost]:
    """Return each cost of torc as a multiple of the loop's cost at the same size."""
    return [Cost(own.wall / loop.wall, own.cpu / loop.cpu) for own, loop in pairs]
