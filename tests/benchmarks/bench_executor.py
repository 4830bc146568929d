"""What the local executor costs per job, against the spawn loop with the same files.

Both run `true` two at a time, in sessions of their own, with stdout and stderr in files, in turns
within one process. The executor also writes an exit file, watches limits and measures.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.internals import run_true
from tests.benchmarks.measuring import Cost, new_folder
from tests.benchmarks.programs import AT_ONCE, LOOP
from tests.benchmarks.rows import Rows, against
from tests.benchmarks.spawn_loop import spawn_all


def _cpu() -> float:
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _measure(way: Callable[[str], None], root: Path, jobs: int) -> Cost:
    folder = new_folder(root, "executor")
    cpu, wall = _cpu(), time.perf_counter()
    way(str(folder))
    return Cost((time.perf_counter() - wall) / jobs, (_cpu() - cpu) / jobs)


def executor(root: Path, rounds: int, *, jobs: int = 1000) -> Rows:
    """Measure a job of the executor, without the engine and the database."""
    bare_way = partial(spawn_all, jobs=jobs, at_once=AT_ONCE)
    own_way = partial(run_true, jobs=jobs, at_once=AT_ONCE)
    own, bare = [], []
    for _ in range(rounds):
        bare.append(_measure(bare_way, root, jobs))
        own.append(_measure(own_way, root, jobs))
    return [against("local executor, one job", "ms", own, bare, name=LOOP.name, budget=1.15)]
