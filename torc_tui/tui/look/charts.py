"""Draw charts of numbers in braille dots or block characters. Pure.

Input: values from left to right; None leaves a gap. Output: lines, the top one first. Braille has
two columns of four dots per cell; a block character has one column of eight levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.tuples import NamedTuple

Values = Sequence[float | None]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The dots of the left and the right column of a braille character, from the lowest."""
_SPARSE = 0x10 | 0x04 | 0x80 | 0x01
"""The dots of an area that is told from a full one even without colors: every second dot."""


class Layer(NamedTuple):
    """A part of a stacked chart; a ``sparse`` one has half the dots."""

    values: Values
    style: str
    sparse: bool = False


def columns(width: int, *, braille: bool) -> int:
    """Return the number of values that a chart of ``width`` cells shows."""
    return width * 2 if braille else width


def area(
    layers: Sequence[Layer], height: int, *, high: float | None = None, braille: bool
) -> list[Line]:
    """Return a chart of layers on top of each other, the lowest first.

    Without ``high``, the largest sum fills the whole height.
    """
    steps = 4 if braille else 8
    sums = _stacked([layer.values for layer in layers])
    top = max((max(one) for one in zip(*sums, strict=True)), default=0.0) if high is None else high
    levels = [[_level(value, top, steps * height) for value in one] for one in sums]
    cell = _braille_cell if braille else _block_cell
    rows = range(height - 1, -1, -1)
    return [_row(layers, levels, row * steps, cell, 2 if braille else 1) for row in rows]


def _stacked(layers: Sequence[Values]) -> list[list[float]]:
    """Return the upper edge of each layer."""
    sums: list[list[float]] = []
    below = [0.0] * len(layers[0])
    for values in layers:
        below = [
            base + (0.0 if value is None or value != value else max(value, 0.0))
            for base, value in zip(below, values, strict=True)
        ]
        sums.append(below)
    return sums


def _level(value: float, high: float, steps: int) -> int:
    """Return a level from 0 to ``steps``; a value above 0 is at least 1."""
    if high <= 0 or value <= 0:
        return 0
    return max(1, min(steps, round(value / high * steps)))


Cell = Callable[[Sequence[Layer], Sequence[Sequence[int]], int], Span]
"""Returns a cell from the levels of the layers in its columns, and the level of its lower edge."""


def _row(
    layers: Sequence[Layer], levels: Sequence[Sequence[int]], base: int, cell: Cell, step: int
) -> Line:
    """Return one row as spans of equal style."""
    out: list[Span] = []
    for at in range(0, len(levels[0]), step):
        text, style = cell(layers, [one[at : at + step] for one in levels], base)
        if out and out[-1][1] == style:
            out[-1] = (out[-1][0] + text, style)
        else:
            out.append((text, style))
    return out


def _block_cell(layers: Sequence[Layer], levels: Sequence[Sequence[int]], base: int) -> Span:
    inside = [max(0, min(8, one[0] - base)) for one in levels]
    if not inside[-1]:
        return " ", ""
    # A block character has one color: that of the layer which takes most of it.
    parts = [upper - lower for lower, upper in zip([0, *inside], inside, strict=False)]
    return _BLOCKS[inside[-1]], layers[parts.index(max(parts))].style


def _braille_cell(layers: Sequence[Layer], levels: Sequence[Sequence[int]], base: int) -> Span:
    dots, style, below = 0, "", [0] * len(levels[0])
    for layer, edges in zip(layers, levels, strict=True):
        own = 0
        for column, edge in enumerate(edges):
            inside = range(max(0, below[column] - base), max(0, min(4, edge - base)))
            own |= sum(_DOTS[column][dot] for dot in inside)
            below[column] = edge
        shown = own & _SPARSE if layer.sparse else own
        style = style or (layer.style if shown else "")
        dots |= shown
    return (chr(0x2800 + dots), style) if dots else (" ", "")


def line_of(values: Values, *, high: float, style: str, braille: bool) -> Line:
    """Return a chart of one line."""
    (line,) = area([Layer(values, style)], 1, high=high, braille=braille)
    return line
