"""Events as a list, the newest first: of the whole workflow, or of one job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from typing import ClassVar

from textual.app import ComposeResult

from torc_tui.model import STATUS_EVENTS, Event, Job
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.table_model import Cell, Key, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.ansi import one_line
from torc_tui.wording import event_words, readable, time_of_day

LONGEST = 300
"""Characters of the details."""
KEPT = 5000
"""Events in the list; ``torc events list`` shows older ones."""

COLUMNS = (
    TableColumn("seq", "#", 7, minimum=5, importance=4, align="right"),
    TableColumn("time", "time", 12, importance=1),
    TableColumn("kind", "event", 22, minimum=19, importance=0),
    TableColumn("job", "job", 20, minimum=10, importance=2, grow=1),
    TableColumn("data", "details", 30, minimum=10, importance=3, grow=2, sortable=False),
    TableColumn("actor", "by", 14, minimum=8, importance=5),
)


class EventRows(ListRows):
    """Events by their sequence numbers, the newest first."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, self._event_cell, self._event_value)
        self.jobs: Mapping[int, Job] = {}
        self.job_id: int | None = None
        """The only job whose events are listed; None: all are."""
        self.until: float | None = None
        """The moment of a replay; later events are not listed."""

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        found = self.records.keys() if sort is None else super().keys(sort, reverse)
        if self.job_id is not None:
            found = [key for key in found if self.records[key].job_id == self.job_id]
        if self.until is not None:
            found = [key for key in found if self.records[key].timestamp <= self.until]
        if sort is not None:
            return list(found)
        return sorted(found, reverse=not reverse)  # type: ignore[type-var]  # numbers

    def add(self, events: Sequence[Event]) -> None:
        """Add events, and drop the oldest of too many."""
        self.records |= {event.seq: event for event in events}
        if len(self.records) > KEPT * 2:
            newest = sorted(self.records, reverse=True)[:KEPT]  # type: ignore[type-var]  # numbers
            self.records = {seq: self.records[seq] for seq in newest}

    def _event_value(self, event: Event, column: str) -> str | float:
        if column == "seq":
            return event.seq
        if column == "time":
            return event.timestamp
        if column == "job":
            return self._job(event)
        return event.actor or "" if column == "actor" else event.kind

    def _job(self, event: Event) -> str:
        if event.job_id is None:
            return ""
        job = self.jobs.get(event.job_id)
        return job.name if job is not None else str(event.job_id)

    def _event_cell(self, event: Event, column: str, width: int) -> Cell:
        match column:
            case "seq":
                return (str(event.seq), "faint")
            case "time":
                return (time_of_day(event.timestamp, milliseconds=True), "muted")
            case "kind":
                status = STATUS_EVENTS.get(event.kind)
                style = STATUS[status].style if status is not None else "text"
                return (event_words(event).title, style)
            case "job":
                return (self._job(event), "text")
            case "data":
                return (one_line(event_words(event).detail or _data(event), LONGEST), "muted")
        return (event.actor or "", "accent")


def _data(event: Event) -> str:
    parts = []
    for key, value in readable(event.data).items():
        if value is None or key in ("node", "allocation"):
            continue
        shown = f"{value:.3g}" if isinstance(value, float) else value
        shown = shown if isinstance(shown, str) else json.dumps(shown)
        parts.append(f"{key.replace('_', ' ')} {shown}")
    return " · ".join(parts)


class EventsPane(Pane):
    """All events of the workflow, or those of the selected job."""

    NAME: ClassVar[str] = "events"
    PER_JOB: ClassVar[bool] = False
    CONTEXTS: ClassVar[tuple[str, ...]] = ("events",)

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.rows = EventRows()
        self.table = VirtualTable(self.rows, empty="no events", fits=True)
        self.is_read = False
        self.of_job = False
        """Whether only events of the selected job are listed."""

    def compose(self) -> ComposeResult:
        yield self.table

    def refresh_content(self) -> None:
        view, job = self.host.view, self.job
        if view is None:
            return
        self.rows.jobs, self.rows.until = view.jobs, self.host.moment
        if not self.is_read:
            self.is_read = True
            self._read(view.workflow.id, None)
        before, self.rows.job_id = self.rows.job_id, job.id if self.of_job and job else None
        if self.rows.job_id is not None and self.rows.job_id != before:
            self._read(view.workflow.id, self.rows.job_id)
        self._list()

    def job_changed(self) -> None:
        self.stale = self.stale or self.of_job

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if self.is_read:
            self.rows.add(events)
        self.stale = True

    def handlers(self) -> Mapping[str, Handler]:
        return {"events-of-job": self._toggle_of_job}

    def _toggle_of_job(self) -> None:
        self.of_job = not self.of_job
        self.refresh_content()

    def _read(self, workflow_id: int, job_id: int | None) -> None:
        what = "events" if job_id is None else "job"
        self.ask(what, lambda source: _newest(source, workflow_id, job_id), self._take)

    def _take(self, events: Sequence[Event]) -> None:
        self.rows.add(events)
        self._list()

    def _list(self) -> None:
        self.table.empty = "no events of this job yet" if self.of_job else "no events"
        self.table.reload()
        self.listed = len(self.table.order)


def _newest(source: FeedReader, workflow_id: int, job_id: int | None) -> Sequence[Event]:
    from torc_tui.store.feed import list_events

    return list_events(source.store, workflow_id, job_id=job_id, limit=KEPT, newest_first=True)
