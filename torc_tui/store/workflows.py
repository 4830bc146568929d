"""List, read, change, archive and delete whole workflows, and read their progress.

Input: ids. Output: the records of `model`, small rows about jobs that failed, remain or were
interrupted, and events for the caller to append. `scheduling` and `dependency_counters` change
jobs.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torc_tui.errors import Refused
from torc_tui.model import Job, Json, ResourceRequirements, Workflow
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.records import dataclass, fields
from torc_tui.status import UNSUCCESSFUL, JobStatus
from torc_tui.store import event_log, sql
from torc_tui.store.connection import Connection
from torc_tui.store.creation import create as create
from torc_tui.store.creation import execution_of
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.event_log import no_workflow
from torc_tui.store.prepared import record
from torc_tui.store.selection import ListSelection
from torc_tui.units import in_thousandths

if TYPE_CHECKING:
    from torc_tui.store.dependency_counters import EventRow


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A workflow at one time; a feed after ``cursor``, its last event, returns later events."""

    workflow: Workflow
    jobs: list[Job]
    requirements: dict[int, ResourceRequirements]
    cursor: int


# -- reading ---------------------------------------------------------------------------------------


def list_workflows(store: Store, wanted: ListSelection | None = None) -> list[Workflow]:
    """Return workflows, with their counts; raise UsageError for an unknown order."""
    with store.read() as conn:
        rows = conn.page(sql.LIST_WORKFLOWS, wanted or ListSelection(is_archived=False))
        return [_workflow(conn, row) for row in rows]


def get_workflow(store: Store, workflow_id: int) -> Workflow:
    """Return one workflow; raise NotFound."""
    with store.read() as conn:
        return read_workflow(conn, workflow_id)


def read_workflow(conn: Connection, workflow_id: int) -> Workflow:
    """Return one workflow, inside a transaction; raise NotFound."""
    row = conn.one(sql.WORKFLOW, workflow_id=workflow_id)
    if row is None:
        raise no_workflow(workflow_id)
    return _workflow(conn, row)


def set_values(store: Store, workflow_id: int) -> dict[str, str]:
    """Return the values of variables and parameters with which the file was read."""
    with store.read() as conn:
        row = conn.one(sql.FILE_HASH_OF_WORKFLOW, workflow_id=workflow_id)
    return loads(row.set_values) if row is not None and row.set_values else {}


def job_times(store: Store, workflow_id: int) -> tuple[float | None, float | None]:
    """Return the first start and the last end among the latest attempts of all jobs."""
    with store.read() as conn:
        row = conn.one(sql.JOB_TIMES, workflow_id=workflow_id)
    return (None, None) if row is None else (row.first_start, row.last_end)


def exec_minutes(store: Store, workflow_id: int) -> float:
    """Return the total runtime of all attempts of all jobs, in minutes."""
    with store.read() as conn:
        seconds = conn.value(sql.EXEC_SECONDS, workflow_id=workflow_id)
    return round(float(seconds or 0.0) / 60, 6)


def snapshot(store: Store, workflow_id: int) -> Snapshot:
    """Return the state into which views fold later events, and its cursor; raise NotFound."""
    with store.read() as conn:
        workflow = read_workflow(conn, workflow_id)
        requirements = read_requirements(conn, workflow_id)
        rows = conn.stream(sql.SNAPSHOT_JOBS, workflow_id=workflow_id)
    return Snapshot(workflow, _jobs(rows), requirements, workflow.last_seq)


def read_requirements(conn: Connection, workflow_id: int) -> dict[int, ResourceRequirements]:
    """Return the resource requirements of a workflow by id, inside a transaction."""
    found = {}
    for row in conn.rows(sql.REQUIREMENTS, workflow_id=workflow_id):
        values = record(row)
        number = values.pop("id")
        del values["workflow_id"], values["edited"]
        values["num_cpus"] = in_thousandths(row.num_cpus)
        values["num_gpus"] = in_thousandths(row.num_gpus)
        found[number] = ResourceRequirements(**values)
    return found


def _jobs(rows: Iterable[sql.SnapshotJobsRow]) -> list[Job]:
    statuses = list(JobStatus)
    shared: dict[str, str] = {}  # one text for jobs with equal parameters
    found = []
    for row in rows:
        # Unpacked at once, because a workflow may have 100,000 jobs.
        number, name, status, group, values, priority, held, attempt, requirement, unmet = row[:10]
        node, started, ended, code, reason, not_before, stop, hold, suspended, ignored = row[10:20]
        found.append(
            Job(
                number,
                name,
                statuses[status],
                group,
                shared.setdefault(values, values) if values else "",
                priority,
                bool(held),
                attempt,
                requirement,
                unmet,
                node,
                started,
                ended,
                code,
                decode(reason) if reason else None,
                not_before,
                stop == "stopped" and status == JobStatus.TERMINATED,
                decode(hold) if hold else None,
                bool(suspended),
                bool(ignored),
                tuple(json.loads(row.labels)) if row.labels else (),
            )
        )
    return found


_FIELDS = {field.name for field in fields(Workflow)}


def _workflow(conn: Connection, row: sql.WorkflowRow) -> Workflow:
    values = {name: value for name, value in record(row).items() if name in _FIELDS}
    values["execution_config"] = execution_of(values["execution_config"])
    values["counts"] = counts(conn, row.id)
    if JobStatus.TERMINATED in values["counts"]:
        values["interrupted"] = interrupted(conn, row.id)
    if not UNSUCCESSFUL.isdisjoint(values["counts"]):
        values["ignored"] = ignored(conn, row.id)
    return Workflow(**values)


# -- changes ---------------------------------------------------------------------------------------


_CHANGEABLE = ("name", "description", "user", "project", "metadata")


def update_workflow(
    store: Store,
    workflow_id: int,
    changes: Mapping[str, Json],
    *,
    at: float,
    actor: str | None = None,
) -> Workflow:
    """Change the name, description, user, project or metadata of a workflow, and return it.

    Raise NotFound for an unknown workflow.
    """
    with store.write() as conn:
        if changes:
            event = ("workflow_updated", None, dict(changes))
            event_log.append(conn, workflow_id, [event], at=at, actor=actor)
            before = read_workflow(conn, workflow_id)
            new: dict[str, Any] = {key: getattr(before, key) for key in _CHANGEABLE}
            new.update(changes)
            if new["metadata"] is not None:
                new["metadata"] = dumps(new["metadata"])
            conn.execute(sql.UPDATE_WORKFLOW, workflow_id=workflow_id, **new)
        return read_workflow(conn, workflow_id)


def archive(
    store: Store, ids: Iterable[int], flag: bool, *, at: float, actor: str | None = None
) -> None:
    """Hide the workflows from lists, or show them again.

    All of them, or none if one does not exist (NotFound).
    """
    with store.write() as conn:
        for workflow_id in dict.fromkeys(ids):
            event = ("workflow_archived", None, {"archived": flag})
            event_log.append(conn, workflow_id, [event], at=at, actor=actor)
            conn.execute(sql.SET_ARCHIVED, workflow_id=workflow_id, is_archived=flag)


def delete(store: Store, ids: Iterable[int], *, user: str | None = None) -> list[Workflow]:
    """Delete the workflows and all their data; return the workflows as they were.

    All of them, or none if one does not exist (NotFound) or, with ``user``, belongs to somebody
    else (Refused).
    """
    with store.write() as conn:
        found = [read_workflow(conn, workflow_id) for workflow_id in dict.fromkeys(ids)]
        for workflow in found:
            if user is not None and workflow.user != user:
                raise Refused(
                    f"workflow {workflow.id} belongs to {workflow.user}",
                    hint="only its owner can delete it",
                )
        for workflow in found:
            for statement in (
                sql.DELETE_DEPENDENCIES,
                sql.DELETE_FILE_GROUPS,
                sql.DELETE_USER_DATA_GROUPS,
                sql.DELETE_RESULTS,
                sql.DELETE_EVENTS,
                sql.DELETE_WORKFLOW,
            ):
                conn.execute(statement, workflow_id=workflow.id)
    return found


# -- progress --------------------------------------------------------------------------------------


def counts(conn: Connection, workflow_id: int) -> dict[JobStatus, int]:
    """Return how many jobs have each status that occurs."""
    rows = conn.rows(sql.STATUS_COUNTS, workflow_id=workflow_id)
    return {row.status: row.number for row in rows}


def holds(conn: Connection, workflow_id: int) -> list[tuple[Reason, int]]:
    """Return why jobs that have not started are held, and how many for each reason."""
    rows = conn.rows(sql.HOLDS, workflow_id=workflow_id)
    return [(row.hold_reason or because(Kind.HELD), row.number) for row in rows]


def suspended(conn: Connection, workflow_id: int) -> int:
    """Return how many jobs are suspended."""
    return int(conn.value(sql.SUSPENDED, workflow_id=workflow_id))


def names(
    conn: Connection, workflow_id: int, like: sql.RemainingJobsRow, limit: int = 1000
) -> list[tuple[int, str]]:
    """Return (id, name) of jobs with these requirements, this status and these labels."""
    rows = conn.rows(
        sql.REMAINING_NAMES,
        workflow_id=workflow_id,
        requirement_id=like.requirement_id,
        status=int(like.status),
        labels=like.labels,
        limit=limit,
    )
    return [(row.id, row.name) for row in rows]


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
            reason = because(Kind.RESUMED, after=job.reason).to_json()
            rows.append(("job_retried", job.id, {"attempt": attempt, "reason": reason}))
    return rows


def ignored(conn: Connection, workflow_id: int) -> int:
    """Return how many jobs did not succeed and count as if they had."""
    return int(conn.value(sql.IGNORED, workflow_id=workflow_id))


def interrupted(conn: Connection, workflow_id: int) -> int:
    """Return how many jobs were stopped with their runner and run again with another."""
    return int(conn.value(sql.INTERRUPTED, workflow_id=workflow_id))


def job_names(store: Store, job_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of these jobs by id; jobs that do not exist are left out."""
    with store.read() as conn:
        rows = conn.rows(sql.JOB_NAMES, job_ids=dumps(list(job_ids)))
    return {row.id: row.name for row in rows}


# -- submission to a cluster -----------------------------------------------------------------------


def submission_key(workflow_id: int) -> str:
    """Return the key under which the database holds what was submitted for a workflow."""
    return f"submission:{workflow_id}"


def was_submitted(conn: Connection, workflow_id: int) -> bool:
    """Return whether a workflow was ever submitted to a cluster."""
    key = submission_key(workflow_id)
    return bool(conn.value(sql.WAS_SUBMITTED, workflow_id=workflow_id, key=key))
