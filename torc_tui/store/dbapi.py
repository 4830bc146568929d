"""What every write needs, on a plain connection: a transaction, events, new ids, JSON as text.

What comes in: a DBAPI connection (sqlite3 or psycopg, in autocommit mode). What goes out: rows.
Statements stand here once, with ``?``; both ways to the database, the light one of ``user_data``
and SQLAlchemy's, use them.

Never here: SQLAlchemy, nor anything else that is slow to load; ``json`` is loaded by those
functions that need it.
"""

from __future__ import annotations

from torc_tui.errors import NotFound, UsageError
from torc_tui.store import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from torc_tui.store.connect import Dbapi

    Entry = tuple[str, int | None, Mapping[str, Any] | None]
    """An event to be: (kind, job id, data)."""

CHANNEL = "torc_event"
"""PostgreSQL's notifications of new events; the payload is the workflow's id."""

_TAKE = "UPDATE workflow SET last_seq = last_seq + ? WHERE id = ? RETURNING last_seq"
_TAKE_POSTGRESQL = f"UPDATE workflow SET last_seq = last_seq + %s WHERE id = %s RETURNING last_seq, pg_notify('{CHANNEL}', id::text)"
_ADD = "INSERT INTO event (workflow_id, seq, timestamp, kind, job_id, data, actor) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_POSTGRESQL = _ADD.replace("?", "%s")
_ALLOCATE = (
    "INSERT INTO counter (name, next) VALUES (?, 1 + ?) "
    "ON CONFLICT (name) DO UPDATE SET next = counter.next + excluded.next - 1 RETURNING next"
)


class Transaction:
    """``with Transaction(raw):`` a transaction that commits at the end and is rolled back by an
    exception. Inside one that is open already it is a part of that. A driver's errors leave it as
    errors of the store."""

    __slots__ = ("connection", "own", "write")

    def __init__(self, connection: Dbapi, *, write: bool = True) -> None:
        self.connection = connection
        self.write = write
        self.own = False

    def __enter__(self) -> None:
        self.own = not connect.in_transaction(self.connection)
        if self.own:
            try:
                connect.begin(self.connection, write=self.write)
            except Exception as error:
                self._raise(error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self.own and error is None:
            try:
                self.connection.commit()
            except Exception as failure:
                self._roll_back()
                self._raise(failure)
        elif self.own:
            self._roll_back()
        if error is not None and connect.is_driver_error(error):
            self._raise(error)

    def _roll_back(self) -> None:
        try:
            self.connection.rollback()
        except Exception as error:
            if not connect.is_driver_error(error):
                raise

    def _raise(self, error: BaseException) -> None:
        if connect.is_driver_error(error):
            raise connect.translate(error, connect.place_of(self.connection)) from error
        raise error


def run(connection: Dbapi, text: str, values: Sequence[Any] = ()) -> Any:
    """Execute ``text`` (with ``?``) and give the cursor."""
    if connect.is_sqlite(connection):
        return connection.execute(text, values)
    return connection.execute(text.replace("%", "%%").replace("?", "%s"), values)


def append(
    connection: Dbapi,
    workflow_id: int,
    events: Sequence[Entry],
    *,
    at: float,
    actor: str | None = None,
) -> int:
    """Write ``events`` of the moment ``at``; the last ``seq``. The workflow's row is held from here
    to the end of the transaction. NotFound when the workflow is gone. Without events it only takes
    the row."""
    light = connect.is_sqlite(connection)
    cursor = connection.execute(_TAKE if light else _TAKE_POSTGRESQL, (len(events), workflow_id))
    row = cursor.fetchone()
    if row is None:
        raise no_workflow(workflow_id)
    if not events:
        return int(row[0])
    last: int = row[0]
    first = last - len(events) + 1
    rows = [
        (workflow_id, seq, at, kind, job_id, dumps(data) if data else None, actor)
        for seq, (kind, job_id, data) in enumerate(events, first)
    ]
    if light:
        connection.executemany(_ADD, rows)
    else:
        cursor.executemany(_ADD_POSTGRESQL, rows)
    return last


def no_workflow(workflow_id: int) -> NotFound:
    """The error for a workflow that is not there."""
    return NotFound(
        f"there is no workflow {workflow_id}",
        hint="`torc workflows list` shows those that are there",
    )


def allocate(connection: Dbapi, name: str, n: int = 1) -> int:
    """The first of ``n`` new ids of the table ``name``, in a row. Never given twice."""
    return int(run(connection, _ALLOCATE, (name, n)).fetchone()[0]) - n


_encode: Any = None


def dumps(value: Any) -> str:
    """``value`` as compact JSON text, keys in their order. UsageError for what JSON cannot hold
    (NaN, Infinity)."""
    global _encode
    if _encode is None:
        import json

        _encode = json.JSONEncoder(
            ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode
    try:
        text: str = _encode(value)
    except ValueError as error:
        raise UsageError(
            f"this cannot be stored as JSON: {error}", hint="NaN and Infinity are not JSON"
        ) from None
    except RecursionError:
        raise UsageError("this cannot be stored as JSON: it is nested too deeply") from None
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: only its escape can be stored
        import json

        return json.dumps(value, separators=(",", ":"))
    return text


def loads(text: str | None) -> Any:
    """The value that ``text`` says; None for None."""
    if text is None:
        return None
    import json

    return json.loads(text)
