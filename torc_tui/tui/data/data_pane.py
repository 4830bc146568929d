"""The user data of the workflow: the records with who writes and reads them, the value of one, and
what can be done.

What comes in: events (``data_changed``), answers of the reader thread. What goes out: paintings;
screens to edit, for versions; writes, each as an act with its command line. Law: the list is read
again at most a few times a second, whatever happens; a value is read when its version is another
than the one on screen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.timer import Timer

from torc_tui.errors import NotFound, TorcError
from torc_tui.model import STATUS_EVENTS, Event
from torc_tui.tui.data import data_actions
from torc_tui.tui.data.data_list import COLUMNS, DataList, Record, cell, searched, value
from torc_tui.tui.data.data_review import command_of
from torc_tui.tui.data.data_texts import careful, counted, people
from torc_tui.tui.data.data_value import ValueView
from torc_tui.tui.data.json_text_view import readable
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.dialogs import Ask, Confirm
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.status_line import StatusLine
from torc_tui.tui.widgets.virtual_table import ListRows, VirtualTable

APART = 0.3
"""Seconds between two readings of the list, at least; ten times as long as one takes, where that is
more."""


class DataPane(Pane):
    NAME = "data"
    TITLE = "Data"
    PER_JOB = False
    CONTEXT: ClassVar[tuple[str, ...]] = ("data",)

    def __init__(self) -> None:
        super().__init__()
        self.rows = ListRows(COLUMNS, cell, value)
        self.records: dict[int, Record] = {}
        self.of_job = False
        self.reading: tuple[int, int] | None = None
        self.lists_read = 0
        self.values_read = 0
        self._then: dict[str, Callable[[Any], None]] = {}
        self._asked_at = 0.0
        self._apart = APART
        self._reading_list = False
        self._again = False
        self._timer: Timer | None = None
        self._wanted: int | None = None
        self._ratio = 0.5
        self._moved = False

    def compose(self) -> ComposeResult:
        yield Split(DataList(self.rows), ValueView(self.question), ratio=0.5)

    @property
    def table(self) -> VirtualTable:
        return self.query_one(DataList).query_one(VirtualTable)

    @property
    def value_view(self) -> ValueView:
        return self.query_one(ValueView)

    @property
    def split(self) -> Split:
        return self.query_one(Split)

    @property
    def filter_line(self) -> FilterLine:
        return self.query_one(DataList).query_one(FilterLine)

    @property
    def chosen(self) -> Record | None:
        """The record under the cursor."""
        key = self.table.cursor
        return self.records.get(key) if isinstance(key, int) else None

    # -- the reader thread -------------------------------------------------------------------------

    def question(
        self, what: str, question: Callable[[Any], Any], then: Callable[[Any], None]
    ) -> None:
        """Put a question; ``then`` gets the answer. A newer one of the same kind replaces one that
        waits."""
        self._then[what] = then
        self.ask(what, careful(question))

    def take(self, what: str, value: Any) -> None:
        self._then[what](value)

    def failed(self, what: str, error: TorcError | OSError) -> None:
        if what == "records":
            self._reading_list = False
            self.table.empty = sanitize(str(error))
            self.table.reload()
        elif what == "value":
            self.reading = None
            self.value_view.nothing("it was deleted" if isinstance(error, NotFound) else str(error))
        else:
            super().failed(what, error)

    # -- the list ----------------------------------------------------------------------------------

    def freshen(self) -> None:
        view = self.owner.view
        if view is None:
            return
        now = time.monotonic()
        if self._reading_list or now - self._asked_at < self._apart:
            self._again = True
            self._catch_up_soon()
            return
        self._again, self._reading_list, self._asked_at = False, True, now
        workflow_id, job = view.workflow.id, self.job if self.of_job else None
        job_id = job.id if job is not None else None

        def read(source: Any) -> Any:
            from torc_tui.store import data_overview

            begun = time.monotonic()
            found = data_overview.overview(source.store.connection(), workflow_id, job_id=job_id)
            return job_id, found, time.monotonic() - begun

        self.question("records", read, self._take_records)

    def _catch_up_soon(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(self._apart, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        if self._again and self.display:
            self.freshen()
        else:
            self.stale = self.stale or self._again

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if any(event.kind.startswith("user_data_") for event in events):
            self.stale = True
        elif any(record["size"] is None for record in self.records.values()) and any(
            event.kind in STATUS_EVENTS for event in events
        ):
            self._again = True  # what is empty may be missing by now
            self._catch_up_soon()

    def job_changed(self) -> None:
        self.stale = self.stale or self.of_job

    def _take_records(self, answer: tuple[int | None, Sequence[Record], float]) -> None:
        job_id, records, took = answer
        self._apart = max(APART, 10 * took)
        self.lists_read += 1
        self._reading_list = False
        self.records = {record["id"]: record for record in records}
        self.table.empty = "the job has no user data" if job_id is not None else "no user data yet"
        self._filter()
        if self._wanted in self.rows.records:
            self.table.select(self._wanted)
            self._wanted = None
        self._fit()
        self._say()
        self._read_value()

    def _fit(self) -> None:
        """One above the other, the list takes what it needs, so that the value gets the rest; until
        a person chose."""
        split, height = self.split, self.split.size.height
        if self._moved or not height:
            return
        wanted = (
            min(0.5, max(0.2, (len(self.rows.records) + 3) / height))
            if split.shape == "stack"
            else 0.5
        )
        if abs(split.ratio - wanted) * height >= 1:
            split.ratio = self._ratio = wanted
            split.place()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _filter(self) -> None:
        words = self.filter_line.text.lower().split()
        self.rows.records = {
            key: record
            for key, record in self.records.items()
            if not words or all(word in searched(record) for word in words)
        }
        self.table.reload()
        if words:
            self.filter_line.say([(f" {len(self.rows.records)} of {len(self.records)} ", "muted")])

    def _say(self) -> None:
        job = self.job
        line: list[tuple[str, str]] = [(counted(len(self.records), "record"), "muted")]
        if self.of_job:
            line += [(" of job ", "muted"), (job.name if job is not None else "none", "accent")]
        missing = sum(record["state"] == "missing" for record in self.records.values())
        if missing:
            line.append((f"  {missing} missing", "error"))
        self.query_one(DataList).query_one(StatusLine).say(line)

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
            self.value_view.nothing("reading …")
        self.reading = wanted
        self.question("value", lambda source: _opened(source, wanted[0]), self._take_value)

    def _take_value(self, answer: tuple[Record, Any]) -> None:
        record, violations = answer
        if self.reading is None or record["id"] != self.reading[0]:
            return
        self.values_read += 1
        self.reading = (record["id"], record["version"])
        self.value_view.show(record, violations)

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
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
        self._read_value()

    def on_split_changed(self, event: Split.Changed) -> None:
        event.stop()
        self._moved = self._moved or self.split.ratio != self._ratio

    # -- commands: looking -------------------------------------------------------------------------

    def do_filter(self) -> None:
        if self.value_view.has_focus_within:
            self.value_view.do_tree_search()
        else:
            self.filter_line.begin()

    def do_filter_clear(self) -> None:
        self.filter_line.clear()

    def do_back(self) -> None:
        view = self.value_view
        if view.has_focus_within and view.searching:
            view.end_search()
        elif self.filter_line.has_focus_within or (
            self.filter_line.display and self.table.has_focus
        ):
            self.filter_line.clear()
        elif self.split.alone == "second":
            self.split.show_alone(None)
            self.table.focus()
        elif view.has_focus_within:
            self.table.focus()
        else:
            self.owner.do_back()

    def do_data_of_job(self) -> None:
        self.of_job = not self.of_job
        self._asked_at, self._reading_list = 0.0, False
        self.freshen()

    def do_data_text(self) -> None:
        self.value_view.do_data_text()

    def do_data_schema(self) -> None:
        self.value_view.do_data_schema()

    def do_copy_value(self) -> None:
        self.value_view.copy()

    def do_data_versions(self) -> None:
        from torc_tui.tui.data.data_versions import DataVersions

        record = self.chosen
        if record is not None:
            self.app.push_screen(
                DataVersions(self.owner, {**record, "workflow_id": self.owner.workflow_id})
            )

    def do_data_command(self) -> None:
        """Copy the command line that writes the value as it is."""
        record = self.value_view.record
        if record is not None:
            self.question(
                "command",
                lambda _source: command_of(record["id"], record["data"]),
                self._take_command,
            )

    def _take_command(self, line: str) -> None:
        self.owner.torc.last_line = line
        self.app.copy_to_clipboard(line)
        self.app.notify(
            f"copied: {sanitize(line[:200])}{'…' if len(line) > 200 else ''}", markup=False
        )

    # -- commands: writing -------------------------------------------------------------------------

    def do_data_edit(self) -> None:
        self._edit(external=False)

    def do_data_editor(self) -> None:
        self._edit(external=True)

    def _edit(self, *, external: bool) -> None:
        record = self.chosen
        if record is None:
            return

        def read(source: Any) -> Any:
            from torc_tui.store import data_overview

            opened = data_overview.opened(source.store.connection(), record["id"])
            return opened, readable(opened["data"])

        def then(answer: tuple[Record, str]) -> None:
            from torc_tui.tui.data.data_editor import DataEditor

            if self.screen.is_current:
                self.app.push_screen(DataEditor(self.owner, *answer, external=external))

        self.question("edit", read, then)

    def do_data_new(self) -> None:
        taken = {str(record["name"]) for record in self.records.values()}
        workflow_id = self.owner.workflow_id

        def check(text: str) -> str | None:
            return (
                "a name is needed"
                if not text.strip()
                else "there is one of that name"
                if text in taken
                else None
            )

        def take(name: Any) -> None:
            if isinstance(name, str):
                self._act(
                    "data-new",
                    data_actions.create(workflow_id, name),
                    f"{sanitize(name)} created",
                    self._created,
                )

        self.app.push_screen(
            Ask("New record", help="its name; the value is null until it is written", check=check),
            take,
        )

    def _created(self, record: Record) -> None:
        self._wanted = record["id"]

    def do_data_clear(self) -> None:
        self._ask_then(
            "data-clear",
            "Set {name} to null?",
            "Set to null",
            data_actions.clear,
            "{name} is null now",
        )

    def do_data_delete(self) -> None:
        self._ask_then(
            "data-delete",
            "Delete {name}?",
            "Delete the record",
            data_actions.delete,
            "{name} deleted",
        )

    def _ask_then(
        self,
        command: str,
        title: str,
        button: str,
        act: Callable[[Record], Callable[[Any, str], Any]],
        said: str,
    ) -> None:
        record = self.chosen
        if record is None:
            return
        name = str(record["name"])
        count, first = record["readers"]
        lines: list[Line] = [
            [
                (f"version {record['version']}", "text"),
                (f"  {(record['head'] or 'null')[:40]}", "muted"),
            ]
        ]
        if count:
            lines.append([("read by ", "text"), (people(count, first), "accent")])
        keeps = (
            "Its history goes with it."
            if command == "data-delete"
            else "The history keeps the value."
        )
        lines.append([(keeps, "muted")])

        def take(agreed: Any) -> None:
            if agreed:
                self._act(
                    command,
                    act(record),
                    said.format(name=sanitize(name)),
                    lambda _record: None,
                    record["id"],
                )

        self.app.push_screen(Confirm(title.format(name=name), lines, button), take)

    def _act(
        self,
        command: str,
        act: Callable[[Any, str], Any],
        said: str,
        then: Callable[[Any], None],
        record_id: int | None = None,
    ) -> None:
        torc = self.owner.torc
        torc.acts.do(
            command, act, workflow=self.owner.workflow_id, said=lambda _value: said, then=then
        )
        if torc.last_line is not None and record_id is not None:
            torc.last_line = torc.last_line.replace("RECORD", str(record_id))


def _opened(source: Any, record_id: int) -> tuple[Record, Any]:
    """In the reader thread: a record with its value, and what its schema says against it."""
    from torc_tui.store import data_overview
    from torc_tui.views.json_schema import check

    record = data_overview.opened(source.store.connection(), record_id)
    schema = record["schema"]
    return record, check(record["data"], schema) if schema is not None and record[
        "data"
    ] is not None else ()
