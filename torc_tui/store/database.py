"""Hold the connections of a program to one database, one per thread.

Input: a URL. Output: connections inside a transaction, and errors in the words of a user: no error
of a driver leaves this package.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torc_tui.errors import StoreUnavailable
from torc_tui.store import connect, opening
from torc_tui.store.connection import Connection

_HEADER_BYTES = 100
"""Size of the header of a SQLite file; a database is never smaller."""


class Store:
    """An open database. One connection per thread, held until `close`; threads may share it."""

    def __init__(
        self, dialect: str, place: str, *, read_only: bool, network: str | None = None
    ) -> None:
        """Use `open`. ``network`` is the kind of the network file system of the file, if any."""
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

    @classmethod
    def open(cls, url: str | None = None, *, read_only: bool = False) -> Store:
        """Open the database at ``url``, by default the configured one.

        It is created if it does not exist, and migrated if it has an older version. Raise
        StoreUnavailable or SchemaMismatch, with the way out, if that is impossible.
        """
        dialect, place = connect.resolve(url)
        if dialect == "postgresql":
            opening.prepare_postgresql(place, read_only=read_only)
            return cls(dialect, place, read_only=read_only)
        network = connect.network_file_system(place)
        opening.prepare_sqlite(place, read_only=read_only, network=network is not None)
        return cls(dialect, place, read_only=read_only, network=network)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Begin a transaction that sees one state of the database.

        Inside `write` of the same thread it is that transaction.
        """
        with self.connection().read() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Begin a transaction that may write: committed at the end, rolled back by an exception.

        Keep it short: on SQLite nobody else writes meanwhile.
        """
        if self.read_only:
            raise StoreUnavailable(
                f"the store {connect.shown(self.place)} is open for reading only"
            )
        held = self.connection()
        if connect.in_transaction(held.raw):
            raise RuntimeError("a transaction is already open in this thread")
        with held.write() as conn:
            yield conn

    def connection(self) -> Connection:
        """Return the connection of this thread, opened at its first use."""
        conn: Connection | None = getattr(self._held, "conn", None)
        if conn is not None and self.dialect == "postgresql" and conn.raw.closed:
            self._forget(conn)  # the server went away: try again with a new one
            conn = None
        if conn is None or conn.closed:
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

        What would be written to it now is lost. The next use opens the file that is there then.
        """
        conn: Connection | None = getattr(self._held, "conn", None)
        if self.path is None or conn is None or conn.closed:
            return
        file = self._file()
        if file == self._held.file:
            return
        self._forget(conn)
        if file is not None and file[2]:
            raise StoreUnavailable(
                f"the database {self.place} was truncated: its tables are gone",
                hint="put back a copy of the file",
            )
        raise StoreUnavailable(
            f"the store {self.place} was moved away or replaced", hint="put it back"
        )

    def _file(self) -> tuple[int, int, bool] | None:
        """Return what tells the file from another one, and whether it lacks even a header."""
        if self.path is None:
            return None
        try:
            status = os.stat(self.place)  # noqa: PTH116 - at every step of a runner
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_size < _HEADER_BYTES

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
        if self.network and not self.read_only:
            raw.execute("PRAGMA journal_mode = TRUNCATE")
            raw.execute("PRAGMA synchronous = FULL")  # NORMAL is safe with WAL alone
        return raw

    def _forget(self, conn: Connection) -> None:
        """Drop a broken connection, so that the next transaction of the thread gets a new one."""
        self._held.conn = None
        with self._lock:
            self._connections = [pair for pair in self._connections if pair[1] is not conn]
        conn.close()
