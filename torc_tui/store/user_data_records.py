"""Create, delete and list records of user data, and read their history.

Input: a connection, ids or names. Output: records as in `torc_tui.store.user_data`; for the app,
summaries: the author of each record, the jobs that use it, its state. They hold only the beginning
and the size of a value.

States: ``empty`` (null, and no job needs it yet), ``missing`` (null, a job that is ready or running
reads it, and no job is left that could write it), ``edited`` (by a person, since the workflow was
created), ``written`` (by a job, or when the workflow was created).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.errors import NotFound, Refused, UsageError
from torc_tui.records import dataclass
from torc_tui.status import JobStatus
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.event_log import append, check_workflow
from torc_tui.store.selection import ListSelection
from torc_tui.store.user_data import (
    Author,
    add_version,
    as_record,
    check_name,
    find,
    find_locked,
    get,
    lock_workflow,
    update,
)

if TYPE_CHECKING:
    from torc_tui.store.user_data import Check, Found, Record

    Users = sql.UserDataReadersRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record to create; the job ``consumer`` reads it, the job ``producer`` writes it."""

    name: str
    data: Any = None
    is_ephemeral: bool = False
    consumer: int | None = None
    producer: int | None = None


def create(conn: Connection, workflow_id: int, new: NewRecord, author: Author) -> Record:
    """Create a record and return it.

    A consumer waits for the producer. Raise Conflict for a name that is taken, Refused for a job
    that is already initialized, UsageError if the producer waits for the consumer.
    """
    text = None if new.data is None else dumps(new.data)
    version = int(text is not None)
    with conn.write():
        lock_workflow(conn, workflow_id)
        check_name(conn, workflow_id, new.name)
        record_id = conn.allocate("user_data")
        row: dict[str, Any] = {"id": record_id, "workflow_id": workflow_id, "name": new.name}
        row |= {"is_ephemeral": new.is_ephemeral, "data": text, "version": version}
        conn.insert(sql.INSERT_USER_DATA, **row)
        if version:
            add_version(conn, record_id, version, text, author)
        _connect_jobs(conn, workflow_id, record_id, new)
        described = {"user_data_id": record_id, "name": new.name, "version": version}
        news = [("user_data_created", author.job_id, described)]
        append(conn, workflow_id, news, at=author.at, actor=author.actor)
    return row | {"data": new.data}


def _connect_jobs(conn: Connection, workflow_id: int, record_id: int, new: NewRecord) -> None:
    """Let the consumer read the record and the producer write it."""
    if new.consumer is not None:
        _add_to_group(conn, workflow_id, record_id, new.consumer, "input_user_data")
    if new.producer is not None:
        _add_to_group(conn, workflow_id, record_id, new.producer, "output_user_data")
    if new.consumer is None or new.producer is None:
        return
    if conn.value(sql.WAITS_FOR, producer=new.producer, consumer=new.consumer) is not None:
        raise UsageError(
            f"job {new.producer} already waits for job {new.consumer}:"
            " they would wait for each other"
        )
    conn.execute(
        sql.DEPEND_ON_DATA,
        producer=new.producer,
        consumer=new.consumer,
        record_id=record_id,
        workflow_id=workflow_id,
    )


def _add_to_group(
    conn: Connection, workflow_id: int, record_id: int, job_id: int, column: str
) -> None:
    """Give a job a new group with the record and those of its old group, which jobs may share."""
    row = conn.one(sql.JOB_DATA_GROUPS, job_id=job_id)
    if row is None or row.workflow_id != workflow_id:
        raise NotFound(f"workflow {workflow_id} has no job {job_id}")
    if row.status != JobStatus.UNINITIALIZED:
        raise Refused(
            f"job {job_id} is already initialized; its user data can no longer change",
            hint="reset the workflow first",
        )
    groups = {"input_user_data": row.input_user_data, "output_user_data": row.output_user_data}
    group_id = conn.allocate("user_data_group")
    conn.execute(sql.COPY_DATA_GROUP, group_id=group_id, from_group=groups[column] or 0)
    conn.insert(
        sql.INSERT_USER_DATA_GROUPS,
        group_id=group_id,
        user_data_id=record_id,
        workflow_id=workflow_id,
    )
    conn.execute(sql.SET_DATA_GROUPS, job_id=job_id, **(groups | {column: group_id}))


def delete(
    conn: Connection, ref: int | str, author: Author, *, workflow_id: int | None = None
) -> Record:
    """Delete one record with its history; return the record as it was."""
    with conn.write():
        row = find_locked(conn, ref, workflow_id)
        return _delete(conn, row.workflow_id, [row], author)[0]


def delete_all(conn: Connection, workflow_id: int, author: Author) -> list[Record]:
    """Delete all records of a workflow; return the records as they were."""
    with conn.write():
        lock_workflow(conn, workflow_id)
        found = conn.rows(sql.USER_DATA_OF_WORKFLOW, workflow_id=workflow_id)
        return _delete(conn, workflow_id, found, author)


def _delete(
    conn: Connection, workflow_id: int, rows: Sequence[Found], author: Author
) -> list[Record]:
    """Delete rows; their foreign key deletes the history."""
    ids = [{"id": row.id} for row in rows]
    conn.many(sql.UNGROUP_USER_DATA, ids)
    conn.many(sql.DELETE_USER_DATA, ids)
    news = [("user_data_deleted", None, {"user_data_id": row.id, "name": row.name}) for row in rows]
    if news:
        append(conn, workflow_id, news, at=author.at, actor=author.actor)
    return [as_record(row) for row in rows]


def list_records(
    conn: Connection, workflow_id: int, wanted: ListSelection | None = None
) -> list[Record]:
    """Return the records of a workflow.

    Raise UsageError for an unknown order, NotFound for an unknown workflow.
    """
    with conn.read():
        rows = conn.page(sql.LIST_USER_DATA, wanted or ListSelection(), workflow_id=workflow_id)
        if not rows:
            check_workflow(conn, workflow_id)
        return [as_record(row) for row in rows]


def workflows_with(connection: Connection, name: str) -> set[int]:
    """Return the ids of the workflows that have a record of that name."""
    with connection.read() as conn:
        return {row.workflow_id for row in conn.rows(sql.WORKFLOWS_WITH_USER_DATA, name=name)}


def missing(conn: Connection, workflow_id: int) -> list[int]:
    """Return the ids of null records that a job reads and that no job will write any more."""
    with conn.read():
        check_workflow(conn, workflow_id)
        return [row.id for row in conn.rows(sql.MISSING_USER_DATA, workflow_id=workflow_id)]


def history(conn: Connection, ref: int | str, workflow_id: int | None = None) -> list[Record]:
    """Return all versions of a record, the oldest first.

    Each has version, data, written_at, actor, job_id, run_id and attempt_id.
    """
    with conn.read():
        rows = conn.rows(sql.USER_DATA_HISTORY, id=find(conn, ref, workflow_id).id)
    return [row._asdict() | {"data": loads(row.data)} for row in rows]


def restore(
    conn: Connection,
    ref: int | str,
    version: int,
    author: Author,
    *,
    workflow_id: int | None = None,
    expected_version: int | None = None,
    check: Check | None = None,
) -> Record:
    """Make the data of an old version the newest version; version 0 is null.

    ``expected_version`` and ``check`` are those of `update`.
    """
    with conn.read():
        row = find(conn, ref, workflow_id)
        old = conn.one(sql.USER_DATA_AT_VERSION, id=row.id, version=version)
    if old is None and version != 0:
        raise NotFound(
            f"user data {row.id} ({row.name}) has no version {version}",
            hint=f"`torc user-data history {row.id}` shows all versions",
        )
    changes = {"data": loads(old.data) if old else None}
    return update(conn, row.id, changes, author, expected_version=expected_version, check=check)


# -- what the app shows ----------------------------------------------------------------------------


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
        record = get(conn, record_id)
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
        get(conn, record_id)
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
