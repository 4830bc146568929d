"""Apply user actions to the rows of workflows and jobs.

Input: a connection inside a write transaction, ids, values. The caller has checked that the action
is allowed, and calls `dependency_counters.resettle` or `put_back` afterwards to update other jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from torc_tui.model import Json
from torc_tui.reasons import Reason, decode
from torc_tui.status import JobStatus
from torc_tui.store import dependency_counters, sql
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps

# -- runs ------------------------------------------------------------------------------------------


def run_of(conn: Connection, workflow_id: int) -> int:
    """Return the number of the current run of the workflow."""
    return int(conn.value(sql.RUN_OF_WORKFLOW, workflow_id=workflow_id))


def next_run(conn: Connection, workflow_id: int) -> int:
    """Begin a new run; return its number."""
    return int(conn.value(sql.NEXT_RUN, workflow_id=workflow_id))


def next_partial_run(conn: Connection, workflow_id: int, job_ids: Sequence[int]) -> int:
    """Begin a new run of some jobs; return its number.

    Actions are not repeated, but for those that run on the completion of these jobs.
    """
    run_id = next_run(conn, workflow_id)
    conn.execute(sql.KEEP_ACTIONS, workflow_id=workflow_id, run_id=run_id)
    if job_ids:
        rearm_actions(conn, workflow_id, job_ids)
    return run_id


# -- jobs ------------------------------------------------------------------------------------------


class JobState(NamedTuple):
    """The fields of a job that actions check."""

    id: int
    workflow_id: int
    name: str
    status: JobStatus
    held: bool
    suspended: bool
    priority: int
    compute_node_id: int | None
    pid: int | None
    process_started: int | None


def job_states(conn: Connection, job_ids: Iterable[int]) -> list[JobState]:
    """Return the state of these jobs, in their order; jobs that do not exist are left out."""
    wanted = list(job_ids)
    statuses = list(JobStatus)
    found = {
        row.id: JobState(**(row._asdict() | {"status": statuses[row.status]}))
        for row in conn.rows(sql.JOB_STATES, job_ids=dumps(wanted))
    }
    return [found[job_id] for job_id in wanted if job_id in found]


def cancel(
    conn: Connection, job_ids: Sequence[int], reason: Reason, at: float, *, held: bool = False
) -> None:
    """Cancel jobs that no runner holds, or with ``held`` jobs whose runner is lost.

    The processes of held jobs must have ended.
    """
    statement = sql.CANCEL_HELD_JOB if held else sql.CANCEL_JOB
    text = reason.encode()
    conn.many(statement, [{"reason": text, "ended_at": at, "job_id": job_id} for job_id in job_ids])


def cancel_rest(conn: Connection, workflow_id: int, reason: Reason, at: float) -> None:
    """Cancel the workflow: every job that no runner holds and that has not ended."""
    conn.execute(sql.SET_CANCELED, workflow_id=workflow_id, is_canceled=True)
    conn.execute(sql.CANCEL_REST, workflow_id=workflow_id, reason=reason.encode(), ended_at=at)
    conn.execute(sql.ASK_ALL_TO_STOP, workflow_id=workflow_id, stop_requested="canceled")


def ask_to_stop(conn: Connection, job_ids: Sequence[int], cause: str) -> None:
    """Ask the runners that hold these jobs to end them."""
    conn.many(
        sql.ASK_JOB_TO_STOP, [{"stop_requested": cause, "job_id": job_id} for job_id in job_ids]
    )


def set_paused(conn: Connection, workflow_id: int, paused: bool) -> None:
    """Pause a workflow, so that runners start no more jobs, or resume it. Running jobs continue."""
    conn.execute(sql.SET_PAUSED, workflow_id=workflow_id, is_paused=paused)


def set_held(
    conn: Connection, job_ids: Sequence[int], held: bool, reason: Reason | None = None
) -> None:
    """Hold jobs, so that they are not started, or release them."""
    text = reason.encode() if reason else None
    rows = [{"held": held, "hold_reason": text, "job_id": job_id} for job_id in job_ids]
    conn.many(sql.SET_HELD, rows)


def set_suspended(conn: Connection, job_ids: Sequence[int], suspended: bool) -> None:
    """Suspend running jobs, or resume them: their runners read the flag."""
    rows = [{"suspended": suspended, "job_id": job_id} for job_id in job_ids]
    conn.many(sql.SET_SUSPENDED, rows)


def set_priority(conn: Connection, job_ids: Sequence[int], priority: int) -> None:
    """Set the priority of jobs; higher ones start first."""
    conn.many(sql.SET_PRIORITY, [{"priority": priority, "job_id": job_id} for job_id in job_ids])


def disable(conn: Connection, job_ids: Sequence[int], reason: Reason) -> None:
    """Disable jobs: runners never start them."""
    text = reason.encode()
    conn.many(sql.DISABLE_JOB, [{"reason": text, "job_id": job_id} for job_id in job_ids])


def reset(conn: Connection, job_ids: Sequence[int]) -> None:
    """Make jobs uninitialized, with their next attempt if they had one."""
    conn.execute(sql.RESET_LISTED_JOBS, job_ids=dumps(list(job_ids)))


def begin_again(conn: Connection, job_ids: Sequence[int]) -> None:
    """Make jobs uninitialized at the start of a new run."""
    conn.execute(sql.BEGIN_AGAIN, job_ids=dumps(list(job_ids)))


def put_back(
    conn: Connection,
    workflow_id: int,
    job_ids: Sequence[int],
    at: float,
    ready: tuple[str, Mapping[str, Json] | None] = ("job_ready", None),
) -> list[EventRow]:
    """Let jobs that were reset wait for their dependencies, or start; return the events.

    ``ready`` is the event of a job that may start.
    """
    rows = dependency_counters.resettle(conn, workflow_id, at)
    for job in job_states(conn, job_ids):
        if job.status is JobStatus.READY:
            rows.append((ready[0], job.id, dict(ready[1]) if ready[1] else None))
        elif job.status is JobStatus.BLOCKED:
            rows.append(("job_blocked", job.id, None))
    return rows


class Follower(NamedTuple):
    """A job whose status follows from the end of another job."""

    id: int
    name: str
    status: JobStatus


def followers(conn: Connection, job_ids: Sequence[int]) -> list[Follower]:
    """Return the jobs downstream whose status follows from the end of these jobs."""
    rows = conn.rows(sql.FOLLOWERS, job_ids=dumps(list(job_ids)))
    return [Follower(row.id, row.name, JobStatus(row.status)) for row in rows]


def doomed(conn: Connection, job_ids: Sequence[int]) -> dict[int, str]:
    """Return the names, by id, of the other jobs that are canceled when these are canceled."""
    chosen = set(job_ids)
    rows = conn.rows(sql.DOOMED, job_ids=dumps(list(job_ids)))
    return {row.id: row.name for row in rows if row.id not in chosen}


class Culprit(NamedTuple):
    """A dependency because of which a job is canceled."""

    id: int
    name: str
    status: JobStatus
    reason: Reason | None


def culprits(conn: Connection, job_ids: Sequence[int]) -> dict[int, list[Culprit]]:
    """Return the unsuccessful dependencies of jobs; none for a job that runs regardless."""
    found: dict[int, list[Culprit]] = {}
    for row in conn.rows(sql.CULPRITS, job_ids=dumps(list(job_ids))):
        one = Culprit(row.id, row.name, JobStatus(row.status), decode(row.reason))
        found.setdefault(row.job_id, []).append(one)
    return found


def rearm_actions(conn: Connection, workflow_id: int, job_ids: Sequence[int]) -> None:
    """Allow the actions that run on the completion of these jobs to run again."""
    reset = set(job_ids)
    for action in conn.rows(sql.EXECUTED_ACTIONS, workflow_id=workflow_id):
        every = action.trigger_type == "on_workflow_complete"
        if every or not reset.isdisjoint(json.loads(action.job_ids)):
            conn.execute(sql.REARM_ACTION, action_id=action.id)


# -- runners ---------------------------------------------------------------------------------------


def ask_node_to_stop(conn: Connection, node_id: int, how: str) -> bool:
    """Ask a runner to stop, ``graceful`` or ``hard``; return False if it is not active."""
    return conn.execute(sql.ASK_NODE_TO_STOP, node_id=node_id, stop_requested=how) > 0


def resize(conn: Connection, node_id: int, num_cpus: int, memory: int, options: str) -> bool:
    """Change the CPUs and memory that a runner uses; return False if it is not active."""
    changed = conn.execute(
        sql.RESIZE_NODE, node_id=node_id, num_cpus=num_cpus, memory=memory, options=options
    )
    return changed > 0
