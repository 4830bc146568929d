"""Find out whether other processes have written what a runner must read.

Input: a database. Output: whether there may be news, without a transaction, in microseconds; inside
a transaction, whether there are news for certain.

On SQLite, each write of another connection counts. PostgreSQL notifies runners of what concerns
them (see `event_log.append`); the table is read once a second in any case. The progress of runners
of other locations is no news: nothing of what a runner has read changes with it.
"""

from __future__ import annotations

import time
from typing import Any

from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.event_log import READY_MARK, last_event

BEHIND_NOTIFY = 1.0
"""Seconds after which PostgreSQL's table is read without a notification."""


class RunnerNews:
    """The news for one runner; all methods are called in one thread.

    Set ``has_neighbors`` while other runners of the workflow share the location: then all that they
    write is news.
    """

    def __init__(self, store: Store, workflow_id: int, node_id: int, location: str) -> None:
        self.has_neighbors = False
        self.has_ready_jobs = False
        """Whether PostgreSQL has notified of ready jobs since the last call of `take`."""
        self._store = store
        self._workflow_id = workflow_id
        self._node_id = node_id
        self._location = location
        self._version: int | None = None
        self._seq = -1
        self._written: tuple[Any, int] | None = None
        """The connection to SQLite whose last events are known, and its number of changed rows."""
        self._elsewhere: int | None = None
        self._raw: Any = None
        """The driver's connection that listens."""
        self._is_notified = True
        self._looked = 0.0

    def may_exist(self) -> bool:
        """Return whether there may be news since the last call of `take`."""
        conn = self._store.connection()
        if conn.dialect == "sqlite":
            return conn.data_version() != self._version
        self.listen()
        self._receive(conn)
        now = time.monotonic()
        if not self._is_notified and now - self._looked >= BEHIND_NOTIFY:
            self._looked = now
            self._is_notified = self._read(conn)
        return self._is_notified

    def listen(self) -> None:
        """Receive notifications from now on; call this before a transaction."""
        conn = self._store.connection()
        raw = conn.raw
        if conn.dialect == "sqlite" or raw is self._raw:
            return
        raw.add_notify_handler(self._note)
        try:
            raw.execute(f"LISTEN {sql.RUNNER_CHANNEL}")
        except Exception as error:
            raise conn.translated(error) from error
        self._raw, self._is_notified = raw, True

    def take(self, conn: Connection) -> bool:
        """Return whether there are news since the last call, inside of a transaction."""
        if conn.dialect == "sqlite":
            version = conn.data_version()
            is_new, self._version = version != self._version, version
            if is_new:
                self._written = None
            return is_new
        self._is_notified, self._looked = False, time.monotonic()
        self.has_ready_jobs = False
        return self._read(conn, keep=True)

    def skip(self, seq: int) -> None:
        """Take the events up to this one, which were just committed, for own ones."""
        self._seq = max(self._seq, seq)
        conn = self._store.connection()
        if conn.dialect == "sqlite":
            self._written = (conn.raw, conn.raw.total_changes)

    def last_seq(self, conn: Connection) -> int:
        """Return the number of the last event, right after `take`.

        On SQLite it is read, unless nobody has written anything since the last call of `skip`.
        """
        if conn.dialect == "sqlite" and self._written != (conn.raw, conn.raw.total_changes):
            self._seq = last_event(conn, self._workflow_id)
        return self._seq

    @property
    def descriptor(self) -> int | None:
        """Return what can be read when a notification arrives; None on SQLite."""
        return None if self._raw is None or self._raw.closed else int(self._raw.fileno())

    def _read(self, conn: Connection, *, keep: bool = False) -> bool:
        row = conn.one(
            sql.RUNNER_NEWS,
            workflow_id=self._workflow_id,
            after=self._seq,
            any_kind=self.has_neighbors,
            location=self._location,
            node_id=self._node_id,
        )
        if row is None:
            return True
        is_new = bool(row.is_news) or self._elsewhere != row.neighbors
        if keep:
            self._seq, self._elsewhere = row.last_seq, row.neighbors
        return is_new

    def _receive(self, conn: Connection) -> None:
        """Receive the notifications of other processes."""
        raw = conn.raw
        try:
            raw.pgconn.consume_input()
        except Exception as error:
            raise conn.translated(error) from error
        while (found := raw.pgconn.notifies()) is not None:
            if found.be_pid != raw.info.backend_pid:
                self._hear(found.extra.decode())

    def _note(self, found: Any) -> None:
        """Take a notification that came with the answer to a statement."""
        if self._raw is not None and found.pid != self._raw.info.backend_pid:
            self._hear(found.payload)

    def _hear(self, payload: str) -> None:
        if payload == f"{READY_MARK}{self._workflow_id}":
            self.has_ready_jobs = True
        elif payload in (str(self._workflow_id), self._location):
            self._is_notified = True
