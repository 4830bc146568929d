"""Fit text into cells of a terminal: measure, cut and pad it.

Input: text without control characters. Output: text of a width in cells; some characters take two.
Invisible characters take none: they are removed before a text is shown.
"""

from __future__ import annotations

from functools import lru_cache

INVISIBLE = (
    *range(0x200B, 0x2010),
    0x061C,
    0xFEFF,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xFE00, 0xFE10),
)
"""Joiners, direction marks and variants, which are never sent to a terminal."""
_WITHOUT = dict.fromkeys(INVISIBLE)


def width_of(text: str) -> int:
    """Return how many cells a text takes in a terminal."""
    return len(text) if text.isascii() else _width_of(text)


@lru_cache(maxsize=4096)
def _width_of(text: str) -> int:
    from rich.cells import cell_len  # slow to import, and rarely needed

    # Three emoji with joiners between them would count as one.
    return cell_len(text.translate(_WITHOUT))


def cut(text: str, width: int) -> str:
    """Return the longest beginning of a text that fits in ``width`` cells."""
    if text.isascii():
        return text[:width]
    from rich.cells import get_character_cell_size

    used = 0
    for index, char in enumerate(text):
        used += get_character_cell_size(char)
        if used > width:
            return text[:index]
    return text


def shorten(text: str, width: int, side: str = "right", mark: str = "…") -> str:
    """Return a text in at most ``width`` cells, cut at an end or in the middle."""
    if width_of(text) <= width:
        return text
    rest = max(0, width - len(mark))
    last = rest if side == "left" else rest // 2 if side == "middle" else 0
    end = text[max(0, len(text) - last) :]
    while width_of(end) > last:
        end = end[1:]
    return (cut(text, rest - last) + mark + end)[: max(0, width)]


def fit(text: str, width: int, align: str = "left", *, side: str = "right", mark: str = "…") -> str:
    """Return a text in exactly ``width`` cells: padded, or cut."""
    text = shorten(text, width, side, mark)
    pad = " " * (width - width_of(text))
    return pad + text if align == "right" else text + pad
