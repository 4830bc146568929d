"""The value of one record, as a tree with a search or as text, and violations of its schema.

Input: records of ``user_data_records.opened``, with violations. Output: questions for the reader
thread, asked through ``ask``. Never: parsing, searching or printing a whole value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from torc_tui.model import Json
from torc_tui.tui.data.data_texts import Record, violation_lines, written
from torc_tui.tui.data.json_text_view import JsonDrawing, readable
from torc_tui.tui.data.json_tree import JsonTree
from torc_tui.tui.feed.reader import Asker
from torc_tui.tui.frame.external import CopiedText, for_clipboard, take_copy
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.dialogs import TextDialog
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.overlay import Words
from torc_tui.tui.widgets.painted import StatusLine
from torc_tui.views.json_document import Path, Tree, value_at
from torc_tui.views.json_schema import Violation
from torc_tui.wording import count, size

SHOWN_VIOLATIONS = 3
LARGE = 200_000
"""Characters of a value from which on a search waits for the end of the typing (``PATIENCE``
seconds)."""
PATIENCE = 0.2


class ValueView(CommandNode, Vertical):
    """The value of a record, as a tree or as text."""

    DEFAULT_CSS = """
    ValueView > LineCanvas, ValueView > StatusLine { display: none; }
    ValueView > Words { display: none; padding: 0 2; max-height: 4; }
    ValueView > FilterLine { dock: bottom; }
    """

    def __init__(self, ask: Asker) -> None:
        super().__init__()
        self.ask = ask
        self.record: Record | None = None
        self.violations: Sequence[Violation] = ()
        self.as_text = False
        self.hits: Sequence[Path] = ()
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield JsonTree(empty="")
        yield StatusLine()
        yield LineCanvas(empty="loading …")
        yield Words([])
        yield FilterLine(placeholder="a key, a value, or a path such as .model.layers[3]")

    @property
    def value_tree(self) -> JsonTree:
        return self.query_one(JsonTree)

    @property
    def current(self) -> JsonTree | LineCanvas:
        """Return the widget that shows the value."""
        return self.query_one(LineCanvas) if self.as_text else self.value_tree

    def focus_value(self) -> None:
        self.current.focus()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "data-text": self.toggle_text,
            "data-schema": self.show_schema,
            "filter": self.begin_search,
            "tree-search": self.begin_search,
            "tree-next": lambda: self._step(1),
            "tree-previous": lambda: self._step(-1),
        }

    # -- what the pane calls -----------------------------------------------------------------------

    def show(self, record: Record, violations: Sequence[Violation]) -> None:
        """Show a record.

        A newer version of the record on screen keeps open branches and the cursor.
        """
        same = (
            self.record is not None
            and self.record["id"] == record["id"]
            and self.value_tree.model.known
        )
        self.record, self.violations = record, violations
        self._title(self._head(record))
        if record["data"] is None:
            self.value_tree.clear("null: cleared" if record["version"] else "null: not written yet")
        else:
            self.value_tree.set_value(record["data"], same=same)
        self._search()
        self._warn()
        if self.as_text:
            self._ask_text()

    def nothing(self, why: str) -> None:
        """Show a message in place of a value."""
        self.record, self.violations = None, ()
        self._title(())
        self.value_tree.clear(why)
        self.query_one(LineCanvas).set_drawing(None)
        self._warn()

    def _title(self, line: Line) -> None:
        self.value_tree.set_head(line)
        self.query_one(StatusLine).show([(" ", ""), *line])

    def _head(self, record: Record) -> Line:
        line: list[tuple[str, str]] = [(str(record["name"]), "strong"), ("  ", "")]
        if record["version"]:
            line += [(f"version {record['version']} ", "muted"), *written(record)]
        if record["size"]:
            line.append((f"  {size(record['size'])}", "faint"))
        if record["schema"] is not None:
            fine = not self.violations
            words = "schema" if fine else count(len(self.violations), "violation")
            line.append((f"  {'✔' if fine else '✖'} {words}", "success" if fine else "error"))
        return line

    def _warn(self) -> None:
        words = self.query_one(Words)
        words.display = bool(self.violations)
        words.set(violation_lines(self.violations, SHOWN_VIOLATIONS, ": press i"))

    # -- as text -----------------------------------------------------------------------------------

    def toggle_text(self) -> None:
        had = self.current.has_focus
        self.as_text = not self.as_text
        self.value_tree.display = not self.as_text
        self.query_one(LineCanvas).display = self.query_one(StatusLine).display = self.as_text
        if had:
            self.current.focus()
        if self.as_text:
            self._ask_text()

    def _ask_text(self) -> None:
        record = self.record
        if record is None:
            return
        number = (record["id"], record["version"])
        self.ask(
            "text", lambda _source: (number, readable(record["data"]).split("\n")), self._take_text
        )

    def _take_text(self, answer: tuple[tuple[int, int], list[str]]) -> None:
        number, lines = answer
        if self.record is not None and number == (self.record["id"], self.record["version"]):
            self.query_one(LineCanvas).set_drawing(JsonDrawing(lines))

    # -- the search --------------------------------------------------------------------------------

    def begin_search(self) -> None:
        if self.as_text:
            self.toggle_text()
        self.query_one(FilterLine).begin()

    def on_filter_line_filter_changed(self, event: FilterLine.FilterChanged) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        large = self.record is not None and self.record["size"] > LARGE
        self._timer = self.set_timer(PATIENCE, self._jump) if large else None
        if not large:
            self._jump()

    def _jump(self) -> None:
        self._timer = None
        self._search(jump=True)

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        event.stop()
        self.focus_value()

    def _search(self, *, jump: bool = False) -> None:
        text, record = self.query_one(FilterLine).text, self.record
        if not text or record is None:
            self.hits = ()
            self.value_tree.set_hits(())
            self.query_one(FilterLine).show(())
            return
        self.ask("find", lambda _source: (text, jump, _find(record["data"], text)), self._take_hits)

    def _take_hits(self, answer: tuple[str, bool, list[Path]]) -> None:
        text, jump, hits = answer
        if text != self.query_one(FilterLine).text:
            return
        self.hits = hits
        if hits and jump:
            self.value_tree.show_path(hits[0])
        self.value_tree.set_hits(hits)
        self._show_hits()

    def _show_hits(self) -> None:
        number, path = len(self.hits), self.value_tree.path
        place = f"{self.hits.index(path) + 1} of " if path in self.hits and path is not None else ""
        more = "+" if number == FOUND else ""
        words = f" {place}{number}{more} " if number else " no matches "
        self.query_one(FilterLine).show([(words, "muted" if number else "warning")])

    def _step(self, by: int) -> None:
        hits, path = self.hits, self.value_tree.path
        if not hits:
            return
        at = hits.index(path) + by if path is not None and path in hits else 0
        self.value_tree.show_path(hits[at % len(hits)])
        self._show_hits()

    @property
    def searching(self) -> bool:
        line = self.query_one(FilterLine)
        return bool(line.display)

    def end_search(self) -> None:
        self.query_one(FilterLine).clear()

    # -- other commands ----------------------------------------------------------------------------

    def on_json_tree_copy_requested(self, event: JsonTree.CopyRequested) -> None:
        event.stop()
        self.copy(event.path)

    def copy(self, path: Path = ()) -> None:
        """Copy the value at a path to the clipboard, or to a file if it is too large."""
        record = self.record
        if record is not None:
            name = str(record["name"])
            self.ask("copy", lambda _source: _copied(record["data"], path, name), self._take_copy)

    def _take_copy(self, answer: tuple[str, CopiedText]) -> None:
        what, copied = answer
        take_copy(cast(AppPort, self.app), copied, what)

    def show_schema(self) -> None:
        record = self.record
        if record is None or record["schema"] is None:
            self.app.notify("this record has no schema")
            return
        lines = violation_lines(self.violations, len(self.violations))
        lines += (
            [[]] if lines else [[("✔ ", "success"), ("the value matches the schema", "text")], []]
        )
        text = readable(record["schema"])
        drawing = JsonDrawing(text.split("\n"))
        lines += drawing.draw(0, 0, 0, len(drawing.lines))
        self.app.push_screen(TextDialog(f"Schema of {record['name']}", lines, copy=text))


FOUND = 1000
"""Hits that are listed at most."""


def _find(value: Json, text: str) -> list[Path]:
    tree = Tree(None)  # without the rows, which a search does not need
    tree.value = value
    return tree.find(text, limit=FOUND)


def _copied(value: Json, path: Path, name: str) -> tuple[str, CopiedText]:
    """Return the length of the copy, and the text or its file; called in the reader thread."""
    text = readable(value_at(value, path))
    return count(len(text), "character"), for_clipboard(text, name, ".json")
