"""Keep the counters of dependencies, and change the dependents of a job that has ended.

Input: a connection inside a write transaction. Output: the graph that `lifecycle.decide` reads,
changed rows, and the events about them; the caller appends the events in the same transaction.

Invariants
* A job is blocked as long as ``unmet`` is above zero; only blocked jobs are counted down.
* User actions change statuses in any order, so the counters are recomputed after them.
* After the start of a run, canaries change only the jobs that are held because of them: what a user
  has released stays released, and what a user holds stays held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from torc_tui.lifecycle.canary import Canary, hold_of
from torc_tui.lifecycle.decide import StatusChange, Waiting, settle, verdict
from torc_tui.model import Json
from torc_tui.reasons import Kind, Reason, because
from torc_tui.status import JobStatus
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps

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


class SqlGraph:
    """An implementation of `lifecycle.decide.DependencyGraph` with the counters of a database."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._blamed: dict[int, sql.BlameRow | None] = {}
        """The job to blame at each gate that is open: many jobs may wait there."""

    def release(self, ended: Sequence[tuple[int, bool]]) -> list[Waiting]:
        """Count down the dependents of ended jobs; return those that wait for nothing more."""
        free: list[Waiting] = []
        ranges = self._ranges([job_id for job_id, _ in ended])
        for job_id, succeeded in ended:
            if (dependents := ranges.get(job_id)) is None:
                continue
            unsuccessful = 0 if succeeded else 1
            first, last = dependents
            if last > 0:
                free += self._lower(job_id, unsuccessful, only=last if first == last else None)
            if first < 0:
                for gate in self.conn.rows(
                    sql.LOWER_GATES, node_id=job_id, unsuccessful=unsuccessful
                ):
                    if gate.unmet == 0:
                        free += self._lower(-gate.id, 1 if gate.unsuccessful else 0)
        return free

    def _ranges(self, job_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Return the first and the last dependent of those jobs that have any; gates < 0."""
        if len(job_ids) == 1:
            found = self.conn.one(sql.DEPENDENT_RANGE, node_id=job_ids[0])
            return {} if found is None else {job_ids[0]: (found.first, found.last)}
        rows = self.conn.rows(sql.DEPENDENT_RANGES, node_ids=dumps(job_ids))
        return {row.node_id: (row.first, row.last) for row in rows}

    def _lower(self, node_id: int, unsuccessful: int, *, only: int | None = None) -> list[Waiting]:
        """Count down the dependents of a node, or the only one."""
        if only is None:
            rows = self.conn.rows(sql.LOWER_JOBS, node_id=node_id, unsuccessful=unsuccessful)
        else:
            rows = self.conn.rows(sql.LOWER_JOB, job_id=only, unsuccessful=unsuccessful)
        return _waiting(row for row in rows if row.unmet == 0)

    def failed_dependency(self, job_id: int) -> Reason:
        """Return the reason why a job is canceled."""
        found = [self.conn.one(sql.BLAME, node_id=job_id)]
        for gate in self.conn.rows(sql.GATES_BEFORE, node_id=job_id):
            if gate.node_id not in self._blamed:
                self._blamed[gate.node_id] = self.conn.one(sql.BLAME, node_id=gate.node_id)
            found.append(self._blamed[gate.node_id])
        blamed = [row for row in found if row is not None]
        if not blamed:
            return because(Kind.DEPENDENCY)
        row = min(blamed, key=lambda one: (one.status, one.id))
        reason = None if row.status is JobStatus.CANCELED else row.reason
        return because(Kind.DEPENDENCY, job=row.name, status=row.status.word, reason=reason)


def apply_changes(conn: Connection, changes: Sequence[StatusChange], at: float) -> list[EventRow]:
    """Write the decided changes of jobs that no runner holds; return their events."""
    if not changes:
        return []
    conn.many(
        sql.APPLY_CHANGE,
        [
            {
                "status": int(change.status),
                "reason": change.reason.encode() if change.reason else None,
                "ended_at": at if change.status is JobStatus.CANCELED else None,
                "job_id": change.job_id,
            }
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


def recount(conn: Connection, workflow_id: int) -> None:
    """Compute the counters of gates, and of uninitialized and blocked jobs, from the statuses."""
    if conn.value(sql.ANY_INITIALIZED, workflow_id=workflow_id) is not None:
        conn.execute(sql.RECOUNT_GATES, workflow_id=workflow_id)
        conn.execute(sql.RECOUNT_JOBS, workflow_id=workflow_id)
        return
    conn.execute(sql.FRESH_GATES, workflow_id=workflow_id)
    conn.execute(sql.ZERO_COUNTERS, workflow_id=workflow_id)
    conn.execute(sql.FRESH_COUNTERS, workflow_id=workflow_id)


def place_uninitialized(conn: Connection, workflow_id: int, at: float) -> list[EventRow]:
    """Make every uninitialized job blocked, ready or canceled. The caller has recounted.

    Return the events of cancellations only: after the event of the initialization, readers read
    all jobs.
    """
    conn.execute(sql.MAKE_READY, workflow_id=workflow_id)
    doomed = _waiting(conn.rows(sql.FREE_WITH_FAILURES, workflow_id=workflow_id))
    conn.execute(sql.MAKE_BLOCKED, workflow_id=workflow_id)
    return settle_from(conn, doomed, at)


def _waiting(rows: Iterable[sql.FreeRow | sql.LowerJobRow]) -> list[Waiting]:
    return [
        Waiting(
            row.id,
            row.unsuccessful,
            row.cancel_on_blocking_job_failure,
            row.reason is not None and row.reason.kind is Kind.MAY_BE_KEPT,
        )
        for row in rows
    ]


def settle_from(conn: Connection, waiting: Sequence[Waiting], at: float) -> list[EventRow]:
    """Start or cancel jobs that wait for nothing more; change the dependents of canceled jobs."""
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
    """Change the dependents of jobs that have ended; return the events."""
    events: list[EventRow] = []
    for wave in settle(SqlGraph(conn), ended):
        events += apply_changes(conn, wave, at)
    return events


def resettle(conn: Connection, workflow_id: int, at: float) -> list[EventRow]:
    """Recount after a user action, then release jobs that wait for nothing more.

    In a workflow that was never initialized, the first run does that.
    """
    if conn.value(sql.RUN_OF_WORKFLOW, workflow_id=workflow_id) == 0:
        return []
    recount(conn, workflow_id)
    events = place_uninitialized(conn, workflow_id, at)
    free = _waiting(conn.rows(sql.FREE, workflow_id=workflow_id))
    events += settle_from(conn, free, at)
    return events + follow_canaries(conn, workflow_id)


# -- canaries --------------------------------------------------------------------------------------


def hold_behind(conn: Connection, workflow_id: int) -> None:
    """Hold the jobs behind canaries that have not succeeded, at the start of a run."""
    for group, text in _open_canaries(conn, workflow_id):
        conn.execute(sql.HOLD_BEHIND, workflow_id=workflow_id, group=group, hold_reason=text)
    follow_canaries(conn, workflow_id)


def hold_listed(conn: Connection, workflow_id: int, job_ids: Sequence[int]) -> list[EventRow]:
    """Hold those of these jobs that are behind canaries that have not succeeded."""
    listed = dumps(list(job_ids))
    events: list[EventRow] = []
    for group, text in _open_canaries(conn, workflow_id):
        held = conn.rows(
            sql.HOLD_LISTED, workflow_id=workflow_id, group=group, hold_reason=text, job_ids=listed
        )
        events += [("job_held", job.id, {"reason": json.loads(text)}) for job in held]
    return events


def _open_canaries(conn: Connection, workflow_id: int) -> list[tuple[str, str]]:
    """Return the groups whose canaries have not succeeded, with the reason of a hold as text."""
    groups = [row.group for row in conn.rows(sql.CANARY_GROUPS, workflow_id=workflow_id)]
    reasons = [(group, _canary_hold(conn, workflow_id, group)) for group in groups]
    return [(group, reason.encode()) for group, reason in reasons if reason is not None]


def follow_canaries(conn: Connection, workflow_id: int) -> list[EventRow]:
    """Release the jobs whose canaries have succeeded; explain the holds of the others."""
    events: list[EventRow] = []
    for row in conn.rows(sql.GROUPS_BEHIND_CANARIES, workflow_id=workflow_id):
        reason = _canary_hold(conn, workflow_id, row.group)
        if reason is None:
            released = conn.rows(sql.RELEASE_BEHIND, workflow_id=workflow_id, group=row.group)
            events += [("job_released", job.id, None) for job in released]
        else:
            held = conn.rows(
                sql.EXPLAIN_HOLD,
                workflow_id=workflow_id,
                group=row.group,
                hold_reason=reason.encode(),
            )
            events += [("job_held", job.id, {"reason": reason.to_json()}) for job in held]
    return events


def _canary_hold(conn: Connection, workflow_id: int, group: str) -> Reason | None:
    rows = conn.rows(sql.CANARIES, workflow_id=workflow_id, group=group)
    return hold_of(
        [Canary(row.name, row.status, row.reason, row.stop_requested == "stopped") for row in rows]
    )
