"""Read and discard the jobs that were added by jobs.

Input: a connection inside a write transaction. Output: rows, and events for the caller to append.

Invariants
* A child is discarded together with its own children, before any job is released: it never starts.
* The row of a child with results is kept for its history, but leaves the workflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from torc_tui.lifecycle.spawning import Spawn, discarded
from torc_tui.status import NOT_STARTED, JobStatus
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow, settle_ended
from torc_tui.store.encoding import dumps
from torc_tui.store.job_definitions import remove

_NAMED = 50
"""Maximum number of jobs named in an event."""


def encode(spawn: Spawn) -> str:
    """Return the text that ``job.spawn`` holds."""
    return dumps(list(spawn))


def decode(text: str) -> Spawn:
    """Return the inverse of `encode`."""
    return Spawn(*json.loads(text))


def children(conn: Connection, job_ids: Iterable[int]) -> list[sql.ChildrenRow]:
    """Return the children of jobs."""
    return conn.rows(sql.CHILDREN, job_ids=dumps(list(job_ids)))


def end_attempts(
    conn: Connection, ended: Sequence[tuple[int, tuple[int, int], bool]], at: float
) -> list[EventRow]:
    """Discard the children of ended attempts: (job id, (run, attempt), whether it succeeded)."""
    found = children(conn, [job_id for job_id, _, _ in ended])
    events: list[EventRow] = []
    for job_id, attempt, succeeded in ended:
        own = [(row.id, decode(row.spawn)) for row in found if row.spawned_by == job_id]
        events += discard(conn, job_id, discarded(own, attempt, succeeded=succeeded), at)
    return events


def discard(conn: Connection, parent: int, job_ids: Sequence[int], at: float) -> list[EventRow]:
    """Take children that have not begun out of the workflow; return the events."""
    chosen = [row for row in _with_descendants(conn, job_ids) if row.status in NOT_STARTED]
    if not chosen:
        return []
    ids = [row.id for row in chosen]
    listed = dumps(ids)
    conn.execute(sql.DELETE_EDGES_TO, job_ids=listed)
    events = settle_ended(conn, [(job_id, JobStatus.COMPLETED) for job_id in ids], at)
    conn.execute(sql.DELETE_EDGES_FROM, job_ids=listed)
    kept = {row.id for row in conn.rows(sql.WITH_RESULTS, job_ids=listed)}
    if kept:
        events += remove(conn, sorted(kept))
    conn.execute(sql.DELETE_JOBS, job_ids=dumps([one for one in ids if one not in kept]))
    names = [row.name for row in chosen[:_NAMED]]
    return [*events, ("jobs_discarded", parent, {"jobs": len(ids), "names": names})]


def _with_descendants(conn: Connection, job_ids: Sequence[int]) -> list[sql.ChildrenRow]:
    """Return jobs with their descendants that wait for them."""
    found = conn.rows(sql.SPAWNED_JOBS, job_ids=dumps(list(job_ids)))
    level = found
    while level:
        level = [
            row
            for row in children(conn, [one.id for one in level])
            if decode(row.spawn).mode == "staged"
        ]
        found = [*found, *level]
    return found
