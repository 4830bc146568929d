"""Show a list of any length with a cursor; only visible rows are painted.

Subclasses return the rows (``read_keys``) and paint each (``paint_row``). Owners call
``changed(keys)`` for changed rows and ``reload()`` for new or removed rows. Output: messages about
the row under the cursor, which is identified by its key, never by its number.

Never: I/O, filtering, contents of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import paint
from torc_tui.tui.look.theme import Palette
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.empty_state import empty_lines
from torc_tui.tui.widgets.painted import FramePainter
from torc_tui.tui.widgets.table_model import Key

CACHED = 1000
"""Painted lines that are kept."""


class LineList(CommandNode, ScrollView, FramePainter, can_focus=True):
    """A list with a cursor. ``lines_built`` counts painted lines, for tests."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("list",)
    KEEPS_CURSOR: ClassVar[bool] = True
    """Whether the row under the cursor is highlighted without the focus, too."""
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineList {
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        overflow-x: hidden;
        overflow-y: auto;
    }
    """

    @dataclass(slots=False)
    class Selected(Message):
        """The cursor is on another row (None: there is no row)."""

        table: LineList
        key: Key | None

    def __init__(self, *, id: str | None = None, empty: str = "nothing here") -> None:
        super().__init__(id=id)
        self.empty = empty
        self.order: list[Key] = []
        self.cursor: Key | None = None
        self.cursor_row = 0
        self.lines_built = 0
        self._cache: dict[Key, Strip] = {}
        self._base = Style.null()
        self._painted_with: Palette | None = None

    # -- what subclasses give ----------------------------------------------------------------------

    def read_keys(self) -> Sequence[Key]:
        """Return the keys of all rows, in order."""
        raise NotImplementedError

    def paint_row(self, key: Key, under: Style | None) -> Strip:
        """Paint one row; ``under`` is the background of the row under the cursor."""
        raise NotImplementedError

    def paint_head(self) -> Strip:
        """Paint the fixed first line."""
        raise NotImplementedError

    @property
    def row_width(self) -> int:
        """Return the width of a row, which may be larger than the widget."""
        return self.view.width

    def activate(self) -> None:
        """Open what is under the cursor."""

    # -- what the owner calls ----------------------------------------------------------------------

    @property
    def view(self) -> Size:
        """Return the size of the widget without its scrollbars."""
        return self.scrollable_content_region.size

    def handlers(self) -> Mapping[str, Handler]:
        page = max(1, self.view.height - 2)
        return {
            "cursor-up": partial(self.move_by, -1),
            "cursor-down": partial(self.move_by, 1),
            "page-up": partial(self.move_by, -page),
            "page-down": partial(self.move_by, page),
            "cursor-top": partial(self.move_to, 0),
            "cursor-bottom": partial(self.move_by, len(self.order)),
            "activate": self.activate,
        }

    def reload(self) -> None:
        """Reload the keys, and repaint all rows."""
        self._cache.clear()
        self._set_order(list(self.read_keys()))

    def reorder(self) -> None:
        """Reload the keys of unchanged rows; repaint only if one moved."""
        order = list(self.read_keys())
        if order != self.order:
            self._set_order(order)

    def changed(self, keys: Set[Key]) -> None:
        """Repaint these rows if they are on screen, and drop them from the cache."""
        drop(self._cache, keys)
        top = self.scroll_offset.y
        for line, key in enumerate(self.order[top : top + max(0, self.view.height - 1)]):
            if key in keys:
                self.refresh(Region(0, line + 1, self.view.width, 1))

    def select(self, key: Key | None, *, notify: bool = True) -> bool:
        """Put the cursor on a key; return False if there is no such row."""
        try:
            row = self.order.index(key)
        except ValueError:
            return False
        self.move_to(row, notify=notify)
        return True

    # -- moving ------------------------------------------------------------------------------------

    def move_to(self, row: int, *, notify: bool = True) -> None:
        """Put the cursor on a row, or on the nearest existing one."""
        if not self.order:
            return
        row = max(0, min(row, len(self.order) - 1))
        key = self.order[row]
        if row != self.cursor_row or key != self.cursor:
            self._forget_row(self.cursor_row)
            self.cursor_row, self.cursor = row, key
            self._forget_row(row)
            if notify:
                self.post_message(self.Selected(self, key))
        self._show_cursor()

    def move_by(self, rows: int) -> None:
        self.move_to(self.cursor_row + rows)

    def _show_cursor(self) -> None:
        page = max(1, self.view.height - 1)
        top = self.scroll_offset.y
        if self.cursor_row < top:
            self.scroll_to(y=self.cursor_row, animate=False)
        elif self.cursor_row >= top + page:
            self.scroll_to(y=self.cursor_row - page + 1, animate=False)

    def _set_order(self, order: list[Key]) -> None:
        self.order = order
        before, row = self.cursor, self.cursor_row
        if not order:
            self.cursor, self.cursor_row = None, 0
        elif before is None or not (row < len(order) and order[row] == before):
            try:
                self.cursor_row = order.index(before) if before is not None else 0
            except ValueError:
                self.cursor_row = min(row, len(order) - 1)
            self.cursor = order[self.cursor_row]
        at_line = row - self.scroll_offset.y
        self._resize()
        if self.cursor_row != row and 0 <= at_line < self.view.height - 1:
            # The selected row stays in its line of the screen; the others move around it.
            self.scroll_to(y=max(0, self.cursor_row - at_line), animate=False)
        if self.cursor != before:
            self.post_message(self.Selected(self, self.cursor))
        self.refresh()

    def _resize(self) -> None:
        self.virtual_size = Size(1, len(self.order) + 1)

    def _on_resize(self, event: events.Resize) -> None:
        self._cache.clear()
        self._resize()
        self._show_cursor()

    def on_mount(self) -> None:
        self.reload()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._forget_row(self.cursor_row)

    # -- painting ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.view.width
        base = self._frame_style = self._frame_style or self.rich_style
        if base != self._base or self._painted_with is not self.palette:
            self._base, self._painted_with = base, self.palette
            self._cache.clear()
        if y == 0:
            return self._crop(self.paint_head(), width)
        if not self.order:
            plain, below = not self.palette.has_pattern, max(1, self.view.height - 1)
            lines = empty_lines(self.empty, "", width, below, plain=plain)
            return paint(lines[y - 1] if y <= len(lines) else [], self.palette, base, width)
        row = self.scroll_offset.y + y - 1
        if row >= len(self.order):
            return Strip.blank(width, base)
        return self._crop(self._row_strip(row), width)

    def _row_strip(self, row: int) -> Strip:
        key = self.order[row]
        strip = self._cache.get(key)
        if strip is None:
            if len(self._cache) > CACHED:
                self._cache.clear()
            self.lines_built += 1
            under = None
            if row == self.cursor_row and (self.has_focus or self.KEEPS_CURSOR):
                under = self.palette("cursor" if self.has_focus else "cursor-blur")
            strip = self._cache[key] = self.paint_row(key, under)
        return strip

    def _crop(self, strip: Strip, width: int) -> Strip:
        x = self.scroll_offset.x
        if not x and strip.cell_length == width:
            return strip
        return strip.crop_extend(x, x + width, self._base)

    def _forget_row(self, row: int) -> None:
        if row < len(self.order):
            self._cache.pop(self.order[row], None)
        line = row - self.scroll_offset.y + 1
        if 1 <= line < self.view.height:
            self.refresh(Region(0, line, self.view.width, 1))


def drop(cache: dict[Key, Strip], keys: Set[Key]) -> None:
    """Drop the painted lines of these rows."""
    if len(keys) > len(cache):
        for key in [key for key in cache if key in keys]:
            del cache[key]
    else:
        for key in keys:
            cache.pop(key, None)
