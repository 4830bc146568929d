"""Draw a heat map of one parameter: a bar for each of its values. No Textual, no I/O."""

from __future__ import annotations

from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Span, fit, width_of
from torc_tui.tui.results.heat_drawing import (
    COLORS,
    LETTERS,
    Geometry,
    HeatDrawing,
    full_text,
    width_of_titles,
)
from torc_tui.views.heat_map import HeatCell
from torc_tui.views.text_cells import shorten

LEAST_BAR = 8
"""Cells that are left for the longest bar, at least."""
TALLEST_BAR = 4
"""Lines of a row at most: all but the last one are bar."""
MARGIN = 1
"""Cells that are left free on both sides."""
WIDEST_WORD = 14
"""Cells of the word of a status."""


class BarDrawing(HeatDrawing):
    """A bar for each row: its color and its length show the value."""

    def _geometry(self, view: tuple[int, int]) -> Geometry:
        width, height = view
        heat = self.heat
        values = [cell.value for cell in heat.cells.values() if cell.value is not None]
        self._digits = max((width_of(full_text(heat, value)) for value in values), default=0)
        titles = width_of_titles(heat, width) + MARGIN
        tall = max(1, min(TALLEST_BAR, (height - 1) // max(1, len(heat.rows))))
        room = max(self._digits + 2 + LEAST_BAR, width - titles - MARGIN)
        return Geometry(titles, room, tall, self._digits, MARGIN)

    def _head(self, columns: range) -> list[Span]:
        return [(fit("", self.geometry.width), "head")]

    def _cell(self, row: int, column: int, part: int) -> list[Span]:
        """Return a line of a row: ``part`` 0 has the value; only its last line has no bar."""
        cell, width = self.heat.cells.get((row, column)), self.geometry.width
        last = self.geometry.height // 2
        if cell is None or (self.geometry.height > 1 and part == last):
            return [(" " * width, "")]
        text, style = ("", "") if part else self._text(cell)
        if self.cursor == (row, 0) and not part:
            style += " reverse bold"
        room = width - self._digits - 2
        mark = "\u2022" if not part and not self.marks.isdisjoint(cell.jobs) else " "
        gap = " " * max(0, self._digits - width_of(text))
        if cell.value is None or self.heat.scale is None:
            text, gap = shorten(text, WIDEST_WORD), ""
            return [(mark, "mark"), (text, style), (" " * (width - 1 - width_of(text)), "")]
        cells = max(1, round(self.heat.scale.length(cell.value) * room))
        rest = " " * (room - cells)
        return [
            (mark, "mark"),
            (gap, ""),
            (text, style),
            (" ", ""),
            self._bar(cell, cells),
            (rest, ""),
        ]

    def _text(self, cell: HeatCell) -> tuple[str, str]:
        """Return the value of a row, or what became of its jobs."""
        if cell.value is None:
            sign = STATUS[cell.status]
            return f"{sign.sign} {sign.word}", sign.style
        return full_text(self.heat, cell.value), "text"

    def _bar(self, cell: HeatCell, cells: int) -> Span:
        if self.mode == COLORS:
            return " " * cells, f"heat{self.level(cell)}"
        return ("#" if self.mode == LETTERS else "█") * cells, "load"
