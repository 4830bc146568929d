"""Fit text into cells of a terminal: measure, cut and pad it.

Input: text without control characters. Output: text of a width in cells; some characters take two.
"""

from __future__ import annotations


def width_of(text: str) -> int:
    """Return how many cells a text takes in a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # slow to import, and rarely needed

    return cell_len(text)


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
