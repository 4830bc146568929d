"""Read and update a record of user data: JSON that flows between jobs.

Input: a connection, the id or name of a record, a value. Output: the record as users see it:
``{id, workflow_id, name, is_ephemeral, data, version}``.

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
from torc_tui.store.event_log import append, check_workflow, no_workflow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from torc_tui.store.connection import Connection

    Check = Callable[[Any, Any], Sequence[str]]
    """Return how a value violates a JSON Schema, a sentence each."""

    Record = dict[str, Any]
    Found = sql.ListUserDataRow

_LARGEST_ID = (1 << 31) - 1


class Author:
    """Who writes a version, and when: an attempt of a job, or else a person.

    ``job`` is (job id, run id, attempt id).
    """

    __slots__ = ("actor", "at", "job")

    def __init__(
        self, at: float, *, actor: str | None = None, job: tuple[int, int, int] | None = None
    ) -> None:
        self.at = at
        self.actor = actor
        self.job = job

    @property
    def job_id(self) -> int | None:
        """Return the id of the job; None if a person writes."""
        return None if self.job is None else self.job[0]


def get(conn: Connection, ref: int | str, workflow_id: int | None = None) -> Record:
    """Return the record ``ref``: an id, or a name, which needs the workflow.

    Raise NotFound, with the nearest name.
    """
    with conn.read():
        return as_record(find(conn, ref, workflow_id))


def update(
    conn: Connection,
    ref: int | str,
    changes: Mapping[str, Any],
    author: Author,
    *,
    workflow_id: int | None = None,
    expected_version: int | None = None,
    check: Check | None = None,
) -> Record:
    """Change the ``data``, ``name`` or ``is_ephemeral`` of a record and return it.

    With ``expected_version``, raise Conflict if the record has another version now. ``check`` is
    called for new data of a record that has a schema; a violation becomes an event, and the data
    is stored nevertheless.
    """
    text = _encoded(changes.get("data"))
    with conn.write():
        row = find_locked(conn, ref, workflow_id)
        if expected_version is not None and row.version != expected_version:
            raise Conflict(
                f"user data {row.id} ({row.name}) is at version {row.version} now,"
                f" not {expected_version}",
                hint="read it again, and repeat the change if it is still right",
            )
        old: Record = {
            "name": row.name,
            "is_ephemeral": row.is_ephemeral,
            "data": row.data,
            "version": row.version,
        }
        new = {**old, **changes}
        if "data" in changes:
            new |= {"data": text, "version": row.version + 1}
        if new == old:
            return as_record(row)
        if new["name"] != row.name:
            check_name(conn, row.workflow_id, new["name"])
        conn.execute(sql.UPDATE_USER_DATA, id=row.id, **new)
        if "data" in changes:
            add_version(conn, row.id, new["version"], text, author)
        described = {"user_data_id": row.id, "name": new["name"], "version": new["version"]}
        news = [("user_data_updated", author.job_id, described)]
        if check is not None and text is not None:
            schema = loads(conn.value(sql.USER_DATA_SCHEMA, id=row.id))
            wrong = check(changes["data"], schema) if schema is not None else ()
            if wrong:
                news.append(_violation(wrong, described, author))
        append(conn, row.workflow_id, news, at=author.at, actor=author.actor)
        data = changes["data"] if "data" in changes else loads(row.data)
        return {"id": row.id, "workflow_id": row.workflow_id, **new, "data": data}


def _encoded(value: Any) -> str | None:
    return None if value is None else dumps(value)


def _violation(
    wrong: Sequence[str], described: Record, author: Author
) -> tuple[str, int | None, Record]:
    """Return the event that says how a value violates the schema of its record."""
    from torc_tui.reasons import Kind, because

    reason = because(Kind.SCHEMA_MISMATCH, name=str(described["name"]), violations=tuple(wrong))
    message = reason.to_json()
    if author.job is None:
        return ("user_data_warning", None, {**described, "message": message})
    return ("job_warning", author.job_id, {"message": message, "attempt": author.job[2]})


# -- what the changes of records need, too ---------------------------------------------------------


def find(conn: Connection, ref: int | str, workflow_id: int | None) -> Found:
    """Return the row of the record ``ref``; raise NotFound, with the nearest name."""
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
    from torc_tui.quoting import nearest

    check_workflow(conn, workflow_id)
    names = [row.name for row in conn.rows(sql.USER_DATA_NAMES, workflow_id=workflow_id)]
    near = nearest(name, names)
    return (
        f"did you mean {near}?"
        if near
        else f"`torc user-data list {workflow_id}` shows all records"
    )


def find_locked(conn: Connection, ref: int | str, workflow_id: int | None) -> Found:
    """Return the row of the record ``ref``, which only this transaction can write now."""
    row = find(conn, ref, workflow_id)
    if conn.dialect == "sqlite":  # SQLite has one writer at a time
        return row
    lock_workflow(conn, row.workflow_id)
    return find(conn, row.id, None)


def lock_workflow(conn: Connection, workflow_id: int) -> None:
    """Lock the row of the workflow, which every writer does first; raise NotFound."""
    if conn.value(sql.LOCK_WORKFLOW, workflow_id=workflow_id) is None:
        raise no_workflow(workflow_id)


def check_name(conn: Connection, workflow_id: int, name: str) -> None:
    """Raise UsageError or Conflict for a name that a record cannot have."""
    if not name or "\0" in name:
        raise UsageError("a record needs a name")
    if conn.value(sql.USER_DATA_BY_NAME, workflow_id=workflow_id, name=name) is not None:
        raise Conflict(
            f"workflow {workflow_id} already has user data {name!r}",
            hint="choose another name, or update that record",
        )


def add_version(
    conn: Connection, record_id: int, version: int, text: str | None, author: Author
) -> None:
    """Add a version to the history of a record."""
    job_id, run_id, attempt_id = author.job or (None, None, None)
    conn.insert(
        sql.INSERT_USER_DATA_VERSIONS,
        user_data_id=record_id,
        version=version,
        data=text,
        written_at=author.at,
        actor=author.actor,
        job_id=job_id,
        run_id=run_id,
        attempt_id=attempt_id,
    )


def as_record(row: Found) -> Record:
    """Return a row as users see it."""
    return {
        "id": row.id,
        "workflow_id": row.workflow_id,
        "name": row.name,
        "is_ephemeral": row.is_ephemeral,
        "data": loads(row.data),
        "version": row.version,
    }
