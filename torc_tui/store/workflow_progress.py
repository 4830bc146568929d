"""Read the progress of a workflow: jobs that failed, remain or were interrupted.

Input: a connection inside a transaction. Output: small rows, and events for the caller to append.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import NamedTuple

from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.status import JobStatus
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow


def counts(conn: Connection, workflow_id: int) -> dict[JobStatus, int]:
    """Return how many jobs have each status that occurs."""
    rows = conn.rows(sql.STATUS_COUNTS, workflow_id=workflow_id)
    return {JobStatus(row.status): row.number for row in rows}


class Unsuccessful(NamedTuple):
    """A job that failed, was terminated or waits for a decision."""

    job_id: int
    name: str
    status: int
    return_code: int | None
    reason: Reason | None
    attempt_id: int
    output_dir: str | None
    stdio: str | None


def unsuccessful(conn: Connection, workflow_id: int, limit: int = 1000) -> list[Unsuccessful]:
    """Return jobs that failed, were terminated or wait for a decision, by the time of their end."""
    rows = conn.rows(sql.UNSUCCESSFUL_JOBS, workflow_id=workflow_id, limit=limit)
    return [Unsuccessful(**(row._asdict() | {"reason": decode(row.reason)})) for row in rows]


class Left(NamedTuple):
    """Jobs that remain, by what they request, held jobs apart; ``number`` counts them."""

    requirement_id: int
    status: int
    held: bool
    number: int


def left(conn: Connection, workflow_id: int) -> list[Left]:
    """Return the jobs that remain and that no runner has claimed."""
    rows = conn.rows(sql.REMAINING_JOBS, workflow_id=workflow_id)
    return [Left(**row._asdict()) for row in rows]


def names(
    conn: Connection, workflow_id: int, requirement_id: int, status: int, limit: int = 1000
) -> list[tuple[int, str]]:
    """Return (id, name) of jobs with these requirements and this status."""
    rows = conn.rows(
        sql.REMAINING_NAMES,
        workflow_id=workflow_id,
        requirement_id=requirement_id,
        status=int(status),
        limit=limit,
    )
    return [(row.id, row.name) for row in rows]


def active_elsewhere(conn: Connection, workflow_id: int, node_id: int) -> int:
    """Return how many jobs of the workflow other runners hold."""
    return int(conn.value(sql.ACTIVE_ELSEWHERE, workflow_id=workflow_id, node_id=node_id))


def resume_interrupted(
    conn: Connection, workflow_id: int, only: Container[int] | None = None
) -> list[EventRow]:
    """Make jobs ready again that were stopped or lost with their runner; no retry is used."""
    rows: list[EventRow] = []
    for job in conn.rows(sql.INTERRUPTED_JOBS, workflow_id=workflow_id):
        if only is not None and job.id not in only:
            continue
        attempt = conn.value(sql.TAKE_UP_INTERRUPTED, job_id=job.id)
        if attempt is not None:  # another runner was faster
            reason = because(Kind.RESUMED, after=decode(job.reason)).to_json()
            rows.append(("job_retried", job.id, {"attempt": attempt, "reason": reason}))
    return rows


def interrupted(conn: Connection, workflow_id: int) -> int:
    """Return how many jobs were stopped with their runner and run again with another."""
    return int(conn.value(sql.INTERRUPTED, workflow_id=workflow_id))


def job_names(store: Store, job_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of these jobs by id; jobs that do not exist are left out."""
    with store.read() as conn:
        found = [(job_id, conn.value(sql.JOB_NAME, job_id=job_id)) for job_id in job_ids]
    return {job_id: name for job_id, name in found if name is not None}
