"""Widgets that paint lines of styled text: the base of header, footer, tabs and buttons.

Never: Rich renderables or markup, so that a job named ``[bold]`` is shown unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from torc_tui.tui.look.text_layout import Line, Span, line_width, paint
from torc_tui.tui.look.theme import Palette, palette_of


class FramePainter(Widget):
    """The base of widgets that paint lines in the styles of the theme."""

    _frame_style: Style | None = None
    """The style of the widget in this frame; None until a line is painted."""

    @property
    def palette(self) -> Palette:
        """Return the styles of the current theme."""
        return palette_of(self.app)

    def render_lines(self, crop: Region) -> list[Strip]:
        # Computing the style of a widget takes 0.2 ms: once per frame, not per line, and not for
        # lines in a cache.
        self._frame_style = None
        return super().render_lines(crop)


class Painted(FramePainter):
    """A widget made of lines, which subclasses return from ``lines(width, height)``."""

    ALLOW_SELECT = False
    BASE: ClassVar[str] = ""
    """The name of the base style."""

    DEFAULT_CSS = """
    Painted { height: 1; width: 1fr; }
    """

    _lines: Sequence[Line] | None = None
    _for: tuple[int, int] = (0, 0)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the lines for a size; missing lines are empty."""
        raise NotImplementedError

    def repaint(self) -> None:
        self._lines = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        size = (self.size.width, self.size.height)
        if self._lines is None or self._for != size:
            self._lines = self.lines(*size)
            self._for = size
        line = self._lines[y] if y < len(self._lines) else ()
        base = self._frame_style = self._frame_style or self.rich_style
        if self.BASE:
            base += self.palette(self.BASE)
        return paint(line, self.palette, base, self.size.width)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return 1


class Zones:
    """The clickable parts of a line, collected while painting."""

    def __init__(self) -> None:
        self._zones: list[tuple[int, int, str]] = []
        self._at = 0

    def clear(self) -> None:
        self._zones.clear()
        self._at = 0

    def add(self, width: int, name: str = "") -> None:
        """Assign ``name`` to the next ``width`` cells."""
        if name:
            self._zones.append((self._at, self._at + width, name))
        self._at += width

    def at(self, x: int) -> str:
        return next((name for start, end, name in self._zones if start <= x < end), "")


def joined(
    items: Sequence[tuple[int, Line]], width: int, between: Span = (" · ", "faint")
) -> list[Span]:
    """Join items (importance, line); leave out the least important until the rest fits.

    Items of importance 0 always stay.
    """
    chosen = list(items)
    while len(chosen) > 1:
        total = sum(line_width(line) for _, line in chosen) + line_width([between]) * (
            len(chosen) - 1
        )
        if total <= width:
            break
        worst = max(range(len(chosen)), key=lambda index: (chosen[index][0], index))
        if chosen[worst][0] == 0:
            break
        del chosen[worst]
    spans: list[Span] = []
    for index, (_, line) in enumerate(chosen):
        if index:
            spans.append(between)
        spans.extend(line)
    return spans


class StatusLine(Painted):
    """A line of text that is repainted only when it changes."""

    BASE = "header"
    text: Line = ()

    def show(self, line: Line) -> None:
        if line != self.text:
            self.text = line
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [[(" ", ""), *self.text]]


class TwoSidedLine(Painted):
    """A line of parts: the state at the left, and what it is about at the right."""

    BASE = "header"

    def __init__(self) -> None:
        super().__init__()
        self.state: list[tuple[int, Line]] = []
        self.what: list[tuple[int, Line]] = []

    def show(self, state: list[tuple[int, Line]], what: list[tuple[int, Line]]) -> None:
        """Show parts with their importance; 0 is always shown."""
        if (state, what) != (self.state, self.what):
            self.state, self.what = state, what
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        left = joined(self.state, width - 2)
        used = line_width(left)
        room = width - used - 6
        right = joined(self.what, room) if self.what and room > 4 else []
        if line_width(right) > room:
            right = []
        return [
            [(" ", ""), *left, (" " * max(0, width - 2 - used - line_width(right)), ""), *right]
        ]
