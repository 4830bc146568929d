"""Group many failures by reason, and find the reason of one failure in its log."""

from __future__ import annotations

import time
from pathlib import Path

from tests.benchmarks.rows import Rows, values
from tests.raw_sql import execute, execute_many
from torc_tui.operations.failures import failure_groups
from torc_tui.operations.workflows import create_workflow, initialize
from torc_tui.plan.resolve import resolve
from torc_tui.status import JobStatus
from torc_tui.store.database import Store
from torc_tui.views.failure_signature import TAIL, End, Log, read_excerpt, signature_of
from torc_tui.workflow_file.load import loads

SPEC = 'name: f\njobs: [{{name: "a_{{i}}", command: "true", parameters: {{i: "1:{0}"}}}}]\n'
NOISE = b"2026-11-28 12:00:00 INFO read 4711 rows of /data/x.csv, no error\n"


def failures(root: Path, rounds: int, *, jobs: int = 10_000) -> Rows:
    """Measure groups of failures, and a signature from 16 KiB."""
    store = Store.open(f"sqlite:///{root}/failures.db")
    plan = resolve(loads(SPEC.format(jobs), format="yaml"))
    workflow_id = create_workflow(store, plan, user="u", directory=str(root), actor=None)
    initialize(store, workflow_id)
    with store.write() as conn:
        execute(conn, f"UPDATE job SET status = {JobStatus.FAILED}")
        ids = [row[0] for row in execute(conn, "SELECT id FROM job ORDER BY id")]
        execute_many(
            conn,
            "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, status, return_code,"
            " cause, started_at, ended_at, signature) VALUES (?, ?, 1, 1, 6, 1, 'exit', 0, 1, ?)",
            [(workflow_id, job_id, _signature(job_id)) for job_id in ids],
        )
    times, each = [], []
    for _ in range(rounds):
        before = time.perf_counter()
        groups = failure_groups(store, workflow_id)
        times.append(time.perf_counter() - before)
        assert len(groups) == 2
        before = time.perf_counter()
        for job_id in range(100):
            _signature(job_id)
        each.append((time.perf_counter() - before) * 10)
    store.close()
    return [
        values(f"{jobs:,} failures grouped", "s", times, 0.3),
        values("signature of a log of 16 KiB", "ms", each, 1),
    ]


def _signature(number: int) -> str:
    end = (b"ValueError: bad %d", b"OSError: No space left on '/x/%d'")[number % 2] % number
    log = (NOISE * 300 + end)[-TAIL:]
    return signature_of(End("exit", 1), read_excerpt(Log(log, 1, "stderr"))).encode()
