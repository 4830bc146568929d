"""Hold the connections of a program to one database, one per thread.

Input: a URL. Output: connections inside a transaction, and errors in the words of a user: no error
of a driver leaves this package.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing
from typing import Any

from torc_tui.errors import StoreError, StoreUnavailable
from torc_tui.store import connect, driver_errors, opening
from torc_tui.store.connection import Connection, Transaction
from torc_tui.store.opening import network_file_system


class Store:
    """An open database. One connection per thread, held until `close`; threads may share it."""

    def __init__(
        self, dialect: str, place: str, *, read_only: bool, journal: str | None = None
    ) -> None:
        """Use `open`. ``journal`` is the kind of the journal of a file: ``wal`` or ``truncate``."""
        self.journal = journal
        self.dialect = dialect
        self.place = place
        self.url = (
            f"sqlite:///{place}"
            if dialect == "sqlite"
            else "postgresql+psycopg" + place[len("postgresql") :]
        )
        self.read_only = read_only
        self._held = threading.local()
        self._truncated: tuple[int, ...] | None = None
        """What `_file` returned for a truncated file; if it still does, nothing was put back."""
        self._lock = threading.Lock()
        self._connections: list[tuple[threading.Thread, Connection]] = []

    @classmethod
    def open(cls, url: str | None = None, *, read_only: bool = False) -> Store:
        """Open the database at ``url``, by default the configured one.

        It is created if it does not exist, and migrated if it has an older version. Raise
        StoreUnavailable or SchemaMismatch, with a hint, if that is impossible.
        """
        dialect, place = connect.resolve(url)
        if dialect == "postgresql":
            opening.prepare_postgresql(place, read_only=read_only)
            return cls(dialect, place, read_only=read_only)
        network = network_file_system(place)
        journal = opening.prepare_sqlite(place, read_only=read_only, network=network)
        return cls(dialect, place, read_only=read_only, journal=journal)

    def read(self) -> Transaction:
        """Begin a transaction that sees one state of the database.

        Inside `write` of the same thread, it is a part of that transaction.
        """
        return self.connection().read()

    def write(self, *, pipelined: bool = False) -> Transaction:
        """Begin a transaction that may write: committed at the end, rolled back by an exception.

        Keep it short: on SQLite, nobody else can write meanwhile. See `Connection.write`.
        """
        if self.read_only:
            raise StoreUnavailable(
                f"the database {driver_errors.shown(self.place)} is open for reading only"
            )
        held = self.connection()
        if held.in_transaction:
            raise RuntimeError("a transaction is already open in this thread")
        return held.write(pipelined=pipelined)

    def connection(self) -> Connection:
        """Return the connection of this thread, opened at its first use."""
        conn: Connection | None = getattr(self._held, "conn", None)
        if conn is not None and self.dialect == "postgresql" and conn.raw.closed:
            self._forget(conn)  # the server went away: try again with a new one
            conn = None
        if conn is None or conn.closed:
            if self._truncated is not None:
                self._check_restored()
            conn = self._held.conn = Connection(self._connect(), self.place)
            self._held.file = self._file()
            with self._lock:
                ended = [held for thread, held in self._connections if not thread.is_alive()]
                self._connections = [pair for pair in self._connections if pair[0].is_alive()]
                self._connections.append((threading.current_thread(), conn))
            for held in ended:
                held.close()
        return conn

    def verify(self) -> None:
        """Raise StoreUnavailable if the file was moved away, replaced or truncated.

        Anything written to it now would be lost. The next use opens the file at the path again.
        """
        conn: Connection | None = getattr(self._held, "conn", None)
        if self.dialect != "sqlite" or conn is None or conn.closed:
            return
        known, file = self._held.file, self._file()
        if file == known:
            return
        if file is None or known is None or file[:2] != known[:2]:
            self._forget(conn)
            raise StoreUnavailable(
                f"the database {self.place} was moved away or replaced", hint="put it back"
            )
        if file[2] < known[2] and not _fits(conn, file[2]):
            self._forget(conn)  # which may write to the file
            self._truncated = self._file() or file
            raise self._lost_its_end()
        self._held.file = file

    def _file(self) -> tuple[int, int, int, int] | None:
        """Return device, inode, size in bytes and last change in ns; None without a file."""
        if self.dialect != "sqlite":
            return None
        try:
            status = os.stat(self.place)  # noqa: PTH116 - at every step of a runner
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _check_restored(self) -> None:
        """Raise StoreUnavailable unless the file that was truncated is whole again.

        Its size does not show it: SQLite fills a truncated file up with zeros.
        """
        if self._file() == self._truncated:
            raise self._lost_its_end()
        try:
            with closing(connect.connect_sqlite(self.place, read_only=True)) as raw:
                connect.checked(raw, self.place)
                (found,) = raw.execute("PRAGMA quick_check(1)").fetchone()
        except Exception as error:
            if isinstance(error, StoreError) or driver_errors.is_driver_error(error):
                raise self._lost_its_end() from error
            raise
        if found != "ok":
            raise self._lost_its_end()
        self._truncated = None

    def _lost_its_end(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"the database {self.place} was truncated",
            hint="put back a copy of the file, or rescue the rows that are left with"
            " `torc database recover`",
        )

    def close(self) -> None:
        """Close the connections of all threads. Open transactions are rolled back."""
        with self._lock:
            connections, self._connections = self._connections, []
        for _, conn in connections:
            conn.close()

    def _connect(self) -> Any:
        if self.dialect == "postgresql":
            return connect.connect_postgresql(self.place)
        raw = connect.connect_sqlite(self.place, read_only=self.read_only)
        raw.execute("PRAGMA cache_size = -32768")  # KiB: a workflow of 100,000 jobs stays in memory
        raw.execute("PRAGMA temp_store = MEMORY")
        raw.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: each time the disk is waited for
        if self.journal == "truncate" and not self.read_only:
            raw.execute("PRAGMA journal_mode = TRUNCATE")
            raw.execute("PRAGMA synchronous = FULL")  # NORMAL is safe with WAL alone
        return raw

    def _forget(self, conn: Connection) -> None:
        """Drop a broken connection, so that the next transaction of the thread gets a new one."""
        self._held.conn = None
        with self._lock:
            self._connections = [pair for pair in self._connections if pair[1] is not conn]
        conn.close()


def _fits(conn: Connection, size: int) -> bool:
    """Return whether a SQLite database has room in a file of ``size`` bytes, as after VACUUM."""
    try:
        (pages,) = conn.raw.execute("PRAGMA page_count").fetchone()
        (page_size,) = conn.raw.execute("PRAGMA page_size").fetchone()
    except Exception as error:
        if driver_errors.is_driver_error(error):
            return False
        raise
    return bool(pages * page_size <= size)
