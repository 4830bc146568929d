"""The user data of the workflow: records, their writers and readers, and one value.

Input: events and answers of the reader thread. Output: painted lines.

Invariants: the list is reloaded at most a few times a second; a value is read when its version is
not the one on screen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.timer import Timer

from torc_tui.errors import NotFound
from torc_tui.model import STATUS_EVENTS, Event, Job
from torc_tui.tui.data.data_list import COLUMNS, DataList, cell, value
from torc_tui.tui.data.data_texts import Record
from torc_tui.tui.data.data_value import ValueView
from torc_tui.tui.data.record_actions import RecordActions
from torc_tui.tui.data.record_listing import RecordListing, matching, read_listing
from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.frame.row_order import order_rows
from torc_tui.tui.look.text_layout import Line, Span, sanitize
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.table_model import ListRows
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.json_schema import Violation, check
from torc_tui.wording import count

APART = 0.3
"""Seconds between two readings of the list, at least."""
APART_SHARE = 10
"""The pause is at least this many times as long as a reading takes."""


class DataPane(Pane):
    """The tab with the user data of the workflow."""

    NAME: ClassVar[str] = "data"
    PER_JOB: ClassVar[bool] = False
    CONTEXTS: ClassVar[tuple[str, ...]] = ("data",)

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.rows = ListRows(COLUMNS, cell, value)
        self.listing = RecordListing()
        self.of_job = False
        self.reading: tuple[int, int] | None = None
        """Record and version of the value that is shown, or being read."""
        self.list = DataList(self.rows)
        self.list.table.order_rows = self._filter
        self.value_view = ValueView(self.ask)
        self.split = Split(self.list, self.value_view, ratio=0.5)
        self.record_actions = RecordActions(self, host.workflow_id)
        self._asked_at = 0.0
        self._apart = APART
        self._reading_list = False
        self._again = False
        self._timer: Timer | None = None
        self._wanted: int | None = None
        self._ratio = 0.5
        self._moved = False

    def compose(self) -> ComposeResult:
        yield self.split

    # -- what actions ask --------------------------------------------------------------------------

    @property
    def covered(self) -> TorcScreen:
        return cast(TorcScreen, self.screen)

    @property
    def table(self) -> VirtualTable:
        return self.list.table

    @property
    def chosen(self) -> Record | None:
        key = self.table.cursor
        return self.records.get(key) if isinstance(key, int) else None

    @property
    def opened(self) -> Record | None:
        return self.value_view.record

    @property
    def records(self) -> Mapping[int, Record]:
        return self.listing.records

    @property
    def names(self) -> Set[str]:
        return self.listing.names

    def select_when_listed(self, record_id: int) -> None:
        self._wanted = record_id

    # -- the list ----------------------------------------------------------------------------------

    def refresh_content(self) -> None:
        view = self.host.view
        if view is None:
            return
        now = time.monotonic()
        if self._reading_list or now - self._asked_at < self._apart:
            self._again = True
            self._catch_up_soon()
            return
        self._again, self._reading_list, self._asked_at = False, True, now
        workflow_id, job = view.workflow.id, self.job if self.of_job else None
        job_id = None if job is None else job.id

        self.ask(
            "records",
            lambda source: read_listing(source, workflow_id, job_id),
            self._take_records,
            self._records_failed,
        )

    def _catch_up_soon(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(self._apart, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        if self._again and self.display:
            self.refresh_content()
        else:
            self.stale = self.stale or self._again

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if any(event.kind.startswith("user_data_") for event in events):
            self.stale = True
        elif self.listing.lacks_values and any(event.kind in STATUS_EVENTS for event in events):
            self._again = True  # an empty record may be missing now
            self._catch_up_soon()

    def job_changed(self) -> None:
        self.stale = self.stale or self.of_job

    def _take_records(self, found: RecordListing) -> None:
        """Show the records that were read; a slow reading delays the next one."""
        self._apart = max(APART, APART_SHARE * found.took)
        self._reading_list = False
        self.listing = found
        key = self.host.torc.keymap.key("data-new")
        self.table.empty = (
            f"no user data yet; {key} adds a record"
            if found.job_id is None
            else "the job has no user data"
        )
        self.listed = len(found.records)
        note = note_line(found, self.job if self.of_job else None)
        self.list.note.show(note)
        self.list.note.display = bool(note)
        self._filter()

    def _filter(self) -> None:
        """Show the records that match, in the order of the table."""
        words, records = self.list.filter_line.text.lower().split(), self.records
        chosen = partial(matching, records, words)
        order_rows(self, self.table, self.rows, len(records), chosen, self._listed)

    def _listed(self) -> None:
        """Show what depends on the rows."""
        if self._wanted in self.rows.records:
            self.table.select(self._wanted)
            self._wanted = None
        if self.list.filter_line.text.strip():
            shown = f" {len(self.rows.records)} of {len(self.records)} "
            self.list.filter_line.show([(shown, "muted")])
        self._fit()
        self._read_value()

    def _records_failed(self, error: ReadError) -> None:
        self._reading_list = False
        self.table.empty = sanitize(str(error))
        self.table.reload()

    def _fit(self) -> None:
        """Fit the height of a list above the value to its rows, until the user moves the border."""
        split, height = self.split, self.split.size.height
        if self._moved or not height:
            return
        wanted = 0.5
        if split.shape == "stack":
            wanted = min(0.5, max(0.2, (len(self.rows.records) + 3) / height))
        if abs(split.ratio - wanted) * height >= 1:
            split.ratio = self._ratio = wanted
            split.place()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    # -- the value ---------------------------------------------------------------------------------

    def _read_value(self) -> None:
        record = self.chosen
        if record is None:
            self.reading = None
            self.value_view.nothing("")
            return
        wanted = (record["id"], record["version"])
        if wanted == self.reading:
            return
        if self.reading is None or self.reading[0] != record["id"]:
            self.value_view.nothing("loading …")
        self.reading = wanted
        self.ask(
            "value",
            lambda source: _open(source, wanted[0]),
            lambda answer: self._take_value(*answer),
            self._value_failed,
        )

    def _take_value(self, record: Record, violations: Sequence[Violation]) -> None:
        if self.reading is None or record["id"] != self.reading[0]:
            return
        self.reading = (record["id"], record["version"])
        self.value_view.show(record, violations)

    def _value_failed(self, error: ReadError) -> None:
        self.reading = None
        self.value_view.nothing(
            "the record was deleted" if isinstance(error, NotFound) else str(error)
        )

    # -- messages ----------------------------------------------------------------------------------

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        if event.table is self.table:
            event.stop()
            self._read_value()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if event.table is self.table:
            event.stop()
            if self.split.shape == "single":
                self.split.show_alone("second")
            self.value_view.focus_value()

    def on_data_list_filtered(self, event: DataList.Filtered) -> None:
        event.stop()
        self._filter()

    def on_split_layout_changed(self, event: Split.LayoutChanged) -> None:
        event.stop()
        self._moved = self._moved or self.split.ratio != self._ratio

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        searches_value = self.value_view.has_focus_within
        begin = self.value_view.begin_search if searches_value else self.list.filter_line.begin
        return {
            **self.value_view.handlers(),
            **self.record_actions.handlers(),
            "filter": begin,
            "filter-clear": self.list.filter_line.clear,
            "back": self._back,
            "data-of-job": self._toggle_of_job,
            "copy-value": self.value_view.copy,
        }

    def _back(self) -> None:
        view, line = self.value_view, self.list.filter_line
        if view.has_focus_within and view.searching:
            view.end_search()
        elif line.has_focus_within or (line.display and self.table.has_focus):
            line.clear()
        elif self.split.alone == "second":
            self.split.show_alone(None)
            self.table.focus()
        elif view.has_focus_within:
            self.table.focus()
        else:
            self.host.leave_pane()

    def _toggle_of_job(self) -> None:
        self.of_job = not self.of_job
        self._asked_at, self._reading_list = 0.0, False
        self.refresh_content()


def note_line(listing: RecordListing, job: Job | None) -> Line:
    """Return what the number in the frame does not tell: the job, and records that are missing."""
    line: list[Span] = []
    if job is not None:
        line += [(count(len(listing.records), "record"), "muted"), (" of job ", "muted")]
        line.append((job.name, "accent"))
    if listing.missing:
        line.append((f"{'  ' if line else ''}{listing.missing} missing", "error"))
    return line


def _open(source: FeedReader, record_id: int) -> tuple[Record, Sequence[Violation]]:
    """Return a record with its value, and what violates its schema.

    Called in the reader thread.
    """
    from torc_tui.store import user_data_records

    record = user_data_records.opened(source.store.connection(), record_id)
    schema, data = record["schema"], record["data"]
    return record, check(data, schema) if schema is not None and data is not None else ()
