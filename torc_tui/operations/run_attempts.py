"""Collect when and where the attempts of a run ran.

Input: a database, a workflow, a run. Output: records for reports and for the timeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torc_tui.store import queries, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.scheduling import decode_allocation
from torc_tui.views.report import ReportAttempt, ReportRunner


def run_attempts(
    conn: Connection, workflow_id: int, run_id: int, names: Mapping[int, str], now: float
) -> list[ReportAttempt]:
    """Return the attempts of a run, those that run now last; ``names`` of jobs by their ids.

    Attempts of other jobs are left out.
    """
    held = _Grants()
    return [*_ended(conn, (workflow_id, run_id), names, held),
            *_running(conn, workflow_id, names, held, now)]  # fmt: skip


def _ended(
    conn: Connection, run: tuple[int, int], names: Mapping[int, str], held: _Grants
) -> Iterator[ReportAttempt]:
    rows = conn.rows(sql.ATTEMPTS_OF_RUN, workflow_id=run[0], run_id=run[1])
    for job_id, attempt_id, node_id, status, code, start, end, allocation in rows:
        if job_id in names:
            cpus, gpus = held[allocation]
            name, end = names[job_id], max(start, end)
            yield ReportAttempt(
                job_id, name, node_id, status, start, end, gpus, False, attempt_id, code, cpus
            )


def _running(
    conn: Connection, workflow_id: int, names: Mapping[int, str], held: _Grants, now: float
) -> Iterator[ReportAttempt]:
    rows = conn.rows(sql.RUNNING_ATTEMPTS, workflow_id=workflow_id)
    for job_id, attempt_id, node_id, status, start, allocation in rows:
        if job_id in names and start is not None:
            cpus, gpus = held[allocation]
            name, end = names[job_id], max(start, now)
            yield ReportAttempt(
                job_id, name, node_id, status, start, end, gpus, True, attempt_id, None, cpus
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
