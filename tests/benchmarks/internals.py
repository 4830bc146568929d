"""The only module here that imports the program: what no command line offers.

    python -m tests.benchmarks.internals fake-run WORKFLOW_ID
    python -m tests.benchmarks.internals end-jobs RATE SECONDS JOBS
    python -m tests.benchmarks.internals app-block SECONDS

All work on the database of TORC_DATABASE. The first runs a workflow without processes and prints
its cost as JSON; the second records job ends at a rate, for an app to show. The third opens
workflow 1 in the app, without a terminal, and prints for how many seconds its thread was blocked at
most. The functions for other modules here import late, so that importing this module costs nothing.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from contextlib import closing, suppress
from typing import Any

from torc_tui.status import JobStatus


def fake_run(workflow_id: int) -> dict[str, float]:
    """Run a workflow with an executor whose jobs end at once; return seconds and jobs."""
    from tests.fake_executor import FakeExecutor
    from torc_tui.engine.report import RunOptions
    from torc_tui.engine.runner import run
    from torc_tui.model import Machine
    from torc_tui.store.database import Store

    store = Store.open()
    with store.read():
        pass
    machine = Machine(hostname="bench", num_cpus=64, memory=1 << 40)
    executor = FakeExecutor(lambda order: 0)
    options = RunOptions(max_parallel_jobs=2)
    cpu, wall = time.process_time(), time.perf_counter()
    report = run(store, workflow_id, options, executor=executor, machine=machine)
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    store.close()
    return {**cost, "jobs": sum(report.counts.values())}


def end_jobs(rate: int, seconds: float, jobs: int) -> None:
    """Record the end of ``rate`` random jobs a second in workflow 1."""
    from torc_tui.store.database import Store

    store = Store.open()
    pick = random.Random(1)
    begin = time.monotonic()
    done = 0
    while (now := time.monotonic() - begin) < seconds:
        due = int(now * rate) - done
        if due > 0:
            _record_ends(store, [pick.randint(1, jobs) for _ in range(due)])
            done += due
        time.sleep(0.01)


def _record_ends(store: Any, ids: list[int]) -> None:
    from tests.raw_sql import execute
    from torc_tui.store.event_log import append

    ended = (
        f"UPDATE job SET status = {JobStatus.COMPLETED}, started_at = ?, ended_at = ? WHERE id = ?"
    )
    at = time.time()
    rows: list[tuple[str, int, dict[str, Any]]] = []
    with store.write() as conn:
        for job in ids:
            execute(conn, ended, (at - 1, at, job))
            end = {"return_code": 0, "exec_time": 1.0, "attempt": 1}
            rows += [("job_started", job, {"attempt": 1}), ("job_completed", job, end)]
        append(conn, 1, rows, at=at)


def run_true(folder: str, jobs: int, at_once: int) -> None:
    """Run ``jobs`` jobs `true` with the local executor, as the engine orders them."""
    from torc_tui.executors.local import LocalExecutor
    from torc_tui.model import AttemptKey, Exited, JobLimits, Order

    limits = JobLimits(memory=1 << 30, runtime=3600)
    environment = {**os.environ, "TORC_JOB_ID": "1"}
    started = ended = 0
    with closing(LocalExecutor()) as local:
        while ended < jobs:
            while started < jobs and started - ended < at_once:
                base = f"{folder}/{started}"
                order = Order(
                    key=AttemptKey(1, started, 1, 1),
                    name="true",
                    command="true",
                    directory=folder,
                    environment=environment,
                    stdout=base + ".o",
                    stderr=base + ".e",
                    exit_file=base + ".exit",
                    limits=limits,
                )
                local.submit([order])
                started += 1
            for report in local.wait(None):
                if isinstance(report, Exited):
                    assert report.return_code == 0, report
                    ended += 1


async def app_block(seconds: float) -> float:
    """Open workflow 1 in the app; return the longest block of its thread in this time.

    Where the kernel counts it, the time in which other processes had the CPUs is left out.
    """
    import asyncio
    import gc

    from torc_tui.tui.shell.app import TorcApp

    sys.setswitchinterval(0.001)  # as in the app
    gc.disable()  # until the first data, as in the app
    look = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    app, longest = TorcApp(workflow_id=1, environ=look), 0.0
    async with app.run_test(size=(160, 50)):
        end, before = time.perf_counter() + seconds, _clock_without_queue()
        while time.perf_counter() < end:
            await asyncio.sleep(0.0005)
            now = _clock_without_queue()
            longest, before = max(longest, now - before), now
    return longest


def _clock_without_queue() -> float:
    """Return seconds that do not count while this thread waits for a CPU."""
    queued = 0
    with suppress(OSError), open("/proc/thread-self/schedstat") as file:
        queued = int(file.read().split()[1])
    return time.perf_counter() - queued / 1e9


def log_view() -> tuple[Any, Any]:
    """Return the widget that shows a log, and the class of its streams."""
    from torc_tui.tui.logs.log_view import LogView
    from torc_tui.tui.logs.merged_log import Stream

    return LogView, Stream


def main() -> None:
    if sys.argv[1] == "fake-run":
        print(json.dumps(fake_run(int(sys.argv[2]))))
    elif sys.argv[1] == "app-block":
        import asyncio

        print(asyncio.run(app_block(float(sys.argv[2]))))
    else:
        end_jobs(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))


if __name__ == "__main__":
    main()
