"""Fit a table into the width of a terminal: choose the columns, their widths, and the cuts.

Input: headings, cells, the importance of each column, and the width. Output: lines of text.

Invariants: a cell that must not be cut (an id, a time) is shown in full or its column is left out;
the less important of two columns is omitted and narrowed first.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tuples import NamedTuple
from torc_tui.views.text_cells import fit, width_of

_NARROWEST = 4
"""Columns of the terminal below which no cell is cut."""
_READABLE = 20
"""Width to which cells are cut before columns are left out."""
_READABLE_NAME = 24
"""The same for columns that are always shown."""


class Shape(NamedTuple):
    """What a column is worth (1: always shown), and at which end its cells may be cut, if any."""

    worth: int = 1
    cut: str = "right"
    """``right``, ``left`` (paths), ``middle`` (names that differ at their ends) or empty."""


class Frame(NamedTuple):
    """The characters of a table: three lines of ends and crossing, bars, and the mark of a cut."""

    top: str
    middle: str
    bottom: str
    line: str
    bar: str
    cut: str


UNICODE = Frame("╭┬╮", "├┼┤", "╰┴╯", "─", "│", "…")
ASCII = Frame("+++", "+++", "+++", "-", "|", "...")


class RenderedTable(NamedTuple):
    """The lines of a table, and the indexes of the columns that had no room."""

    text: str
    left_out: list[int]


def render(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None = None,
    *,
    shapes: Sequence[Shape] | None = None,
    frame: Frame = UNICODE,
) -> RenderedTable:
    """Return the table as text. Without ``width`` nothing is cut or left out."""
    shapes = shapes or [Shape()] * len(headings)
    widths = [width_of(heading) for heading in headings]
    for row in rows:
        for index, text in enumerate(row):
            size = width_of(text)
            if size > widths[index]:
                widths[index] = size
    kept = list(range(len(headings)))
    if width is not None:
        kept = _choose(shapes, widths, width)
        _squeeze(kept, shapes, widths, _room(kept, width))
    left_out = [index for index in range(len(headings)) if index not in kept]
    return RenderedTable(_draw(headings, rows, kept, shapes, widths, frame), left_out)


def _room(kept: Sequence[int], width: int) -> int:
    """Return the columns of the terminal that are left for cells beside the frame."""
    return width - 3 * len(kept) - 1


def _choose(shapes: Sequence[Shape], widths: Sequence[int], width: int) -> list[int]:
    """Return the columns that fit when their cells are cut to a readable width."""
    kept = list(range(len(shapes)))
    while sum(_least(shapes[index], widths[index]) for index in kept) > _room(kept, width):
        last = max(kept, key=lambda index: (shapes[index].worth, index))
        if shapes[last].worth == 1:
            break
        kept.remove(last)
    return kept


def _least(shape: Shape, width: int) -> int:
    return min(width, _READABLE_NAME if shape.worth == 1 else _READABLE) if shape.cut else width


def _squeeze(kept: Sequence[int], shapes: Sequence[Shape], widths: list[int], room: int) -> None:
    """Narrow the columns that may be cut until the table fits, the least important first."""
    flexible = [index for index in kept if shapes[index].cut]
    for worth in sorted({shapes[index].worth for index in flexible}, reverse=True):
        same = [index for index in flexible if shapes[index].worth == worth]
        _narrow(same, widths, sum(widths[index] for index in kept) - room, _READABLE)
    _narrow(flexible, widths, sum(widths[index] for index in kept) - room, _NARROWEST)


def _narrow(columns: Sequence[int], widths: list[int], excess: int, narrowest: int) -> None:
    """Narrow the widest columns equally until the table fits."""
    while excess > 0:
        widest = max(widths[index] for index in columns)
        if widest <= narrowest:
            return
        same = [index for index in columns if widths[index] == widest]
        second = max((widths[i] for i in columns if widths[i] < widest), default=narrowest)
        goal = max(second, widest - -(-excess // len(same)), narrowest)
        for index in same:
            widths[index] = goal
        excess -= len(same) * (widest - goal)


def _draw(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    kept: Sequence[int],
    shapes: Sequence[Shape],
    widths: Sequence[int],
    frame: Frame,
) -> str:
    bars = [frame.line * (widths[index] + 2) for index in kept]

    def rule(ends: str) -> str:
        return f"{ends[0]}{ends[1].join(bars)}{ends[2]}"

    def row_text(row: Sequence[str]) -> str:
        texts = (fit(row[i], widths[i], side=shapes[i].cut, mark=frame.cut) for i in kept)
        return f"{frame.bar} {f' {frame.bar} '.join(texts)} {frame.bar}"

    lines = [rule(frame.top), row_text(headings), rule(frame.middle)]
    lines += map(row_text, rows)
    return "\n".join([*lines, rule(frame.bottom), ""])
