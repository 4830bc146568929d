"""The records of a workflow as a person looks at them: who wrote each last, who reads it, and in
what state it is.

What comes in: a plain connection and ids. What goes out: dicts. Values are never read whole for the
list, only their beginning and size. Nothing is written here; the writes stand in
``store.user_data``.

States: ``empty`` (null, and that is fine so far), ``missing`` (null, a job that is ready or runs
reads it, and no producer is left that could write it), ``edited`` (by a person, since the workflow
was made), ``written`` (by a job, or from the start).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torc_tui.store import connect, user_data
from torc_tui.store.dbapi import Transaction, loads, run

if TYPE_CHECKING:
    from torc_tui.store.connect import Dbapi

HEAD = 400
"""Characters of a value that the list carries."""

_LIST = (
    "SELECT u.id, u.name, u.is_ephemeral, u.version, {size}, substr(u.data, 1, ?), u.json_schema IS NOT NULL, "
    "v.written_at, v.actor, v.job_id, v.run_id, v.attempt_id, j.name, w.created_at FROM user_data u "
    "JOIN workflow w ON w.id = u.workflow_id "
    "LEFT JOIN user_data_version v ON v.user_data_id = u.id AND v.version = u.version "
    "LEFT JOIN job j ON j.id = v.job_id WHERE u.workflow_id = ? ORDER BY u.id"
)
# Jobs are counted by group first: many jobs share one.
_USERS = (
    "SELECT a.record, a.jobs, a.waiting, a.open, f.name FROM ("
    "SELECT g.user_data_id AS record, SUM(s.jobs) AS jobs, SUM(s.waiting) AS waiting, SUM(s.open) AS open, "
    "MIN(s.first) AS first FROM (SELECT {column} AS grp, COUNT(*) AS jobs, MIN(id) AS first, "
    "SUM(CASE WHEN status IN (2, 3, 4) THEN 1 ELSE 0 END) AS waiting, "
    "SUM(CASE WHEN status IN (5, 6, 7, 8) THEN 0 ELSE 1 END) AS open "
    "FROM job WHERE workflow_id = ? AND {column} IS NOT NULL GROUP BY {column}) s "
    "JOIN user_data_group g ON g.group_id = s.grp GROUP BY g.user_data_id) a JOIN job f ON f.id = a.first"
)
_OF_JOB = "SELECT user_data_id FROM user_data_group WHERE group_id = (SELECT {column} FROM job WHERE id = ?)"
_NOBODY = (0, 0, 0, "")


def overview(
    connection: Dbapi, workflow_id: int, *, job_id: int | None = None
) -> list[dict[str, Any]]:
    """The records of a workflow by id, or with ``job_id`` those that the job reads or writes. Each
    has id, name, is_ephemeral, version, size (bytes, None for null), head (the beginning of the
    JSON), has_schema, written_at, actor, job_id, run_id, attempt_id, writer (a name), readers and
    producers (count, name of the first), state and direction (``in``, ``out`` or ``in out`` for a
    job)."""
    with Transaction(connection, write=False):
        rows = run(
            connection, _LIST.format(size=_size(connection, "u")), (HEAD, workflow_id)
        ).fetchall()
        readers = _users(connection, workflow_id, "input_user_data")
        producers = _users(connection, workflow_id, "output_user_data")
        reads = _of_job(connection, job_id, "input_user_data")
        writes = _of_job(connection, job_id, "output_user_data")
    found = []
    for row in rows:
        if job_id is not None and row[0] not in reads and row[0] not in writes:
            continue
        read_by, made_by = readers.get(row[0], _NOBODY), producers.get(row[0], _NOBODY)
        words = [word for word, ids in (("in", reads), ("out", writes)) if row[0] in ids]
        found.append(
            {
                "id": row[0],
                "name": row[1],
                "is_ephemeral": bool(row[2]),
                "version": row[3],
                "size": row[4],
                "head": row[5],
                "has_schema": bool(row[6]),
                "written_at": row[7],
                "actor": row[8],
                "job_id": row[9],
                "run_id": row[10],
                "attempt_id": row[11],
                "writer": _writer(row[12], row[9], row[8]),
                "readers": (read_by[0], read_by[3]),
                "producers": (made_by[0], made_by[3]),
                "state": _state(row, waiting=read_by[1], open_producers=made_by[2]),
                "direction": " ".join(words),
            }
        )
    return found


def opened(connection: Dbapi, record_id: int) -> dict[str, Any]:
    """One record with its value: what ``user_data.get`` gives, and schema, size, written_at, actor,
    job_id, run_id, attempt_id, writer. NotFound."""
    with Transaction(connection, write=False):
        record = user_data.get(connection, record_id)
        row = run(
            connection,
            "SELECT u.json_schema, v.written_at, v.actor, v.job_id, v.run_id, v.attempt_id, j.name, "
            f"{_size(connection, 'u')} "
            "FROM user_data u LEFT JOIN user_data_version v ON v.user_data_id = u.id AND v.version = u.version "
            "LEFT JOIN job j ON j.id = v.job_id WHERE u.id = ?",
            (record_id,),
        ).fetchone()
    return record | {
        "schema": loads(row[0]),
        "written_at": row[1],
        "actor": row[2],
        "job_id": row[3],
        "run_id": row[4],
        "attempt_id": row[5],
        "writer": _writer(row[6], row[3], row[2]),
        "size": row[7] or 0,
    }


def versions(connection: Dbapi, record_id: int) -> list[dict[str, Any]]:
    """All versions, the newest first, without their values: {version, size, is_null, written_at,
    actor, job_id, run_id, attempt_id, writer}. NotFound for an unknown record."""
    with Transaction(connection, write=False):
        user_data.get(connection, record_id)
        rows = run(
            connection,
            f"SELECT v.version, {_size(connection, 'v')}, v.written_at, v.actor, v.job_id, v.run_id, v.attempt_id, "
            "j.name FROM user_data_version v LEFT JOIN job j ON j.id = v.job_id WHERE v.user_data_id = ? "
            "ORDER BY v.version DESC",
            (record_id,),
        ).fetchall()
    return [
        {
            "version": row[0],
            "size": row[1] or 0,
            "is_null": row[1] is None,
            "written_at": row[2],
            "actor": row[3],
            "job_id": row[4],
            "run_id": row[5],
            "attempt_id": row[6],
            "writer": _writer(row[7], row[4], row[3]),
        }
        for row in rows
    ]


def value_of(connection: Dbapi, record_id: int, version: int) -> Any:
    """The value that a version had; None also for a version that is not there (0: before the first
    write)."""
    with Transaction(connection, write=False):
        row = run(
            connection,
            "SELECT data FROM user_data_version WHERE user_data_id = ? AND version = ?",
            (record_id, version),
        ).fetchone()
    return loads(row[0]) if row is not None else None


def _size(connection: Dbapi, table: str) -> str:
    """The bytes of a value, in SQL."""
    return (
        f"length(CAST({table}.data AS BLOB))"
        if connect.is_sqlite(connection)
        else f"octet_length({table}.data)"
    )


def _writer(job: str | None, job_id: int | None, actor: str | None) -> str:
    """The name of the job that wrote, its id where the job is gone, or the person."""
    return job or (f"job {job_id}" if job_id is not None else actor) or ""


def _state(row: Any, *, waiting: int, open_producers: int) -> str:
    if row[4] is None:
        return "missing" if waiting and not open_producers else "empty"
    by_hand = row[9] is None and row[8] is not None
    return "edited" if by_hand and row[7] > row[13] else "written"


def _users(
    connection: Dbapi, workflow_id: int, column: str
) -> dict[int, tuple[int, int, int, str]]:
    rows = run(connection, _USERS.format(column=column), (workflow_id,)).fetchall()
    return {row[0]: (int(row[1]), int(row[2]), int(row[3]), row[4]) for row in rows}


def _of_job(connection: Dbapi, job_id: int | None, column: str) -> set[int]:
    if job_id is None:
        return set()
    return {row[0] for row in run(connection, _OF_JOB.format(column=column), (job_id,)).fetchall()}
