"""Execute named statements on one database connection.

Input: a statement of `torc_tui.store.sql` and its parameters by name. Output: rows whose values are
read by name. The SQL text comes from `torc_tui.store.generated`.

Invariants: the errors of the drivers leave this module as errors of `torc_tui.errors`. Nothing
slow is imported here (SQLAlchemy, typing, dataclasses, pathlib): a job may read and write user data
hundreds of times.
"""

from __future__ import annotations

from itertools import repeat
from operator import itemgetter

from torc_tui.errors import DatabaseBug, UsageError
from torc_tui.store import connect as drivers
from torc_tui.store import driver_errors, sql
from torc_tui.store.encoding import decode_path, encode_path, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, ParamSpec, TypeVar

    from torc_tui.store.schema_version import Dbapi
    from torc_tui.store.sql import BulkInsert, Listing

    P = ParamSpec("P")
    R = TypeVar("R")


class Row(tuple):  # type: ignore[type-arg] # the values of one row have different types
    """A row of a result, read by name: ``row.status``.

    SQLite has no booleans: a boolean is 0 or 1 if the row is unpacked, and a bool if it is read by
    name.
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _kinds: Mapping[int, str] = {}

    def _asdict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields}

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({values})"


def record(row: Any) -> dict[str, Any]:
    """Return a row as programs read it: JSON and reasons decoded, statuses by their names."""
    found = dict(zip(row._fields, row, strict=True))
    for place, kind in row._kinds.items():
        name, value = row._fields[place], row[place]
        if value is None:
            continue
        if kind == "boolean":
            found[name] = bool(value)
        elif kind == "json":
            found[name] = loads(value)
        elif kind == "path":
            found[name] = decode_path(value)
        elif kind == "reason":
            from torc_tui.reasons import decode

            found[name] = decode(value)
        else:
            from torc_tui.status import JobStatus

            found[name] = JobStatus(value).word
    return found


class Prepared:
    """A statement as one driver executes it."""

    __slots__ = ("arrange", "extra", "names", "paths", "row", "text")

    def __init__(
        self,
        name: str,
        text: str,
        names: tuple[str, ...],
        columns: tuple[str, ...],
        kinds: dict[int, str],
        extra: Any,
        paths: tuple[str, ...] = (),
    ) -> None:
        self.text = text
        self.names = names
        self.arrange = _with_paths(_arranger(names), paths) if paths else _arranger(names)
        self.paths = paths
        self.row: Any = _row_class(name, columns, kinds)
        self.extra = extra


def _arranger(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a function that puts values by name into the order of a statement's parameters."""
    if len(names) > 1:
        return itemgetter(*names)
    if names:
        only = names[0]
        return lambda values: (values[only],)
    return lambda values: ()


def _with_paths(
    arrange: Callable[[Mapping[str, Any]], tuple[Any, ...]], paths: tuple[str, ...]
) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Encode the values that are paths before they are arranged."""

    def arranged(values: Mapping[str, Any]) -> tuple[Any, ...]:
        return arrange({**values, **{path: encode_path(values[path]) for path in paths}})

    return arranged


def _row_class(name: str, columns: tuple[str, ...], kinds: dict[int, str]) -> type[Row]:
    members: dict[str, Any] = {"__slots__": (), "_fields": columns, "_kinds": kinds}
    for place, column in enumerate(columns):
        kind = kinds.get(place)
        read: Any = itemgetter(place)
        if kind == "boolean":
            read = _boolean(place)
        elif kind == "path":
            read = _path(place)
        members[column] = property(read)
    return type(name, (Row,), members)


def _path(place: int) -> Callable[[Row], str | None]:
    def read(row: Row) -> str | None:
        return decode_path(row[place])

    return read


def _boolean(place: int) -> Callable[[Row], bool | None]:
    def read(row: Row) -> bool | None:
        value = row[place]
        return None if value is None else bool(value)

    return read


_prepared: dict[str, dict[str, Prepared]] = {"sqlite": {}, "postgresql": {}}
"""Statements that were used, by dialect and name."""


def _prepare(dialect: str, name: str) -> Prepared:
    concern, _, own = name.partition(".")
    module = __import__(f"torc_tui.store.generated.{dialect}_{concern}", fromlist=["STATEMENTS"])
    found = _prepared[dialect][name] = Prepared(own, *module.STATEMENTS[own])
    return found


class Connection:
    """A connection to a database, in autocommit mode outside of `read` and `write`."""

    __slots__ = ("_prepared", "closed", "dialect", "place", "raw", "writing")

    def __init__(self, raw: Dbapi, place: str) -> None:
        """Wrap the driver's connection ``raw`` to ``place``, a path or a conninfo."""
        self.raw = raw
        self.place = place
        self.dialect = "sqlite" if drivers.is_sqlite(raw) else "postgresql"
        self.closed = False
        self.writing = False
        self._prepared = _prepared[self.dialect]

    # -- statements

    def rows(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> list[R]:
        """Execute a statement and return all its rows."""
        name: Any = statement
        prepared = self._prepared.get(name) or _prepare(self.dialect, name)
        try:
            found = self.raw.execute(prepared.text, prepared.arrange(values)).fetchall()
        except Exception as error:
            raise self.translated(error, name, values) from error
        return list(map(prepared.row, found))

    def one(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> R | None:
        """Execute a statement and return its first row, or None."""
        name: Any = statement
        prepared = self._prepared.get(name) or _prepare(self.dialect, name)
        try:
            found = self.raw.execute(prepared.text, prepared.arrange(values)).fetchone()
        except Exception as error:
            raise self.translated(error, name, values) from error
        return None if found is None else prepared.row(found)

    def value(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> Any:
        """Execute a statement and return the first value of its first row, or None."""
        name: Any = statement
        prepared = self._prepared.get(name) or _prepare(self.dialect, name)
        try:
            found = self.raw.execute(prepared.text, prepared.arrange(values)).fetchone()
        except Exception as error:
            raise self.translated(error, name, values) from error
        return None if found is None else found[0]

    def execute(self, statement: Callable[P, R], /, *_: P.args, **values: P.kwargs) -> int:
        """Execute a statement that returns no rows; return the number of rows it changed."""
        name: Any = statement
        prepared = self._prepared.get(name) or _prepare(self.dialect, name)
        try:
            changed = self.raw.execute(prepared.text, prepared.arrange(values)).rowcount
        except Exception as error:
            raise self.translated(error, name, values) from error
        return int(changed)

    def many(self, statement: Callable[P, R], rows: Iterable[Mapping[str, Any]], /) -> None:
        """Execute a statement once for each of ``rows``, which hold its parameters by name."""
        name: Any = statement
        prepared = self._prepared.get(name) or _prepare(self.dialect, name)
        arranged = list(map(prepared.arrange, rows))
        if not arranged:
            return
        try:
            self.raw.cursor().executemany(prepared.text, arranged)
        except Exception as error:
            raise self.translated(error, name, rows) from error

    def insert(self, statement: BulkInsert, /, **columns: Any) -> None:
        """Insert rows by the fastest way of the driver.

        A list, tuple or range holds a value for each row, everything else is the value of all rows.
        A column that is not given has its default. Without any list one row is inserted.
        """
        name: Any = statement
        prepared = self._prepared.get(name) or _prepare(self.dialect, name)
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
            with self.raw.cursor() as cursor, cursor.copy(prepared.text) as copy:
                for row in rows:
                    copy.write_row(row)
        except Exception as error:
            raise self.translated(error, name, columns) from error

    def page(
        self,
        listing: Listing[R],
        /,
        *,
        where: Mapping[str, Any],
        sort_by: str = "id",
        reverse: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[R]:
        """Return a part of a list: rows that pass all filters of ``where``, sorted.

        ``where`` holds the parameters of the list and the filters by name; a filter whose value is
        None is left out. Raise UsageError for an unknown order.
        """
        name: Any = listing
        values = {key: value for key, value in where.items() if value is not None}
        values |= {"limit": (1 << 31) - 1 if limit is None else limit, "offset": offset}
        prepared = self._page(name, tuple(values), sort_by, reverse)
        try:
            found = self.raw.execute(prepared.text, prepared.arrange(values)).fetchall()
        except Exception as error:
            raise self.translated(error, name, values) from error
        return list(map(prepared.row, found))

    def _page(self, name: str, keys: tuple[str, ...], sort_by: str, reverse: bool) -> Prepared:
        """Return the statement of a page, composed of the generated parts of its list."""
        base = self._prepared.get(name) or _prepare(self.dialect, name)
        filters, sorts = base.extra
        if sort_by not in sorts:
            known = ", ".join(sorts)
            raise UsageError(
                f"this list cannot be sorted by {sort_by!r}", hint=f"sort by one of {known}"
            )
        order = sorts[sort_by][reverse]
        key = f"{name} {' '.join(keys)} {order}"
        found = self._prepared.get(key)
        if found is None:
            parts = [base.text, *(filters[one] for one in keys if one in filters)]
            text = f"{' AND '.join(parts)} ORDER BY {order} LIMIT {{limit}} OFFSET {{offset}}"
            marks = _Marks("?" if self.dialect == "sqlite" else "$")
            text = text.format_map(marks)
            found = Prepared(name, text, tuple(marks), (), {}, None)
            found.row = base.row
            self._prepared[key] = found
        return found

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

    def read(self) -> Transaction:
        """Begin a transaction that sees one state of the database.

        If one is open, it is a part of that one.
        """
        return Transaction(self, write=False)

    def write(self) -> Transaction:
        """Begin a transaction that may write: committed at the end, rolled back by an exception.

        If one is open, it is a part of that one. Keep it short: on SQLite nobody else can write
        meanwhile.
        """
        return Transaction(self, write=True)

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self.closed = True
        self.raw.close()

    def translated(
        self, error: Exception, statement: str = "", values: object = None
    ) -> BaseException:
        """Return the error of ours that says what the driver's ``error`` means."""
        if isinstance(error, (OverflowError, UnicodeEncodeError)) or driver_errors.is_data_error(
            error
        ):
            return UsageError(_refused(error, values))
        if driver_errors.is_bug(error):
            return DatabaseBug(f"the database refused {statement or 'a statement'}: {error}")
        if driver_errors.is_driver_error(error):
            return driver_errors.translate(error, self.place)
        return error


class Transaction:
    """``with connection.write() as conn:`` the connection inside a transaction."""

    __slots__ = ("connection", "joined", "writes")

    def __init__(self, connection: Connection, *, write: bool) -> None:
        self.connection = connection
        self.writes = write
        self.joined = False

    def __enter__(self) -> Connection:
        connection = self.connection
        self.joined = drivers.in_transaction(connection.raw)
        if self.joined and self.writes and not connection.writing:
            raise RuntimeError("a transaction that reads is open: nothing can be written in it")
        if not self.joined:
            connection.writing = self.writes
            try:
                drivers.begin(connection.raw, write=self.writes)
            except Exception as error:
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
                connection.raw.commit()
            except Exception as failure:
                self._roll_back()
                raise connection.translated(failure) from failure
            return
        self._roll_back()
        if isinstance(error, Exception):
            translated = connection.translated(error)
            if translated is not error:
                raise translated from error

    def _roll_back(self) -> None:
        try:
            self.connection.raw.rollback()
        except Exception as error:
            if not driver_errors.is_driver_error(error):
                raise


class _Marks(dict[str, str]):
    """Number the parameters of a text in the order of their first use."""

    def __init__(self, sign: str) -> None:
        self.sign = sign

    def __missing__(self, name: str) -> str:
        mark = self[name] = f"{self.sign}{len(self) + 1}"
        return mark


def _column(value: Any, count: int) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple, range)) else repeat(value, count)


def _refused(error: Exception, values: object) -> str:
    """Say which value the database cannot hold."""
    for value in _flat(values):
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            return f"{value} is too large for the database"
        if isinstance(value, str):
            if "\0" in value:
                return f"{value!r} contains a NUL character"
            try:
                value.encode()
            except UnicodeEncodeError:
                return f"{value!r} is not UTF-8 text"
    return f"the database cannot hold a value: {error}"


def _flat(values: object) -> Sequence[Any]:
    if isinstance(values, dict):
        return [one for value in values.values() for one in _flat(value)]
    if isinstance(values, (list, tuple)):
        return [one for value in values for one in _flat(value)]
    return [values]


def connect(url: str | None = None, *, read_only: bool = False) -> Connection:
    """Open an existing database of any version that may be read.

    Raise StoreUnavailable or SchemaMismatch if there is none of ours.
    """
    raw, place = drivers.connect(url, read_only=read_only)
    return Connection(raw, place)
