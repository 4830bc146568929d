"""What people do to workflows and jobs, as moves of rows.

What comes in: a connection inside a write transaction, ids, values. What goes out: what was
changed. Whether an act is allowed was decided by the caller; whom it frees or dooms is told by
`counters.resettle`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torc_tui.reasons import Reason, decode
from torc_tui.status import JobStatus
from torc_tui.store.connection import Connection
from torc_tui.store.database import Statement

# -- what initialization asks ----------------------------------------------------------------------


class FileRow(NamedTuple):
    id: int
    name: str
    path: str
    st_mtime: float | None


_USED = (
    "SELECT file_id FROM file_group WHERE group_id IN (SELECT {} FROM job WHERE workflow_id = ?{})"
)
REQUIRED_FILES = Statement(
    "SELECT id, name, path, st_mtime FROM file WHERE workflow_id = ?"
    f" AND id IN ({_USED.format('input_files', ' AND status <> 9')})"
    f" AND id NOT IN ({_USED.format('output_files', ' AND status <> 9')}) ORDER BY id"
)
WRITTEN_FILES = Statement(
    "SELECT id, name, path, st_mtime FROM file WHERE workflow_id = ?"
    f" AND id IN ({_USED.format('output_files', '')}) ORDER BY id"
)
ALL_FILES = Statement("SELECT id, name, path, st_mtime FROM file WHERE workflow_id = ? ORDER BY id")
_USED_DATA = "SELECT user_data_id FROM user_data_group WHERE group_id IN (SELECT {} FROM job WHERE workflow_id = ?{})"
REQUIRED_DATA = Statement(
    "SELECT id, name FROM user_data WHERE workflow_id = ? AND data IS NULL"
    f" AND id IN ({_USED_DATA.format('input_user_data', ' AND status <> 9')})"
    f" AND id NOT IN ({_USED_DATA.format('output_user_data', ' AND status <> 9')}) ORDER BY id"
)


def required_files(conn: Connection, workflow_id: int) -> list[FileRow]:
    """Files that some job reads and no job writes."""
    return [FileRow(*row) for row in REQUIRED_FILES.run(conn, (workflow_id,) * 3)]


def written_files(conn: Connection, workflow_id: int) -> list[FileRow]:
    """Files that some job writes."""
    return [FileRow(*row) for row in WRITTEN_FILES.run(conn, (workflow_id,) * 2)]


def all_files(conn: Connection, workflow_id: int) -> list[FileRow]:
    """All files of a workflow."""
    return [FileRow(*row) for row in ALL_FILES.run(conn, (workflow_id,))]


def required_user_data(conn: Connection, workflow_id: int) -> list[tuple[int, str]]:
    """(id, name) of empty records that some job reads and no job writes."""
    return [(row[0], row[1]) for row in REQUIRED_DATA.run(conn, (workflow_id,) * 3)]


RESET_ALL = Statement(
    "UPDATE job SET status = 0, unmet = 0, unsuccessful = 0, retries = 0, compute_node_id = NULL, pid = NULL,"
    " process_started = NULL, allocation = NULL, stop_requested = NULL, started_at = NULL, ended_at = NULL,"
    " return_code = NULL, reason = NULL, not_before = NULL WHERE workflow_id = ? AND status NOT IN (0, 9)"
)
NEXT_RUN = Statement(
    "UPDATE workflow SET run_id = run_id + 1, is_canceled = ?, is_paused = ? WHERE id = ? RETURNING run_id"
)


def reset_all(conn: Connection, workflow_id: int) -> None:
    """Every job but the disabled ones is as after its creation; attempts go on counting."""
    RESET_ALL.run(conn, (workflow_id,))


RUN_OF = Statement("SELECT run_id FROM workflow WHERE id = ?")


def run_of(conn: Connection, workflow_id: int) -> int:
    """The number of the run that the workflow is in."""
    return int(RUN_OF.run(conn, (workflow_id,)).scalar_one())


def next_run(conn: Connection, workflow_id: int) -> int:
    """Begin a new run; its number."""
    return int(NEXT_RUN.run(conn, (False, False, workflow_id)).scalar_one())


# -- single jobs -----------------------------------------------------------------------------------


class JobState(NamedTuple):
    """What an act must know of a job before it moves it."""

    id: int
    workflow_id: int
    name: str
    status: JobStatus
    held: bool
    priority: int
    compute_node_id: int | None
    pid: int | None
    process_started: int | None


STATE = Statement(
    "SELECT id, workflow_id, name, status, held, priority, compute_node_id, pid, process_started FROM job WHERE id = ?"
)


def job_states(conn: Connection, job_ids: Iterable[int]) -> list[JobState]:
    """The state of these jobs, in their order; those that do not exist are left out."""
    found = []
    for job_id in job_ids:
        row = STATE.run(conn, (job_id,)).fetchone()
        if row is not None:
            found.append(
                JobState(row[0], row[1], row[2], JobStatus(row[3]), bool(row[4]), *row[5:])
            )
    return found


CANCEL = Statement(
    "UPDATE job SET status = 7, reason = ?, ended_at = ?, held = ? WHERE id = ? AND status IN (0, 1, 2, 10)"
)
CANCEL_REST = Statement(
    "UPDATE job SET status = 7, reason = ?, ended_at = ?, held = ? WHERE workflow_id = ? AND status IN (0, 1, 2, 10)"
)
END_HELD = Statement(
    "UPDATE job SET status = 7, reason = ?, ended_at = ?, pid = NULL, allocation = NULL, stop_requested = NULL,"
    " compute_node_id = CASE WHEN started_at IS NULL THEN NULL ELSE compute_node_id END"
    " WHERE id = ? AND status IN (3, 4)"
)
ASK_STOP = Statement("UPDATE job SET stop_requested = ? WHERE id = ? AND status IN (3, 4)")
ASK_STOP_ALL = Statement(
    "UPDATE job SET stop_requested = ? WHERE workflow_id = ? AND status IN (3, 4)"
)
SET_CANCELED = Statement("UPDATE workflow SET is_canceled = ? WHERE id = ?")
SET_PAUSED = Statement("UPDATE workflow SET is_paused = ? WHERE id = ?")
HOLD = Statement("UPDATE job SET held = ? WHERE id = ?")
PRIORITY = Statement("UPDATE job SET priority = ? WHERE id = ?")
DISABLE = Statement("UPDATE job SET status = 9, reason = ? WHERE id = ? AND status NOT IN (3, 4)")
AGAIN = Statement(
    "UPDATE job SET status = 0, retries = 0, attempt_id = attempt_id"
    " + CASE WHEN started_at IS NULL OR status = 2 THEN 0 ELSE 1 END,"
    " started_at = NULL, ended_at = NULL, return_code = NULL, reason = NULL, compute_node_id = NULL,"
    " stop_requested = NULL WHERE id = ?"
)
# Jobs whose status follows from that of a dependency; jobs behind them may follow in turn.
_FOLLOWED = "IN (2, 3, 4, 5, 6, 7, 8, 10)"
FOLLOWERS = Statement(
    "WITH RECURSIVE below(id) AS ("
    " SELECT job_id FROM dependency WHERE depends_on_id = ?"
    " UNION SELECT d.job_id FROM dependency d JOIN below b ON d.depends_on_id = b.id"
    f" LEFT JOIN job u ON u.id = b.id WHERE b.id < 0 OR u.status {_FOLLOWED})"
    " SELECT j.id, j.name, j.status FROM job j JOIN below b ON b.id = j.id"
    f" WHERE j.status {_FOLLOWED} ORDER BY j.id"
)
CULPRITS = Statement(
    "SELECT u.id, u.name, u.status, u.reason FROM job u WHERE u.status IN (6, 7, 8)"
    " AND coalesce(u.stop_requested, '') <> 'stopped'"
    " AND (SELECT j.cancel_on_blocking_job_failure FROM job j WHERE j.id = ?) AND u.id IN ("
    "SELECT depends_on_id FROM dependency WHERE job_id = ? AND depends_on_id > 0"
    " UNION ALL SELECT m.depends_on_id FROM dependency d JOIN dependency m ON m.job_id = d.depends_on_id"
    " WHERE d.job_id = ? AND d.depends_on_id < 0) ORDER BY u.status, u.id"
)
EXECUTED_ACTIONS = Statement(
    "SELECT id, trigger_type, job_ids FROM action WHERE workflow_id = ?"
    " AND executed_run_id IS NOT NULL AND trigger_type IN ('on_workflow_complete', 'on_jobs_complete')"
)
REARM_ACTION = Statement("UPDATE action SET executed_run_id = NULL WHERE id = ?")


def cancel_idle(conn: Connection, job_ids: Sequence[int], reason: Reason, at: float) -> None:
    """Cancel jobs that no runner holds."""
    text = reason.encode()
    CANCEL.run_many(conn, [(text, at, False, job_id) for job_id in job_ids])


def end_held(conn: Connection, job_ids: Sequence[int], reason: Reason, at: float) -> None:
    """Cancel jobs whose runner is gone and whose processes were ended."""
    text = reason.encode()
    END_HELD.run_many(conn, [(text, at, job_id) for job_id in job_ids])


def cancel_rest(conn: Connection, workflow_id: int, reason: Reason, at: float) -> None:
    """Cancel everything that no runner holds and that has not ended; the workflow is canceled."""
    SET_CANCELED.run(conn, (True, workflow_id))
    CANCEL_REST.run(conn, (reason.encode(), at, False, workflow_id))
    ASK_STOP_ALL.run(conn, ("canceled", workflow_id))


def uncancel(conn: Connection, workflow_id: int) -> None:
    """The workflow goes on."""
    SET_CANCELED.run(conn, (False, workflow_id))


def ask_to_stop(conn: Connection, job_ids: Sequence[int], cause: str) -> None:
    """Ask the runners that hold these jobs to end them."""
    ASK_STOP.run_many(conn, [(cause, job_id) for job_id in job_ids])


def set_paused(conn: Connection, workflow_id: int, paused: bool) -> None:
    """Runners start nothing in a paused workflow; what runs goes on."""
    SET_PAUSED.run(conn, (paused, workflow_id))


def set_held(conn: Connection, job_ids: Sequence[int], held: bool) -> None:
    """A held job is not started."""
    HOLD.run_many(conn, [(held, job_id) for job_id in job_ids])


def set_priority(conn: Connection, job_ids: Sequence[int], priority: int) -> None:
    """Higher first."""
    PRIORITY.run_many(conn, [(priority, job_id) for job_id in job_ids])


def disable(conn: Connection, job_ids: Sequence[int], reason: Reason) -> None:
    """Leave these out."""
    text = reason.encode()
    DISABLE.run_many(conn, [(text, job_id) for job_id in job_ids])


def again(conn: Connection, job_ids: Sequence[int]) -> None:
    """Make these uninitialized, with their next attempt if they had one."""
    AGAIN.run_many(conn, [(job_id,) for job_id in job_ids])


class Follower(NamedTuple):
    """A job that became what it is after one of its dependencies had finished."""

    id: int
    name: str
    status: JobStatus


def followers(conn: Connection, job_id: int) -> list[Follower]:
    """Return the jobs downstream whose status follows from the end of this job."""
    rows = FOLLOWERS.run(conn, (job_id,))
    return [Follower(row[0], row[1], JobStatus(row[2])) for row in rows]


class Culprit(NamedTuple):
    """A dependency because of which a job is canceled."""

    id: int
    name: str
    status: JobStatus
    reason: Reason | None


def culprits(conn: Connection, job_id: int) -> list[Culprit]:
    """Return the unsuccessful dependencies of a job; none for a job that runs regardless."""
    rows = CULPRITS.run(conn, (job_id, job_id, job_id))
    return [Culprit(row[0], row[1], JobStatus(row[2]), decode(row[3])) for row in rows]


def rearm_actions(conn: Connection, workflow_id: int, job_ids: Sequence[int]) -> None:
    """Let the completion actions run once more that follow from the end of these jobs."""
    reset = set(job_ids)
    for action_id, trigger, jobs in EXECUTED_ACTIONS.run(conn, (workflow_id,)).fetchall():
        if trigger == "on_workflow_complete" or not reset.isdisjoint(json.loads(jobs)):
            REARM_ACTION.run(conn, (action_id,))


# -- runners ----------------------------------------------------------------------------------

ASK_NODE = Statement("UPDATE compute_node SET stop_requested = ? WHERE id = ? AND is_active")
RESIZE = Statement(
    "UPDATE compute_node SET num_cpus = ?, memory = ?, options = ? WHERE id = ? AND is_active"
)


def ask_node_to_stop(conn: Connection, node_id: int, how: str) -> bool:
    """``graceful`` or ``hard``; False when it is not active."""
    return ASK_NODE.run(conn, (how, node_id)).rowcount > 0


def resize(conn: Connection, node_id: int, num_cpus: int, memory: int, options: str) -> bool:
    """Let a runner use so much of its machine from now on; False when it is not active."""
    return RESIZE.run(conn, (num_cpus, memory, options, node_id)).rowcount > 0
