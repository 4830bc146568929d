"""Draw the load of CPUs and memory over time: jobs of this database, and everything else. Pure.

Input: the readings of the app. Output: lines. The charts stand side by side; where they are tall
enough, one above the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from torc_tui.tui.feed.machine import MachineHistory, Ring
from torc_tui.tui.look.charts import Layer, Values, area, columns
from torc_tui.tui.look.text_layout import Line, Span, fit_line, line_width
from torc_tui.tuples import NamedTuple
from torc_tui.wording import duration, size

SHORTEST, LONGEST = 60.0, 300.0
"""Seconds that the charts show: all that is known, within these."""
STACKED_FROM, NARROW_FROM = 16, 9
"""Minimum rows of a chart that is divided into two, one above the other, and if it is narrow."""
BESIDE_FROM, NARROW = 60, 80
"""Minimum width of charts side by side, and width up to which they are narrow."""
BETWEEN = 3
"""Cells between two charts side by side."""
BRIDGED = 2.6
"""Seconds between two readings that are drawn as one area."""
OWN, OTHERS = "load", "muted"
"""Styles of the use by jobs of this database, and by everything else."""


class LoadChart(NamedTuple):
    """What one chart shows, as shares of 100; the ``scale`` names 100 and 50."""

    title: Sequence[Line]
    """Parts of the title, the most important first."""
    total: Ring
    own: Ring
    scale: tuple[str, str]


def span_of(machine: MachineHistory) -> float:
    """Return how many seconds charts show."""
    times = machine.memory.times()
    assert machine.host is not None
    age = machine.host.at - times[0] if times else 0.0
    return max(SHORTEST, min(age, LONGEST))


def load_charts(
    machine: MachineHistory, capacity: float, width: int, rows: int, braille: bool
) -> list[Line]:
    """Return the charts of CPUs and memory in ``rows`` lines and two more.

    ``capacity`` is the number of CPUs that jobs may hold together.
    """
    charts = (_cpu_chart(machine, capacity), _memory_chart(machine))
    return two_charts(charts, machine, width, rows, braille)


def two_charts(
    charts: Sequence[LoadChart], machine: MachineHistory, width: int, rows: int, braille: bool
) -> list[Line]:
    """Return two charts in ``rows`` lines and two more."""
    if rows >= (NARROW_FROM if width < NARROW else STACKED_FROM):
        each = (rows - 3) // 2
        upper, lower = (draw_chart(one, machine, width, each, braille) for one in charts)
        return [*upper, [], *lower, *([[]] if (rows - 3) % 2 else [])]
    room = (width - BETWEEN) // 2
    left, right = (draw_chart(one, machine, room, rows, braille) for one in charts)
    gap = (" " * BETWEEN, "")
    return [[*_padded(one, room), gap, *two] for one, two in zip(left, right, strict=True)]


def _cpu_chart(machine: MachineHistory, capacity: float) -> LoadChart:
    assert machine.host is not None
    load, own, total = machine.cpu.last, machine.own_cpu.last or 0.0, machine.host.machine.num_cpus
    title: list[Line] = [
        [("CPU ", "accent bold"), (f"{load:.0f} %" if load is not None else "…", "strong")],
        [(f" of {total}", "muted")],
        _legend(f"{own:.0f} %", f"{max(0.0, (load or 0.0) - own):.0f} %"),
        [(f"  {machine.host.held.num_cpus} of {capacity} allocated", "muted")],
    ]
    return LoadChart(title, machine.cpu, machine.own_cpu, ("100 %", "50 %"))


def _memory_chart(machine: MachineHistory) -> LoadChart:
    host = machine.host
    assert host is not None
    total, used, own = host.machine.memory, host.memory_used, min(host.own.memory, host.memory_used)
    title: list[Line] = [
        [("Memory ", "accent bold"), (part_of(size(used), size(total)), "strong")],
        _legend(size(own), size(used - own)),
        [(f"  {size(host.held.memory)} allocated", "muted")],
    ]
    return LoadChart(title, machine.memory, machine.own_memory, (size(total), size(total // 2)))


def _legend(own: str, others: str) -> Line:
    return [(f"  █ jobs {own}", OWN), (f"  ░ others {others}", OTHERS)]


def draw_chart(
    chart: LoadChart, machine: MachineHistory, width: int, rows: int, braille: bool
) -> list[Line]:
    """Return a chart with its title and axes in ``rows`` lines and two more."""
    assert machine.host is not None
    span = span_of(machine)
    labels = _labels(chart.scale, rows)
    margin = max(map(len, labels)) + 1
    room = max(4, width - margin - 1)
    count = columns(room, braille=braille)
    total, own = (_filled(ring, machine.host.at, span, count) for ring in (chart.total, chart.own))
    others = [
        None if one is None else max(0.0, one - (two or 0.0))
        for one, two in zip(total, own, strict=True)
    ]
    layers = (Layer(own, OWN), Layer(others, OTHERS, sparse=True))
    lines: list[Line] = [fit_line(_title(chart.title, width), width)]
    for label, row in zip(labels, area(layers, rows, high=100.0, braille=braille), strict=True):
        edge, body = ("┤", _gridded(row)) if label else ("│", row)
        lines.append([(f"{label:>{margin - 1}} ", "faint"), (edge, "rule"), *body])
    return [*lines, _time_axis(span, margin, room)]


def _gridded(row: Line) -> Line:
    """Return a row with a dotted line where nothing is drawn."""
    return [(part, style) if style else ("┈" * len(part), "rule") for part, style in row]


def _labels(scale: tuple[str, str], rows: int) -> list[str]:
    """Return the labels of the rows: 100, 50 and nothing, where there is room for them."""
    labels = [""] * rows
    labels[0] = scale[0]
    if rows >= 5:
        labels[rows // 2] = scale[1]
    if rows >= 3:
        labels[-1] = "0"
    return labels


def _time_axis(span: float, margin: int, width: int) -> Line:
    left, right = f"{duration(span)} ago", "now"
    middle = duration(span / 2) if width >= 40 else ""
    text = left.ljust(width // 2 - len(middle) // 2) + middle
    return [(" " * (margin + 1) + text + right.rjust(width - len(text)), "faint")]


def _title(parts: Sequence[Line], width: int) -> list[Span]:
    """Return the parts that fit."""
    out: list[Span] = []
    for part in parts:
        if not out or line_width([*out, *part]) <= width:
            out += part
    return out


def _filled(ring: Ring, now: float, span: float, count: int) -> Values:
    """Return averages over time; a value lasts until the next reading, if that follows soon."""
    values = ring.window(now, span, count)
    reach = ceil(BRIDGED * count / span)
    out: list[float | None] = []
    since, last = 0, None
    for value in values:
        since = since + 1 if value is None else 0
        last = last if value is None else value
        out.append(last if since <= reach else None)
    return out


def _padded(line: Line, width: int) -> list[Span]:
    return [*line, (" " * max(0, width - line_width(line)), "")]


def part_of(part: str, whole: str) -> str:
    """Return a size as a part of another, without a repeated unit: ``3 of 24 GiB``."""
    unit = whole[whole.rindex(" ") :]
    return f"{part.removesuffix(unit)} of {whole}"
