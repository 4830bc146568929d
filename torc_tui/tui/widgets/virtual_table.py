"""A table of any length over a plain model: only the lines on screen exist.

What comes in: a ``Rows`` model, and calls of ``changed(keys)`` when cells changed, ``reload()``
when rows came or went. What goes out: messages about what is selected, activated, marked and how it
is sorted. Never done here: I/O, filtering, deciding what a cell says. The selection is a key, never
a row number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence, Set
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from torc_tui.tui.look.text_layout import Line, Span, fit, fit_line, paint
from torc_tui.tui.look.theme import DEFAULT, Palette

Key = Hashable
Cell = Span | Line
"""One span, or several for a cell in more than one style."""

GUTTER = 2
GAP = 2
EXTRA = 4
"""Columns from this importance on are merely nice to have."""


@dataclass(frozen=True, slots=True)
class Column:
    """``importance``: 0 is always there, higher ones go first when it gets narrow. A column gets at
    least ``minimum``, at best ``width`` cells, and shares what is left by ``grow``."""

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
        return self.minimum or self.width


class Rows(Protocol):
    """The model of a table."""

    @property
    def columns(self) -> Sequence[Column]: ...

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        """The keys of all rows to show, filtered, in the order asked for (None: the natural
        one)."""
        ...

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        """What the columns of that row say; longer text than the width is cut by the table."""
        ...


class ListRows:
    """Rows out of a list of records, for tables whose models need no more."""

    def __init__(
        self,
        columns: Sequence[Column],
        cells: Callable[[Any, str, int], Cell],
        values: Callable[[Any, str], Any],
        records: Sequence[tuple[Key, Any]] = (),
    ) -> None:
        self.columns = columns
        self._cells = cells
        self._values = values
        self.records: dict[Key, Any] = dict(records)

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        keys = list(self.records)
        if sort is not None:
            records, values = self.records, self._values

            def order(key: Key) -> tuple[bool, Any]:
                value = values(records[key], sort)
                return (value is None) is not reverse, 0 if value is None else value

            keys.sort(key=order, reverse=reverse)
        return keys

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        record = self.records[key]
        return [
            self._cells(record, column.key, width)
            for column, width in zip(columns, widths, strict=True)
        ]


def layout(
    columns: Sequence[Column], width: int, *, everything: bool = False
) -> list[tuple[Column, int]]:
    """Which columns stand in ``width`` cells, and how wide each is; ``everything`` drops none."""
    room = width - GUTTER
    chosen: set[str] = set()
    used = wished = 0
    for column in sorted(columns, key=lambda column: column.importance):
        gap = GAP if chosen else 0
        extra = column.importance >= EXTRA
        # What matters gets its full width before what is merely nice gets any; and once a column
        # had to go, less important ones are not let in before it: no gaps in what people expect.
        fits = wished + column.width + gap <= room if extra else used + column.least + gap <= room
        if chosen and not fits and not everything:
            break
        chosen.add(column.key)
        used += column.least + gap
        wished += column.width + gap
    shown = [column for column in columns if column.key in chosen]
    sizes = {column.key: column.least for column in shown}
    spare = room - used
    for column in sorted(shown, key=lambda column: column.importance):
        more = max(0, min(spare, column.width - sizes[column.key]))
        sizes[column.key] += more
        spare -= more
    growing = [column for column in shown if column.grow]
    weight = sum(column.grow for column in growing)
    if spare > 0 and weight:
        left = spare
        for column in growing:
            more = spare * column.grow // weight
            sizes[column.key] += more
            left -= more
        sizes[growing[-1].key] += left
    elif spare < 0 and shown and not everything:
        sizes[shown[0].key] = max(1, sizes[shown[0].key] + spare)
    return [(column, sizes[column.key]) for column in shown]


class VirtualTable(ScrollView, can_focus=True):
    """See the module. ``lines_built`` counts lines that were made anew: the guard of the tests."""

    CONTEXT: ClassVar[str] = "list"
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    VirtualTable {
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        overflow-x: hidden;
        overflow-y: auto;
    }
    """

    class Selected(Message):
        """Another row is under the cursor (None: the table is empty)."""

        def __init__(self, table: VirtualTable, key: Key | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> VirtualTable:
            return self.table

    class Activated(Selected):
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
        """The order was chosen anew."""

    def __init__(
        self,
        rows: Rows,
        *,
        id: str | None = None,
        empty: str = "nothing here",
        sort: str | None = None,
        reverse: bool = False,
    ) -> None:
        super().__init__(id=id)
        self.rows = rows
        self.empty = empty
        self.order: list[Key] = []
        self.cursor: Key | None = None
        self.cursor_row = 0
        self.marks: set[Key] = set()
        self.sort = sort
        self.reverse = reverse
        self.wide = False
        self.lines_built = 0
        self._columns: list[tuple[Column, int]] = []
        self._cache: dict[Key, Strip] = {}
        self._base = Style.null()
        self._frame_style: Style | None = None
        self._painted_with: Palette | None = None
        self._laid_out_for = -1

    # -- what the owner calls ----------------------------------------------------------------------

    @property
    def view(self) -> Size:
        """What is left of the widget beside its scrollbars."""
        return self.scrollable_content_region.size

    @property
    def palette(self) -> Palette:
        return getattr(self.app, "palette", DEFAULT)

    def set_rows(self, rows: Rows) -> None:
        """Another model. The cursor stays on its key if the new model has it."""
        self.rows = rows
        self._lay_out()
        self.reload()

    def reload(self) -> None:
        """Read the keys anew: rows came, went, or may stand elsewhere. All lines are painted
        again."""
        self._cache.clear()
        self._set_order(list(self.rows.keys(self.sort, self.reverse)))

    def reorder(self) -> None:
        """Read the keys anew, where the cells are known to be the same; nothing is painted if
        nothing moved."""
        order = list(self.rows.keys(self.sort, self.reverse))
        if order != self.order:
            self._set_order(order)

    def changed(self, keys: Set[Key]) -> None:
        """Cells of these rows changed: lines that are on screen are painted again, others only
        forgotten."""
        cache = self._cache
        if len(keys) > len(cache):
            for key in [key for key in cache if key in keys]:
                del cache[key]
        else:
            for key in keys:
                cache.pop(key, None)
        top = self.scroll_offset.y
        for line, key in enumerate(self.order[top : top + max(0, self.view.height - 1)]):
            if key in keys:
                self.refresh(Region(0, line + 1, self.view.width, 1))

    def select(self, key: Key | None, *, tell: bool = True) -> bool:
        """Put the cursor on that key; False if there is no such row."""
        try:
            row = self.order.index(key)
        except ValueError:
            return False
        self._move_to(row, tell=tell)
        return True

    @property
    def marked_or_selected(self) -> list[Key]:
        """What an act is about: the marks in the order of the table, or else the row under the
        cursor."""
        if self.marks:
            return [key for key in self.order if key in self.marks]
        return [] if self.cursor is None else [self.cursor]

    def mark_all(self, keys: Collection[Key] | None = None) -> None:
        self._set_marks(set(self.order if keys is None else keys))

    def sort_by(self, column: str | None, reverse: bool = False) -> None:
        self.sort, self.reverse = column, reverse
        self.reload()
        self.post_message(self.Sorted(self))

    # -- inside ------------------------------------------------------------------------------------

    def _set_order(self, order: list[Key]) -> None:
        self.order = order
        if self.marks:
            self.marks.intersection_update(order)
        before = self.cursor
        row = self.cursor_row
        if not order:
            self.cursor, self.cursor_row = None, 0
        elif before is not None and row < len(order) and order[row] == before:
            pass
        else:
            try:
                self.cursor_row = order.index(before) if before is not None else 0
            except ValueError:
                self.cursor_row = min(row, len(order) - 1)
            self.cursor = order[self.cursor_row]
        at_line = row - self.scroll_offset.y
        self._resize()
        if self.cursor_row != row and 0 <= at_line < self.view.height - 1:
            # The row that the eye rests on stays where it is; the others move around it.
            self.scroll_to(y=max(0, self.cursor_row - at_line), animate=False)
        if self.cursor != before:
            self.post_message(self.Selected(self, self.cursor))
        self.refresh()

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

    def on_mount(self) -> None:
        self.reload()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._forget_row(self.cursor_row)

    # -- painting ----------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        # Working out the style of a widget takes 0.2 ms: once for all lines of a frame, not for
        # each.
        self._frame_style = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.view.width
        base = self._frame_style or self.rich_style
        if width != self._laid_out_for:
            self._lay_out()
        if base != self._base or self._painted_with is not self.palette:
            self._base, self._painted_with = base, self.palette
            self._cache.clear()
        if y == 0:
            return self._crop(self._header(), width)
        if not self.order:
            text = f"  {self.empty}" if y == 2 or self.view.height < 4 else ""
            return paint([(text, "muted")], self.palette, base, width)
        row = self.scroll_offset.y + y - 1
        if row >= len(self.order):
            return Strip.blank(width, base)
        key = self.order[row]
        strip = self._cache.get(key)
        if strip is None:
            if len(self._cache) > 1000:
                self._cache.clear()
            strip = self._cache[key] = self._line(key, row == self.cursor_row)
        return self._crop(strip, width)

    def _crop(self, strip: Strip, width: int) -> Strip:
        x = self.scroll_offset.x
        if not x and strip.cell_length == width:
            return strip
        return strip.crop_extend(x, x + width, self._base)

    def _total(self) -> int:
        return max(self.view.width, self.virtual_size.width)

    def _header(self) -> Strip:
        spans: list[Span] = [(" " * GUTTER, "")]
        if self.marks:
            spans = [(f"{len(self.marks)}" if len(self.marks) < 100 else "99", "mark")]
            spans[0] = (fit(spans[0][0], GUTTER), "mark")
        for column, size in self._columns:
            title = column.title
            style = "head"
            if column.key == self.sort:
                arrow = "▼" if self.reverse else "▲"
                title = cut_title(title, size - 1) + arrow
                style = "head-sort"
            spans.append((fit(title, size, column.align), style))
            spans.append((" " * GAP, ""))
        return paint(spans, self.palette, self._base + self.palette("head"), self._total())

    def _line(self, key: Key, under_cursor: bool) -> Strip:
        self.lines_built += 1
        marked = key in self.marks
        spans: list[Span] = [
            ("▎" if under_cursor and self.has_focus else " ", "cursor-bar"),
            ("•" if marked else " ", "mark"),
        ]
        columns = [column for column, _ in self._columns]
        sizes = [size for _, size in self._columns]
        for column, size, cell in zip(
            columns, sizes, self.rows.cells(key, columns, sizes), strict=True
        ):
            if len(cell) == 2 and isinstance(cell[0], str):
                text, style = cell
                spans.append((fit(text, size, column.align), style))  # type: ignore[arg-type]  # a pair of str is one span
            else:
                spans.extend(fit_line(cell, size, column.align))  # type: ignore[arg-type]  # and this one is a line
            spans.append((" " * GAP, ""))
        under = (
            self.palette("cursor" if self.has_focus else "cursor-blur") if under_cursor else None
        )
        return paint(spans, self.palette, self._base, self._total(), under)

    def _forget_row(self, row: int) -> None:
        if row < len(self.order):
            self._cache.pop(self.order[row], None)
        line = row - self.scroll_offset.y + 1
        if 1 <= line < self.view.height:
            self.refresh(Region(0, line, self.view.width, 1))

    # -- moving ------------------------------------------------------------------------------------

    def _move_to(self, row: int, *, tell: bool = True) -> None:
        if not self.order:
            return
        row = max(0, min(row, len(self.order) - 1))
        key = self.order[row]
        if row == self.cursor_row and key == self.cursor:
            self._show_cursor()
            return
        self._forget_row(self.cursor_row)
        self.cursor_row, self.cursor = row, key
        self._forget_row(row)
        self._show_cursor()
        if tell:
            self.post_message(self.Selected(self, key))

    def _show_cursor(self) -> None:
        page = max(1, self.view.height - 1)
        top = self.scroll_offset.y
        if self.cursor_row < top:
            self.scroll_to(y=self.cursor_row, animate=False)
        elif self.cursor_row >= top + page:
            self.scroll_to(y=self.cursor_row - page + 1, animate=False)

    def _set_marks(self, marks: set[Key]) -> None:
        for key in marks ^ self.marks:
            self._cache.pop(key, None)
        self.marks = marks
        self.refresh()
        self.post_message(self.Marked(self))

    def do_cursor_up(self) -> None:
        self._move_to(self.cursor_row - 1)

    def do_cursor_down(self) -> None:
        self._move_to(self.cursor_row + 1)

    def do_page_up(self) -> None:
        self._move_to(self.cursor_row - max(1, self.view.height - 2))

    def do_page_down(self) -> None:
        self._move_to(self.cursor_row + max(1, self.view.height - 2))

    def do_cursor_top(self) -> None:
        self._move_to(0)

    def do_cursor_bottom(self) -> None:
        self._move_to(len(self.order) - 1)

    def do_scroll_right(self) -> None:
        if not self.wide:
            self.wide = True
            self.styles.overflow_x = "auto"
            self._lay_out()
            self.refresh()
        else:
            self.scroll_to(x=self.scroll_offset.x + 8, animate=False)

    def do_scroll_left(self) -> None:
        if self.wide and self.scroll_offset.x == 0:
            self.wide = False
            self.styles.overflow_x = "hidden"
            self._lay_out()
            self.refresh()
        else:
            self.scroll_to(x=max(0, self.scroll_offset.x - 8), animate=False)

    def do_activate(self) -> None:
        if self.cursor is not None:
            self.post_message(self.Activated(self, self.cursor))

    def do_mark(self) -> None:
        if self.cursor is not None:
            self._set_marks(self.marks ^ {self.cursor})
            self._move_to(self.cursor_row + 1)

    def do_mark_all(self) -> None:
        """Marks all rows that are shown; when all are marked, none."""
        self._set_marks(set() if len(self.marks) == len(self.order) else set(self.order))

    def do_mark_none(self) -> None:
        self._set_marks(set())

    def do_mark_invert(self) -> None:
        self._set_marks(set(self.order) - self.marks)

    def do_sort_next(self) -> None:
        """The next column; after the last one the natural order."""
        names: list[str | None] = [
            None,
            *(column.key for column in self.rows.columns if column.sortable),
        ]
        place = names.index(self.sort) if self.sort in names else 0
        self.sort_by(names[(place + 1) % len(names)])

    def do_sort_reverse(self) -> None:
        self.sort_by(self.sort, not self.reverse)

    # -- the mouse ---------------------------------------------------------------------------------

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y == 0:
            self._click_header(offset.x + self.scroll_offset.x)
            return
        row = self.scroll_offset.y + offset.y - 1
        if row >= len(self.order):
            return
        if event.ctrl or offset.x == 1:
            self._move_to(row)
            self._set_marks(self.marks ^ {self.order[row]})
        elif event.shift and self.cursor is not None:
            low, high = sorted((self.cursor_row, row))
            self._set_marks(self.marks | set(self.order[low : high + 1]))
            self._move_to(row)
        else:
            self._move_to(row)
            if event.chain == 2:
                self.do_activate()

    def _click_header(self, x: int) -> None:
        place = GUTTER
        for column, size in self._columns:
            if place <= x < place + size + GAP:
                if not column.sortable:
                    return
                if self.sort != column.key:
                    self.sort_by(column.key)
                elif not self.reverse:
                    self.sort_by(column.key, True)
                else:
                    self.sort_by(None)
                return
            place += size + GAP


def cut_title(title: str, width: int) -> str:
    return title[: max(0, width)].rstrip()
