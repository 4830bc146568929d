"""Draw charts of measures and bars of requested and used as SVG that needs nothing from outside.

Input: plots and groups. Output: SVG text. Colors are those for a light background; `STYLE` replaces
them where a dark one is preferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from torc_tui.resources.usage_series import Point
from torc_tui.views.ansi import one_line
from torc_tui.views.resource_use import GroupUse
from torc_tui.views.usage_plot import NAMES, Panel, UsagePlot, panels, words
from torc_tui.wording import duration

WIDTH = 760
_LEFT, _RIGHT, _PANEL, _GAP = 84, 16, 96, 44
_HEAD = 40
FONT = "ui-sans-serif, system-ui, Helvetica, Arial, sans-serif"
STYLE = """
.u-ground { fill: #ffffff } .u-text { fill: #1f2328 } .u-soft { fill: #59636e }
.u-line { stroke: #0969da; fill: none; stroke-width: 1.6; stroke-linejoin: round }
.u-band { fill: #0969da; fill-opacity: .16 } .u-bar { fill: #0969da } .u-over { fill: #cf222e }
.u-track { fill: #d1d9e0 } .u-grid { stroke: #d1d9e0 }
.u-limit { stroke: #59636e; stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) {
.u-ground { fill: #0d1117 } .u-text { fill: #e6edf3 } .u-soft { fill: #9198a1 }
.u-line { stroke: #58a6ff } .u-band { fill: #58a6ff } .u-bar { fill: #58a6ff }
.u-over { fill: #f85149 } .u-track { fill: #30363d } .u-grid { stroke: #30363d }
.u-limit { stroke: #9198a1 } }
"""


def document(parts: Sequence[tuple[str, float]], title: str) -> str:
    """Return one picture of several parts (text, height), one below the other."""
    height = sum(part for _, part in parts)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" font-family="{FONT}" font-size="12">',
        f"<title>{escape(one_line(title))}</title><style>{STYLE}</style>",
        '<rect class="u-ground" width="100%" height="100%"/>',
    ]
    at = 0.0
    for text, part in parts:
        out.append(f'<g transform="translate(0 {at:.0f})">{text}</g>')
        at += part
    return "\n".join([*out, "</svg>"]) + "\n"


def plot(one: UsagePlot) -> tuple[str, float]:
    """Return the charts of a plot and their height."""
    title = escape(one_line(one.title))
    out = [f'<text class="u-text" x="16" y="24" font-weight="600">{title}</text>']
    shown = panels(one)
    top = float(_HEAD)
    for panel in shown:
        out += _panel(panel, top)
        top += _PANEL + _GAP
    right = WIDTH - _RIGHT
    out.append(f'<text class="u-soft" x="{_LEFT}" y="{top - 8:.0f}">0 s</text>')
    out.append(
        f'<text class="u-soft" x="{right}" y="{top - 8:.0f}" text-anchor="end">'
        f"{duration(one.seconds)}</text>"
    )
    return "".join(out), top + 8


def _panel(panel: Panel, top: float) -> Iterator[str]:
    bottom, right = top + 16 + _PANEL, WIDTH - _RIGHT
    yield f'<text class="u-text" x="{_LEFT}" y="{top + 6:.0f}">{NAMES[panel.metric]}</text>'
    yield (
        f'<text class="u-soft" x="{right}" y="{top + 6:.0f}" text-anchor="end">'
        f"{escape(panel.caption)}</text>"
    )
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * _PANEL
        yield f'<path class="u-grid" d="M{_LEFT} {y:.1f}H{right}"/>'
        label = words(panel.metric, share * panel.top) if share else "0"
        yield (
            f'<text class="u-soft" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        )
    for run in _runs(panel.points):
        yield from _curve(run, panel, bottom)
    if panel.limit:
        y = bottom - panel.limit / panel.top * _PANEL
        yield f'<path class="u-limit" d="M{_LEFT} {y:.1f}H{right}"/>'


def _runs(points: Sequence[Point | None]) -> Iterator[list[tuple[int, Point]]]:
    """Return the stretches without gaps, each point with its place."""
    run: list[tuple[int, Point]] = []
    for place, point in enumerate(points):
        if point is not None:
            run.append((place, point))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _curve(run: list[tuple[int, Point]], panel: Panel, bottom: float) -> Iterator[str]:
    """Return the mean as a line, and the range from minimum to maximum as a band."""
    step = (WIDTH - _RIGHT - _LEFT) / len(panel.points)
    places = [(_LEFT + (place + 0.5) * step, point) for place, point in run]

    def at(x: float, value: float) -> str:
        return f"{x:.1f} {bottom - min(1.0, value / panel.top) * _PANEL:.1f}"

    if len(run) == 1:
        x, point = places[0]
        places = [(x - step / 2, point), (x + step / 2, point)]
    upper = [at(x, point.high) for x, point in places]
    lower = [at(x, point.low) for x, point in reversed(places)]
    yield f'<path class="u-band" d="M{"L".join([*upper, *lower])}Z"/>'
    yield f'<path class="u-line" d="M{"L".join(at(x, point.mean) for x, point in places)}"/>'


# -- bars ------------------------------------------------------------------------------------------

_BAR_LEFT, _BAR_WIDTH, _ROW = 110, 280, 22


def bars(groups: Sequence[GroupUse], title: str = "") -> tuple[str, float]:
    """Return requested and used as bars, one block for each job group, and the height."""
    out, y = [], 12.0
    if title:
        out.append(f'<text class="u-text" x="16" y="24" font-weight="600">{escape(title)}</text>')
        y = 44.0
    for name, members in groupby(groups, key=lambda one: one.group):
        rows = list(members)
        number = f" ×{rows[0].jobs}" if rows[0].jobs > 1 else ""
        label = escape(one_line(name, 80) + number)
        y += _ROW
        out.append(f'<text class="u-text" x="16" y="{y:.0f}">{label}</text>')
        for row in rows:
            y += _ROW
            out += _bar(row, y)
        y += 8
    return "".join(out), y + 16


def _bar(row: GroupUse, y: float) -> Iterator[str]:
    yield f'<text class="u-soft" x="28" y="{y:.0f}">{row.resource.value}</text>'
    text = row.sentence
    if row.share is not None:
        shape = f'x="{_BAR_LEFT}" y="{y - 9:.0f}" height="9" rx="4"'
        look = "u-over" if row.share > 1 else "u-bar"
        filled = max(2.0, min(1.0, row.share) * _BAR_WIDTH)
        yield f'<rect class="u-track" {shape} width="{_BAR_WIDTH}"/>'
        yield f'<rect class="{look}" {shape} width="{filled:.1f}"/>'
        text = f"{row.share * 100:.0f} %: {text}"
    x = _BAR_LEFT + _BAR_WIDTH + 12
    yield f'<text class="u-soft" x="{x}" y="{y:.0f}">{escape(text)}</text>'
