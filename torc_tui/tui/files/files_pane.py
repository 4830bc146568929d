"""The tab Files: the files that jobs read and write, their states, and a viewer.

Input: declared files and jobs of the database, and what lies at their paths. Output: painted lines.

Invariants: the paths are looked at by the thread for slow questions, and only while the tab is
visible; the pause until the next look grows with the time that it took. A file is read again when
its identity, size or time changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence, Set
from typing import ClassVar

from textual.app import ComposeResult

from torc_tui.model import RELOAD_EVENTS, Event
from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.files.file_content import ShownFile, read_shown
from torc_tui.tui.files.file_rows import FileRows, ListedFile, changed_inputs
from torc_tui.tui.files.file_view import FileView
from torc_tui.tui.files.read_file import DiskState, disk_state
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.row_order import order_rows
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.jobs.linked_canvas import LinkedCanvas
from torc_tui.tui.look.text_layout import sanitize
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.sides import Side
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tuples import NamedTuple

LOOK, LOOK_SHARE = 1.0, 20
"""Seconds until the paths are looked at again, at least, and as a multiple of the time it took."""


class Look(NamedTuple):
    """What lay at the paths, by the ids of the files, and how long looking took (seconds)."""

    disk: Mapping[int, DiskState]
    changed: Set[int]
    """Files that were not so before."""
    took: float


class FilesPane(Pane):
    """The tab with the files of the workflow."""

    NAME: ClassVar[str] = "files"
    PER_JOB: ClassVar[bool] = False
    CONTEXTS: ClassVar[tuple[str, ...]] = ("files",)
    DEFAULT_CSS = """
    FilesPane FilterLine { dock: top; }
    """

    def __init__(self, host: WorkflowHost) -> None:
        super().__init__(host)
        self._workflow = host
        self.rows = FileRows()
        self.table = VirtualTable(self.rows, empty="loading …", fits=True)
        self.table.order_rows = self._filter
        self.filter_line = FilterLine(
            placeholder="search names, paths, states, writers and readers"
        )
        self.file_view = FileView()
        self.split = Split(Side(self.table, self.filter_line), self.file_view, ratio=0.4)
        self._path = ""
        """The path on screen: that of the selected file, or one below it."""
        self._looking = self._turned = False
        self._look_at = 0.0

    def compose(self) -> ComposeResult:
        yield self.split

    # -- the list ----------------------------------------------------------------------------------

    @property
    def chosen(self) -> ListedFile | None:
        key = self.table.cursor
        return self.rows.files.get(key) if isinstance(key, int) else None

    def refresh_content(self) -> None:
        view = self.host.view
        if view is not None:
            workflow_id, directory = view.workflow.id, view.workflow.directory
            self.ask(
                "files", lambda source: read_files(source, workflow_id, directory), self._take_files
            )

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        self._turned = self._turned or bool(changed)
        kinds = {event.kind for event in events}
        if not kinds.isdisjoint(RELOAD_EVENTS) or any(one.startswith("file_") for one in kinds):
            self.stale = True

    def _take_files(self, files: Sequence[ListedFile]) -> None:
        self.rows.files = {file.id: file for file in files}
        self.listed = len(files)
        self.table.empty = "no file matches" if files else "no job uses a file"
        self.split.limit_first(max(4, len(files) + 3))
        self._update_facts()
        self._filter()
        self._look_at = 0.0
        self._look()
        self._read_chosen()

    def _update_facts(self) -> None:
        """Take the present jobs and rerun plan."""
        view, forecast = self.host.view, self._workflow.plans.forecast
        if view is not None:
            facts = self.rows.facts
            facts.jobs = view.jobs
            if forecast is not None and forecast.stale is not facts.stale:
                facts.stale, facts.changed = forecast.stale, changed_inputs(forecast.stale)
            self.file_view.show_facts(self.rows.facts)

    def _repaint(self) -> None:
        self._turned = False
        self._update_facts()
        self.table.changed(self.rows.records.keys())

    def every_second(self, now: float) -> None:
        view = self.host.view
        if view is not None:
            self._workflow.plans.request_if_light(self.torc, view)
        if self._turned:
            self._repaint()
        self._look()
        if self._path and self.chosen is not None and self._path != self.chosen.place:
            self._read(self._path)

    def plan_changed(self) -> None:
        self._repaint()

    def _filter(self) -> None:
        words = self.filter_line.text.lower().split()
        rows = self.rows
        order_rows(self, self.table, rows, len(rows.files), lambda: rows.chosen(words), self._count)

    def _count(self) -> None:
        """Show how many files pass the filter."""
        if self.filter_line.text:
            shown = f" {len(self.rows.records)} of {len(self.rows.files)} "
            self.filter_line.show([(shown, "muted")])

    @property
    def busy(self) -> bool:
        return self.file_view.log_view.reader.has_news

    def every_tick(self) -> None:
        self.file_view.log_view.take()

    # -- the disk ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Look at the paths of all files, unless that was just done."""
        if self._looking or time.monotonic() < self._look_at or not self.rows.files:
            return
        self._looking = True
        files, before = self.rows.files, self.rows.facts.disk

        def fail(error: ReadError) -> None:
            self._looking = False
            self.torc.show_error(error)

        self.ask("disk", lambda _source: look(files, before), self._take_look, fail, slow=True)

    def _take_look(self, found: Look) -> None:
        self._looking = False
        self._look_at = time.monotonic() + max(LOOK, LOOK_SHARE * found.took)
        self.rows.facts.disk, changed = found.disk, found.changed
        if not changed:
            return
        self.table.changed(changed)
        chosen = self.chosen
        if chosen is None or chosen.id not in changed:
            return
        self.file_view.show_facts(self.rows.facts)
        content = self.file_view.content
        if content is not None and self._path == chosen.place:
            seen, now = content.disk, found.disk[chosen.id]
            if (seen.identity, seen.kind) != (now.identity, now.kind):
                self._read(self._path)

    # -- the viewer --------------------------------------------------------------------------------

    def _read_chosen(self) -> None:
        """Show the selected file unless it is on screen."""
        file, view = self.chosen, self.file_view
        if file is None:
            self._path = ""
            view.nothing("" if self.rows.files else "`files` in the workflow file declares files.")
        elif file != view.file:
            view.begin(file)
            self._read(file.place)

    def _read(self, path: str) -> None:
        self._path = path
        self.ask("file", lambda _source: read_shown(path), self._take_content)

    def _take_content(self, shown: ShownFile) -> None:
        if shown.content.path == self._path:
            self.file_view.show(shown)
            self.file_view.show_facts(self.rows.facts)

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        event.stop()
        if event.table is self.table:
            self._read_chosen()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if event.table is self.table:
            event.stop()
            if self.split.shape == "single":
                self.split.show_alone("second")
            self.file_view.focus_content()

    def on_file_view_entry_opened(self, event: FileView.EntryOpened) -> None:
        event.stop()
        self._read(event.path)

    def on_linked_canvas_link_opened(self, event: LinkedCanvas.LinkOpened) -> None:
        event.stop()
        if event.job_id is not None:
            self.host.go_to_job(event.job_id)

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        event.stop()
        self.host.go_to_job(event.what, focus=False)

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **self.file_view.handlers(),
            "back": self._back,
            "filter": self.filter_line.begin,
            "filter-clear": self.filter_line.clear,
            "file-path": self._copy_path,
        }

    def _back(self) -> None:
        view, line, file = self.file_view, self.filter_line, self.chosen
        if line.has_focus_within or (line.text and self.table.has_focus):
            line.clear()
        elif view.has_content_focus and view.back():
            return
        elif view.has_focus_within and file is not None and self._path != file.place:
            self._read(os.path.dirname(self._path))  # noqa: PTH120
        elif self.split.alone == "second":
            self.split.show_alone(None)
            self.table.focus()
        elif view.has_focus_within:
            self.table.focus()
        else:
            self.host.leave_pane()

    def _copy_path(self) -> None:
        if self._path:
            self.torc.copy(self._path)
            self.torc.notify(f"copied {sanitize(self._path)}")

    def on_filter_line_filter_changed(self, event: FilterLine.FilterChanged) -> None:
        event.stop()
        self._filter()
        self._read_chosen()

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        event.stop()
        self.table.focus()


def read_files(source: FeedReader, workflow_id: int, directory: str) -> Sequence[ListedFile]:
    """Return the files with the jobs that write and read them; called in the reader thread."""
    from torc_tui.store import queries, relations

    found = queries.list_files(source.store, workflow_id)
    uses = {
        one.id: one for one in relations.artifacts(source.store, workflow_id) if one.kind == "file"
    }
    files = []
    for row in found:
        number, path = int(str(row["id"])), str(row["path"])
        use = uses.get(number)
        files.append(
            ListedFile(
                number,
                str(row["name"]),
                path,
                os.path.join(directory, path),  # noqa: PTH118
                use.producers if use is not None else (),
                use.consumers if use is not None else (),
            )
        )
    return files


def look(files: Mapping[int, ListedFile], before: Mapping[int, DiskState]) -> Look:
    """Return what lies at the paths; called in a reader thread."""
    begin = time.monotonic()
    disk = {number: disk_state(file.place) for number, file in files.items()}
    changed = {number for number, state in disk.items() if before.get(number) != state}
    return Look(disk, changed, time.monotonic() - begin)
