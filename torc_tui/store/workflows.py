"""Workflows as wholes: stored from a plan, listed, read as a snapshot, changed, archived, deleted.

What comes in: plans and ids. What goes out: ids and the records of ``model``. What a job's states
mean, and the counters of its dependencies, is the business of the scheduling beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torc_tui.errors import Refused, UsageError
from torc_tui.model import Job, Json, ResourceRequirements, Workflow
from torc_tui.reasons import decode
from torc_tui.status import JobStatus
from torc_tui.store import connect, events
from torc_tui.store.connection import Connection
from torc_tui.store.creation import create as create
from torc_tui.store.creation import execution_of
from torc_tui.store.database import Statement, Store
from torc_tui.store.encoding import dumps
from torc_tui.store.event_log import no_workflow


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A workflow at one moment. ``cursor`` is the last event in it: a feed after it brings what
    follows."""

    workflow: Workflow
    jobs: list[Job]
    requirements: dict[int, ResourceRequirements]
    cursor: int


# -- reading ---------------------------------------------------------------------------------------

_COLUMNS = (
    'id, name, "user", description, project, metadata, directory, created_at, run_id, is_canceled, is_archived, '
    "is_paused, last_seq, settings, env, execution_config, use_pending_failed, require_user_data, file, format"
)
_ONE = Statement(f"SELECT {_COLUMNS} FROM workflow WHERE id = ?")
_COUNTS = Statement("SELECT status, count(*) FROM job WHERE workflow_id = ? GROUP BY status")
_INTERRUPTED = Statement(
    "SELECT count(*) FROM job WHERE workflow_id = ? AND status = 8 AND stop_requested = 'stopped'"
)
_JOBS = Statement(
    "SELECT id, name, status, family, parameter_values, priority, held, attempt_id, requirement_id, unmet, "
    "compute_node_id, started_at, ended_at, return_code, reason, not_before, stop_requested FROM job"
    " WHERE workflow_id = ? ORDER BY id"
)
_REQUIREMENTS = Statement(
    "SELECT id, name, num_cpus, memory, num_gpus, gpu_memory, gpu_model, num_nodes, runtime, enforced "
    "FROM resource_requirements WHERE workflow_id = ? ORDER BY id"
)
_SORTS = {
    "id": "id",
    "name": "name",
    "user": '"user"',
    "description": "description",
    "project": "project",
    "metadata": "metadata",
    "timestamp": "created_at",
    "created_at": "created_at",
}


def list_workflows(
    store: Store,
    *,
    user: str | None = None,
    include_archived: bool = False,
    archived_only: bool = False,
    limit: int = 10000,
    offset: int = 0,
    sort_by: str = "id",
    reverse: bool = False,
) -> list[Workflow]:
    """The workflows of ``user`` (None: of all), with their counts. UsageError for an unknown
    ``sort_by``."""
    if sort_by not in _SORTS:
        raise UsageError(
            f"workflows cannot be sorted by {sort_by!r}", hint="one of " + ", ".join(_SORTS)
        )
    conditions, values = [], []
    if user is not None:
        conditions.append('"user" = ?')
        values.append(user)
    if archived_only:
        conditions.append("is_archived")
    elif not include_archived:
        conditions.append("NOT is_archived")
    where = " WHERE " + " AND ".join(conditions) if conditions else ""
    direction = " DESC" if reverse else ""
    text = f"SELECT {_COLUMNS} FROM workflow{where} ORDER BY {_SORTS[sort_by]}{direction}, id{direction} LIMIT ? OFFSET ?"
    with store.read() as conn:
        rows = Statement(text).run(conn, (*values, limit, offset)).all()
        return [_workflow(row, *_counts(conn, row[0])) for row in rows]


def get_workflow(store: Store, workflow_id: int) -> Workflow:
    """One workflow; NotFound."""
    with store.read() as conn:
        return read_workflow(conn, workflow_id)


def read_workflow(conn: Connection, workflow_id: int) -> Workflow:
    """As :func:`get_workflow`, inside a transaction."""
    row = _ONE.run(conn, (workflow_id,)).first()
    if row is None:
        raise no_workflow(workflow_id)
    return _workflow(row, *_counts(conn, workflow_id))


def _counts(conn: Connection, workflow_id: int) -> tuple[dict[JobStatus, int], int]:
    """Return the number of jobs per status, and how many of the terminated are interrupted."""
    rows = _COUNTS.run(conn, (workflow_id,)).all()
    counts = {JobStatus(status): number for status, number in sorted(map(tuple, rows))}
    if JobStatus.TERMINATED not in counts:
        return counts, 0
    return counts, int(_INTERRUPTED.run(conn, (workflow_id,)).scalar_one())


def snapshot(store: Store, workflow_id: int) -> Snapshot:
    """All of a workflow that a view folds events into, and the cursor to follow it from;
    NotFound."""
    with store.read() as conn:
        workflow = read_workflow(conn, workflow_id)
        requirements = read_requirements(conn, workflow_id)
        rows = _JOBS.direct(conn, (workflow_id,)).fetchall()
    return Snapshot(workflow, _jobs(rows), requirements, workflow.last_seq)


def read_requirements(conn: Connection, workflow_id: int) -> dict[int, ResourceRequirements]:
    """The resource requirements of a workflow by id, inside a transaction."""
    return {
        row[0]: ResourceRequirements(
            name=row[1],
            num_cpus=row[2],
            memory=row[3] or None if row[9] else None,
            num_gpus=int(row[4]) if row[4] == int(row[4]) else row[4],
            gpu_memory=row[5],
            gpu_model=row[6],
            num_nodes=row[7],
            runtime=row[8] or None if row[9] else None,
        )
        for row in _REQUIREMENTS.run(conn, (workflow_id,))
    }


def _jobs(rows: Iterable[Sequence[Any]]) -> list[Job]:
    states = list(JobStatus)
    shown: dict[str, str] = {}
    found = []
    for row in rows:
        (
            job_id,
            name,
            status,
            family,
            values,
            priority,
            held,
            attempt,
            requirement,
            unmet,
            node,
            started_at,
            ended_at,
            return_code,
            reason,
            not_before,
            stop,
        ) = row
        text = ""
        if values:
            text = shown.get(values) or shown.setdefault(values, values_text(json.loads(values)))
        found.append(
            Job(
                job_id,
                name,
                states[status],
                family,
                text,
                priority,
                bool(held),
                attempt,
                requirement,
                unmet,
                node,
                started_at,
                ended_at,
                return_code,
                decode(reason) if reason else None,
                not_before,
                stop == "stopped" and status == JobStatus.TERMINATED,
            )
        )
    return found


def values_text(values: Mapping[str, Json]) -> str:
    """Parameters of a job as one line: ``lr=0.1 seed=3``."""
    return " ".join(f"{key}={value}" for key, value in values.items())


def _workflow(row: Sequence[Any], counts: Mapping[JobStatus, int], interrupted: int) -> Workflow:
    return Workflow(
        id=row[0],
        name=row[1],
        user=row[2],
        description=row[3],
        project=row[4],
        metadata=None if row[5] is None else json.loads(row[5]),
        directory=row[6],
        created_at=row[7],
        run_id=row[8],
        is_canceled=bool(row[9]),
        is_archived=bool(row[10]),
        is_paused=bool(row[11]),
        last_seq=row[12],
        counts=counts,
        interrupted=interrupted,
        settings=json.loads(row[13]),
        env=json.loads(row[14]),
        execution_config=execution_of(json.loads(row[15])),
        use_pending_failed=bool(row[16]),
        require_user_data=bool(row[17]),
        file=row[18],
        format=row[19],
    )


# -- changes ---------------------------------------------------------------------------------------


class _Unset:
    """Stands for an argument that was not given, where None has a meaning."""


UNSET = _Unset()


def update_workflow(
    store: Store,
    workflow_id: int,
    *,
    at: float,
    actor: str | None = None,
    name: str | _Unset = UNSET,
    description: str | _Unset | None = UNSET,
    user: str | _Unset = UNSET,
    project: str | _Unset | None = UNSET,
    metadata: Json | _Unset = UNSET,
) -> Workflow:
    """Change what is given; the workflow as it is then. NotFound."""
    given = {
        "name": name,
        "description": description,
        "user": user,
        "project": project,
        "metadata": metadata,
    }
    changes = {key: value for key, value in given.items() if not isinstance(value, _Unset)}
    with store.write() as conn:
        if changes:
            events.append(
                conn, workflow_id, [("workflow_updated", None, changes)], at=at, actor=actor
            )
            if changes.get("metadata") is not None:
                changes["metadata"] = dumps(changes["metadata"])
            text = (
                "UPDATE workflow SET "
                + ", ".join(f'"{key}" = ?' for key in changes)
                + " WHERE id = ?"
            )
            Statement(text).run(conn, (*changes.values(), workflow_id))
        return read_workflow(conn, workflow_id)


_ARCHIVE = Statement("UPDATE workflow SET is_archived = ? WHERE id = ?")


def archive(
    store: Store, ids: Iterable[int], flag: bool, *, at: float, actor: str | None = None
) -> None:
    """Hide the workflows from lists, or show them again: all of them, or none when one is not there
    (NotFound)."""
    with store.write() as conn:
        for workflow_id in dict.fromkeys(ids):
            events.append(
                conn,
                workflow_id,
                [("workflow_archived", None, {"archived": flag})],
                at=at,
                actor=actor,
            )
            _ARCHIVE.run(conn, (flag, workflow_id))


_MINE = "IN (SELECT id FROM job WHERE workflow_id = ? UNION ALL SELECT -id FROM gate WHERE workflow_id = ?)"
_DELETE = (
    Statement(f"DELETE FROM dependency WHERE depends_on_id {_MINE}"),
    Statement(
        "DELETE FROM file_group WHERE file_id IN (SELECT id FROM file WHERE workflow_id = ?)"
    ),
    Statement(
        "DELETE FROM user_data_group WHERE user_data_id IN (SELECT id FROM user_data WHERE workflow_id = ?)"
    ),
    Statement("DELETE FROM result WHERE workflow_id = ?"),
    Statement("DELETE FROM event WHERE workflow_id = ?"),
    Statement("DELETE FROM workflow WHERE id = ?"),  # the rest follows by its foreign keys
)


_NOTIFY = Statement("SELECT pg_notify(?, ?)")


def delete(store: Store, ids: Iterable[int], *, user: str | None = None) -> list[Workflow]:
    """Delete the workflows with everything of them: all, or none when one is not there (NotFound)
    or, with ``user``, belongs to somebody else (Refused). The records as they were."""
    with store.write() as conn:
        found = [read_workflow(conn, workflow_id) for workflow_id in dict.fromkeys(ids)]
        for workflow in found:
            if user is not None and workflow.user != user:
                raise Refused(
                    f"workflow {workflow.id} belongs to {workflow.user}",
                    hint="only its owner deletes it",
                )
        for workflow in found:
            for statement in _DELETE:
                statement.run(conn, (workflow.id,) * statement.sqlite.count("?"))
            if store.dialect == "postgresql":
                _NOTIFY.run(conn, (connect.CHANNEL, str(workflow.id)))
    return found
