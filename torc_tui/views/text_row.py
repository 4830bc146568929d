"""Hold a line that is written as on a terminal: text overwrites, the cursor moves, parts vanish."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from torc_tui.views.ansi_style import MARK, PLAIN, Style
from torc_tui.views.safe_text import with_few_marks


class Span(NamedTuple):
    """A part of a line in one style."""

    text: str
    style: Style


Line = tuple[Span, ...]


class TextRow:
    """The characters of a line with their styles, and the column of the cursor.

    At most ``cut`` characters are kept; the line ends with the number of the others.
    """

    __slots__ = ("chars", "column", "cut", "overflow", "styles", "used")

    def __init__(self, cut: int) -> None:
        self.cut = cut
        self.clear()

    def clear(self) -> None:
        """Begin a new line."""
        self.chars: list[str] = []
        self.styles: list[Style] = []
        self.column = 0
        self.overflow = 0
        self.used = False

    def write(self, text: str, style: Style) -> None:
        """Write at the cursor, over what is there."""
        self.used = True
        start, end = self.column, self.column + len(text)
        self.column = end
        if end > self.cut:
            self.overflow = max(self.overflow, end - self.cut)
            text = text[: max(0, self.cut - start)]
            end = start + len(text)
        if not text:
            return
        if (gap := start - len(self.chars)) > 0:
            self.chars += " " * gap
            self.styles += [PLAIN] * gap
        self.chars[start:end] = text
        self.styles[start:end] = [style] * len(text)

    def erase(self, mode: str) -> None:
        """Erase from the cursor on, or with 1 up to the cursor, or with 2 the whole line."""
        if mode in ("", "0"):
            del self.chars[self.column :], self.styles[self.column :]
            self.overflow = max(0, self.column - self.cut)
        elif mode == "1":
            end = min(self.column + 1, len(self.chars))
            self.chars[:end] = " " * end
            self.styles[:end] = [PLAIN] * end
        elif mode == "2":
            self.chars.clear()
            self.styles.clear()
            self.overflow = 0

    def line(self) -> Line:
        """Return the line as it looks now."""
        spans = []
        cells = zip(self.chars, self.styles, strict=True)
        for style, same in groupby(cells, itemgetter(1)):
            text = "".join([char for char, _ in same])
            spans.append(Span(with_few_marks(text), style))
        if self.overflow:
            spans.append(Span(f" … +{self.overflow:,} characters", MARK))
        return tuple(spans)
