"""The store as the program holds it: connections, transactions, ids.

What comes in: a URL. What goes out: SQLAlchemy connections inside a transaction, and errors in the
words of a user: nothing of a driver passes this place.

How statements are written
* One text with positional ``?`` for both databases: a :class:`Statement` at module level, executed
  by ``run`` (a result of SQLAlchemy), ``direct`` (the driver's cursor, for hot paths) or
  ``run_many``.
* Booleans are written ``held`` and ``NOT held``, never ``held = 0``; as parameters they are True
  and False.
* The column ``user`` of workflow stands in quotes: ``"user"``. Rows of SQLite give booleans as 0
  and 1.
* States are literals in the text where an index with a condition is to be used.

Never here: what the tables mean.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from torc_tui.errors import StoreUnavailable
from torc_tui.store import connect, dbapi

MIGRATIONS: dict[int, Sequence[str]] = {
    1: (
        "CREATE TABLE workflow_text (workflow_id INTEGER NOT NULL PRIMARY KEY"
        " REFERENCES workflow (id) ON DELETE CASCADE, text TEXT NOT NULL)",
        "INSERT INTO workflow_text SELECT id, text FROM workflow WHERE text IS NOT NULL",
        "ALTER TABLE workflow DROP COLUMN text",
    )
}
"""Version -> the statements that make the next version of it."""


class Statement:
    """One SQL text for both databases, made once at module level.

    ``text`` has ``?`` where parameters go. Where PostgreSQL needs other words, ``postgresql`` has
    them.
    """

    __slots__ = ("postgresql", "sqlite")

    def __init__(self, text: str, postgresql: str | None = None) -> None:
        self.sqlite = text
        self.postgresql = (postgresql or text).replace("%", "%%").replace("?", "%s")

    def on(self, conn: Connection) -> str:
        """The text as the driver of ``conn`` wants it."""
        return self.sqlite if conn.dialect.name == "sqlite" else self.postgresql

    def run(self, conn: Connection, values: tuple[Any, ...] = ()) -> CursorResult[*tuple[Any, ...]]:
        """Execute it once."""
        return conn.exec_driver_sql(self.on(conn), values)

    def direct(self, conn: Connection, values: tuple[Any, ...] = ()) -> Any:
        """Execute it once and give the driver's own cursor (fetchone, fetchall, rowcount,
        iteration). For the hot path: it takes a sixth of the time of :meth:`run`."""
        return conn.connection.dbapi_connection.execute(self.on(conn), values)  # type: ignore[union-attr] # held

    def run_many(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute it for every row; nothing happens without rows."""
        if rows:
            raw: Any = conn.connection.dbapi_connection
            raw.cursor().executemany(self.on(conn), rows)


class Store:
    """An open store. One connection per thread, held until :meth:`close`; threads may share the
    object."""

    def __init__(
        self, dialect: str, place: str, *, read_only: bool, network: str | None = None
    ) -> None:
        """Use :meth:`open`. ``network`` is the kind of network file system that holds the file, if
        one does."""
        self.network = network
        self.dialect = dialect
        self.place = place
        self.path = Path(place) if dialect == "sqlite" else None
        self.url = (
            f"sqlite:///{place}"
            if dialect == "sqlite"
            else "postgresql+psycopg" + place[len("postgresql") :]
        )
        self.read_only = read_only
        self._held = threading.local()
        self._lock = threading.Lock()
        self._connections: list[tuple[threading.Thread, Connection]] = []
        self._engine = create_engine(
            "sqlite://" if dialect == "sqlite" else "postgresql+psycopg://",
            creator=self._connect,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT" if dialect == "postgresql" else None,
        )

    @classmethod
    def open(cls, url: str | None = None, *, read_only: bool = False) -> Store:
        """The store at ``url`` (None: the configured one), made when it is not there and brought up
        to date when it is of an older version. StoreUnavailable or SchemaMismatch, with the way
        out, when that cannot be."""
        dialect, place = connect.resolve(url)
        if dialect == "postgresql":
            _prepare_postgresql(place, read_only=read_only)
            return cls(dialect, place, read_only=read_only)
        network = connect.network_file_system(place)
        _prepare_sqlite(place, read_only=read_only, network=network is not None)
        return cls(dialect, place, read_only=read_only, network=network)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection inside a transaction that sees one state of the store. Inside :meth:`write`
        of the same thread it is that transaction."""
        conn = self.connection()
        raw: Any = conn.connection.dbapi_connection
        if connect.in_transaction(raw):
            yield conn
            return
        try:
            connect.begin(raw, write=False)
            yield conn
            raw.rollback()
        except BaseException as error:
            self._end(conn, raw, error)
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection inside a transaction that may write; committed at the end, rolled back by an
        exception. Keep it short: on SQLite nobody else writes meanwhile."""
        if self.read_only:
            raise StoreUnavailable(
                f"the store {connect.shown(self.place)} is open for reading only"
            )
        conn = self.connection()
        raw: Any = conn.connection.dbapi_connection
        if connect.in_transaction(raw):
            raise RuntimeError("a transaction is open in this thread already")
        try:
            connect.begin(raw, write=True)
            yield conn
            raw.commit()
        except BaseException as error:
            self._end(conn, raw, error)
            raise

    def connection(self) -> Connection:
        """The connection that this thread holds, opened at its first use."""
        conn: Connection | None = getattr(self._held, "conn", None)
        if conn is not None and not conn.closed and self.dialect == "postgresql":
            raw: Any = conn.connection.dbapi_connection
            if raw.closed:  # the server went away: try again with a new one
                self._forget(conn)
                conn = None
        if conn is None or conn.closed:
            conn = self._held.conn = self._engine.connect()
            self._held.file = self._file()
            with self._lock:
                ended = [held for thread, held in self._connections if not thread.is_alive()]
                self._connections = [pair for pair in self._connections if pair[0].is_alive()]
                self._connections.append((threading.current_thread(), conn))
            for held in ended:
                held.close()
        return conn

    def verify(self) -> None:
        """StoreUnavailable when the file of this thread's connection was moved away or replaced:
        what would be written to it now is lost. The next use opens what is there then."""
        conn: Connection | None = getattr(self._held, "conn", None)
        if self.path is None or conn is None or conn.closed or self._file() == self._held.file:
            return
        self._forget(conn)
        raise StoreUnavailable(
            f"the store {self.place} was moved away or replaced", hint="put it back"
        )

    def _file(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            status = os.stat(self.place)  # noqa: PTH116 - at every step of a runner
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def dbapi(self) -> Any:
        """This thread's connection as the driver gave it: for ``user_data``, which knows no
        SQLAlchemy."""
        return self.connection().connection.dbapi_connection

    def allocate(self, conn: Connection, name: str, n: int = 1) -> int:
        """The first of ``n`` new ids of the table ``name``, in a row. Never given twice."""
        return allocate(conn, name, n)

    def close(self) -> None:
        """Close the connections of all threads. Open transactions are rolled back."""
        with self._lock:
            connections, self._connections = self._connections, []
        for _, conn in connections:
            conn.close()
        self._engine.dispose()

    def _connect(self) -> Any:
        if self.dialect == "postgresql":
            return connect.connect_postgresql(self.place)
        raw = connect.connect_sqlite(self.place, read_only=self.read_only)
        raw.execute("PRAGMA cache_size = -32768")  # KiB: a workflow of 100,000 jobs stays in memory
        raw.execute("PRAGMA temp_store = MEMORY")
        raw.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: each time the disk is waited for
        if self.network and not self.read_only:
            raw.execute("PRAGMA journal_mode = TRUNCATE")
            raw.execute("PRAGMA synchronous = FULL")  # NORMAL is safe with WAL alone
        return raw

    def _end(self, conn: Connection, raw: Any, error: BaseException) -> None:
        """Roll back after ``error``; raise it as ours when it is a driver's."""
        try:
            if connect.in_transaction(raw):
                raw.rollback()
        except Exception as second:
            if not connect.is_driver_error(second):
                raise
        original = error.orig if isinstance(error, DBAPIError) else error
        if self.dialect == "postgresql" and raw.closed:
            self._forget(conn)
        if original is not None and connect.is_driver_error(original):
            raise connect.translate(original, self.place) from error

    def _forget(self, conn: Connection) -> None:
        """Drop a connection that is broken, so that the next transaction of the thread gets a new
        one."""
        self._held.conn = None
        with self._lock:
            self._connections = [pair for pair in self._connections if pair[1] is not conn]
        conn.invalidate()
        conn.close()


def allocate(conn: Connection, name: str, n: int = 1) -> int:
    """The first of ``n`` new ids of the table ``name``, in a row. Never given twice."""
    return dbapi.allocate(conn.connection.dbapi_connection, name, n)


def insert(conn: Connection, table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows, by the fastest way of the driver. ``columns`` are words, ours and never a
    user's."""
    if not rows:
        return
    raw: Any = conn.connection.dbapi_connection
    words = columns.split()
    names = ", ".join(f'"{word}"' for word in words)
    if connect.is_sqlite(raw):
        raw.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(words))})", rows
        )
        return
    with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _prepare_sqlite(path: str, *, read_only: bool, network: bool) -> None:
    """Make the store when it is not there, bring it up to date, and choose the journal that fits
    the file system."""
    fresh = not os.path.exists(path)  # noqa: PTH110
    if fresh and read_only:
        raise connect.no_store(path)
    if fresh:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"the folder of the store {path} cannot be made: {error.strerror}",
                hint="name another place with --database or TORC_DATABASE",
            ) from error
    raw = connect.connect_sqlite(path, read_only=read_only, create=fresh)
    try:
        version = connect.stored_version(raw, path)
        if version != connect.VERSION and (
            read_only or (version is not None and version > connect.VERSION)
        ):
            raise connect.mismatch(version, path)
        if not read_only:
            _choose_journal(raw, network=network)
        if version != connect.VERSION:
            _make(raw, path)
    except Exception as error:
        if connect.is_driver_error(error):
            raise connect.translate(error, path) from error
        raise
    finally:
        raw.close()


def _choose_journal(raw: Any, *, network: bool) -> None:
    """WAL on a local file system; on a network one a plain journal, as WAL needs memory that all
    users share."""
    current = raw.execute("PRAGMA journal_mode").fetchone()[0]
    if network and current == "wal":
        raw.execute("PRAGMA journal_mode = TRUNCATE")
    elif not network and current != "wal":
        raw.execute("PRAGMA journal_mode = WAL")


def _prepare_postgresql(place: str, *, read_only: bool) -> None:
    raw = connect.connect_postgresql(place)
    try:
        version = connect.stored_version(raw, place)
        if version != connect.VERSION:
            if read_only or (version is not None and version > connect.VERSION):
                raise connect.mismatch(version, place)
            _make(raw, place)
    except Exception as error:
        if connect.is_driver_error(error):
            raise connect.translate(error, place) from error
        raise
    finally:
        raw.close()


def _make(raw: Any, place: str) -> None:
    """Create the tables, or migrate them, in one transaction; whoever comes second finds it
    done."""
    dialect = "sqlite" if connect.is_sqlite(raw) else "postgresql"
    connect.begin(raw, write=True)
    try:
        if dialect == "postgresql":
            raw.execute(f"SELECT pg_advisory_xact_lock({connect.APPLICATION_ID})")
        version = connect.stored_version(raw, place) if _has_meta(raw, dialect) else None
        if version is None:
            from torc_tui.store import schema  # slow to load, and seldom needed

            for text in schema.statements(dialect):
                raw.execute(text)
            raw.execute(
                f"INSERT INTO meta (key, value) VALUES ('torc_schema', '{connect.VERSION}')"
            )
        else:
            for step in range(version, connect.VERSION):
                for text in MIGRATIONS[step]:
                    raw.execute(text)
            raw.execute(f"UPDATE meta SET value = '{connect.VERSION}' WHERE key = 'torc_schema'")
        raw.commit()
    except BaseException:
        raw.rollback()
        raise


def _has_meta(raw: Any, dialect: str) -> bool:
    if dialect == "sqlite":
        found = raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]
    else:
        found = raw.execute("SELECT to_regclass('meta') IS NOT NULL").fetchone()[0]
    return bool(found)
