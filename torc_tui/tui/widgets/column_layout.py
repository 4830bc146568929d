"""The columns of a table for a width: which are shown, and the lines made of them."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tui.look.text_layout import Span, fit, fit_line
from torc_tui.tui.widgets.table_model import GAP, GUTTER, Cell, Column, Key, Rows, layout

Sort = tuple[str | None, bool]
"""The key of a column (None: the natural order), and whether the order is reversed."""


class ColumnLayout:
    """Columns with their widths. ``wide``: all columns at their full width."""

    def __init__(self) -> None:
        self.wide = False
        self.columns: list[Column] = []
        self.sizes: list[int] = []
        self.made_for = -1
        """The width that the layout was made for."""

    def make(self, columns: Sequence[Column], width: int) -> None:
        """Choose the columns for a width."""
        found = layout(columns, width, everything=self.wide)
        self.columns = [column for column, _ in found]
        self.sizes = [size for _, size in found]
        self.made_for = width

    @property
    def total(self) -> int:
        """Return the cells of a row."""
        return GUTTER + sum(size + GAP for size in self.sizes)

    def head(self, marked: int, sort: Sort) -> list[Span]:
        """Return the line with the titles; ``marked`` is the number of marked rows."""
        number = str(min(marked, 99)) if marked else ""
        spans: list[Span] = [(fit(number, GUTTER), "mark")]
        for column, size in zip(self.columns, self.sizes, strict=True):
            title, style = column.title, "head"
            if column.key == sort[0]:
                title = title[: max(0, size - 1)].rstrip() + ("▼" if sort[1] else "▲")
                style = "head-sort"
            spans += [(fit(title, size, column.align), style), (" " * GAP, "")]
        return spans

    def cells(self, rows: Rows, key: Key) -> list[Span]:
        """Return the cells of a row, each as wide as its column."""
        spans: list[Span] = []
        cells = rows.cells(key, self.columns, self.sizes)
        for column, size, cell in zip(self.columns, self.sizes, cells, strict=True):
            spans += fit_cell(cell, size, column.align)
            spans.append((" " * GAP, ""))
        return spans

    def sort_after_click(self, x: int, sort: Sort) -> Sort | None:
        """Return the order after a click on a title: up, down, and then the natural one."""
        place = GUTTER
        for column, size in zip(self.columns, self.sizes, strict=True):
            if place <= x < place + size + GAP and column.sortable:
                if sort[0] != column.key:
                    return column.key, False
                return (None, False) if sort[1] else (column.key, True)
            place += size + GAP
        return None


def next_sort(columns: Sequence[Column], current: str | None) -> str | None:
    """Return the next column to sort by; after the last one the natural order."""
    names: list[str | None] = [None, *(column.key for column in columns if column.sortable)]
    place = names.index(current) if current in names else 0
    return names[(place + 1) % len(names)]


def fit_cell(cell: Cell, size: int, align: str) -> list[Span]:
    """Return a cell in exactly ``size`` cells of the terminal."""
    if len(cell) == 2 and isinstance(cell[0], str):
        text, style = cell
        return [(fit(text, size, align), str(style))]  # type: ignore[arg-type]  # one span
    return fit_line(cell, size, align)  # type: ignore[arg-type]  # a line of spans
