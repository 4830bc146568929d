"""Apply user actions to the rows of workflows and jobs.

Input: a connection inside a write transaction, ids, values. The caller has checked that the action
is allowed, and calls `dependency_counters.resettle` or `put_back` afterwards to update other jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.lifecycle.actions import is_armed_again
from torc_tui.model import Json
from torc_tui.status import JobStatus
from torc_tui.store import dependency_counters, sql
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps
from torc_tui.store.prepared import StatementRow

if TYPE_CHECKING:
    JobState = sql.JobStatesRow
    """A job, with the columns that actions check."""
    Follower = sql.FollowersRow
    """A job whose status follows from the end of another job."""
    Culprit = sql.CulpritsRow
    """A dependency because of which a job is canceled."""
else:
    JobState = Follower = Culprit = StatementRow

# -- runs ------------------------------------------------------------------------------------------


def next_partial_run(conn: Connection, workflow_id: int, job_ids: Sequence[int]) -> int:
    """Begin a new run of some jobs; return its number.

    Actions are not repeated, but for those that watch these jobs, and those that failed.
    """
    run_id: int = conn.value(sql.NEXT_RUN, workflow_id=workflow_id)
    conn.execute(sql.KEEP_ACTIONS, workflow_id=workflow_id, run_id=run_id)
    rearm_actions(conn, workflow_id, job_ids)
    return run_id


# -- jobs ------------------------------------------------------------------------------------------


def job_states(conn: Connection, job_ids: Iterable[int]) -> list[JobState]:
    """Return the state of these jobs, in their order; jobs that do not exist are left out."""
    wanted = list(job_ids)
    found = {row.id: row for row in conn.rows(sql.JOB_STATES, job_ids=dumps(wanted))}
    return [found[job_id] for job_id in wanted if job_id in found]


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


def followers(conn: Connection, job_ids: Sequence[int]) -> list[Follower]:
    """Return the jobs downstream whose status follows from the end of these jobs."""
    return conn.rows(sql.FOLLOWERS, job_ids=dumps(list(job_ids)))


def doomed(conn: Connection, job_ids: Sequence[int]) -> dict[int, str]:
    """Return the names, by id, of the other jobs that are canceled when these are canceled."""
    chosen = set(job_ids)
    rows = conn.rows(sql.DOOMED, job_ids=dumps(list(job_ids)))
    return {row.id: row.name for row in rows if row.id not in chosen}


def culprits(conn: Connection, job_ids: Sequence[int]) -> dict[int, list[Culprit]]:
    """Return the unsuccessful dependencies of jobs; none for a job that runs regardless."""
    found: dict[int, list[Culprit]] = {}
    for row in conn.rows(sql.CULPRITS, job_ids=dumps(list(job_ids))):
        found.setdefault(row.job_id, []).append(row)
    return found


def rearm_actions(conn: Connection, workflow_id: int, job_ids: Sequence[int]) -> None:
    """Allow the actions that watch these jobs, and those that failed, to run again."""
    rerun = set(job_ids)
    for one in conn.rows(sql.EXECUTED_ACTIONS, workflow_id=workflow_id):
        if is_armed_again(one.trigger_type, json.loads(one.job_ids), one.return_code, rerun):
            conn.execute(sql.REARM_ACTION, action_id=one.id)


def failed_actions(conn: Connection, workflow_id: int) -> int:
    """Return how many actions failed when they were executed last."""
    found = conn.rows(sql.EXECUTED_ACTIONS, workflow_id=workflow_id)
    return sum(bool(one.return_code) for one in found)


# -- runners ---------------------------------------------------------------------------------------
