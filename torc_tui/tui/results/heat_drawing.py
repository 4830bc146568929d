"""Draw a heat map into cells, with titles that stay where they are. No Textual, no I/O.

Input: a `HeatMap`, the size of the pane, how the terminal can show a scale, the cursor, the marks.
Output: the visible lines, the number of the cell at a place, and the legend.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from torc_tui.status import JobStatus
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, Span, fit, sanitize, width_of, without_start
from torc_tui.tuples import NamedTuple
from torc_tui.views.heat_map import LEVELS, HeatCell, HeatMap
from torc_tui.views.status_bar import MOST_TELLING
from torc_tui.wording import elapsed, size

COLORS, BARS, LETTERS = "colors", "bars", "letters"
"""How the scale is shown: as background, or as a character before the value."""
SIGNS = {BARS: "▁▂▃▄▅▆▇█", LETTERS: "abcdefgh"}
LEAST, WIDEST, TALLEST = 2, 20, 9
"""Cells of a map cell: at least, and at most if there is room."""
FRAMED_FROM = 3
"""Lines of a map cell in which the cursor is a frame."""
WIDEST_TITLE = 16
MOST_DIGITS, BARE = 3, -2
"""Digits of a value in a cell; at least two of them, without the zero before the point."""
MOST_TITLES = 3
"""The titles of the rows take at most this part of the width, as a divisor."""
NO_JOB = "╱"

Cursor = tuple[int | None, int | None]
"""Row and column; None: the title of the column, or of the row."""


class Geometry(NamedTuple):
    """Sizes in cells: of the titles of rows (``margin`` before them), and of a map cell.

    ``digits`` are those of values (0: there is no room for values).
    """

    titles: int
    width: int
    height: int
    digits: int
    margin: int = 0


class HeatDrawing:
    """The drawing. ``cursor`` and ``marks`` (ids of jobs) may change."""

    def __init__(self, heat: HeatMap, view: tuple[int, int], mode: str) -> None:
        self.heat = heat
        self.mode = mode
        self.cursor: Cursor = (0, 0)
        self.marks: Set[int] = frozenset()
        self.geometry = self._geometry(view)
        self._at = (0, 0)

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the whole map."""
        heat, sizes = self.heat, self.geometry
        return sizes.titles + len(heat.columns) * sizes.width, 1 + len(heat.rows) * sizes.height

    def box(self, cursor: Cursor) -> tuple[int, int, int, int]:
        """Return the place of a cell among the cells (x, y, width, height), without titles."""
        sizes = self.geometry
        row, column = cursor
        return (column or 0) * sizes.width, (row or 0) * sizes.height, sizes.width, sizes.height

    def hit(self, x: int, y: int) -> int | None:
        """Return the number of the cell at a place, for `cursor_of`."""
        left, top = self._at
        sizes = self.geometry
        column = None if x - left < sizes.titles else (x - sizes.titles) // sizes.width
        row = None if y - top < 1 else (y - 1) // sizes.height
        if column is not None and column >= len(self.heat.columns):
            return None
        if row is not None and row >= len(self.heat.rows):
            return None
        across = len(self.heat.columns) + 1
        return (0 if row is None else row + 1) * across + (0 if column is None else column + 1)

    def cursor_of(self, number: int) -> Cursor:
        """Return the cell of a number that `hit` returned."""
        row, column = divmod(number, len(self.heat.columns) + 1)
        return row - 1 if row else None, column - 1 if column else None

    def _geometry(self, view: tuple[int, int]) -> Geometry:
        return _geometry(self.heat, view, self.mode)

    # -- lines -------------------------------------------------------------------------------------

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        """Return the visible lines; the titles are always visible."""
        self._at = (x, y)
        sizes, heat = self.geometry, self.heat
        first, cut = divmod(x, sizes.width)
        number = max(0, width - sizes.titles) // sizes.width + 2
        columns = range(first, min(len(heat.columns), first + number))
        lines = [[*self._corner(), *without_start(self._head(columns), cut)]]
        for line in range(y, y + height - 1):
            row, part = divmod(line, sizes.height)
            part -= (sizes.height - 1) // 2
            if row < len(heat.rows):
                cells = [span for column in columns for span in self._cell(row, column, part)]
                lines.append([*self._title(row, part == 0), *without_start(cells, cut)])
        return lines

    def _corner(self) -> list[Span]:
        style = "head-sort reverse" if self.cursor == (None, None) else "head"
        name = sanitize(self.heat.pair[0])
        return self._padded(name, "left", style)

    def _head(self, columns: range) -> list[Span]:
        """Return the titles of columns; where they are narrow, only every n-th one."""
        cell = self.geometry.width
        titles = [sanitize(self.heat.columns[column])[:WIDEST_TITLE] for column in columns]
        widest = max(map(width_of, titles), default=0) + 1
        step = max(1, min(len(columns), -(-widest // cell))) if cell < widest else 1
        spans: list[Span] = []
        for place, column in enumerate(columns):
            if column % step and place:
                continue
            room = cell * min(step - column % step, len(columns) - place)
            style = self._title_style(column == self.cursor[1], self.cursor[0] is None)
            pad = " " * ((cell - width_of(titles[place]) + 1) // 2)
            spans += [(fit(pad + titles[place], room - 1), style), (" ", "")]
        return spans

    def _title(self, row: int, is_middle: bool) -> list[Span]:
        text = sanitize(self.heat.rows[row]) if is_middle else ""
        style = self._title_style(row == self.cursor[0], self.cursor[1] is None)
        return self._padded(text, "right", style)

    def _padded(self, text: str, align: str, style: str) -> list[Span]:
        margin = self.geometry.margin
        room = self.geometry.titles - 1 - margin
        return [(" " * margin, ""), (fit(text, room, align), style), (" ", "")]

    @staticmethod
    def _title_style(is_current: bool, is_cursor: bool) -> str:
        if not is_current:
            return "head"
        return "head-sort reverse" if is_cursor else "head-sort"

    def _cell(self, row: int, column: int, part: int) -> list[Span]:
        """Return a line of a cell: ``part`` 0 has its value, the others are above and below."""
        cell, width = self.heat.cells.get((row, column)), self.geometry.width
        is_framed = self.cursor == (row, column) and self.geometry.height >= FRAMED_FROM
        is_filled = cell is not None and cell.value is not None and self.mode == COLORS
        room = width if is_filled else width - 1
        style, text = ("rule", NO_JOB * room) if cell is None else self._value(cell)
        if part:
            text = NO_JOB * room if cell is None else ""
        elif cell is not None and self.marks and not self.marks.isdisjoint(cell.jobs):
            text = f"•{text}" if len(text) < room else f"•{text[1:]}"
        if is_framed and (part or self.geometry.height > FRAMED_FROM):
            text = self._framed(text, part, room)
            style = f"{style} bold" if is_filled else "accent bold"
        elif self.cursor == (row, column) and not is_framed:
            style += " reverse bold"
        gap: list[Span] = [] if is_filled else [(" ", "")]
        return [(_centered(text, room), style), *gap]

    def _framed(self, text: str, part: int, room: int) -> str:
        """Return a line of the cell under the cursor, with its part of the frame."""
        above = (self.geometry.height - 1) // 2
        if part == -above:
            return f"┏{'━' * (room - 2)}┓"
        if part == self.geometry.height - 1 - above:
            return f"┗{'━' * (room - 2)}┛"
        return f"┃{_centered(text, room - 2)}┃"

    def _style(self, cell: HeatCell) -> str:
        if cell.value is None or self.mode != COLORS:
            return STATUS[cell.status].style if cell.value is None else "text"
        return f"heat{self.level(cell)}"

    def level(self, cell: HeatCell) -> int:
        scale = self.heat.scale
        return scale.level(cell.value) if scale is not None and cell.value is not None else 0

    def _value(self, cell: HeatCell) -> tuple[str, str]:
        """Return the style and the text of a cell: its value, or the icon of its jobs."""
        style, room = self._style(cell), self.geometry.width - 1
        if cell.value is None:
            return style, STATUS[cell.status].sign
        text = value_text(self.heat, cell.value, self.geometry.digits)
        if self.mode != COLORS:
            text = SIGNS[self.mode][self.level(cell)] + text
        worst = STATUS[cell.status].sign if cell.status is not JobStatus.COMPLETED else ""
        return style, text + worst if len(text + worst) <= room else text

    # -- the legend --------------------------------------------------------------------------------

    def legend(self) -> list[Span]:
        """Return what colors and icons mean."""
        heat, scale = self.heat, self.heat.scale
        spans: list[Span] = [(" ", "")]
        if scale is not None:
            spans.append((f"{full_text(heat, scale.low)} ", "muted"))
            if self.mode == COLORS:
                spans += [("  ", f"heat{level}") for level in range(LEVELS)]
            else:
                spans.append((SIGNS[self.mode], "text"))
            spans.append((f" {full_text(heat, scale.high)}", "muted"))
            spans.append((" logarithmic" if scale.is_log else "", "faint"))
        for status in MOST_TELLING:
            if status in heat.statuses:
                word = "no value" if status is JobStatus.COMPLETED else status.word
                sign = STATUS[status]
                spans += [("   ", ""), (sign.sign, sign.style), (f" {word}", "muted")]
        if len(heat.cells) < len(heat.rows) * len(heat.columns):
            spans += [("   ", ""), (NO_JOB * 2, "rule"), (" no job", "muted")]
        return spans


def _centered(text: str, room: int) -> str:
    """Return a text in the middle of ``room`` cells, rather right: on its left is the mark."""
    return fit(" " * ((room - width_of(text) + 1) // 2) + text, room)


def _geometry(heat: HeatMap, view: tuple[int, int], mode: str) -> Geometry:
    """Return sizes that fill the view, with as many digits as have room."""
    width, height = view
    titles = width_of_titles(heat, width)
    number = max(1, len(heat.columns))
    room = max(LEAST, min(WIDEST, (width - titles) // number))
    margin = int((width - titles - 1) // number >= room)
    sign = 0 if mode == COLORS else 1
    values = [cell.value for cell in heat.cells.values() if cell.value is not None]
    digits = next(
        (
            wanted
            for wanted in (MOST_DIGITS, MOST_DIGITS - 1, BARE)
            if all(len(value_text(heat, one, wanted)) + sign < room for one in values)
        ),
        0,
    )
    tall = max(1, min(TALLEST, (height - 1) // max(1, len(heat.rows)), (room + 1) // 2))
    tall -= tall > FRAMED_FROM and tall % 2 == 0  # the value is in the middle
    return Geometry(titles + margin, room, tall, digits, margin)


def width_of_titles(heat: HeatMap, width: int) -> int:
    """Return how many of ``width`` cells the titles of the rows take."""
    longest = max(map(width_of, map(sanitize, [*heat.rows, heat.pair[0]])), default=0)
    return 1 + max(3, min(longest, WIDEST_TITLE, width // MOST_TITLES))


def full_text(heat: HeatMap, value: float) -> str:
    """Return a value of the map with its unit."""
    if heat.aggregation == "count" or heat.column not in _UNITS:
        return _number(heat, value, 6)
    return _UNITS[heat.column](value)


_UNITS = {"time": elapsed, "memory": size}


def value_text(heat: HeatMap, value: float, digits: int) -> str:
    """Return a value of the map in a few characters; empty without digits."""
    if not digits:
        return ""
    if heat.aggregation == "count" or heat.column not in _UNITS:
        return _number(heat, value, digits)
    return full_text(heat, value).removesuffix(" s").removesuffix("iB").replace(" ", "")


def _number(heat: HeatMap, value: float, digits: int) -> str:
    if heat.is_integer and abs(value) < 10**5:
        return str(int(value))
    if digits > MOST_DIGITS:
        return f"{value:.{digits}g}"
    # Equal numbers of digits stand in columns.
    mantissa, e, exponent = f"{value:#.{abs(digits)}g}".partition("e")
    if digits == BARE:
        mantissa = mantissa.replace("0.", ".", 1) if abs(value) < 1 else mantissa
    return f"{mantissa.rstrip('.')}e{int(exponent)}" if e else mantissa.rstrip(".")
