"""Make the tags of lines of several logs: names of jobs, cut to one width. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tui.look.text_layout import cut, fit, sanitize, width_of

WIDEST = 24
"""Cells of a tag, at most."""
SHARE = 4
"""A tag has at most one cell in this many of the screen."""
STYLES = ("info", "success", "orange", "violet", "pending", "accent")
"""The colors of tags, in turn."""


def tag_texts(names: Sequence[str], cells: int) -> list[str]:
    """Return the tags of these names, all equally wide, on a screen of ``cells``.

    Of names that are too long, the common beginning is left out, and then the middle.
    """
    names = [sanitize(name) for name in names]
    room = max(4, min(WIDEST, cells // SHARE))
    longest = max(map(width_of, names), default=0)
    if longest > room:
        first, last = min(names), max(names)
        pairs = enumerate(zip(first, last, strict=False))
        common = next((place for place, (one, two) in pairs if one != two), len(first))
        # What differs is whole words: of lr_0.1 and lr_0.01, 0.1 and 0.01.
        common = max(first.rfind(mark, 0, common) for mark in "_-/ :=") + 1 or common
        if common > 1 and first != last:
            names = ["…" + name[common:] for name in names]
        longest = max(map(width_of, names))
    width = min(room, longest)
    return [fit(_shortened(name, width), width) for name in names]


def _shortened(name: str, width: int) -> str:
    """Leave out the middle of a name that is wider than ``width``."""
    if width_of(name) <= width:
        return name
    first = cut(name, width // 2)
    room = width - width_of(first) - 1
    last = name[len(first) :]
    while width_of(last) > room:
        last = last[1:]
    return f"{first}…{last}"
