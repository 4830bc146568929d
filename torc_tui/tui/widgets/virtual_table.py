"""A table of any length over a plain model: columns, marks and sorting on top of the list.

Input: a ``Rows`` model. Output: messages about what is selected, activated, marked and how the
table is sorted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from torc_tui.tui.look.text_layout import Span, fit, fit_line, paint
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_list import LineList
from torc_tui.tui.widgets.table_model import GAP, GUTTER, Cell, Column, Key, Rows, layout

SIDEWAYS = 8
"""Cells that a step to the side moves."""


class VirtualTable(LineList):
    """See the module."""

    class Activated(LineList.Selected):
        """Enter or a double click on a row."""

    class Marked(Message):
        """The marks changed."""

        def __init__(self, table: VirtualTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> VirtualTable:
            return self.table

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
    ) -> None:
        super().__init__(id=id, empty=empty)
        self.rows = rows
        self.marks: set[Key] = set()
        self.sort = sort
        self.reverse = reverse
        self.wide = False
        self._columns: list[tuple[Column, int]] = []
        self._laid_out_for = -1

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **super().handlers(),
            "scroll-left": self.scroll_columns_left,
            "scroll-right": self.scroll_columns_right,
            "mark": self.toggle_mark,
            "mark-all": self.toggle_all,
            "mark-none": lambda: self.set_marks(set()),
            "mark-invert": lambda: self.set_marks(set(self.order) - self.marks),
            "sort-next": self.sort_next,
            "sort-reverse": lambda: self.sort_by(self.sort, not self.reverse),
        }

    def read_keys(self) -> Sequence[Key]:
        return self.rows.keys(self.sort, self.reverse)

    def set_rows(self, rows: Rows) -> None:
        """Show another model; the cursor stays on its key if the new model has it."""
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
        """Mark these rows and no others."""
        for key in marks ^ self.marks:
            self._cache.pop(key, None)
        self.marks = marks
        self.refresh()
        self.post_message(self.Marked(self))

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or unmark it, and go to the next row."""
        if self.cursor is not None:
            self.set_marks(self.marks ^ {self.cursor})
            self.move_by(1)

    def toggle_all(self) -> None:
        """Mark all rows that are shown; when all are marked, none."""
        self.set_marks(set() if len(self.marks) == len(self.order) else set(self.order))

    def sort_by(self, column: str | None, reverse: bool = False) -> None:
        """Sort by a column; None: the natural order."""
        self.sort, self.reverse = column, reverse
        self.reload()
        self.post_message(self.Sorted(self))

    def sort_next(self) -> None:
        """Sort by the next column; after the last one the natural order."""
        sortable = (column.key for column in self.rows.columns if column.sortable)
        names: list[str | None] = [None, *sortable]
        place = names.index(self.sort) if self.sort in names else 0
        self.sort_by(names[(place + 1) % len(names)])

    def _set_order(self, order: list[Key]) -> None:
        if self.marks:
            self.marks.intersection_update(order)
        super()._set_order(order)

    # -- columns -----------------------------------------------------------------------------------

    @property
    def row_width(self) -> int:
        return max(self.view.width, self.virtual_size.width)

    def _resize(self) -> None:
        total = GUTTER + sum(size + GAP for _, size in self._columns)
        self.virtual_size = Size(total if self.wide else 1, len(self.order) + 1)

    def _lay_out(self) -> None:
        self._laid_out_for = self.view.width
        self._columns = layout(self.rows.columns, self.view.width, everything=self.wide)
        self._cache.clear()
        self._resize()

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()
        self._show_cursor()

    def scroll_columns_right(self) -> None:
        """Show all columns at their full width; when they are shown, move to the right."""
        if self.wide:
            self.scroll_to(x=self.scroll_offset.x + SIDEWAYS, animate=False)
        else:
            self._set_wide(True)

    def scroll_columns_left(self) -> None:
        """Move to the left; at the left edge, show only the columns that have room."""
        if self.wide and self.scroll_offset.x == 0:
            self._set_wide(False)
        else:
            self.scroll_to(x=max(0, self.scroll_offset.x - SIDEWAYS), animate=False)

    def _set_wide(self, wide: bool) -> None:
        self.wide = wide
        self.styles.overflow_x = "auto" if wide else "hidden"
        self._lay_out()
        self.refresh()

    # -- painting ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        if self.view.width != self._laid_out_for:
            self._lay_out()
        return super().render_line(y)

    def paint_head(self) -> Strip:
        marked = f"{len(self.marks)}" if len(self.marks) < 100 else "99"
        spans: list[Span] = [(fit(marked if self.marks else "", GUTTER), "mark")]
        for column, size in self._columns:
            title, style = column.title, "head"
            if column.key == self.sort:
                title = title[: max(0, size - 1)].rstrip() + ("▼" if self.reverse else "▲")
                style = "head-sort"
            spans += [(fit(title, size, column.align), style), (" " * GAP, "")]
        return paint(spans, self.palette, self._base + self.palette("head"), self.row_width)

    def paint_row(self, key: Key, under: Style | None) -> Strip:
        spans: list[Span] = [
            ("▎" if under is not None and self.has_focus else " ", "cursor-bar"),
            ("•" if key in self.marks else " ", "mark"),
        ]
        columns = [column for column, _ in self._columns]
        sizes = [size for _, size in self._columns]
        cells = self.rows.cells(key, columns, sizes)
        for column, size, cell in zip(columns, sizes, cells, strict=True):
            spans += fit_cell(cell, size, column.align)
            spans.append((" " * GAP, ""))
        return paint(spans, self.palette, self._base, self.row_width, under)

    # -- the mouse ---------------------------------------------------------------------------------

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        row = self.scroll_offset.y + offset.y - 1
        if offset.y == 0:
            self._click_head(offset.x + self.scroll_offset.x)
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

    def _click_head(self, x: int) -> None:
        place = GUTTER
        for column, size in self._columns:
            if place <= x < place + size + GAP and column.sortable:
                if self.sort != column.key:
                    self.sort_by(column.key)
                elif not self.reverse:
                    self.sort_by(column.key, True)
                else:
                    self.sort_by(None)
                return
            place += size + GAP


def fit_cell(cell: Cell, size: int, align: str) -> list[Span]:
    """Return a cell in exactly ``size`` cells of the terminal."""
    if len(cell) == 2 and isinstance(cell[0], str):
        text, style = cell
        return [(fit(text, size, align), str(style))]  # type: ignore[arg-type]  # one span
    return fit_line(cell, size, align)  # type: ignore[arg-type]  # a line of spans
