"""Who waits for how many: the graph as counters, in SQL.

What comes in: a connection inside a write transaction. What goes out: the port that
`lifecycle.decide` asks, rows brought to what was decided, and events that say so (the caller
appends them, in the same transaction).

Laws
* A job is blocked as long as ``unmet`` is above zero; only blocked jobs are counted down.
* Counters are never trusted across an act that moves states outside the run of things: such an act
  recounts.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.lifecycle.decide import Change, Waiting, settle, verdict
from torc_tui.model import Json
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.status import JobStatus
from torc_tui.store.connection import Connection
from torc_tui.store.database import Statement

EventRow = tuple[str, int | None, dict[str, Json] | None]
"""An event to be appended: kind, job id, data."""

CHANGE_EVENTS = {
    JobStatus.READY: "job_ready",
    JobStatus.BLOCKED: "job_blocked",
    JobStatus.CANCELED: "job_canceled",
    JobStatus.COMPLETED: "job_completed",
    JobStatus.FAILED: "job_failed",
    JobStatus.TERMINATED: "job_terminated",
    JobStatus.PENDING_FAILED: "job_pending_failed",
    JobStatus.DISABLED: "job_disabled",
    JobStatus.UNINITIALIZED: "job_reset",
}


DEPENDENTS = Statement("SELECT job_id FROM dependency WHERE depends_on_id = ?")
LOWER_JOBS = Statement(
    "UPDATE job SET unmet = unmet - 1, unsuccessful = unsuccessful + ?"
    " WHERE status = 1 AND id IN (SELECT job_id FROM dependency WHERE depends_on_id = ? AND job_id > 0)"
    " RETURNING id, unmet, unsuccessful, cancel_on_blocking_job_failure"
)
LOWER_GATES = Statement(
    "UPDATE gate SET unmet = unmet - 1, unsuccessful = unsuccessful + ?"
    " WHERE id IN (SELECT -job_id FROM dependency WHERE depends_on_id = ? AND job_id < 0)"
    " RETURNING id, unmet, unsuccessful"
)
BLAME = Statement(
    "SELECT u.name, u.status, u.reason FROM job u WHERE u.status IN (6, 7, 8) AND u.id IN ("
    "SELECT depends_on_id FROM dependency WHERE job_id = ? AND depends_on_id > 0"
    " UNION ALL SELECT m.depends_on_id FROM dependency d JOIN dependency m ON m.job_id = d.depends_on_id"
    " WHERE d.job_id = ? AND d.depends_on_id < 0) ORDER BY u.status, u.id LIMIT 1"
)


class SqlGraph:
    """The port `lifecycle.decide.Graph` over the counters of one store."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn

    def release(self, ended: Sequence[tuple[int, bool]]) -> list[Waiting]:
        free: list[Waiting] = []
        for job_id, succeeded in ended:
            targets = [row[0] for row in DEPENDENTS.direct(self.conn, (job_id,))]
            if not targets:
                continue
            unsuccessful = 0 if succeeded else 1
            if max(targets) > 0:
                free += self._lower(job_id, unsuccessful)
            if min(targets) < 0:
                for gate_id, unmet, bad in LOWER_GATES.direct(
                    self.conn, (unsuccessful, job_id)
                ).fetchall():
                    if unmet == 0:
                        free += self._lower(-gate_id, 1 if bad else 0)
        return free

    def _lower(self, node_id: int, unsuccessful: int) -> list[Waiting]:
        rows = LOWER_JOBS.direct(self.conn, (unsuccessful, node_id)).fetchall()
        return [Waiting(row[0], row[2], bool(row[3])) for row in rows if row[1] == 0]

    def blame(self, job_id: int) -> Reason:
        row = BLAME.direct(self.conn, (job_id, job_id)).fetchone()
        if row is None:
            return because(Kind.DEPENDENCY)
        name, status, reason = row
        canceled = status == JobStatus.CANCELED
        return because(
            Kind.DEPENDENCY,
            job=name,
            status=JobStatus(status).word,
            reason=None if canceled else decode(reason),
        )


APPLY_CHANGE = Statement(
    "UPDATE job SET status = ?, reason = ?, ended_at = ?, return_code = NULL, compute_node_id = NULL, pid = NULL,"
    " allocation = NULL WHERE id = ?"
)


def apply_changes(conn: Connection, changes: Sequence[Change], at: float) -> list[EventRow]:
    """Write what was decided about jobs that nobody holds."""
    if not changes:
        return []
    APPLY_CHANGE.run_many(
        conn,
        [
            (
                int(change.status),
                change.reason.encode() if change.reason else None,
                at if change.status is JobStatus.CANCELED else None,
                change.job_id,
            )
            for change in changes
        ],
    )
    return [
        (
            CHANGE_EVENTS[change.status],
            change.job_id,
            {"reason": change.reason.to_json()} if change.reason else None,
        )
        for change in changes
    ]


# -- initialization --------------------------------------------------------------------------------

# What a dependent may go on past: an end of its own, or being left out. A stop of the runner is not
# an end.
ENDED = (
    "(u.status IN (5, 6, 7, 9) OR (u.status = 8 AND coalesce(u.stop_requested, '') <> 'stopped'))"
)
BAD = f"(u.status IN (6, 7, 8) AND {ENDED})"


def _jobs(node: str, condition: str) -> str:
    """How many jobs that ``node`` waits for are so."""
    return (
        "(SELECT count(*) FROM dependency d JOIN job u ON u.id = d.depends_on_id"
        f" WHERE d.job_id = {node} AND {condition})"
    )


def _gates(condition: str) -> str:
    """How many gates that a job waits for are so."""
    return (
        "(SELECT count(*) FROM dependency d JOIN gate g ON g.id = -d.depends_on_id"
        f" WHERE d.job_id = job.id AND {condition})"
    )


RECOUNT_GATES = Statement(
    f"UPDATE gate SET unmet = {_jobs('-gate.id', 'NOT ' + ENDED)}, unsuccessful = {_jobs('-gate.id', BAD)}"
    " WHERE workflow_id = ?"
)
RECOUNT_JOBS = Statement(
    f"UPDATE job SET unmet = {_jobs('job.id', 'NOT ' + ENDED)} + {_gates('g.unmet > 0')},"
    f" unsuccessful = {_jobs('job.id', BAD)} + {_gates('g.unsuccessful > 0')}"
    " WHERE workflow_id = ? AND status IN (0, 1)"
)
ANY_MOVED = Statement("SELECT 1 FROM job WHERE workflow_id = ? AND status > 0 LIMIT 1")
FRESH_GATES = Statement("UPDATE gate SET unmet = size, unsuccessful = 0 WHERE workflow_id = ?")
FRESH_COUNTS = Statement(
    "SELECT count(*), job_id FROM dependency WHERE workflow_id = ? AND job_id > 0 GROUP BY job_id"
)
ZERO = Statement(
    "UPDATE job SET unmet = 0, unsuccessful = 0 WHERE workflow_id = ? AND (unmet > 0 OR unsuccessful > 0)"
)
SET_FRESH = Statement("UPDATE job SET unmet = ? WHERE id = ?")
BLOCK = Statement(
    "UPDATE job SET status = 1, reason = NULL WHERE workflow_id = ? AND status = 0 AND unmet > 0"
)
FREE = Statement(
    "SELECT id, unsuccessful, cancel_on_blocking_job_failure FROM job"
    " WHERE workflow_id = ? AND status IN (0, 1) AND unmet = 0"
)
READY_FREE = Statement(
    "UPDATE job SET status = 2, reason = NULL WHERE workflow_id = ? AND status = 0 AND unmet = 0 AND unsuccessful = 0"
)
FREE_BAD = Statement(
    "SELECT id, unsuccessful, cancel_on_blocking_job_failure FROM job"
    " WHERE workflow_id = ? AND status = 0 AND unmet = 0 AND unsuccessful > 0"
)


def recount(conn: Connection, workflow_id: int) -> None:
    """Set the counters of gates, and of jobs that are uninitialized or blocked, to what the states
    say."""
    if ANY_MOVED.direct(conn, (workflow_id,)).fetchone() is None:
        FRESH_GATES.direct(conn, (workflow_id,))
        ZERO.direct(conn, (workflow_id,))
        rows = FRESH_COUNTS.direct(conn, (workflow_id,)).fetchall()
        SET_FRESH.run_many(conn, [tuple(row) for row in rows])
        return
    RECOUNT_GATES.direct(conn, (workflow_id,))
    RECOUNT_JOBS.direct(conn, (workflow_id,))


def place_uninitialized(conn: Connection, workflow_id: int, at: float) -> list[EventRow]:
    """Make every uninitialized job blocked, ready or canceled. The caller has recounted.

    The bulk of it is silent (the event of the initialization tells readers to look again); the
    events returned are those of cancellations.
    """
    READY_FREE.direct(conn, (workflow_id,))
    doomed = [
        Waiting(row[0], row[1], bool(row[2]))
        for row in FREE_BAD.direct(conn, (workflow_id,)).fetchall()
    ]
    BLOCK.direct(conn, (workflow_id,))
    return settle_from(conn, doomed, at)


def settle_from(conn: Connection, waiting: Sequence[Waiting], at: float) -> list[EventRow]:
    """Decide jobs that wait for nothing any more, and all that follows from a cancellation among
    them."""
    graph = SqlGraph(conn)
    decided = verdict(graph, waiting)
    events = apply_changes(conn, decided, at)
    canceled = [
        (change.job_id, JobStatus.CANCELED)
        for change in decided
        if change.status is JobStatus.CANCELED
    ]
    return events + settle_ended(conn, canceled, at)


def settle_ended(
    conn: Connection, ended: Sequence[tuple[int, JobStatus]], at: float
) -> list[EventRow]:
    """Write all that the end of these jobs brings to others."""
    events: list[EventRow] = []
    for wave in settle(SqlGraph(conn), ended):
        events += apply_changes(conn, wave, at)
    return events


def resettle(conn: Connection, workflow_id: int, at: float) -> list[EventRow]:
    """After an act that changed states outside the run of things: recount, then let go who waits
    for nothing."""
    recount(conn, workflow_id)
    events = place_uninitialized(conn, workflow_id, at)
    free = [
        Waiting(row[0], row[1], bool(row[2]))
        for row in FREE.direct(conn, (workflow_id,)).fetchall()
    ]
    return events + settle_from(conn, free, at)
