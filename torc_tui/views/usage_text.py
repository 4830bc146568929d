"""Draw charts of measures and bars of requested and used as text for a terminal.

Input: plots and groups. Output: lines. Braille cells carry two columns and four rows of dots each;
``plain`` draws with ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from torc_tui.resources.usage_series import Point
from torc_tui.views.ansi import one_line
from torc_tui.views.resource_use import GroupUse
from torc_tui.views.usage_plot import NAMES, Panel, UsagePlot, panels, resampled, words
from torc_tui.wording import duration

ROWS = 4
"""Lines of a chart."""
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The dots of a braille cell from the bottom, in its left and its right column."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BAR_CELLS = 24
_AXIS = 10


def plot_lines(plot: UsagePlot, width: int, *, plain: bool = False) -> list[str]:
    """Return a plot as text, with a title and one chart for each metric."""
    out = [one_line(plot.title)]
    for panel in panels(plot):
        out += ["", f"{'':<{_AXIS}} {NAMES[panel.metric]}: {panel.caption}"]
        out += _chart(panel, max(20, min(width, 120) - _AXIS - 2), plain=plain)
    return [*out, _time_axis(plot, max(20, min(width, 120) - _AXIS - 2), plain=plain)]


def _chart(panel: Panel, cells: int, *, plain: bool) -> list[str]:
    columns = resampled(panel.points, cells if plain else 2 * cells)
    high = ROWS if plain else 4 * ROWS
    spans = [_span(point, panel.top, high) for point in columns]
    limit = None
    if panel.limit:
        limit = min(ROWS - 1, int(panel.limit / panel.top * ROWS * 0.999))
    out = []
    for row in reversed(range(ROWS)):
        label = words(panel.metric, panel.top) if row == ROWS - 1 else "0" if row == 0 else ""
        drawn = _ascii_row(spans, row) if plain else _braille_row(spans, row)
        if row == limit:
            drawn = drawn.replace(" ", "-" if plain else "┈")
        bar = ("|" if plain else "┤") if label else ("|" if plain else "│")
        out.append(f"{label:>{_AXIS}} {bar}{drawn}".rstrip())
    return out


def _span(point: Point | None, top: float, high: int) -> tuple[int, int] | None:
    """Return the lowest and the highest dot of a column; None without a point."""
    if point is None:
        return None
    first, last = (min(high - 1, int(value / top * high)) for value in (point.low, point.high))
    return first, max(first, last)


def _braille_row(spans: Sequence[tuple[int, int] | None], row: int) -> str:
    cells = []
    for at in range(0, len(spans), 2):
        code = 0
        for column in (0, 1):
            span = spans[at + column]
            if span is not None:
                dots = range(max(0, span[0] - 4 * row), min(3, span[1] - 4 * row) + 1)
                code += sum(_DOTS[column][dot] for dot in dots)
        cells.append(chr(0x2800 + code) if code else " ")
    return "".join(cells)


def _ascii_row(spans: Sequence[tuple[int, int] | None], row: int) -> str:
    return "".join("#" if span and span[0] <= row <= span[1] else " " for span in spans)


def _time_axis(plot: UsagePlot, cells: int, *, plain: bool) -> str:
    end = duration(plot.seconds)
    line = ("-" if plain else "─") * (cells - len(end) - 5)
    return f"{'':<{_AXIS}} {'+' if plain else '└'} 0 s {line} {end}"


# -- bars ------------------------------------------------------------------------------------------


def group_lines(groups: Sequence[GroupUse], *, plain: bool = False) -> list[str]:
    """Return requested and used as bars, one block for each job group."""
    out: list[str] = []
    for name, members in groupby(groups, key=lambda one: one.group):
        rows = list(members)
        number = f" ×{rows[0].jobs}" if rows[0].jobs > 1 else ""
        out += ["", f"{one_line(name)}{number}"]
        out += [_bar_line(row, plain=plain) for row in rows]
    return out[1:]


def _bar_line(row: GroupUse, *, plain: bool) -> str:
    name = row.resource.value
    name = name[0].lower() + name[1:] if name in ("Memory", "Runtime") else name
    if row.share is None:
        return f"  {name:<10} {'':<{_BAR_CELLS}}         {row.sentence}"
    drawn = bar(row.share, _BAR_CELLS, plain=plain)
    return f"  {name:<10} {drawn} {row.share * 100:>4.0f} %  {row.sentence}"


def bar(share: float, cells: int, *, plain: bool = False) -> str:
    """Return a bar of the given width, full from a share of 1 on."""
    filled = min(1.0, max(0.0, share)) * cells
    if plain:
        return ("#" * round(filled)).ljust(cells, ".")
    whole, rest = int(filled), filled - int(filled)
    part = _EIGHTHS[round(rest * 8)] if whole < cells else ""
    return ("█" * whole + part.strip()).ljust(cells, "░")
