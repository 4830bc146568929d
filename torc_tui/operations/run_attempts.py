"""Collect when and where the attempts of a run ran.

Input: a database, a workflow, a run. Output: records for reports and for the timeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torc_tui.store import queries, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.scheduling import decode_allocation
from torc_tui.tuples import NamedTuple
from torc_tui.views.report import ReportAttempt, ReportRunner


def run_attempts(
    conn: Connection,
    workflow_id: int,
    run_id: int,
    names: Mapping[int, str],
    now: float,
    *,
    running: bool = True,
) -> list[ReportAttempt]:
    """Return the attempts of a run, those that run now last; ``names`` of jobs by their ids.

    Attempts of other jobs are left out, and without ``running`` those that run now.
    """
    held = _Grants()
    found = list(_ended(conn, (workflow_id, run_id), names, held))
    return [*found, *_running(conn, workflow_id, names, held, now)] if running else found


class RunOverview(NamedTuple):
    """One run: its number, how many attempts ended and failed, its first start and last end."""

    run_id: int
    attempts: int
    failed: int
    started_at: float
    ended_at: float


def list_runs(store: Store, workflow_id: int) -> list[RunOverview]:
    """Return the last run, and the earlier ones in which attempts ended, the newest first."""
    with store.read() as conn:
        last = conn.value(sql.RUN_OF_WORKFLOW, workflow_id=workflow_id)
        rows = conn.rows(sql.RUNS_OF_WORKFLOW, workflow_id=workflow_id)
    found = [RunOverview(row.run_id, row.attempts, row.failed, row.started_at or 0.0,
                        row.ended_at or 0.0) for row in rows]  # fmt: skip
    if not found or found[0].run_id != last:
        found.insert(0, RunOverview(last, 0, 0, 0.0, 0.0))
    return found


def _ended(
    conn: Connection, run: tuple[int, int], names: Mapping[int, str], held: _Grants
) -> Iterator[ReportAttempt]:
    for row in conn.rows(sql.ATTEMPTS_OF_RUN, workflow_id=run[0], run_id=run[1]):
        if row.job_id in names:
            cpus, gpus = held[row.allocation]
            yield ReportAttempt(
                row.job_id,
                names[row.job_id],
                row.compute_node_id,
                row.status,
                row.started_at,
                max(row.started_at, row.ended_at),
                gpus,
                False,
                row.attempt_id,
                row.return_code,
                cpus,
            )


def _running(
    conn: Connection, workflow_id: int, names: Mapping[int, str], held: _Grants, now: float
) -> Iterator[ReportAttempt]:
    for row in conn.rows(sql.RUNNING_ATTEMPTS, workflow_id=workflow_id):
        if row.id in names and row.started_at is not None:
            cpus, gpus = held[row.allocation]
            yield ReportAttempt(
                row.id,
                names[row.id],
                row.compute_node_id,
                row.status,
                row.started_at,
                max(row.started_at, now),
                gpus,
                True,
                row.attempt_id,
                None,
                cpus,
            )


class _Grants(dict[str | None, tuple[float, tuple[str, ...]]]):
    """CPUs and GPUs by the text of an allocation; most attempts hold the same resources."""

    def __missing__(self, text: str | None) -> tuple[float, tuple[str, ...]]:
        granted = decode_allocation(text)
        self[text] = found = granted.num_cpus, tuple(one.uuid for one in granted.gpus)
        return found


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
