"""Collect events that belong to no step, and write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torc_tui.engine.transaction import append_events
from torc_tui.model import Event
from torc_tui.reasons import Reason
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow


class EventQueue:
    """The events of one runner that wait to be written."""

    def __init__(
        self, store: Store, workflow_id: int, node_id: int, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._node_id = node_id
        self._wake = wake
        self._rows: list[EventRow] = []

    def __bool__(self) -> bool:
        return bool(self._rows)

    def put(self, row: EventRow) -> None:
        """Have an event written, from any thread."""
        self._rows.append(row)
        self._wake()

    def put_notices(self, reasons: Iterable[Reason]) -> None:
        """Have notices about this runner written."""
        self._rows += [
            ("node_notice", None, {"node": self._node_id, "message": reason.to_json()})
            for reason in reasons
        ]

    def write(self, now: float) -> list[Event]:
        """Write the events, and return them; they stay in the queue if that fails."""
        rows = self._rows[:]
        if not rows:
            return []
        with self._store.write() as conn:
            events = append_events(conn, self._workflow_id, rows, now)
        del self._rows[: len(rows)]
        return events

    def clear(self) -> None:
        """Drop the events of a workflow that this runner may not write to any more."""
        self._rows.clear()
