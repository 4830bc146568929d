"""Read, write and list user data: JSON records that flow between jobs.

Input: a connection, ids or names, values. Output: dicts as users see them: ``{id, workflow_id,
name, is_ephemeral, data, version}``.

Invariants
* Every write of data makes the next version, keeps it in the history and appends an event, in one
  transaction.
* A number names the record of that id if the workflow has one, and is a name otherwise.
* Nothing slow is imported here (SQLAlchemy, dataclasses, pathlib): a job may call this hundreds of
  times.
"""

from __future__ import annotations

from torc_tui.errors import Conflict, NotFound, UsageError
from torc_tui.store import sql
from torc_tui.store.connection import connect as connect
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.event_log import append, no_workflow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from torc_tui.store.connection import Connection

    Check = Callable[[Any, Any], Sequence[str]]
    """Given a value and a JSON Schema, return what is wrong with the value, in words."""

    Record = dict[str, Any]
    Writer = tuple[int, int, int]
    """The job that writes: (job id, run id, attempt id)."""

    Found = sql.ListUserDataRow

UNSET: Any = object()
"""Stands for an argument that was not given; None means JSON's null."""

_LARGEST_ID = (1 << 31) - 1


def get(conn: Connection, ref: int | str, workflow_id: int | None = None) -> Record:
    """Return the record ``ref``: an id, or a name, which needs the workflow.

    Raise NotFound, with the nearest name.
    """
    with conn.read():
        return _record(_find(conn, ref, workflow_id))


def update(
    conn: Connection,
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
    """Change what is given and return the record; ``data=None`` clears its value.

    With ``expected_version``, raise Conflict if the record has another version now. ``job`` is the
    attempt that writes, ``actor`` the person if no job does. ``check`` is asked about data of a
    record that has a schema; what it finds becomes an event and stops nothing.
    """
    text = None if data is UNSET or data is None else dumps(data)
    with conn.write():
        row = _locked(conn, ref, workflow_id)
        if expected_version is not None and row.version != expected_version:
            raise Conflict(
                f"user data {row.id} ({row.name}) is at version {row.version} now,"
                f" not {expected_version}",
                hint="read it again, and decide anew",
            )
        new: dict[str, Any] = {
            "name": row.name if name is None else name,
            "is_ephemeral": row.is_ephemeral if is_ephemeral is None else is_ephemeral,
            "data": row.data,
            "version": row.version,
        }
        if new["name"] != row.name:
            _check_name(conn, row.workflow_id, new["name"])
        if data is not UNSET:
            new |= {"data": text, "version": row.version + 1}
        old = (row.name, row.is_ephemeral, row.data, row.version)
        if (*new.values(),) == old:
            return _record(row)
        conn.execute(sql.UPDATE_USER_DATA, id=row.id, **new)
        if data is not UNSET:
            _keep(conn, row.id, new["version"], text, at, actor, job)
        described = {"user_data_id": row.id, "name": new["name"], "version": new["version"]}
        news = [("user_data_updated", job and job[0], described)]
        if check is not None and text is not None:
            news += _violations(conn, row.id, data, check, described, job)
        append(conn, row.workflow_id, news, at=at, actor=actor)
        value = loads(row.data) if data is UNSET else data
        return {"id": row.id, "workflow_id": row.workflow_id, **new, "data": value}


def _violations(
    conn: Connection,
    record_id: int,
    data: Any,
    check: Check,
    described: Record,
    job: Writer | None,
) -> list[tuple[str, int | None, Record]]:
    """Return the event that says how a value violates the schema of its record, if it does."""
    schema = loads(conn.value(sql.USER_DATA_SCHEMA, id=record_id))
    wrong = check(data, schema) if schema is not None else ()
    if not wrong:
        return []
    from torc_tui.reasons import Kind, because

    reason = because(Kind.SCHEMA_MISMATCH, name=str(described["name"]), violations=tuple(wrong))
    message = reason.to_json()
    if job is None:
        return [("user_data_warning", None, {**described, "message": message})]
    return [("job_warning", job[0], {"message": message, "attempt": job[2]})]


def create(
    conn: Connection,
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
    """Create a record and return it.

    The job ``consumer_job_id`` reads it, ``producer_job_id`` writes it; if both are given, the
    consumer waits for the producer. Raise Conflict for a name that is taken, Refused for jobs that
    are already initialized.
    """
    from torc_tui.store import data_links  # not needed to read and write values

    text = None if data is None else dumps(data)
    version = int(text is not None)
    with conn.write():
        _lock(conn, workflow_id)
        _check_name(conn, workflow_id, name)
        record_id = conn.allocate("user_data")
        conn.execute(
            sql.ADD_USER_DATA,
            id=record_id,
            workflow_id=workflow_id,
            name=name,
            is_ephemeral=is_ephemeral,
            data=text,
            version=version,
            declared=True,
        )
        if version:
            _keep(conn, record_id, 1, text, at, actor, job)
        data_links.link(conn, workflow_id, record_id, consumer_job_id, producer_job_id)
        described = {"user_data_id": record_id, "name": name, "version": version}
        news = [("user_data_created", job and job[0], described)]
        append(conn, workflow_id, news, at=at, actor=actor)
        return {
            "id": record_id,
            "workflow_id": workflow_id,
            "name": name,
            "is_ephemeral": is_ephemeral,
            "data": data,
            "version": version,
        }


def delete(
    conn: Connection,
    ref: int | str,
    *,
    at: float,
    workflow_id: int | None = None,
    actor: str | None = None,
) -> Record:
    """Delete one record with its history; return the record as it was."""
    with conn.write():
        row = _locked(conn, ref, workflow_id)
        _remove(conn, row.workflow_id, [row], at, actor)
        return _record(row)


def delete_all(
    conn: Connection, workflow_id: int, *, at: float, actor: str | None = None
) -> list[Record]:
    """Delete all records of a workflow; return the records as they were."""
    with conn.write():
        _lock(conn, workflow_id)
        found = conn.rows(sql.USER_DATA_OF_WORKFLOW, workflow_id=workflow_id)
        _remove(conn, workflow_id, found, at, actor)
        return [_record(row) for row in found]


def list_records(
    conn: Connection,
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
    """Return the records of a workflow.

    ``name`` is a pattern of SQL's LIKE, without regard to case; the job ids select the records that
    the job reads or writes. Raise UsageError for an unknown ``sort_by``, NotFound for an unknown
    workflow.
    """
    where = {
        "workflow_id": workflow_id,
        "name": name,
        "is_ephemeral": is_ephemeral,
        "consumer": consumer_job_id,
        "producer": producer_job_id,
    }
    with conn.read():
        rows = conn.page(
            sql.LIST_USER_DATA,
            where=where,
            sort_by=sort_by,
            reverse=reverse,
            limit=limit,
            offset=offset,
        )
        if not rows:
            _check_workflow(conn, workflow_id)
        return [_record(row) for row in rows]


def missing(conn: Connection, workflow_id: int) -> list[int]:
    """Return the ids of null records that a job reads and that no job will write any more."""
    with conn.read():
        _check_workflow(conn, workflow_id)
        return [row.id for row in conn.rows(sql.MISSING_USER_DATA, workflow_id=workflow_id)]


def history(conn: Connection, ref: int | str, workflow_id: int | None = None) -> list[Record]:
    """Return all versions of a record, the oldest first.

    Each has version, data, written_at, actor, job_id, run_id and attempt_id.
    """
    with conn.read():
        rows = conn.rows(sql.USER_DATA_HISTORY, id=_find(conn, ref, workflow_id).id)
    return [row._asdict() | {"data": loads(row.data)} for row in rows]


def restore(
    conn: Connection,
    ref: int | str,
    version: int,
    *,
    at: float,
    workflow_id: int | None = None,
    expected_version: int | None = None,
    actor: str | None = None,
    check: Check | None = None,
) -> Record:
    """Make the data of an old version the newest one; the history keeps everything.

    Version 0 is null. ``check`` is that of `update`.
    """
    with conn.read():
        row = _find(conn, ref, workflow_id)
        old = conn.one(sql.USER_DATA_AT_VERSION, id=row.id, version=version)
    if old is None and version != 0:
        raise NotFound(
            f"user data {row.id} ({row.name}) has no version {version}",
            hint=f"`torc user-data history {row.id}` shows all versions",
        )
    return update(
        conn,
        row.id,
        at=at,
        data=loads(old.data) if old else None,
        expected_version=expected_version,
        actor=actor,
        check=check,
    )


def _find(conn: Connection, ref: int | str, workflow_id: int | None) -> Found:
    """Return the row that ``ref`` means, by the rule for numbers at the head of this file."""
    text = str(ref)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
    row: Found | None = None
    if number is not None and number <= _LARGEST_ID:
        row = conn.one(sql.USER_DATA_BY_ID, id=number)
        if row is not None and workflow_id in (None, row.workflow_id):
            return row
    if workflow_id is not None:
        row = conn.one(sql.USER_DATA_BY_NAME, workflow_id=workflow_id, name=text) or row
    if row is not None:
        return row
    if workflow_id is not None:
        raise NotFound(
            f"workflow {workflow_id} has no user data {text!r}",
            hint=_nearest(conn, workflow_id, text),
        )
    if number is not None:
        raise NotFound(
            f"there is no user data {text}", hint="`torc user-data list WORKFLOW` shows all records"
        )
    raise UsageError(
        f"{text!r} is a name: say in which workflow", hint="name it with -w; a number is an id"
    )


def _nearest(conn: Connection, workflow_id: int, name: str) -> str:
    import difflib

    _check_workflow(conn, workflow_id)
    names = [row.name for row in conn.rows(sql.USER_DATA_NAMES, workflow_id=workflow_id)]
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"`torc user-data list {workflow_id}` shows all records"


def _record(row: Found) -> Record:
    return {
        "id": row.id,
        "workflow_id": row.workflow_id,
        "name": row.name,
        "is_ephemeral": row.is_ephemeral,
        "data": loads(row.data),
        "version": row.version,
    }


def _lock(conn: Connection, workflow_id: int) -> None:
    """Take the row of the workflow before any other, as every writer does."""
    if conn.value(sql.LOCK_WORKFLOW, workflow_id=workflow_id) is None:
        raise no_workflow(workflow_id)


def _locked(conn: Connection, ref: int | str, workflow_id: int | None) -> Found:
    """Return the row that ``ref`` means, while nobody else can write it."""
    row = _find(conn, ref, workflow_id)
    if conn.dialect == "sqlite":  # a writer on SQLite is alone
        return row
    _lock(conn, row.workflow_id)
    return _find(conn, row.id, None)


def _check_workflow(conn: Connection, workflow_id: int) -> None:
    if conn.value(sql.WORKFLOW_EXISTS, workflow_id=workflow_id) is None:
        raise no_workflow(workflow_id)


def _check_name(conn: Connection, workflow_id: int, name: str) -> None:
    if not name or "\0" in name:
        raise UsageError("a record needs a name")
    if conn.value(sql.USER_DATA_BY_NAME, workflow_id=workflow_id, name=name) is not None:
        raise Conflict(
            f"workflow {workflow_id} already has user data {name!r}",
            hint="choose another name, or update that record",
        )


def _keep(
    conn: Connection,
    record_id: int,
    version: int,
    text: str | None,
    at: float,
    actor: str | None,
    job: Writer | None,
) -> None:
    """Write a version into the history."""
    job_id, run_id, attempt_id = job or (None, None, None)
    conn.execute(
        sql.ADD_USER_DATA_VERSION,
        user_data_id=record_id,
        version=version,
        data=text,
        written_at=at,
        actor=actor,
        job_id=job_id,
        run_id=run_id,
        attempt_id=attempt_id,
    )


def _remove(
    conn: Connection, workflow_id: int, rows: Sequence[Found], at: float, actor: str | None
) -> None:
    """Delete rows; their history goes with them by its foreign key."""
    ids = [{"id": row.id} for row in rows]
    conn.many(sql.UNGROUP_USER_DATA, ids)
    conn.many(sql.DELETE_USER_DATA, ids)
    news = [("user_data_deleted", None, {"user_data_id": row.id, "name": row.name}) for row in rows]
    if news:
        append(conn, workflow_id, news, at=at, actor=actor)
