"""Represent how text looks, and read it from the parameters of escape sequences (SGR)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from torc_tui.tuples import NamedTuple

Color = int | str | None
"""None: the default; 0 to 255: the palette; ``#rrggbb``."""


class Style(NamedTuple):
    """The colors and weights of a text."""

    fg: Color = None
    bg: Color = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False


PLAIN = Style()
MARK = Style(dim=True, reverse=True)
"""The style of what replaces other text: controls in caret notation, the mark of a cut line."""

_WEIGHTS: dict[int, dict[str, Any]] = {
    0: PLAIN._asdict(),
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"reverse": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"reverse": False},
    29: {"strike": False},
    39: {"fg": None},
    49: {"bg": None},
}
_COLORS = {
    first + number: {ground: color + number}
    for first, ground, color in ((30, "fg", 0), (40, "bg", 0), (90, "fg", 8), (100, "bg", 8))
    for number in range(8)
}
_CODES = _WEIGHTS | _COLORS


@lru_cache(maxsize=2000)
def sgr(style: Style, parameters: str) -> Style:
    """Return the style after ``ESC[`` parameters ``m``; unknown codes change nothing."""
    if len(parameters) > 200 or parameters.strip("0123456789;:"):
        return style
    # 38:2::r:g:b and 38;2;r;g;b mean the same; a sub-parameter of another code (4:3) is its variant
    codes = [part.split(":") for part in parameters.split(";")]
    position = 0
    while position < len(codes):
        first, *rest = codes[position]
        code = int(first[-6:] or 0)
        position += 1
        if code in (38, 48):
            if not rest:
                rest = _color_codes([part[0] for part in codes[position : position + 4]])
                position += len(rest)
            color = _color([part for part in rest if part])
            if color is not None:
                style = style._replace(fg=color) if code == 38 else style._replace(bg=color)
        elif code == 4 and rest == ["0"]:
            style = style._replace(underline=False)
        else:
            style = style._replace(**_CODES.get(code, {}))
    return style


def _color_codes(following: list[str]) -> list[str]:
    """Return the codes after 38 or 48 that belong to it."""
    taken = {"2": 4, "5": 2}.get(following[0], 1) if following else 0
    return following[:taken]


def _color(parts: Sequence[str]) -> Color:
    """Return the color of ``5;n`` or ``2;r;g;b``; None if it is neither."""
    numbers = [int(part[-6:] or 0) for part in parts]
    if numbers[:1] == [5] and len(numbers) >= 2 and numbers[1] < 256:
        return numbers[1]
    if numbers[:1] == [2] and len(numbers) >= 4 and max(numbers[-3:]) < 256:
        red, green, blue = numbers[-3:]
        return f"#{red:02x}{green:02x}{blue:02x}"
    return None
