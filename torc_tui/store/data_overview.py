"""Summarize the records of a workflow: the author of each, the jobs that use it, its state.

Input: a connection and ids. Output: dicts. The list holds only the beginning and the size of a
value, never the whole value. Nothing is written here.

States: ``empty`` (null, and no job needs it yet), ``missing`` (null, a job that is ready or running
reads it, and no job is left that could write it), ``edited`` (by a person, since the workflow was
created), ``written`` (by a job, or when the workflow was created).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torc_tui.store import sql, user_data
from torc_tui.store.encoding import loads

if TYPE_CHECKING:
    from torc_tui.store.connection import Connection

    Users = sql.UserDataReadersRow

HEAD = 400
"""Characters of a value that the list holds."""


def overview(
    conn: Connection, workflow_id: int, *, job_id: int | None = None
) -> list[dict[str, Any]]:
    """Return the records of a workflow, or with ``job_id`` those that the job reads or writes.

    Each has id, name, is_ephemeral, version, size (bytes, None for null), head (the beginning of
    the JSON), has_schema, written_at, actor, job_id, run_id, attempt_id, writer (a name), readers
    and producers (count, name of the first), state and direction (``in``, ``out`` or ``in out`` for
    a job).
    """
    with conn.read():
        rows = conn.rows(sql.USER_DATA_OVERVIEW, workflow_id=workflow_id, head_length=HEAD)
        readers = {
            row.record_id: row for row in conn.rows(sql.USER_DATA_READERS, workflow_id=workflow_id)
        }
        producers = {
            row.record_id: row
            for row in conn.rows(sql.USER_DATA_PRODUCERS, workflow_id=workflow_id)
        }
        reads, writes = _of_job(conn, job_id)
    found = []
    for row in rows:
        if job_id is not None and row.id not in reads and row.id not in writes:
            continue
        directions = [word for word, ids in (("in", reads), ("out", writes)) if row.id in ids]
        record = row._asdict()
        record["writer"] = _writer(record.pop("job"), row.job_id, row.actor)
        del record["created_at"]
        found.append(
            record
            | {
                "readers": _count(readers.get(row.id)),
                "producers": _count(producers.get(row.id)),
                "state": _state(row, readers.get(row.id), producers.get(row.id)),
                "direction": " ".join(directions),
            }
        )
    return found


def opened(conn: Connection, record_id: int) -> dict[str, Any]:
    """Return one record with its value.

    In addition to the keys of `user_data.get`, it has schema, size, written_at, actor, job_id,
    run_id, attempt_id and writer. Raise NotFound.
    """
    with conn.read():
        record = user_data.get(conn, record_id)
        row = conn.one(sql.USER_DATA_DETAILS, id=record_id)
    details = row._asdict() if row is not None else {}
    return record | {
        "schema": loads(details.pop("json_schema")),
        "writer": _writer(details.pop("job"), details["job_id"], details["actor"]),
        "size": details.pop("size") or 0,
        **details,
    }


def versions(conn: Connection, record_id: int) -> list[dict[str, Any]]:
    """Return all versions of a record without their values, the newest first.

    Each has version, size, is_null, written_at, actor, job_id, run_id, attempt_id and writer. Raise
    NotFound for an unknown record.
    """
    with conn.read():
        user_data.get(conn, record_id)
        rows = conn.rows(sql.USER_DATA_VERSIONS, id=record_id)
    found = []
    for row in rows:
        version = row._asdict()
        version["writer"] = _writer(version.pop("job"), row.job_id, row.actor)
        found.append(version | {"size": row.size or 0, "is_null": row.size is None})
    return found


def value_of(conn: Connection, record_id: int, version: int) -> Any:
    """Return the value of a version; None if there is no such version (0: before any write)."""
    return loads(conn.value(sql.USER_DATA_AT_VERSION, id=record_id, version=version))


def _writer(job: str | None, job_id: int | None, actor: str | None) -> str:
    """Return the name of the job that wrote, its id if the job was deleted, or the person."""
    return job or (f"job {job_id}" if job_id is not None else actor) or ""


def _count(users: Users | None) -> tuple[int, str]:
    return (int(users.jobs), users.name) if users is not None else (0, "")


def _state(row: sql.UserDataOverviewRow, readers: Users | None, producers: Users | None) -> str:
    if row.size is None:
        needed = readers is not None and int(readers.waiting) > 0
        expected = producers is not None and int(producers.unfinished) > 0
        return "missing" if needed and not expected else "empty"
    by_person = row.job_id is None and row.actor is not None
    return "edited" if by_person and (row.written_at or 0) > row.created_at else "written"


def _of_job(conn: Connection, job_id: int | None) -> tuple[set[int], set[int]]:
    """Return the ids of the records that a job reads, and of those that it writes."""
    if job_id is None:
        return set(), set()
    reads = conn.rows(sql.USER_DATA_READ_BY, job_id=job_id)
    writes = conn.rows(sql.USER_DATA_WRITTEN_BY, job_id=job_id)
    return {row.user_data_id for row in reads}, {row.user_data_id for row in writes}
