"""Plain lines of text as a drawing of the line canvas."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tui.look.text_layout import Line, line_width, without_start


class TextDrawing:
    """Lines to read. Subclasses may give a meaning to some of them (``hit``)."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.width = max(map(line_width, lines), default=0)

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in cells."""
        return max(1, self.width), len(self.lines)

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        """Return the lines of the part that begins at ``x``, ``y``."""
        shown = self.lines[y : y + height]
        return shown if x == 0 else [without_start(line, x) for line in shown]

    def hit(self, x: int, y: int) -> int | None:
        """Return the id of the job that stands at that cell."""
        return None
