"""Follow the events of one workflow, or of all, as they are committed by whomever.

What comes in: a store and cursors. What goes out: events, each once, in their order, none left out.
A notification only wakes; the table tells.

How it notices: on SQLite ``PRAGMA data_version`` says in some microseconds whether any other
connection committed, so it is asked often (a few milliseconds after the last event, later 50); on
PostgreSQL the server notifies, and once a second the table is looked at all the same.

Never here: writing. A feed belongs to the thread that calls :meth:`Feed.poll`; only
:meth:`Feed.wake` is for others.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping
from contextlib import suppress

from torc_tui.model import Event
from torc_tui.store import connect, driver_errors, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.events import event

QUICKEST, SLOWEST = 0.002, 0.05
"""Seconds between two looks at SQLite's counter: right after something happened, and after a while
of nothing."""
BEHIND_NOTIFY = 1.0
"""Seconds after which PostgreSQL's table is looked at without a notification."""
CHUNK = 10_000
"""Most events that one poll gives of a workflow; the next one goes on."""


class Feed:
    """The events after a cursor: ``after`` is the last ``seq`` that is known already, 0 for none.

    With ``workflow_id`` None it follows every workflow, also those created later. ``after`` then
    gives a cursor for each (``{workflow.id: workflow.last_seq}`` of a list that was read before); a
    number means: from now on. A workflow that is deleted ends with one event of kind
    ``workflow_deleted``, which stands in no table.
    """

    def __init__(
        self, store: Store, workflow_id: int | None, after: int | Mapping[int, int] = 0
    ) -> None:
        self._store = store
        self._workflow_id = workflow_id
        if not isinstance(after, int):
            self._cursors = dict(after)
        elif workflow_id is not None:
            self._cursors = {workflow_id: after}
        else:
            with store.read() as conn:
                self._cursors = {row.id: row.last_seq for row in conn.rows(sql.EVENT_HEADS)}
        self._connection: Connection | None = None
        self._version: int | None = None
        self._looked = -BEHIND_NOTIFY
        self._pause = QUICKEST
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)

    @property
    def cursor(self) -> int:
        """The last ``seq`` given out, of the one workflow that is followed."""
        return self._cursors.get(self._workflow_id, 0) if self._workflow_id is not None else 0

    def poll(self) -> list[Event]:
        """Return what is new, at once.

        Raise StoreUnavailable if the database cannot be read; a later call tries again.
        """
        try:
            conn = self._connection or self._open()
            if not self._changed(conn):
                return []
            found = self._read(conn)
        except Exception as error:
            self._drop()
            if driver_errors.is_driver_error(error):
                raise driver_errors.translate(error, self._store.place) from error
            raise
        if found:
            self._pause = QUICKEST
        return found

    def wait(self, timeout: float | None = None) -> list[Event]:
        """What is new as soon as there is something; nothing after ``timeout`` seconds or a
        :meth:`wake`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            found = self.poll()
            if found:
                return found
            pause = BEHIND_NOTIFY if self._store.dialect == "postgresql" else self._pause
            self._pause = min(self._pause * 1.5, SLOWEST)
            if deadline is not None:
                pause = min(pause, deadline - time.monotonic())
                if pause <= 0:
                    return []
            if self._woken in self._readable(pause):
                os.read(self._woken, 4096)
                return self.poll()

    def _readable(self, pause: float) -> set[int]:
        """Which of the descriptors has something, after ``pause`` seconds at most. A runner holds
        thousands of them, and ``select`` takes no number above 1023.
        """
        waiting = select.poll()
        waiting.register(self._woken, select.POLLIN)
        if self._store.dialect == "postgresql" and self._connection is not None:
            waiting.register(self._connection.raw.fileno(), select.POLLIN)
        return {descriptor for descriptor, _ in waiting.poll(pause * 1000)}

    def wake(self) -> None:
        """Let :meth:`wait` return now (or at its next call). From any thread, and from a signal
        handler.
        """
        if self._waker >= 0:
            with suppress(OSError):  # the pipe is full: it will wake; or closed: nobody waits
                os.write(self._waker, b"\0")

    def close(self) -> None:
        """Give back the connection and the pipe."""
        self._drop()
        woken, waker, self._woken, self._waker = self._woken, self._waker, -1, -1
        for descriptor in (waker, woken):
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self) -> Connection:
        place = self._store.place
        if self._store.dialect == "postgresql":
            raw = connect.connect_postgresql(place)
            raw.execute(f"LISTEN {sql.CHANNEL}")
        else:
            raw = connect.connect_sqlite(place, read_only=True)
        self._version, self._looked = None, -BEHIND_NOTIFY
        self._connection = Connection(raw, place)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception as error:
                if not driver_errors.is_driver_error(error):
                    raise

    def _changed(self, conn: Connection) -> bool:
        """Whether anybody committed since the last look.

        What is noticed here is read afterwards, so nothing is missed.
        """
        if conn.dialect == "postgresql":
            mine = str(self._workflow_id)
            told = False
            for notification in conn.raw.notifies(timeout=0):
                told = told or self._workflow_id is None or notification.payload == mine
            now = time.monotonic()
            if told or now - self._looked >= BEHIND_NOTIFY:
                self._looked = now
                return True
            return False
        version = conn.data_version()
        if version == self._version:
            return False
        self._version = version
        return True

    def _read(self, conn: Connection) -> list[Event]:
        if self._workflow_id is None:
            heads = {row.id: row.last_seq for row in conn.rows(sql.EVENT_HEADS)}
        elif self._workflow_id in self._cursors:
            one = conn.one(sql.EVENT_HEAD, workflow_id=self._workflow_id)
            heads = {one.id: one.last_seq} if one is not None else {}
        else:
            return []  # the event of its deletion was given already
        found: list[Event] = []
        for workflow_id, last in heads.items():
            cursor = self._cursors.setdefault(workflow_id, 0)
            if last > cursor:
                rows = conn.rows(
                    sql.EVENTS_AFTER, workflow_id=workflow_id, after=cursor, limit=CHUNK
                )
                if rows:
                    self._cursors[workflow_id] = rows[-1].seq
                    found += map(event, rows)
                if len(rows) == CHUNK:
                    self._version, self._looked = None, -BEHIND_NOTIFY
        if len(heads) < len(self._cursors):
            for workflow_id in [known for known in self._cursors if known not in heads]:
                cursor = self._cursors.pop(workflow_id)
                found.append(Event(workflow_id, cursor + 1, time.time(), "workflow_deleted"))
        return found
