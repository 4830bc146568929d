"""The model of a table: columns, rows, and the lines made of both for a width. No Textual."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

from torc_tui.records import dataclass, replace
from torc_tui.tui.look.text_layout import Line, Span, fit, fit_line, line_width, width_of

Key = Hashable
Cell = Span | Line
"""One span, or several for a cell in more than one style."""

GUTTER = 2
"""Cells before the first column: the mark of the cursor, and that of a marked row."""
GAP = 2
"""Cells between two columns."""
MARGIN = 1
"""Cells after the last column."""
EXTRA = 4
"""Columns of this importance and above are left out before others are narrowed."""
WIDEST_FITTED = 48
"""Cells that a column gets at most because its content is as wide."""
MANY = 2000
"""Number of records from which they are filtered and sorted in the reader thread."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column.

    ``importance`` 0 is always shown; higher ones are left out first when the table gets narrow. A
    column has at least ``minimum`` and preferably ``width`` cells; columns with ``grow`` share what
    is left.
    """

    key: str
    title: str
    width: int
    minimum: int = 0
    importance: int = 1
    grow: int = 0
    align: str = "left"
    sortable: bool = True

    @property
    def least(self) -> int:
        """Return the smallest width."""
        return self.minimum or self.width


class Rows(Protocol):
    """The rows of a table."""

    @property
    def columns(self) -> Sequence[TableColumn]:
        """Return all columns."""

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        """Return the keys of all rows to show, filtered and sorted (None: the natural order)."""

    def cells(
        self, key: Key, columns: Sequence[TableColumn], widths: Sequence[int]
    ) -> Sequence[Cell]:
        """Return the cells of a row; the table cuts text that is longer than its column."""


class ListRows:
    """Rows made from a list of records."""

    def __init__(
        self,
        columns: Sequence[TableColumn],
        cell: Callable[[Any, str, int], Cell],
        value: Callable[[Any, str], Any],
        records: Sequence[tuple[Key, Any]] = (),
    ) -> None:
        """Prepare the rows.

        ``cell`` returns what a column shows of a record, ``value`` what a column is sorted by; both
        get the key of the column.
        """
        self.columns = columns
        self._cell = cell
        self._value = value
        self.records: dict[Key, Any] = dict(records)
        self.known: tuple[Sort, list[Key]] | None = None
        """The keys in an order that was computed before; see `order_rows`."""
        self.asked = 0
        """How many orders `order_rows` was asked for."""

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        """Return the keys in order; records without a value come last.

        Many records stay in their known order until `order_rows` has computed another one.
        """
        known = self.known
        if known is not None and (known[0] == (sort, reverse) or len(known[1]) >= MANY):
            return known[1]
        return self.ordered(self.records, sort, reverse)

    def ordered(self, records: Mapping[Key, Any], sort: str | None, reverse: bool) -> list[Key]:
        """Return the keys of these records in order; called in any thread."""
        keys = list(records)
        if sort is not None:
            value_of = self._value

            def order(key: Key) -> tuple[bool, Any]:
                value = value_of(records[key], sort)
                return (value is None) is not reverse, 0 if value is None else value

            keys.sort(key=order, reverse=reverse)
        elif reverse:
            keys.reverse()
        return keys

    def cells(
        self, key: Key, columns: Sequence[TableColumn], widths: Sequence[int]
    ) -> Sequence[Cell]:
        """Return the cells of one record."""
        record = self.records[key]
        return [
            self._cell(record, column.key, width)
            for column, width in zip(columns, widths, strict=True)
        ]


class ContentWidths:
    """The widths that the cells on screen need. They only grow, so that columns do not jump."""

    def __init__(self) -> None:
        self._needed: dict[str, int] = {}

    def see(self, columns: Sequence[TableColumn], rows: Sequence[Sequence[Cell]]) -> bool:
        """Record the widths of the cells of rows; return whether a column needs more room."""
        before = dict(self._needed)
        for row in rows:
            for column, cell in zip(columns, row, strict=True):
                width = min(WIDEST_FITTED, cell_width(cell))
                self._needed[column.key] = max(width, self._needed.get(column.key, 0))
        return self._needed != before

    def fitted(self, columns: Sequence[TableColumn]) -> Sequence[TableColumn]:
        """Return the columns as wide as their cells; the one that grows most gets the rest."""
        growing = [column for column in columns if column.grow]
        last = max(growing, key=lambda column: column.grow, default=None)
        return [self._fitted(column, grows=column is last) for column in columns]

    def _fitted(self, column: TableColumn, *, grows: bool) -> TableColumn:
        needed = self._needed.get(column.key)
        if needed is None:
            return column
        title = width_of(column.title) + (1 if column.sortable else 0)  # the sign of the order
        width = max(title, min(needed, column.width) if grows else needed)
        if not column.grow:  # short transient words do not decide
            width = max(width, column.minimum)
        least = min(column.least, width)
        return replace(column, width=width, minimum=least, grow=column.grow if grows else 0)


def layout(
    columns: Sequence[TableColumn], width: int, *, everything: bool = False
) -> list[tuple[TableColumn, int]]:
    """Return the columns that are shown in ``width`` cells, each with its width.

    With ``everything``, no column is left out.
    """
    room = width - GUTTER - MARGIN
    shown = list(columns) if everything else _chosen(columns, room)
    sizes = {column.key: column.least for column in shown}
    spare = room - sum(sizes.values()) - GAP * max(0, len(shown) - 1)
    for column in sorted(shown, key=lambda column: column.importance):
        more = max(0, min(spare, column.width - sizes[column.key]))
        sizes[column.key] += more
        spare -= more
    if spare > 0:
        _share(spare, [column for column in shown if column.grow], sizes)
    elif spare < 0 and shown and not everything:
        sizes[shown[0].key] = max(1, sizes[shown[0].key] + spare)
    return [(column, sizes[column.key]) for column in shown]


def _chosen(columns: Sequence[TableColumn], room: int) -> list[TableColumn]:
    """Return the columns that fit, in their order.

    Important columns get their full width before an extra one is shown. Once a column has no room,
    less important ones are not shown either, so that nothing expected is missing in between.
    """
    chosen: set[str] = set()
    used = wished = 0
    for column in sorted(columns, key=lambda column: column.importance):
        gap = GAP if chosen else 0
        if column.importance >= EXTRA:
            fits = wished + column.width + gap <= room
        else:
            fits = used + column.least + gap <= room
        if chosen and not fits:
            break
        chosen.add(column.key)
        used += column.least + gap
        wished += column.width + gap
    return [column for column in columns if column.key in chosen]


def _share(spare: int, growing: Sequence[TableColumn], sizes: dict[str, int]) -> None:
    """Add ``spare`` cells to the growing columns, by their weight."""
    weight = sum(column.grow for column in growing)
    if not weight:
        return
    left = spare
    for column in growing:
        more = spare * column.grow // weight
        sizes[column.key] += more
        left -= more
    sizes[growing[-1].key] += left


NEVER = -1
"""The width of a layout that has not been computed."""
Sort = tuple[str | None, bool]
"""The key of a column (None: the natural order), and whether the order is reversed."""


class ColumnLayout:
    """Columns with their widths. ``wide``: all columns at their full width."""

    def __init__(self) -> None:
        self.wide = False
        self.columns: list[TableColumn] = []
        self.sizes: list[int] = []
        self.made_for = NEVER
        """The width that the layout was made for."""

    def make(self, columns: Sequence[TableColumn], width: int) -> None:
        """Choose the columns for a width."""
        found = layout(columns, width, everything=self.wide)
        self.columns = [column for column, _ in found]
        self.sizes = [size for _, size in found]
        self.made_for = width

    @property
    def total(self) -> int:
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
        """Return the sort order after a click on a title: ascending, descending, none."""
        place = GUTTER
        for column, size in zip(self.columns, self.sizes, strict=True):
            if place <= x < place + size + GAP and column.sortable:
                if sort[0] != column.key:
                    return column.key, False
                return (None, False) if sort[1] else (column.key, True)
            place += size + GAP
        return None


def next_sort(columns: Sequence[TableColumn], current: str | None) -> str | None:
    """Return the next column to sort by; None after the last one."""
    names: list[str | None] = [None, *(column.key for column in columns if column.sortable)]
    place = names.index(current) if current in names else 0
    return names[(place + 1) % len(names)]


def cell_width(cell: Cell) -> int:
    """Return the width of a table cell before it is cut."""
    if len(cell) == 2 and isinstance(cell[0], str):
        return width_of(cell[0])
    return line_width(cell)  # type: ignore[arg-type]  # a line of spans


def fit_cell(cell: Cell, size: int, align: str) -> list[Span]:
    """Return a table cell in exactly ``size`` terminal cells."""
    if len(cell) == 2 and isinstance(cell[0], str):
        text, style = cell
        return [(fit(text, size, align), str(style))]  # type: ignore[arg-type]  # one span
    return fit_line(cell, size, align)  # type: ignore[arg-type]  # a line of spans
