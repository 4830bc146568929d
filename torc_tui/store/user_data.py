"""Records of JSON that flow between jobs: read, written with a history, listed. The one place of
their SQL.

What comes in: a plain connection (sqlite3 or psycopg), ids or names, values. What goes out: dicts
as users see them: ``{id, workflow_id, name, is_ephemeral, data, version}``.

Laws
* Every write of data makes the next version, keeps it in the history and tells an event, in one
  transaction.
* A number names the record of that id, where the workflow has one; else it is a name like any
  other.
* Nothing slow is loaded here (SQLAlchemy, dataclasses, pathlib): a job may call this hundreds of
  times.
"""

from __future__ import annotations

from torc_tui.errors import Conflict, NotFound, UsageError
from torc_tui.store import connect as _connect
from torc_tui.store.connect import connect as connect
from torc_tui.store.dbapi import Transaction, allocate, append, dumps, loads, no_workflow, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from torc_tui.store.connect import Dbapi

    Check = Callable[[Any, Any], Sequence[str]]
    """Given a value and a JSON Schema, what is wrong with the value, in words."""

    Record = dict[str, Any]
    Writer = tuple[int, int, int]
    """The job that writes: (job id, run id, attempt id)."""

UNSET: Any = object()
"""Stands for an argument that was not given, as None means JSON's null."""

_COLUMNS = "id, workflow_id, name, is_ephemeral, data, version"
_BY_ID = f"SELECT {_COLUMNS} FROM user_data WHERE id = ?"
_BY_NAME = f"SELECT {_COLUMNS} FROM user_data WHERE workflow_id = ? AND name = ?"
_SORTS = ("id", "name", "is_ephemeral", "data", "version")


def get(connection: Dbapi, ref: int | str, workflow_id: int | None = None) -> Record:
    """The record ``ref``, an id or a name (which needs the workflow). NotFound, with the nearest
    name."""
    with Transaction(connection, write=False):
        return _record(_find(connection, ref, workflow_id))


def update(
    connection: Dbapi,
    ref: int | str,
    *,
    at: float,
    workflow_id: int | None = None,
    data: Any = UNSET,
    name: str | None = None,
    is_ephemeral: bool | None = None,
    expected_version: int | None = None,
    actor: str | None = None,
    job: Writer | None = None,
    check: Check | None = None,
) -> Record:
    """Change what is given; the record as it is then. ``data=None`` clears it. With
    ``expected_version`` only if it is still the current one (else Conflict). ``job`` is the attempt
    that writes, ``actor`` the person where none does. ``check`` is asked about data of a record
    that has a schema; what it finds is told by an event and stops nothing."""
    text = None if data is UNSET or data is None else dumps(data)
    with Transaction(connection):
        row = _locked(connection, _find(connection, ref, workflow_id))
        record_id, workflow_id, version = row[0], row[1], row[5]
        if expected_version is not None and version != expected_version:
            raise Conflict(
                f"user data {record_id} ({row[2]}) is at version {version} by now, not {expected_version}",
                hint="read it again, and decide anew",
            )
        changes: dict[str, Any] = {}
        if name is not None and name != row[2]:
            _check_name(connection, workflow_id, name)
            changes["name"] = name
        if is_ephemeral is not None and is_ephemeral != bool(row[3]):
            changes["is_ephemeral"] = is_ephemeral
        if data is not UNSET:
            version += 1
            changes |= {"data": text, "version": version}
        if not changes:
            return _record(row)
        columns = ", ".join(f"{key} = ?" for key in changes)
        run(
            connection,
            f"UPDATE user_data SET {columns} WHERE id = ?",
            (*changes.values(), record_id),
        )
        if data is not UNSET:
            _keep(connection, record_id, version, text, at, actor, job)
        told = {"user_data_id": record_id, "name": changes.get("name", row[2]), "version": version}
        news = [("user_data_updated", job and job[0], told)]
        if check is not None and text is not None:
            news += _violations(connection, record_id, data, check, told, job)
        append(connection, workflow_id, news, at=at, actor=actor)
        return {
            "id": record_id,
            "workflow_id": workflow_id,
            "name": told["name"],
            "is_ephemeral": bool(changes.get("is_ephemeral", row[3])),
            "data": loads(row[4]) if data is UNSET else data,
            "version": version,
        }


def _violations(
    connection: Dbapi, record_id: int, data: Any, check: Check, told: Record, job: Writer | None
) -> list[tuple[str, int | None, Record]]:
    """The event that says in what a value does not follow the schema of its record; none where it
    does."""
    schema = loads(
        run(connection, "SELECT json_schema FROM user_data WHERE id = ?", (record_id,)).fetchone()[
            0
        ]
    )
    wrong = check(data, schema) if schema is not None else ()
    if not wrong:
        return []
    message = f"user data {told['name']} does not follow its schema: {'; '.join(wrong)}"
    if job is None:
        return [("user_data_warning", None, {**told, "message": message})]
    return [("job_warning", job[0], {"message": message, "attempt": job[2]})]


def create(
    connection: Dbapi,
    workflow_id: int,
    name: str,
    *,
    at: float,
    data: Any = None,
    is_ephemeral: bool = False,
    consumer_job_id: int | None = None,
    producer_job_id: int | None = None,
    actor: str | None = None,
    job: Writer | None = None,
) -> Record:
    """A new record. ``consumer_job_id`` gets it as input, ``producer_job_id`` as output; where both
    are given the one waits for the other. Conflict for a name that is taken, Refused for jobs that
    are already initialized."""
    from torc_tui.store import data_links  # not for those who only read and write values

    text = None if data is None else dumps(data)
    version = int(text is not None)
    with Transaction(connection):
        _lock(connection, workflow_id)
        _check_name(connection, workflow_id, name)
        record_id = allocate(connection, "user_data")
        run(
            connection,
            "INSERT INTO user_data (id, workflow_id, name, is_ephemeral, data, version, declared) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (record_id, workflow_id, name, is_ephemeral, text, version, True),
        )
        if version:
            _keep(connection, record_id, 1, text, at, actor, job)
        if consumer_job_id is not None:
            data_links.attach(
                connection, workflow_id, record_id, consumer_job_id, "input_user_data"
            )
        if producer_job_id is not None:
            data_links.attach(
                connection, workflow_id, record_id, producer_job_id, "output_user_data"
            )
        if consumer_job_id is not None and producer_job_id is not None:
            data_links.depend(connection, workflow_id, record_id, consumer_job_id, producer_job_id)
        told = {"user_data_id": record_id, "name": name, "version": version}
        append(
            connection,
            workflow_id,
            [("user_data_created", job and job[0], told)],
            at=at,
            actor=actor,
        )
        return _record((record_id, workflow_id, name, is_ephemeral, text, version))


def delete(
    connection: Dbapi,
    ref: int | str,
    *,
    at: float,
    workflow_id: int | None = None,
    actor: str | None = None,
) -> Record:
    """Delete one record with its history; the record as it was."""
    with Transaction(connection):
        row = _locked(connection, _find(connection, ref, workflow_id))
        _remove(connection, row[1], [row], at, actor)
        return _record(row)


def delete_all(
    connection: Dbapi, workflow_id: int, *, at: float, actor: str | None = None
) -> list[Record]:
    """Delete all records of a workflow; the records as they were."""
    with Transaction(connection):
        _lock(connection, workflow_id)
        rows = run(
            connection,
            f"SELECT {_COLUMNS} FROM user_data WHERE workflow_id = ? ORDER BY id",
            (workflow_id,),
        )
        found = rows.fetchall()
        _remove(connection, workflow_id, found, at, actor)
        return [_record(row) for row in found]


def list_records(
    connection: Dbapi,
    workflow_id: int,
    *,
    limit: int | None = 50,
    offset: int = 0,
    name: str | None = None,
    is_ephemeral: bool | None = None,
    consumer_job_id: int | None = None,
    producer_job_id: int | None = None,
    sort_by: str = "id",
    reverse: bool = False,
) -> list[Record]:
    """The records of a workflow. ``name`` is a pattern of SQL's LIKE, without regard to case; the
    job ids give those that the job reads or writes. UsageError for an unknown ``sort_by``, NotFound
    for an unknown workflow."""
    if sort_by not in _SORTS:
        raise UsageError(
            f"user data cannot be sorted by {sort_by!r}", hint="one of " + ", ".join(_SORTS)
        )
    text, values = f"SELECT {_COLUMNS} FROM user_data WHERE workflow_id = ?", [workflow_id]
    if name is not None:
        text += " AND name LIKE ?" if _connect.is_sqlite(connection) else " AND name ILIKE ?"
        values.append(name)  # type: ignore[arg-type] # parameters may be anything
    if is_ephemeral is not None:
        text += " AND is_ephemeral" if is_ephemeral else " AND NOT is_ephemeral"
    for column, job_id in (
        ("input_user_data", consumer_job_id),
        ("output_user_data", producer_job_id),
    ):
        if job_id is not None:
            text += (
                " AND id IN (SELECT g.user_data_id FROM user_data_group g "
                f"JOIN job j ON j.{column} = g.group_id WHERE j.id = ?)"
            )
            values.append(job_id)
    direction = " DESC" if reverse else ""
    text += f" ORDER BY {sort_by}{direction}, id{direction}"
    if limit is not None or offset:
        text += " LIMIT ? OFFSET ?"
        values += [1 << 62 if limit is None else limit, offset]
    with Transaction(connection, write=False):
        rows = run(connection, text, values).fetchall()
        if not rows:
            _exists(connection, workflow_id)
        return [_record(row) for row in rows]


def missing(connection: Dbapi, workflow_id: int) -> list[int]:
    """The ids of null records that some job reads and nobody will write: without a producer, or all
    of them done."""
    with Transaction(connection, write=False):
        _exists(connection, workflow_id)
        rows = run(
            connection,
            "SELECT id FROM user_data WHERE workflow_id = ? AND data IS NULL AND id IN ("
            "SELECT user_data_id FROM user_data_group WHERE group_id IN ("
            "SELECT input_user_data FROM job WHERE workflow_id = ?)) AND id NOT IN ("
            "SELECT user_data_id FROM user_data_group WHERE group_id IN ("
            "SELECT output_user_data FROM job WHERE workflow_id = ? AND status NOT IN (5, 6, 7, 8))) ORDER BY id",
            (workflow_id, workflow_id, workflow_id),
        )
        return [row[0] for row in rows.fetchall()]


def history(connection: Dbapi, ref: int | str, workflow_id: int | None = None) -> list[Record]:
    """All versions of a record, the oldest first: {version, data, written_at, actor, job_id,
    run_id, attempt_id}."""
    with Transaction(connection, write=False):
        record_id = _find(connection, ref, workflow_id)[0]
        rows = run(
            connection,
            "SELECT version, data, written_at, actor, job_id, run_id, attempt_id FROM user_data_version "
            "WHERE user_data_id = ? ORDER BY version",
            (record_id,),
        ).fetchall()
    names = ("version", "data", "written_at", "actor", "job_id", "run_id", "attempt_id")
    return [dict(zip(names, (row[0], loads(row[1]), *row[2:]), strict=True)) for row in rows]


def restore(
    connection: Dbapi,
    ref: int | str,
    version: int,
    *,
    at: float,
    workflow_id: int | None = None,
    expected_version: int | None = None,
    actor: str | None = None,
    check: Check | None = None,
) -> Record:
    """Make the data of an old version the newest one; nothing of the history is lost. Version 0 is
    null. ``check`` is that of ``update``."""
    with Transaction(connection):
        row = _locked(connection, _find(connection, ref, workflow_id))
        old = run(
            connection,
            "SELECT data FROM user_data_version WHERE user_data_id = ? AND version = ?",
            (row[0], version),
        ).fetchone()
        if old is None and version != 0:
            raise NotFound(
                f"user data {row[0]} ({row[2]}) has no version {version}",
                hint=f"`torc user-data history {row[0]}` shows them",
            )
        data = loads(old[0]) if old else None
        return update(
            connection,
            row[0],
            at=at,
            data=data,
            expected_version=expected_version,
            actor=actor,
            check=check,
        )


def _find(connection: Dbapi, ref: int | str, workflow_id: int | None) -> Sequence[Any]:
    """The row that ``ref`` means, by the law of numbers at the head of this file."""
    number = (
        int(ref)
        if isinstance(ref, int) or (ref.isdecimal() and ref.isascii() and len(ref) < 19)
        else None
    )
    row = None
    if (
        number is not None and number < 1 << 31
    ):  # ids are smaller, and PostgreSQL refuses to compare larger ones
        row = run(connection, _BY_ID, (number,)).fetchone()
        if row is not None and workflow_id in (None, row[1]):
            return row  # type: ignore[no-any-return] # a driver's row
    if workflow_id is not None:
        named = run(connection, _BY_NAME, (workflow_id, str(ref))).fetchone()
        if named is not None:
            return named  # type: ignore[no-any-return] # a driver's row
    if row is not None:
        return row  # type: ignore[no-any-return] # a driver's row
    if number is not None and workflow_id is None:
        raise NotFound(
            f"there is no user data {ref}",
            hint="`torc user-data list WORKFLOW` shows what there is",
        )
    if workflow_id is None:
        raise UsageError(
            f"{ref!r} is a name: say in which workflow", hint="name it with -w; a number is an id"
        )
    raise NotFound(
        f"workflow {workflow_id} has no user data {ref!r}",
        hint=_nearest(connection, workflow_id, str(ref)),
    )


def _nearest(connection: Dbapi, workflow_id: int, name: str) -> str:
    import difflib

    _exists(connection, workflow_id)
    rows = run(
        connection,
        "SELECT name FROM user_data WHERE workflow_id = ? ORDER BY id LIMIT 10000",
        (workflow_id,),
    )
    near = difflib.get_close_matches(name, [row[0] for row in rows.fetchall()], 1)
    return (
        f"did you mean {near[0]}?"
        if near
        else f"`torc user-data list {workflow_id}` shows what there is"
    )


def _record(row: Sequence[Any]) -> Record:
    return {
        "id": row[0],
        "workflow_id": row[1],
        "name": row[2],
        "is_ephemeral": bool(row[3]),
        "data": loads(row[4]),
        "version": row[5],
    }


def _lock(connection: Dbapi, workflow_id: int) -> None:
    """Take the row of the workflow before any other, as every writer does; a writer on SQLite is
    alone already."""
    text = "SELECT id FROM workflow WHERE id = ?"
    if not _connect.is_sqlite(connection):
        text += " FOR UPDATE"
    if run(connection, text, (workflow_id,)).fetchone() is None:
        raise no_workflow(workflow_id)


def _locked(connection: Dbapi, row: Sequence[Any]) -> Sequence[Any]:
    """The same row, read again while nobody else can write it."""
    if _connect.is_sqlite(connection):
        return row
    _lock(connection, row[1])
    return _find(connection, row[0], None)


def _exists(connection: Dbapi, workflow_id: int) -> None:
    if run(connection, "SELECT 1 FROM workflow WHERE id = ?", (workflow_id,)).fetchone() is None:
        raise no_workflow(workflow_id)


def _check_name(connection: Dbapi, workflow_id: int, name: str) -> None:
    if not name or "\0" in name:
        raise UsageError("a record needs a name")
    if run(connection, _BY_NAME, (workflow_id, name)).fetchone() is not None:
        raise Conflict(
            f"workflow {workflow_id} has user data {name!r} already",
            hint="take another name, or update it",
        )


def _keep(
    connection: Dbapi,
    record_id: int,
    version: int,
    text: str | None,
    at: float,
    actor: str | None,
    job: Writer | None,
) -> None:
    """Write the version into the history."""
    run(
        connection,
        "INSERT INTO user_data_version (user_data_id, version, data, written_at, actor, job_id, run_id, attempt_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (record_id, version, text, at, actor, *(job or (None, None, None))),
    )


def _remove(
    connection: Dbapi, workflow_id: int, rows: Sequence[Sequence[Any]], at: float, actor: str | None
) -> None:
    """Delete rows; their history goes with them by its foreign key."""
    for row in rows:
        run(connection, "DELETE FROM user_data_group WHERE user_data_id = ?", (row[0],))
        run(connection, "DELETE FROM user_data WHERE id = ?", (row[0],))
    told = [("user_data_deleted", None, {"user_data_id": row[0], "name": row[2]}) for row in rows]
    if told:
        append(connection, workflow_id, told, at=at, actor=actor)
