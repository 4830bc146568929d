"""Describe measures over time for a chart: names, units, peaks, axes.

Input: series. Output: words and numbers; `usage_text` and `usage_svg` draw them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from torc_tui.resources.usage_series import Metric, Point, Series
from torc_tui.tuples import NamedTuple
from torc_tui.wording import size

NAMES: Mapping[Metric, str] = {
    Metric.CPU: "CPU",
    Metric.MEMORY: "memory",
    Metric.GPU: "GPU",
    Metric.GPU_MEMORY: "GPU memory",
    Metric.IO: "I/O",
}


class UsagePlot(NamedTuple):
    """What is plotted: an attempt or a machine, and what it requested or has, by metric."""

    title: str
    started_at: float
    series: Series
    limits: Mapping[Metric, float]
    record: Mapping[str, Any]
    """What identifies it in JSON and CSV."""

    @property
    def seconds(self) -> float:
        """Return the length of the time axis."""
        return max(self.series.width, self.series.length * self.series.width)


class Panel(NamedTuple):
    """The chart of one metric; ``top`` is the upper end of its axis."""

    metric: Metric
    points: Sequence[Point | None]
    top: float
    limit: float | None
    caption: str


def panels(plot: UsagePlot) -> list[Panel]:
    """Return the charts of a plot, one for each metric that was measured."""
    found = []
    for metric, points in plot.series.points.items():
        known = [one for one in points if one is not None]
        if not known:
            continue
        peak, limit = plot.series.peak(metric), plot.limits.get(metric)
        mean = math.fsum(one.mean for one in known) / len(known)
        caption = f"peak {words(metric, peak)}, mean {words(metric, mean)}"
        if limit:
            caption += f", of {words(metric, limit)}"
        # A limit far above the curve would flatten it: then only the caption tells it.
        shown = limit if limit and limit <= 2 * peak else None
        top = round_up(metric, max(peak, shown or 0.0))
        found.append(Panel(metric, _bridged(points), top, shown, caption))
    return found


def _bridged(points: Sequence[Point | None]) -> list[Point | None]:
    """Return the points with those between two samples of usual distance filled in."""
    known = [place for place, one in enumerate(points) if one is not None]
    found = list(points)
    gaps = sorted(second - first for first, second in pairwise(known))
    longest = 2 * gaps[len(gaps) * 9 // 10] if gaps else 0
    for first, last in pairwise(known):
        if last - first > longest:
            continue
        before, after = points[first], points[last]
        assert before is not None and after is not None
        for place in range(first + 1, last):
            part = (place - first) / (last - first)
            value = before.mean + part * (after.mean - before.mean)
            found[place] = Point(value, value, value)
    return found


def words(metric: Metric, value: float) -> str:
    """Return a value with its unit."""
    if metric is Metric.CPU:
        cores = f"{value / 100:.2f}".rstrip("0").rstrip(".")
        return f"{cores} CPU" + "s" * (cores != "1")
    if metric is Metric.GPU:
        return f"{value:.0f} %"
    return size(value) + "/s" * (metric is Metric.IO)


def round_up(metric: Metric, value: float) -> float:
    """Return the next round number, as the upper end of an axis."""
    if value <= 0:
        return 1.0
    if metric is Metric.GPU:
        return 100.0
    base = 10.0 if metric is Metric.CPU else 1024.0
    unit = base ** math.floor(math.log(value, base))
    steps = (1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 400, 512, 800, 1024)
    return unit * next(step for step in steps if step * unit >= value * 0.999)


def times(plot: UsagePlot) -> Iterator[float]:
    """Return the beginning of each point, in seconds after the start."""
    return (place * plot.series.width for place in range(plot.series.length))


def resampled(points: Sequence[Point | None], number: int) -> list[Point | None]:
    """Return the points as ``number`` points of equal width."""
    found: list[Point | None] = []
    for place in range(number):
        first = place * len(points) // number
        last = max(first + 1, (place + 1) * len(points) // number)
        known = [one for one in points[first:last] if one is not None]
        found.append(
            Point(
                min(one.low for one in known),
                math.fsum(one.mean for one in known) / len(known),
                max(one.high for one in known),
            )
            if known
            else None
        )
    return found


def as_record(plot: UsagePlot) -> dict[str, Any]:
    """Return the plot for JSON; a point without samples is null."""
    metrics = {
        metric.key: {
            name: [None if one is None else round(one[place], 3) for one in points]
            for place, name in enumerate(("min", "mean", "max"))
        }
        for metric, points in plot.series.points.items()
    }
    return {
        **plot.record,
        "started_at": plot.started_at,
        "seconds_per_point": plot.series.width,
        "limits": {metric.key: limit for metric, limit in plot.limits.items()},
        "metrics": metrics,
    }


def as_rows(plot: UsagePlot) -> Iterator[dict[str, Any]]:
    """Return one record for each point, for CSV."""
    for place, at in enumerate(times(plot)):
        row: dict[str, Any] = {**plot.record, "seconds": at}
        for metric, points in plot.series.points.items():
            point = points[place]
            for number, name in enumerate(("min", "mean", "max")):
                value = None if point is None else round(point[number], 3)
                row[f"{metric.key}_{name}"] = value
        yield row
