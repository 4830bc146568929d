"""Events as a list, newest first: of the whole workflow as they come in, and of one job."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any

from textual.app import ComposeResult

from torc_tui.model import STATUS_EVENTS, Event
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.virtual_table import Cell, Column, Key, VirtualTable
from torc_tui.views.ansi import one_line
from torc_tui.wording import event_words, readable

KEPT = 5000
"""So many events are in the list; older ones are in the store (``torc events list``)."""

COLUMNS = (
    Column("seq", "#", 7, minimum=5, importance=4, align="right"),
    Column("time", "time", 12, minimum=8, importance=1),
    Column("kind", "what", 22, minimum=12, importance=0),
    Column("job", "job", 20, minimum=10, importance=2, grow=1),
    Column("data", "details", 30, minimum=10, importance=3, grow=2, sortable=False),
    Column("actor", "by", 14, minimum=8, importance=5),
)


class EventRows:
    """Keys are sequence numbers."""

    columns = COLUMNS

    def __init__(self) -> None:
        self.events: dict[int, Event] = {}
        self.names: Any = {}

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        keys = sorted(self.events, reverse=True)
        if sort is not None:
            events = self.events
            keys.sort(key=lambda key: str(self._value(events[key], sort)), reverse=reverse)
        elif reverse:
            keys.reverse()
        return keys

    def add(self, events: Sequence[Event]) -> None:
        for event in events:
            self.events[event.seq] = event
        if len(self.events) > KEPT * 2:
            for seq in sorted(self.events)[:-KEPT]:
                del self.events[seq]

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        event = self.events[key]  # type: ignore[index]  # keys are sequence numbers
        return [self._cell(event, column.key) for column in columns]

    def _value(self, event: Event, column: str) -> Any:
        if column == "seq":
            return f"{event.seq:012}"
        if column == "time":
            return event.timestamp
        if column == "job":
            return self._job(event)
        return event.actor or "" if column == "actor" else event.kind

    def _job(self, event: Event) -> str:
        if event.job_id is None:
            return ""
        job = self.names.get(event.job_id)
        return job.name if job is not None else str(event.job_id)

    def _cell(self, event: Event, column: str) -> Cell:
        match column:
            case "seq":
                return (str(event.seq), "faint")
            case "time":
                return (
                    datetime.fromtimestamp(event.timestamp).strftime("%H:%M:%S.%f")[:12],
                    "muted",
                )
            case "kind":
                status = STATUS_EVENTS.get(event.kind)
                style = STATUS[status].style if status is not None else "text"
                return (event_words(event).title, style)
            case "job":
                return (self._job(event), "text")
            case "data":
                return (one_line(event_words(event).detail or _data(event), 300), "muted")
        return (event.actor or "", "accent")


def _data(event: Event) -> str:
    parts = []
    for key, value in readable(event.data).items():
        if value is None or key in ("node", "allocation"):
            continue
        shown = (
            f"{value:.3g}"
            if isinstance(value, float)
            else value
            if isinstance(value, str)
            else json.dumps(value)
        )
        parts.append(f"{key.replace('_', ' ')} {shown}")
    return " · ".join(parts)


class EventsPane(Pane):
    """All events of the workflow."""

    NAME = "events"
    TITLE = "Events"
    PER_JOB = False

    def __init__(self) -> None:
        super().__init__()
        self.rows = EventRows()
        self._read = False

    def compose(self) -> ComposeResult:
        yield VirtualTable(self.rows, empty="no events")

    def freshen(self) -> None:
        view = self.owner.view
        if view is None:
            return
        self.rows.names = view.jobs
        if not self._read:
            self._read = True
            workflow_id = view.workflow.id
            self.ask("events", lambda source: _newest(source, workflow_id, None))
        self.query_one(VirtualTable).reload()

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if self._read:
            self.rows.add(events)
        self.stale = True

    def take(self, what: str, value: Any) -> None:
        self.rows.add(value)
        self.query_one(VirtualTable).reload()


class HistoryPane(Pane):
    """The events of the selected job."""

    NAME = "history"
    TITLE = "History"

    def __init__(self) -> None:
        super().__init__()
        self.rows = EventRows()
        self.shows = 0

    def compose(self) -> ComposeResult:
        yield VirtualTable(self.rows, empty="nothing happened to this job yet")

    def freshen(self) -> None:
        view, job = self.owner.view, self.job
        if view is None or job is None:
            self.rows.events.clear()
            self.query_one(VirtualTable).reload()
            return
        self.rows.names = view.jobs
        if self.shows != job.id:
            self.shows = job.id
            self.rows.events.clear()
            self.query_one(VirtualTable).reload()
        workflow_id, job_id = view.workflow.id, job.id
        self.ask("events", lambda source: _newest(source, workflow_id, job_id))

    def take(self, what: str, value: Any) -> None:
        self.rows.events = {event.seq: event for event in value if event.job_id == self.shows}
        self.query_one(VirtualTable).reload()


def _newest(source: Any, workflow_id: int, job_id: int | None) -> Sequence[Event]:
    from torc_tui.store.events import list_events

    return list_events(source.store, workflow_id, job_id=job_id, limit=KEPT, newest_first=True)
