"""The viewer of one file: facts with links to jobs above, the content below.

Input: a declared file, and `FileContent` records of the reader thread. Output: messages about
links and entries. Never: reading a file; the log view reads texts in its own thread.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from torc_tui.records import dataclass
from torc_tui.tui.files.file_content import (
    HexDrawing,
    ShownFile,
    excerpt,
    record_lines,
    views_of,
)
from torc_tui.tui.files.file_kind import View
from torc_tui.tui.files.file_page import about, file_page
from torc_tui.tui.files.file_rows import FileFacts, ListedFile
from torc_tui.tui.files.read_file import FileContent
from torc_tui.tui.files.text_colors import colors_of
from torc_tui.tui.jobs.linked_canvas import LinkedCanvas
from torc_tui.tui.logs.log_view import LogView
from torc_tui.tui.logs.log_words import following, position, search_items
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.logs.searchable_log import SearchableLog
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.dialogs import TextDialog
from torc_tui.tui.widgets.empty_state import EmptyState
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.painted import StatusLine, joined
from torc_tui.tui.widgets.table_model import ListRows
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.wording import count

ROOMY = 30
"""Lines of a viewer that lists more than the first two jobs."""
FLAT = 14
"""Lines of a viewer that leaves no empty line above the content."""
_VIEW_WORDS = {
    View.TEXT: "text", View.TABLE: "table", View.IMAGE: "image", View.BYTES: "bytes",
    View.EXCERPT: "start and end of a text without lines", View.DIRECTORY: "directory",
    View.NOTHING: "",
}  # fmt: skip


class FileView(CommandNode, Vertical):
    """The viewer."""

    BLANK = True
    DEFAULT_CSS = """
    FileView { width: 1fr; height: 1fr; }
    FileView > LinkedCanvas { height: 3; }
    FileView > StatusLine { height: 1; }
    FileView LogView { padding: 0 0 0 1; }
    """

    @dataclass(slots=False)
    class EntryOpened(Message):
        """An entry of a directory was opened."""

        path: str

    def __init__(self) -> None:
        super().__init__()
        self.facts = LinkedCanvas()
        self.searchable = SearchableLog("search the whole file")
        self.log_view = self.searchable.log_view
        self.table = VirtualTable(ListRows((), _no_cell, _no_cell), empty="")
        self.canvas = LineCanvas(empty="")
        self.empty = EmptyState()
        self.note = StatusLine()
        self.file: ListedFile | None = None
        self.content: FileContent | None = None
        self.view = View.NOTHING
        self._rows: ListRows | None = None
        """The rows of a table or directory."""
        self._chosen: View | None = None
        """The view that the user chose; None: the best one."""
        self._shown_jobs: tuple[ListedFile, FileContent | None, FileFacts] | None = None

    def compose(self) -> ComposeResult:
        yield self.facts
        yield self.empty
        yield self.searchable
        yield self.table
        yield self.canvas
        yield self.note

    def on_mount(self) -> None:
        self._switch(View.NOTHING)

    # -- what the pane calls -----------------------------------------------------------------------

    def nothing(self, sentence: str) -> None:
        """Show a message in place of a file."""
        self.file = self.content = self._shown_jobs = None
        self.facts.erase()
        self.facts.display = self.note.display = False
        self.empty.show(sentence)
        self._switch(View.NOTHING)

    def begin(self, file: ListedFile) -> None:
        """Prepare for another file; what is on screen stays until that is read."""
        self.file, self._chosen = file, None
        self.facts.begin_page()

    def show(self, shown: ShownFile) -> None:
        """Show what was read; a newer state of the same file keeps the place."""
        before, content, self._rows = self.content, shown.content, shown.rows
        self.content = content
        same = before is not None and before.path == content.path
        if not same:
            self._chosen = None
        self.facts.display = self.note.display = True
        rewritten = same and before is not None and not content.continues(before)
        self._show_content(same=same, rewritten=rewritten)

    def show_facts(self, facts: FileFacts) -> None:
        """Write the lines above the content."""
        file = self.file
        if file is not None:
            self._shown_jobs = file, self.content, facts
            height, width = self.size.height, max(24, self.size.width - 1)
            most = 5 if height >= ROOMY else 2 if height >= FLAT else 1
            page = file_page(file, self.content, facts, width, most)
            self.facts.write(page)
            lines = min(len(page.lines), max(1, (height - 1) * 2 // 5))
            self.facts.styles.height = lines + (height >= FLAT)

    def on_resize(self) -> None:
        self._show_note()  # the width is unknown until the first layout
        if self._shown_jobs is not None:
            self.show_facts(self._shown_jobs[2])
        if self.view in (View.BYTES, View.EXCERPT):
            self._draw()

    @property
    def current(self) -> Widget:
        """Return the widget that shows the content."""
        widgets: Mapping[View, Widget] = {
            View.TEXT: self.log_view,
            View.TABLE: self.table,
            View.DIRECTORY: self.table,
            View.BYTES: self.canvas,
            View.EXCERPT: self.canvas,
        }
        return widgets.get(self.view, self.empty)

    def focus_content(self) -> None:
        self.current.focus()

    @property
    def has_content_focus(self) -> bool:
        return self.searchable.has_focus_within or self.current.has_focus

    # -- the content -------------------------------------------------------------------------------

    def _show_content(self, *, same: bool, rewritten: bool = False) -> None:
        content = self.content
        if content is None:
            return
        views = views_of(content)
        wanted = views[0] if self._chosen not in views else self._chosen or views[0]
        if self._rows is not None and wanted in (View.TABLE, View.DIRECTORY):
            self._set_rows(self._rows, same=same)
        self._switch(View.NOTHING if content.sentence else wanted)
        self._fill(content, same=same, rewritten=rewritten)
        self._show_note()

    def _fill(self, content: FileContent, *, same: bool, rewritten: bool) -> None:
        """Give the visible widget what it shows."""
        if self.view is View.TEXT:
            self._fill_text(content, same=same, rewritten=rewritten)
        elif self.view in (View.BYTES, View.EXCERPT):
            self._draw()
            if not same:
                self.canvas.to_top()
        elif self.view is View.IMAGE:
            self.empty.show(
                "".join(text for text, _ in about(content, dated=False)), "t shows the bytes"
            )
        elif content.sentence:
            self.empty.show(f"{content.sentence[0].upper()}{content.sentence[1:]}.")

    def _fill_text(self, content: FileContent, *, same: bool, rewritten: bool) -> None:
        """Open a text at its start; one that was rewritten, at the present place."""
        view, streams = self.log_view, (Stream("file", content.path),)
        same = same and view.window.streams == streams
        if same and not rewritten:
            return
        here = view.scroll.here if same else None
        view.log_lines.colors = colors_of(content.kind.language)
        self.searchable.name_of_copies = os.path.basename(content.path)  # noqa: PTH119
        view.open(streams, live=True, at_start=not (same and view.follow))
        if here is not None and here.offset > 0 and not view.follow:
            view.go_to("file", here.offset)

    def _set_rows(self, rows: ListRows, *, same: bool) -> None:
        if not same:
            self.table.sort, self.table.reverse = None, False
        self.table.set_rows(rows)
        if not same:
            self.table.move_to(0)

    def _draw(self) -> None:
        content = self.content
        if content is not None and self.size.width:
            drawing = HexDrawing if self.view is View.BYTES else excerpt
            self.canvas.set_drawing(drawing(content, self.size.width - 1))

    def _switch(self, view: View) -> None:
        """Show the widget of a view; the focus moves along."""
        before, had = self.current, self.has_content_focus
        self.view = view
        shown = self.current
        for widget in (self.empty, self.searchable, self.table, self.canvas):
            if widget is shown or widget is shown.parent:
                widget.display = True
        if had and shown is not before:
            self.screen.set_focus(shown)  # before the focused widget is hidden
        for widget in (self.empty, self.searchable, self.table, self.canvas):
            if widget is not shown and widget is not shown.parent:
                widget.display = False
        self.log_view.reader.watch(view is View.TEXT)

    # -- the line below ----------------------------------------------------------------------------

    def _show_note(self) -> None:
        content = self.content
        if content is None:
            return
        items: list[tuple[int, Line]] = []
        views = views_of(content)
        if self.view is View.TEXT:
            scroll = self.log_view.scroll
            items = [(0, [following(scroll)] if scroll.follow else [])]
            items += [(1, [(position(scroll), "text")])] if scroll.lines.window.lines else []
            items += search_items(scroll)
        elif self.view in (View.TABLE, View.DIRECTORY):
            noun = ("row",) if self.view is View.TABLE else ("entry", "entries")
            items = [(0, [(count(len(self.table.order), *noun), "text")])]
        elif self.view is View.BYTES and content.tail:
            items = [(0, [("the first and the last bytes", "text")])]
        if len(views) > 1:
            items.append((2, [("as ", "faint"), (_VIEW_WORDS[self.view], "muted")]))
        self.note.show(joined([one for one in items if one[1]], self.size.width - 2))

    def on_log_view_position_changed(self, event: LogView.PositionChanged) -> None:
        event.stop()
        if self.view is View.TEXT:
            self._show_note()

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        views = () if self.content is None else views_of(self.content)
        return {"file-view": self._next_view} if len(views) > 1 else {}

    def _next_view(self) -> None:
        if self.content is None:
            return
        views: Sequence[View] = views_of(self.content)
        at = views.index(self.view) if self.view in views else 0
        self._chosen = views[(at + 1) % len(views)]
        self._show_content(same=False)

    def back(self) -> bool:
        """Undo a selection or search in the text; return False if there was none."""
        return self.view is View.TEXT and self.searchable.back()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        if self.view is View.DIRECTORY and self.content is not None and isinstance(event.key, str):
            path = os.path.join(self.content.path, event.key)  # noqa: PTH118
            self.post_message(self.EntryOpened(path))
        elif self.view is View.TABLE and isinstance(self.table.rows, ListRows):
            number, row = self.table.rows.records[event.key]
            names = [column.title for column in self.table.rows.columns[1:]]
            title = f"Row {number}" if number.isdigit() else "Row"
            self.app.push_screen(TextDialog(title, lambda width: record_lines(names, row, width)))

    def on_hide(self) -> None:
        self.log_view.reader.watch(False)

    def on_show(self) -> None:
        self.log_view.reader.watch(self.view is View.TEXT)


def _no_cell(record: object, column: object, width: int = 0) -> tuple[str, str]:
    return ("", "")
