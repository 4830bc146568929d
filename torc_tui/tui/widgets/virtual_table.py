"""Show a table of any length over a plain model, with columns, marks and sorting.

Input: a ``Rows`` model. Output: messages about what is selected, activated, marked and how the
table is sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial

from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Span, paint
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_list import LineList, drop
from torc_tui.tui.widgets.table_model import (
    NEVER,
    WIDEST_FITTED,
    ColumnLayout,
    ContentWidths,
    Key,
    Rows,
    next_sort,
)

SIDEWAYS = 8
"""Cells that a step to the side moves."""


class VirtualTable(LineList):
    """A table: a list whose rows have columns."""

    class Activated(LineList.Selected):
        """Enter or a double click on a row."""

    @dataclass(slots=False)
    class Marked(Message):
        """The marks changed."""

        table: VirtualTable

    class Sorted(Marked):
        """The user chose another order."""

    def __init__(
        self,
        rows: Rows,
        *,
        id: str | None = None,
        empty: str = "nothing here",
        sort: str | None = None,
        reverse: bool = False,
        fits: bool = False,
    ) -> None:
        """Prepare the table; with ``fits``, columns are as wide as the cells on screen need."""
        super().__init__(id=id, empty=empty)
        self.content = ContentWidths() if fits else None
        self.measured_from = 0
        self.rows = rows
        self.marks: set[Key] = set()
        self.mark_sign: Callable[[Key], str] = lambda key: "•" if key in self.marks else " "
        """Returns the sign before a row."""
        self.sort = sort
        self.reverse = reverse
        self.order_rows: Callable[[], None] = self.reload
        """Called when the user has chosen another order."""
        self.layout_of_columns = ColumnLayout()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **super().handlers(),
            "scroll-left": partial(self.shift_columns, -SIDEWAYS),
            "scroll-right": partial(self.shift_columns, SIDEWAYS),
            "mark": self.toggle_mark,
            "mark-all": lambda: self.set_marks(set(self.order) - self._all_marked()),
            "mark-none": lambda: self.set_marks(set()),
            "mark-invert": lambda: self.set_marks(set(self.order) - self.marks),
            "sort-next": lambda: self.sort_by(next_sort(self.rows.columns, self.sort)),
            "sort-reverse": lambda: self.sort_by(self.sort, not self.reverse),
        }

    def read_keys(self) -> Sequence[Key]:
        return self.rows.keys(self.sort, self.reverse)

    def set_rows(self, rows: Rows) -> None:
        """Show another model; the cursor stays on its key if that exists."""
        self.rows = rows
        self._lay_out()
        self.reload()

    def activate(self) -> None:
        if self.cursor is not None:
            self.post_message(self.Activated(self, self.cursor))

    # -- marks and order ---------------------------------------------------------------------------

    @property
    def marked_or_selected(self) -> list[Key]:
        """Return the marked rows in the order of the table, or else the row under the cursor."""
        if self.marks:
            return [key for key in self.order if key in self.marks]
        return [] if self.cursor is None else [self.cursor]

    def set_marks(self, marks: set[Key]) -> None:
        """Mark exactly these rows."""
        drop(self._cache, marks ^ self.marks)
        self.marks = marks
        self.refresh()
        self.post_message(self.Marked(self))

    def _all_marked(self) -> set[Key]:
        """Return all marks if all rows are marked, so that marking all unmarks them."""
        return self.marks if len(self.marks) == len(self.order) else set()

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or unmark it, and go to the next row."""
        if self.cursor is not None:
            self.set_marks(self.marks ^ {self.cursor})
            self.move_by(1)

    def sort_by(self, column: str | None, reverse: bool = False) -> None:
        """Sort by a column; None: the natural order."""
        self.sort, self.reverse = column, reverse
        self.refresh()
        self.order_rows()
        self.post_message(self.Sorted(self))

    def _set_order(self, order: list[Key]) -> None:
        if self.marks:
            self.marks.intersection_update(order)
        super()._set_order(order)
        measure(self)

    def changed(self, keys: Set[Key]) -> None:
        super().changed(keys)
        measure(self)

    # -- columns -----------------------------------------------------------------------------------

    @property
    def row_width(self) -> int:
        return max(self.view.width, self.virtual_size.width)

    def _resize(self) -> None:
        layout = self.layout_of_columns
        self.virtual_size = Size(layout.total if layout.wide else 1, len(self.order) + 1)

    def _lay_out(self) -> None:
        columns = self.rows.columns
        if self.content is not None:
            columns = self.content.fitted(columns)
        self.layout_of_columns.make(columns, self.view.width)
        self._cache.clear()
        self._resize()

    def _on_resize(self, event: events.Resize) -> None:
        measure(self)
        self._lay_out()
        self._show_cursor()

    def shift_columns(self, cells: int) -> None:
        """Scroll sideways.

        The first step to the right shows all columns at their full width, the last one to the left
        only those that have room.
        """
        layout, x = self.layout_of_columns, self.scroll_offset.x
        if layout.wide is (cells > 0) or (layout.wide and x > 0):
            self.scroll_to(x=max(0, x + cells), animate=False)
            return
        layout.wide = cells > 0
        self.styles.overflow_x = "auto" if layout.wide else "hidden"
        self._lay_out()
        self.refresh()

    # -- painting ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        if self.scroll_offset.y != self.measured_from:
            measure(self)
        if self.view.width != self.layout_of_columns.made_for:
            self._lay_out()
        return super().render_line(y)

    def paint_head(self) -> Strip:
        spans = self.layout_of_columns.head(len(self.marks), (self.sort, self.reverse))
        return paint(spans, self.palette, self._base + self.palette("head"), self.row_width)

    def paint_row(self, key: Key, under: Style | None) -> Strip:
        spans: list[Span] = [
            ("▎" if under is not None and self.has_focus else " ", "cursor-bar"),
            (self.mark_sign(key), "mark"),
            *self.layout_of_columns.cells(self.rows, key),
        ]
        return paint(spans, self.palette, self._base, self.row_width, under)

    # -- the mouse ---------------------------------------------------------------------------------

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        row = self.scroll_offset.y + offset.y - 1
        if offset.y == 0:
            x = offset.x + self.scroll_offset.x
            order = self.layout_of_columns.sort_after_click(x, (self.sort, self.reverse))
            if order is not None:
                self.sort_by(*order)
        elif row < len(self.order):
            self._click_row(row, event, at_mark=offset.x == 1)

    def _click_row(self, row: int, event: events.Click, *, at_mark: bool) -> None:
        low, high = sorted((self.cursor_row, row))
        self.move_to(row)
        if event.ctrl or at_mark:
            self.set_marks(self.marks ^ {self.order[row]})
        elif event.shift:
            self.set_marks(self.marks | set(self.order[low : high + 1]))
        elif event.chain == 2:
            self.activate()


def measure(table: VirtualTable) -> None:
    """Fit the columns of a table to the rows on screen, if it has columns that fit."""
    content, columns = table.content, table.rows.columns
    table.measured_from = top = table.scroll_offset.y
    if content is None:
        return
    widths = [WIDEST_FITTED] * len(columns)
    shown = table.order[top:][: table.view.height]
    if content.see(columns, [table.rows.cells(key, columns, widths) for key in shown]):
        table.layout_of_columns.made_for = NEVER  # made again before the next line is painted
        table.refresh()
