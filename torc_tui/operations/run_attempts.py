"""Collect when and where the attempts of a run ran.

Input: a database, a workflow, a run. Output: records for reports and for the timeline.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.store import queries
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.job_use import RunAttempt, attempts_of_run, running_attempts
from torc_tui.views.report import ReportAttempt, ReportRunner


def run_attempts(
    conn: Connection, workflow_id: int, run_id: int, names: Mapping[int, str], now: float
) -> list[ReportAttempt]:
    """Return the attempts of a run, those that run now last; ``names`` of jobs by their ids.

    Attempts of other jobs are left out.
    """
    ended = attempts_of_run(conn, workflow_id, run_id)
    running = running_attempts(conn, workflow_id)
    return [
        _attempt(one, names[one.job_id], now) for one in (*ended, *running) if one.job_id in names
    ]


def _attempt(one: RunAttempt, name: str, now: float) -> ReportAttempt:
    return ReportAttempt(
        one.job_id,
        name,
        one.node_id,
        one.status,
        one.started_at,
        max(one.started_at, now if one.ended_at is None else one.ended_at),
        one.gpus,
        one.ended_at is None,
        one.attempt_id,
        one.return_code,
        one.num_cpus,
    )


def runners(store: Store, workflow_id: int) -> list[ReportRunner]:
    """Return the runners that a workflow has and had."""
    return [
        ReportRunner(
            one["id"],
            one["hostname"],
            {gpu["uuid"]: gpu["index"] for gpu in one["gpus"]},
            one["num_cpus"],
        )
        for one in queries.list_compute_nodes(store, workflow_id)
    ]
