"""Show a JSON value as a tree; only rows on screen have text.

Input: a parsed value (``set_value``) and the hits of a search. Output: the path under the cursor,
and ``CopyRequested``. The cursor is a path, not a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from torc_tui.model import Json
from torc_tui.records import dataclass
from torc_tui.tui.data.json_tree_rows import OPEN_ALL, ROOT, TreePlace, TreeRows
from torc_tui.tui.look.text_layout import Line, fit_line, paint
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_list import LineList
from torc_tui.tui.widgets.table_model import GUTTER, Key
from torc_tui.views.json_document import Path, jq_path


class JsonTree(LineList):
    """A JSON value as a tree; the fixed line above it is ``head``."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("tree",)

    @dataclass(slots=False)
    class CopyRequested(Message):
        """The user wants to copy the value at ``path``."""

        path: Path

    def __init__(self, *, id: str | None = None, empty: str = "no value") -> None:
        super().__init__(id=id, empty=empty)
        self.model = TreeRows()
        self.head: Line = ()

    # -- what the owner calls ----------------------------------------------------------------------

    def set_head(self, line: Line) -> None:
        """Set the fixed line above the tree."""
        if line != self.head:
            self.head = line
            self.refresh()

    def set_value(self, value: Json, *, same: bool) -> None:
        """Show a value.

        ``same``: it is the record that was shown before, so that open branches stay open and the
        cursor stays on its path, or on what is left of it.
        """
        cursor, before = self.cursor, self.model
        self.model = TreeRows(value, known=True)
        if not same:
            self.reload()
            self.scroll_to(0, 0, animate=False)
            self.move_to(0)
            return
        self.model.open = before.open | {ROOT}
        path = cursor.path if isinstance(cursor, TreePlace) else ()
        gone = isinstance(cursor, TreePlace) and not self.model.exists(cursor)
        while path and gone and not self.model.exists(TreePlace(path)):
            path = path[:-1]
        self.reload()
        if gone:
            self.select(TreePlace(path))

    def clear(self, empty: str) -> None:
        self.empty = empty
        self.model = TreeRows()
        self.reload()

    @property
    def path(self) -> Path | None:
        return self.cursor.path if isinstance(self.cursor, TreePlace) else None

    def show_path(self, path: Path) -> None:
        """Open the parents of a path, and put the cursor on it; ignore an unknown path."""
        try:
            self.model.reveal(path)
        except KeyError:
            return
        self.reload()
        self.select(TreePlace(path))

    def set_hits(self, hits: Sequence[Path]) -> None:
        """Highlight the hits of a search."""
        self.model.hits = frozenset(hits)
        self._cache.clear()
        self.refresh()

    # -- painting ----------------------------------------------------------------------------------

    def read_keys(self) -> Sequence[Key]:
        return self.model.places()

    def paint_head(self) -> Strip:
        base = self._base + self.palette("head")
        return paint([("  ", ""), *self.head], self.palette, base, self.row_width)

    def paint_row(self, key: Key, under: Style | None) -> Strip:
        assert isinstance(key, TreePlace)
        mark = "▎" if under is not None and self.has_focus else " "
        width = self.row_width - GUTTER
        line = fit_line(self.model.line(key, width), width)
        spans = [(mark, "cursor-bar"), (" ", ""), *line]
        return paint(spans, self.palette, self._base, self.row_width, under)

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **super().handlers(),
            "tree-toggle": self.activate,
            "tree-open": self.open_branch,
            "tree-close": self.close_branch,
            "tree-open-all": self.open_all,
            "copy-path": self.copy_path,
            "copy-value": self.copy_value,
        }

    def _toggle(self, place: TreePlace) -> None:
        if place in self.model.open:
            self.model.open.discard(place)
        elif self.model.expandable(place):
            self.model.open.add(place)
        else:
            return
        self.reload()

    def activate(self) -> None:
        if isinstance(self.cursor, TreePlace):
            self._toggle(self.cursor)

    def open_branch(self) -> None:
        """Open the branch under the cursor, or go to its first leaf."""
        place = self.cursor
        if not isinstance(place, TreePlace) or not self.model.expandable(place):
            return
        if place in self.model.open:
            self.move_by(1)
        else:
            self._toggle(place)

    def close_branch(self) -> None:
        """Close the branch under the cursor, or go to its parent."""
        place = self.cursor
        if not isinstance(place, TreePlace):
            return
        if place in self.model.open and self.model.expandable(place):
            self._toggle(place)
            return
        depth = self.model.depths[place]
        for above in reversed(self.order[: self.cursor_row]):
            if isinstance(above, TreePlace) and self.model.depths[above] < depth:
                self.select(above)
                return

    def open_all(self) -> None:
        """Open everything below the cursor, level by level, up to ``OPEN_ALL`` rows."""
        if not isinstance(self.cursor, TreePlace):
            return
        level, room = [self.cursor], OPEN_ALL
        while level and room > 0:
            below: list[TreePlace] = []
            for place in level:
                if room > 0 and self.model.expandable(place):
                    children = self.model.children(place)
                    room -= len(children)
                    self.model.open.add(place)
                    below += children
            level = below
        self.reload()

    def copy_path(self) -> None:
        if self.path is not None:
            text = jq_path(self.path)
            self.app.copy_to_clipboard(text)
            self.app.notify(f"copied: {text}")

    def copy_value(self) -> None:
        if self.path is not None:
            self.post_message(self.CopyRequested(self.path))

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        row = self.scroll_offset.y + offset.y - 1 if offset is not None else -1
        if offset is None or offset.y == 0 or row >= len(self.order):
            return
        event.stop()
        place = self.order[row]
        assert isinstance(place, TreePlace)
        self.move_to(row)
        sign = GUTTER + 2 * self.model.depths[place] - self.scroll_offset.x
        if event.chain == 2 or (event.chain == 1 and sign <= offset.x <= sign + 1):
            self._toggle(place)
