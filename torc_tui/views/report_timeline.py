"""Draw the timeline of a report as SVG: a row for each slot and GPU, a bar for each attempt.

Input: lanes. Output: SVG text for an HTML page, whose style has the colors. Bars that are closer
than a pixel are drawn as one, so that the picture stays small whatever the number of attempts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import one_line
from torc_tui.views.report import Lane, ReportAttempt
from torc_tui.wording import duration, time_of_day

_WIDTH, _LEFT, _RIGHT, _HEAD = 1032, 96, 12, 18
_MOST_LANES = 160
_MOST_TITLES = 3000
"""Bars that tell their job; more would make the page too large."""
_BAD = frozenset({JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED})


class _Bar(NamedTuple):
    start: float
    end: float
    look: str
    number: int
    first: ReportAttempt


def timeline(lanes: Sequence[Lane], span: tuple[float, float]) -> str:
    """Return the picture; empty without lanes."""
    shown = lanes[:_MOST_LANES]
    if not shown:
        return ""
    height = 18.0 if len(shown) <= 24 else 10.0 if len(shown) <= 64 else 6.0
    scale = (_WIDTH - _LEFT - _RIGHT) / max(1e-3, span[1] - span[0])
    rows: list[str] = []
    y, node = float(_HEAD), None
    drawn = [list(_bars(lane.attempts, span[0], scale)) for lane in shown]
    titled = sum(map(len, drawn)) <= _MOST_TITLES
    for lane, bars in zip(shown, drawn, strict=True):
        if lane.node != node:
            node = lane.node
            y += 18
            rows.append(f'<text class="t-node" x="0" y="{y - 4:.0f}">{_text(node)}</text>')
        if height >= 10:
            rows.append(f'<text class="t-lane" x="0" y="{y + height - 5:.0f}">{lane.label}</text>')
        rows += [_bar(bar, y, height, titled=titled) for bar in bars]
        y += height
    grid = list(_grid(span, scale, y))
    more = ""
    if len(lanes) > len(shown):
        y += 18
        more = f'<text class="t-lane" x="0" y="{y - 4:.0f}">and {len(lanes) - len(shown)} more'
        more += " rows</text>"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {y + 6:.0f}" width="{_WIDTH}" role="img"'
        f' aria-label="timeline">{"".join([*grid, *rows])}{more}</svg>'
    )


def _bars(attempts: Sequence[ReportAttempt], start: float, scale: float) -> Iterator[_Bar]:
    """Return the bars of a row in pixels; near ones of one kind are joined."""
    last: _Bar | None = None
    for one in attempts:
        left = _LEFT + (one.started_at - start) * scale
        right = max(left + 1, _LEFT + (one.ended_at - start) * scale)
        look = _look(one)
        if (
            last is not None
            and last.look == look
            and left - last.end < 1
            and right - last.start < 4
        ):
            last = last._replace(end=max(last.end, right), number=last.number + 1)
            continue
        if last is not None:
            yield last
        last = _Bar(left, right, look, 1, one)
    if last is not None:
        yield last


def _look(one: ReportAttempt) -> str:
    if one.running:
        return "t-run"
    return (
        "t-bad" if one.status in _BAD else "t-ok" if one.status is JobStatus.COMPLETED else "t-off"
    )


def _bar(bar: _Bar, y: float, height: float, *, titled: bool) -> str:
    gap = 0.5 if bar.end - bar.start > 3 else 0.0
    shape = f'x="{bar.start:.1f}" y="{y + 1:.0f}" width="{bar.end - bar.start - gap:.1f}"'
    shape += f' height="{height - 2:.0f}"'
    if not titled:
        return f'<rect class="{bar.look}" {shape}/>'
    title = f"{bar.number} attempts"
    if bar.number == 1:
        one = bar.first
        took = duration(one.ended_at - one.started_at)
        title = f"{one_line(one.name, 80)}, {time_of_day(one.started_at)}, {took}"
        title += f", {'running' if one.running else one.status.word}"
    return f'<rect class="{bar.look}" {shape}><title>{escape(title)}</title></rect>'


def _grid(span: tuple[float, float], scale: float, bottom: float) -> Iterator[str]:
    """Return vertical lines at round times after the start."""
    seconds = span[1] - span[0]
    step = next((one for one in _STEPS if one * 8 >= seconds), _STEPS[-1])
    while step * 8 < seconds:
        step *= 2
    at = 0.0
    while at <= seconds:
        x = _LEFT + at * scale
        yield f'<path class="t-grid" d="M{x:.1f} {_HEAD - 2}V{bottom:.0f}"/>'
        if x < _WIDTH - 40:
            label = duration(at) if at else "0"
            yield f'<text class="t-lane" x="{x:.1f}" y="10" text-anchor="middle">{label}</text>'
        at += step


_STEPS = (
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    3600,
    7200,
    14400,
)
"""Distances of vertical lines, in seconds."""


def _text(value: str | None) -> str:
    return escape(one_line(value or "", 60))
