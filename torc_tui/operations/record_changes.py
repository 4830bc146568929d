"""Create, change and delete files, delete results, add events of users, and delete events.

Input: an open store, ids, values, the actor. Output: ids or names. Each action is one transaction
that changes rows and appends its event.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from torc_tui.errors import Refused, UsageError
from torc_tui.model import Json
from torc_tui.quoting import quoted
from torc_tui.store import creation, queries, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append
from torc_tui.wording import count

USER_EVENT = "user_event"
"""Kind of an event that a user adds."""


def create_file(
    store: Store, workflow_id: int, name: str, path: str, *, actor: str | None = None
) -> int:
    """Add a file to a workflow and return its id; UsageError if the name is taken."""
    now = time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        _check_name(conn, workflow_id, name)
        [number] = creation.allocate(conn, "file", 1)
        conn.insert(
            sql.INSERT_FILES, id=[number], workflow_id=workflow_id, name=[name], path=[path]
        )
        event: EventRow = ("file_created", None, {"file_id": number, "name": name, "path": path})
        append(conn, workflow_id, [event], at=now, actor=actor)
    return number


def update_file(
    store: Store,
    file_id: int,
    *,
    name: str | None = None,
    path: str | None = None,
    actor: str | None = None,
) -> None:
    """Change the name or path of a file; commands that contain the old path do not change."""
    before = queries.get_file(store, file_id)
    workflow_id, now = before["workflow_id"], time.time()
    values = {"name": name or before["name"], "path": path or before["path"]}
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        if values["name"] != before["name"]:
            _check_name(conn, workflow_id, values["name"])
        conn.execute(sql.UPDATE_FILE, file_id=file_id, **values)
        event: EventRow = ("file_updated", None, {"file_id": file_id, **values})
        append(conn, workflow_id, [event], at=now, actor=actor)


def delete_file(store: Store, file_id: int, *, actor: str | None = None) -> None:
    """Delete a file that no job reads or writes."""
    before = queries.get_file(store, file_id)
    workflow_id, now = before["workflow_id"], time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        if jobs := conn.value(sql.JOBS_OF_FILE, file_id=file_id):
            raise Refused(
                f"cannot delete file {file_id} ({before['name']}):"
                f" {count(int(jobs), 'job uses it', 'jobs use it')}",
                hint="`torc job-dependencies job-file` lists the jobs",
            )
        conn.execute(sql.DELETE_FILE, file_id=file_id)
        event: EventRow = ("file_deleted", None, {"file_id": file_id, "name": before["name"]})
        append(conn, workflow_id, [event], at=now, actor=actor)


def delete_results(store: Store, ids: Sequence[int], *, actor: str | None = None) -> None:
    """Delete existing results; the status of their jobs does not change."""
    found = [queries.get_result(store, one) for one in ids]
    now = time.time()
    with store.write() as conn:
        for workflow_id in sorted({one["workflow_id"] for one in found}):
            own = [one for one in found if one["workflow_id"] == workflow_id]
            for one in own:
                conn.execute(sql.DELETE_RESULT, result_id=one["id"])
            events: list[EventRow] = [
                ("result_deleted", one["job_id"], {"result_id": one["id"]}) for one in own
            ]
            append(conn, workflow_id, events, at=now, actor=actor)


def add_event(
    store: Store, workflow_id: int, data: Mapping[str, Json], *, actor: str | None = None
) -> None:
    """Add an event of a user to a workflow."""
    with store.write() as conn:
        append(conn, workflow_id, [(USER_EVENT, None, dict(data))], at=time.time(), actor=actor)


def delete_events(
    store: Store, workflow_id: int, ids: Sequence[int], *, actor: str | None = None
) -> None:
    """Delete existing events of a workflow."""
    with store.write() as conn:
        for one in ids:
            conn.execute(sql.DELETE_EVENT, workflow_id=workflow_id, event_id=one)
        deleted: EventRow = ("events_deleted", None, {"event_ids": list(ids)})
        append(conn, workflow_id, [deleted], at=time.time(), actor=actor)


def _check_name(conn: Connection, workflow_id: int, name: str) -> None:
    if conn.value(sql.FILE_OF_NAME, workflow_id=workflow_id, name=name) is not None:
        raise UsageError(
            f"workflow {workflow_id} already has a file {quoted(name)}", hint="use another name"
        )
