"""Show read-only JSON text, colored line by line: a ``CellDrawing`` for the line canvas.

Input: the lines of a text from `readable`, in which no string contains a line break. Only the lines
on screen are colored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from torc_tui.model import Json
from torc_tui.tui.look.text_layout import Line, Span, without_start
from torc_tui.views.json_document import dump

COLORED = 4000
"""Characters of a line up to which it is colored."""
_TOKEN = re.compile(
    r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)|([{}\[\],:]+)|(\s+|.)'
)


_ODD = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def readable(value: Json) -> str:
    """Return a value as indented JSON without invisible characters.

    Direction marks, invisible characters and controls are written as escapes.
    """
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", dump(value))


def color(line: str) -> list[Span]:
    """Return a line with the styles of its tokens."""
    spans: list[Span] = []
    for found in _TOKEN.finditer(line):
        text, colon, number, word, punct, rest = found.groups()
        if text is not None:
            spans.append((text, "json-string" if colon is None else "json-key"))
            if colon:
                spans.append((colon, "json-punct"))
        elif number is not None:
            spans.append((number, "json-number"))
        elif word is not None:
            spans.append((word, "json-literal"))
        elif punct is not None:
            spans.append((punct, "json-punct"))
        else:
            spans.append((rest, ""))
    return spans


class JsonDrawing:
    """A drawing of JSON text."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.width = max(map(len, lines), default=0)

    @property
    def size(self) -> tuple[int, int]:
        return max(1, self.width + 2), len(self.lines)

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        drawn: list[Line] = []
        for line in self.lines[y : y + height]:
            if len(line) > COLORED:
                drawn.append([(("  " + line)[x : x + width], "text")])
            else:
                drawn.append(without_start([("  ", ""), *color(line)], x))
        return drawn

    def hit(self, x: int, y: int) -> None:
        return None
