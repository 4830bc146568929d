"""Show a part without content: a quiet pattern, one sentence in the middle, a possible remedy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from textwrap import wrap

from torc_tui.tui.look.text_layout import Line, Span, width_of
from torc_tui.tui.widgets.painted import Painted

PATTERN_FROM = 5
"""Minimum number of lines of a pattern; a smaller part shows only its sentence."""


@lru_cache(maxsize=16)
def empty_lines(
    sentence: str, hint: str, width: int, height: int, *, plain: bool = False
) -> list[Line]:
    """Return the lines of an empty part; a ``plain`` one has no pattern."""
    room = max(20, min(60, width - 8))
    lines: list[Span] = [(text, "muted") for text in wrap(sentence, room)]
    hints: list[Span] = [(text, "faint") for text in wrap(hint, room)]
    gap: list[Span] = [("", "")] if hints and height > len(lines) + len(hints) else []
    shown = [*lines, *gap, *hints][: max(1, height)]
    if plain or height < PATTERN_FROM:
        fill, margin = " ", 0
    else:
        fill, margin = "╱", 1
        shown = [("", ""), *shown, ("", "")] if sentence else []
    above = max(0, (height - len(shown)) // 2)
    row: Line = [(fill * width, "pattern")]
    box = max((width_of(text) for text, _ in shown), default=0) + 4 * margin
    middle = [_centered(text, style, box, width, fill) for text, style in shown]
    return [*([row] * above), *middle, *([row] * (height - above - len(shown)))][:height]


def _centered(text: str, style: str, box: int, width: int, fill: str) -> Line:
    """Return a line of the box in the middle; the pattern is left and right of the box."""
    left = max(0, (width - box) // 2)
    inside = max(0, (box - width_of(text)) // 2)
    right = max(0, width - left - box)
    rest = max(0, box - inside - width_of(text))
    return [
        (fill * left, "pattern"),
        (" " * inside, ""),
        (text, style),
        (" " * rest, ""),
        (fill * right, "pattern"),
    ]


class EmptyState(Painted, can_focus=True):
    """Shows a sentence, and below it a hint. It takes the focus, so that keys of its pane work."""

    DEFAULT_CSS = """
    EmptyState { height: 1fr; width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.sentence = ""
        self.hint = ""

    def show(self, sentence: str, hint: str = "") -> None:
        """Show another sentence."""
        if (sentence, hint) != (self.sentence, self.hint):
            self.sentence, self.hint = sentence, hint
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        plain = not self.palette.has_pattern
        return empty_lines(self.sentence, self.hint, width, height, plain=plain)
