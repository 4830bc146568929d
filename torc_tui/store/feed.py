"""Read the events of a workflow, or follow those of one or all as any process commits them.

Input: a database and cursors. Output: all events after the cursors, each once, in their order.

On SQLite, ``PRAGMA data_version`` tells in microseconds whether another connection has committed,
so it is read often: 2 ms after the last event, later every 100 ms. PostgreSQL sends notifications;
the table is read once a second in any case. A notification only wakes the reader.

Invariants: nothing is written here. Only the thread that calls `Feed.poll` may use a feed; other
threads may call `Feed.wake`.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Mapping
from contextlib import suppress

from torc_tui.model import Event
from torc_tui.reasons import Reason, decode
from torc_tui.store import connect, driver_errors, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.selection import ListSelection


def list_events(
    store: Store,
    workflow_id: int,
    *,
    after: int = 0,
    kind: str | None = None,
    job_id: int | None = None,
    limit: int | None = None,
    newest_first: bool = False,
) -> list[Event]:
    """Return the events of a workflow with ``seq > after``, the oldest first."""
    wanted = ListSelection(kind=kind, job_id=job_id, reverse=newest_first, limit=limit)
    with store.read() as conn:
        rows = conn.page(sql.LIST_EVENTS, wanted, workflow_id=workflow_id, after=after)
    return [event(row) for row in rows]


def warnings_of(store: Store, workflow_id: int, job_id: int) -> list[Reason]:
    """Return the warnings of the newest attempt of a job, the oldest first."""
    found: list[Reason] = []
    for one in list_events(store, workflow_id, job_id=job_id, newest_first=True):
        if one.kind == "job_claimed":
            break
        warning = decode(one.data.get("message")) if one.kind == "job_warning" else None
        if warning is not None:
            found.insert(0, warning)
    return found


def warnings_by_job(store: Store, workflow_id: int) -> dict[tuple[int, str], list[Reason]]:
    """Return the warnings of the newest attempts of jobs that have ended, by id and name."""
    found: dict[tuple[int, str], list[Reason]] = {}
    with store.read() as conn:
        rows = conn.rows(sql.JOB_WARNINGS, workflow_id=workflow_id, limit=MOST_WARNINGS)
    for job_id, data, name in reversed(rows):
        warning = decode(json.loads(data or "{}").get("message"))
        if warning is not None and job_id:
            found.setdefault((job_id, name), []).append(warning)
    return found


def event(row: sql.ListEventsRow) -> Event:
    """Return the record of a row."""
    workflow_id, seq, timestamp, kind, job_id, data, actor = row
    return Event(workflow_id, seq, timestamp, kind, job_id, json.loads(data) if data else {}, actor)


MOST_WARNINGS = 1000
"""Largest number of warnings that are read at once, the newest ones."""
QUICKEST, SLOWEST = 0.002, 0.1
"""Seconds between two reads of SQLite's counter: right after an event, and without events."""
BEHIND_NOTIFY = 1.0
"""Seconds after which PostgreSQL's table is read without a notification."""
CHUNK = 10_000
"""Most events of a workflow that one poll returns."""


class Feed:
    """The events after a cursor: ``after`` is the last ``seq`` that is known, 0 for none.

    With ``workflow_id`` None, the feed follows every workflow, also those created later. ``after``
    is then a cursor for each (``{workflow.id: workflow.last_seq}`` of a list that was read before);
    a number stands for the events from now on. The deletion of a workflow is one event of kind
    ``workflow_deleted``, which no table contains.
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
        self._sleep = select.poll()
        self._sleep.register(self._woken, select.POLLIN)

    @property
    def cursor(self) -> int:
        """Return the last ``seq`` that `poll` returned; 0 for a feed of all workflows."""
        return self._cursors.get(self._workflow_id, 0) if self._workflow_id is not None else 0

    def poll(self) -> list[Event]:
        """Return the new events without waiting.

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
        """Wait for new events and return them; none after ``timeout`` seconds or a `wake`."""
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
        """Return the descriptors that can be read, after ``pause`` seconds at most.

        `select.select` refuses descriptors above 1023, and a runner may have thousands.
        """
        waiting = self._sleep
        if self._store.dialect == "postgresql" and self._connection is not None:
            waiting = select.poll()
            waiting.register(self._woken, select.POLLIN)
            waiting.register(self._connection.raw.fileno(), select.POLLIN)
        return {descriptor for descriptor, _ in waiting.poll(pause * 1000)}

    def wake(self) -> None:
        """Let `wait` return now, or at its next call.

        Any thread and a signal handler may call this.
        """
        if self._waker >= 0:
            with suppress(OSError):  # full, which wakes the reader too, or closed
                os.write(self._waker, b"\0")

    def close(self) -> None:
        """Close the connection and the pipe."""
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
        """Return whether another connection may have committed since the last call.

        The caller reads the events afterwards, so it misses none.
        """
        if conn.dialect == "postgresql":
            mine = str(self._workflow_id)
            notified = False
            for notification in conn.raw.notifies(timeout=0):
                notified = notified or self._workflow_id is None or notification.payload == mine
            now = time.monotonic()
            if notified or now - self._looked >= BEHIND_NOTIFY:
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
            return []  # its deletion was returned before
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
