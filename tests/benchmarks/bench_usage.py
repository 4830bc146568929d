"""What measures over time cost: a sample of many jobs, a run of short ones, a report of many."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tests.benchmarks.measuring import PYTHON, TORC, Cost, new_folder, spend
from tests.benchmarks.rows import Rows, absolute, against, values

WITHOUT_SERIES = """
import sys
from torc_tui.cli.main import main
from torc_tui.engine.machine_watch import MachineSampler
from torc_tui.engine.transaction import StepTransaction
from torc_tui.executors.attempt import Measures, RunningAttempt
from torc_tui.resources.usage_series import SeriesRecorder
SeriesRecorder.add = lambda self, at, metric, value: None
RunningAttempt.measured = lambda self, now: None
Measures.is_io_due = lambda self, at: False
MachineSampler._work = lambda self: None
StepTransaction._record_series = lambda self, conn: None
sys.exit(main(sys.argv[1:]))
"""
LIMITS = ["--num-cpus", "2", "--max-parallel-jobs", "2", "-q"]


def sampling(root: Path, rounds: int, *, jobs: int = 500, samples: int = 10) -> Rows:
    """Measure the CPU time of one sample of long jobs, of two processes each, with their I/O.

    At one sample a second, that is the share of a core.
    """
    from torc_tui.executors.local import LocalExecutor
    from torc_tui.model import AttemptKey, Order

    local = LocalExecutor()
    base = {"PATH": os.environ["PATH"]}
    folder = new_folder(root, "sampling")
    local.submit(
        [
            Order(
                key=AttemptKey(1, number, 1, 1),
                name="x",
                command="sleep 600; true",
                directory=str(folder),
                environment=base,
                exit_file=f"{folder}/{number}.exit",
            )
            for number in range(jobs)
        ]
    )
    time.sleep(1.0)
    supervisor, shares = local._supervisor, []
    with supervisor.lock:
        for attempt in local._attempts.values():
            attempt.began -= 60.0
        for _ in range(rounds):
            before = time.thread_time()
            for step in range(samples):
                supervisor._sample(time.monotonic() + 10.0 * step)
            shares.append((time.thread_time() - before) / samples)
    from torc_tui.model import Cause

    local.stop(list(local.running), Cause.STOPPED, grace=0.0)
    while local.running:
        local.wait(0.1)
    local.close()
    return [values(f"share of a core for {jobs:,} jobs at 1 Hz", "×", shares, 0.03)]


def series(root: Path, rounds: int, *, jobs: int = 2000) -> Rows:
    """Measure short jobs, whose measures over time are not kept, against runs that take none."""
    own, without = [], []
    for _ in range(rounds):
        own.append(_run(root, jobs, [PYTHON, "-m", "torc_tui.cli.main"]))
        without.append(_run(root, jobs, [PYTHON, "-c", WITHOUT_SERIES]))
    what = f"measures over time of {jobs:,} short jobs"
    return [against(what, "s", own, without, name="none", budget=1.01, cpu_budget=1.01)]


def _run(root: Path, jobs: int, program: list[str]) -> Cost:
    folder = new_folder(root, "series")
    job = {"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [job]}))
    return spend([*program, "run", "w.json", *LIMITS], folder)


def report(root: Path, rounds: int, *, jobs: int = 10_000) -> Rows:
    """Measure the report of a finished workflow: its time, and its size in MB."""
    folder = new_folder(root, "report")
    job = {"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [job]}))
    spend([TORC, "run", "w.json", *LIMITS], folder)
    costs = [spend([TORC, "report", "1", "-o", "r.html"], folder) for _ in range(rounds)]
    megabytes = (folder / "r.html").stat().st_size / 1e6
    return [
        absolute(f"report of {jobs:,} jobs", "s", costs, 3.0),
        values("its size in MB", "×", [megabytes], 5.0),
    ]
