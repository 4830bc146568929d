"""Execute named statements on one database connection.

Input: a statement of `torc_tui.store.sql` and its parameters by name. Output: rows whose values are
read by name. The SQL text comes from `torc_tui.store.generated`.

Invariants: the errors of the drivers leave this module as errors of `torc_tui.errors`. Nothing
slow is imported here (SQLAlchemy, typing, dataclasses, pathlib): a job may read and write user data
hundreds of times.
"""

from __future__ import annotations

from itertools import repeat
from operator import attrgetter, methodcaller

from torc_tui.errors import DatabaseBug, UsageError
from torc_tui.store import connect as drivers
from torc_tui.store import driver_errors, sql
from torc_tui.store.encoding import encode_path
from torc_tui.store.prepared import page, prepare, used

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any, ParamSpec, TypeVar

    from torc_tui.store.connect import Dbapi
    from torc_tui.store.prepared import PreparedStatement
    from torc_tui.store.selection import ListSelection
    from torc_tui.store.sql import BulkInsert, Listing

    P = ParamSpec("P")
    R = TypeVar("R")


_ALL, _FIRST, _CHANGED = methodcaller("fetchall"), methodcaller("fetchone"), attrgetter("rowcount")
_NOTHING = attrgetter("description")


class Connection:
    """A connection to a database, in autocommit mode outside of `read` and `write`."""

    __slots__ = ("_pipelines", "_used", "closed", "dialect", "pipeline", "place", "raw", "writing")

    def __init__(self, raw: Dbapi, place: str) -> None:
        """Wrap the driver's connection ``raw`` to ``place``, a path or a conninfo."""
        self.raw: Any = raw  # callers also use attributes that only one of the drivers has
        self.place = place
        self.dialect = "sqlite" if drivers.is_sqlite(raw) else "postgresql"
        self.closed = False
        self.writing = False
        self.pipeline: Any = None
        """The pipeline of a transaction that is `pipelined`, until its end or a bulk insert."""
        self._pipelines: Any = None
        self._used = used[self.dialect]

    # -- statements

    def _run(
        self,
        name: Any,
        values: Mapping[str, Any],
        read: Any,
        prepared: PreparedStatement | None = None,
    ) -> tuple[PreparedStatement, Any]:
        """Execute a statement; return it, and what ``read`` takes of the answer."""
        prepared = prepared or self._used.get(name) or prepare(self.dialect, name)
        try:
            return prepared, read(self.raw.execute(prepared.text, prepared.arrange(values)))
        except Exception as error:
            raise self.translated(error, name, values) from error

    def rows(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> list[R]:
        """Execute a statement and return all its rows."""
        prepared, found = self._run(statement, values, _ALL)
        return list(map(prepared.row, found))

    def stream(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> Iterator[R]:
        """Execute a statement and return its rows one by one: other threads go on meanwhile."""
        prepared, found = self._run(statement, values, _ALL)
        return map(prepared.row, found)

    def one(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> R | None:
        """Execute a statement and return its first row, or None."""
        prepared, found = self._run(statement, values, _FIRST)
        return None if found is None else prepared.row(found)

    def value(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> Any:
        """Execute a statement and return the first value of its first row, or None."""
        found = self._run(statement, values, _FIRST)[1]
        return None if found is None else found[0]

    def execute(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> int:
        """Execute a statement that returns no rows; return the number of rows it changed."""
        read = _CHANGED if self.pipeline is None else self._changed
        return int(self._run(statement, values, read)[1])

    def _changed(self, cursor: Any) -> int:
        """Wait for the answer of the last statement of a pipeline."""
        self.pipeline.sync()
        return int(cursor.rowcount)

    def send(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> None:
        """Execute a statement whose answer does not matter; a pipeline does not wait for it."""
        self._run(statement, values, _NOTHING)

    def many(self, statement: Callable[P, R], rows: Iterable[Mapping[str, Any]], /) -> None:
        """Execute a statement once for each of ``rows``, which hold its parameters by name."""
        if not rows:
            return
        name: Any = statement
        prepared = self._used.get(name) or prepare(self.dialect, name)
        arranged = list(map(prepared.arrange, rows))
        if not arranged:
            return
        try:
            self.raw.cursor().executemany(prepared.text, arranged)
        except Exception as error:
            raise self.translated(error, name, rows) from error

    def each(self, statement: Callable[P, R], job_ids: Iterable[int], /, **values: Any) -> None:
        """Execute a statement once for each of these jobs, with the same values."""
        self.many(statement, [{**values, "job_id": job_id} for job_id in job_ids])

    def insert(self, statement: BulkInsert, /, **columns: Any) -> None:
        """Insert rows in the fastest way of the driver.

        A list, tuple or range holds a value for each row, everything else is the value of all rows.
        A column that is not given has its default. Without any list one row is inserted.
        """
        name: Any = statement
        prepared = self._used.get(name) or prepare(self.dialect, name)
        lengths = {len(one) for one in columns.values() if isinstance(one, (list, tuple, range))}
        if len(lengths) > 1:
            raise ValueError(f"{name}: columns of different lengths: {sorted(lengths)}")
        count = lengths.pop() if lengths else 1
        if not count:
            return
        given = prepared.extra | columns
        if len(given) != len(prepared.names):
            raise TypeError(
                f"{name}: unknown or missing columns: {set(given) ^ set(prepared.names)}"
            )
        for path in prepared.paths:
            value = given[path]
            many = isinstance(value, (list, tuple))
            given[path] = list(map(encode_path, value)) if many else encode_path(value)
        rows = zip(*(_column(given[one], count) for one in prepared.names), strict=True)
        try:
            if self.dialect == "sqlite":
                self.raw.executemany(prepared.text, rows)
                return
            self.end_pipeline()  # COPY cannot be a part of one
            with self.raw.cursor() as cursor, cursor.copy(prepared.text) as copy:
                for row in rows:
                    copy.write_row(row)
        except Exception as error:
            raise self.translated(error, name, columns) from error

    def columns(self, statement: BulkInsert) -> dict[str, str]:
        """Return the columns that `insert` fills, each with the kind of its values."""
        name: Any = statement
        return (self._used.get(name) or prepare(self.dialect, name)).kinds

    def page(self, listing: Listing[R], wanted: ListSelection, /, **values: Any) -> list[R]:
        """Return the rows of a list that ``wanted`` selects; ``values`` are its parameters.

        Raise UsageError for an unknown order.
        """
        name: Any = listing
        values |= wanted.filters
        limit = (1 << 31) - 1 if wanted.limit is None else wanted.limit
        values |= {"limit": limit, "offset": wanted.offset}
        prepared = page(self.dialect, name, tuple(values), wanted.sort_by, wanted.reverse)
        return list(map(prepared.row, self._run(name, values, _ALL, prepared)[1]))

    def allocate(self, name: str, n: int = 1) -> int:
        """Return the first of ``n`` new ids of a table, in a row; no id is given twice."""
        return int(self.value(sql.ALLOCATE, name=name, n=n)) - n

    def data_version(self) -> int:
        """Return a number that changes when another connection writes to this SQLite file."""
        try:
            return int(self.raw.execute("PRAGMA data_version").fetchone()[0])
        except Exception as error:
            raise self.translated(error) from error

    # -- transactions

    @property
    def in_transaction(self) -> bool:
        """Return whether a transaction is open, or has failed and is not rolled back."""
        return self.pipeline is not None or drivers.in_transaction(self.raw)

    def read(self) -> Transaction:
        """Begin a transaction that sees one state of the database.

        Inside an open transaction, it is a part of that one.
        """
        return Transaction(self, write=False)

    def write(self, *, pipelined: bool = False) -> Transaction:
        """Begin a transaction that may write: committed at the end, rolled back by an exception.

        Inside an open transaction, it is a part of that one. Keep it short: on SQLite, nobody else
        can write meanwhile. A ``pipelined`` transaction waits for the answers of PostgreSQL only
        where rows are read: an error may come out of a later statement.
        """
        return Transaction(self, write=True, pipelined=pipelined)

    def begin_pipeline(self) -> None:
        """Wait for the answers of PostgreSQL only where they matter."""
        pipelines = self.raw.pipeline()
        self.pipeline, self._pipelines = pipelines.__enter__(), pipelines

    def end_pipeline(self, error: BaseException | None = None) -> None:
        """Wait for all answers; after an ``error``, further errors are ignored."""
        pipelines, self.pipeline, self._pipelines = self._pipelines, None, None
        if pipelines is None:
            return
        try:
            pipelines.__exit__(error and type(error), error, None)
        except Exception:
            if error is None:
                raise

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self.closed = True
        self.raw.close()

    def translated(
        self, error: Exception, statement: str = "", values: object = None
    ) -> BaseException:
        """Return the error of `torc_tui.errors` for an ``error`` of the driver."""
        if isinstance(error, (OverflowError, UnicodeEncodeError)) or driver_errors.is_data_error(
            error
        ):
            return UsageError(driver_errors.refused_value(error, values))
        if driver_errors.is_bug(error):
            return DatabaseBug(f"the database refused {statement or 'a statement'}: {error}")
        if driver_errors.is_driver_error(error):
            return driver_errors.translate(error, self.place)
        return error


class Transaction:
    """``with connection.write() as conn:`` the connection inside a transaction."""

    __slots__ = ("connection", "joined", "pipelined", "writes")

    def __init__(self, connection: Connection, *, write: bool, pipelined: bool = False) -> None:
        self.connection = connection
        self.writes = write
        self.joined = False
        self.pipelined = pipelined and connection.dialect == "postgresql"

    def __enter__(self) -> Connection:
        connection = self.connection
        self.joined = connection.in_transaction
        if self.joined and self.writes and not connection.writing:
            raise RuntimeError("a transaction that reads is open: nothing can be written in it")
        if not self.joined:
            connection.writing = self.writes
            try:
                if self.pipelined:
                    connection.begin_pipeline()
                drivers.begin(connection.raw, write=self.writes)
            except Exception as error:
                connection.end_pipeline(error)
                raise connection.translated(error) from error
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        connection = self.connection
        if self.joined:
            return
        if error is None and self.writes:
            try:
                self._commit()
            except Exception as failure:
                self._roll_back(failure)
                raise connection.translated(failure) from failure
            return
        self._roll_back(error)
        if isinstance(error, Exception):
            translated = connection.translated(error)
            if translated is not error:
                raise translated from error

    def _commit(self) -> None:
        connection = self.connection
        if connection.pipeline is None:
            connection.raw.commit()
        else:  # libpq learns only at the end of a pipeline that a transaction is open
            connection.raw.execute("COMMIT")
            connection.end_pipeline()

    def _roll_back(self, cause: BaseException | None) -> None:
        self.connection.end_pipeline(cause)  # an aborted pipeline executes nothing, no rollback
        try:
            self.connection.raw.rollback()
        except Exception as error:
            if not driver_errors.is_driver_error(error):
                raise


def _column(value: Any, count: int) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple, range)) else repeat(value, count)


def connect(url: str | None = None, *, read_only: bool = False) -> Connection:
    """Open an existing database of any version that may be read.

    Raise StoreUnavailable or SchemaMismatch if there is none of torc.
    """
    raw, place = drivers.connect(url, read_only=read_only)
    return Connection(raw, place)
