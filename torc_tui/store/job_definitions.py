"""Change what jobs are: their commands, environments, requirements, files and records.

Input: a connection inside a write transaction, and values of columns by job. Output: events for the
caller to append.

Invariant: the row of a job that a runner holds describes the attempt that runs. Its changes are
kept in ``planned`` until the attempt has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torc_tui.reasons import Kind, because
from torc_tui.store import additions, sql
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps, loads

Values = Mapping[str, Any]
"""Values of columns as the database holds them."""


def definitions(conn: Connection, job_ids: Iterable[int]) -> dict[int, sql.JobDefinitionsRow]:
    """Return what jobs are, by id."""
    rows = conn.rows(sql.JOB_DEFINITIONS, job_ids=dumps(list(job_ids)))
    return {row.id: row for row in rows}


def change(conn: Connection, changes: Mapping[int, Values]) -> None:
    """Change columns of jobs."""
    found = definitions(conn, changes)
    rows = [found[job_id]._asdict() | dict(values) for job_id, values in changes.items()]
    conn.many(sql.UPDATE_JOB_DEFINITION, rows)


def set_patterns(
    conn: Connection, workflow_id: int, patterns: Iterable[tuple[int, str | None]]
) -> None:
    """Store the patterns of dependencies of the jobs of a workflow file."""
    conn.execute(sql.CLEAR_PATTERNS, workflow_id=workflow_id)
    rows = [{"id": job_id, "patterns": text} for job_id, text in patterns if text]
    conn.many(sql.SET_PATTERNS, rows)


def plan(conn: Connection, changes: Mapping[int, Values]) -> None:
    """Change columns of jobs when their attempts have ended."""
    before = _planned(conn, changes)
    rows = [
        {"id": job_id, "planned": dumps({**before.get(job_id, (0, {}))[1], **values})}
        for job_id, values in changes.items()
    ]
    conn.many(sql.SET_PLANNED, rows)


def edited(conn: Connection, changes: Mapping[int, Values]) -> dict[int, dict[str, Any]]:
    """Return changes that a user makes, with the values of the workflow file that they replace."""
    planned = _planned(conn, changes)
    found = {}
    for job_id, row in definitions(conn, changes).items():
        present = row._asdict() | planned.get(job_id, (0, {}))[1]
        values = dict(changes[job_id])
        values["edited"] = additions.edited_text(present["edited"], present, values)
        found[job_id] = values
    return found


def apply_planned(conn: Connection, job_ids: Iterable[int]) -> list[EventRow]:
    """Make the planned changes of jobs whose attempts have ended; return the events."""
    planned = _planned(conn, job_ids)
    if not planned:
        return []
    conn.many(sql.SET_PLANNED, [{"id": job_id, "planned": None} for job_id in planned])
    gone = [job_id for job_id, (_, values) in planned.items() if values.pop("removed", False)]
    change(conn, {job_id: values for job_id, (_, values) in planned.items() if values})
    for workflow_id in {owner for owner, values in planned.values() if "requirement_id" in values}:
        additions.classify(conn, workflow_id)
    rows: list[EventRow] = [
        ("job_updated", job_id, event_data(values))
        for job_id, (_, values) in planned.items()
        if values
    ]
    return rows + (remove(conn, gone) if gone else [])


def remove(conn: Connection, job_ids: Sequence[int]) -> list[EventRow]:
    """Take jobs out of the workflow that no runner holds; their rows remain for their history."""
    reason = because(Kind.REMOVED)
    conn.execute(sql.REMOVE_JOBS, ids=dumps(list(job_ids)), reason=reason.encode())
    return [("job_removed", job_id, {"reason": reason.to_json()}) for job_id in job_ids]


def _planned(conn: Connection, job_ids: Iterable[int]) -> dict[int, tuple[int, dict[str, Any]]]:
    """Return the workflow and the planned changes of the jobs that have some."""
    rows = conn.rows(sql.PLANNED_CHANGES, job_ids=dumps(list(job_ids)))
    return {row.id: (row.workflow_id, loads(row.planned or "{}")) for row in rows}


_IN_EVENTS = ("name", "command", "requirement_id", "priority", "labels")
_LONGEST = 1000
"""Characters of a command that an event keeps."""


def event_data(values: Values) -> dict[str, Any]:
    """Return what an event tells of changed columns: short values, and the names of the others."""
    found = {name: values[name] for name in _IN_EVENTS if name in values}
    if isinstance(command := found.get("command"), str):
        found["command"] = command[:_LONGEST]
    others = sorted(values.keys() - found.keys() - {"script", "resource_class", "edited"})
    return {**found, **({"changed": others} if others else {})}
