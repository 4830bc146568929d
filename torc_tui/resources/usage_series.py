"""Record measures over time in bounded space, and pack them into at most 8 KB.

Input: samples, in any number and at any distance. Output: at most `POINTS` points of equal width
for each metric, each with minimum, mean and maximum; packed as bytes, and read back. No clock is
read here.

Invariants: a series has at most `POINTS` points and its bytes at most `MOST_BYTES`, however long it
lasts. A point without samples is None, never 0.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterable
from enum import IntEnum

from torc_tui.records import dataclass
from torc_tui.tuples import NamedTuple

POINTS = 240
MOST_BYTES = 8192
FIRST_WIDTH = 0.25
"""Seconds of a point at first; it doubles when there are too many points."""

_VERSION = 1
_HEAD = struct.Struct("<HdB")
_METRIC = struct.Struct("<Bd")
_GAP = 0xFFFF
"""A point without samples; values are numbers below it, as parts of the largest one."""


class Metric(IntEnum):
    """What is measured; the numbers are stored."""

    CPU = 0
    MEMORY = 1
    GPU = 2
    GPU_MEMORY = 3
    IO = 4

    @property
    def key(self) -> str:
        """Return the name in JSON and CSV, with the unit."""
        return _KEYS[self]


_KEYS = {
    Metric.CPU: "cpu_percent",
    Metric.MEMORY: "memory_bytes",
    Metric.GPU: "gpu_percent",
    Metric.GPU_MEMORY: "gpu_memory_bytes",
    Metric.IO: "io_bytes_per_second",
}


class Point(NamedTuple):
    """The values of one metric in one stretch of time."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Series:
    """Measures over time: ``points[metric][i]`` begins ``i * width`` seconds after the start."""

    width: float
    points: dict[Metric, list[Point | None]]

    @property
    def length(self) -> int:
        """Return the number of points."""
        return max(map(len, self.points.values()), default=0)

    def peak(self, metric: Metric) -> float:
        """Return the highest value of a metric; 0 if there is none."""
        return max((one.high for one in self.points.get(metric, ()) if one), default=0.0)


class _Column:
    """The samples of one metric, folded into `POINTS` points."""

    __slots__ = ("counts", "highs", "lows", "sums")

    def __init__(self) -> None:
        self.counts = array("I", bytes(4 * POINTS))
        self.sums = array("d", bytes(8 * POINTS))
        self.lows = array("f", bytes(4 * POINTS))
        self.highs = array("f", bytes(4 * POINTS))

    def add(self, place: int, value: float) -> None:
        count = self.counts[place]
        if not count or value < self.lows[place]:
            self.lows[place] = value
        if not count or value > self.highs[place]:
            self.highs[place] = value
        self.counts[place] = count + 1
        self.sums[place] += value

    def halve(self) -> None:
        """Fold every two points into one."""
        for place in range(POINTS):
            first, second = 2 * place, 2 * place + 1
            used = [one for one in (first, second) if one < POINTS and self.counts[one]]
            low = min((self.lows[one] for one in used), default=0.0)
            high = max((self.highs[one] for one in used), default=0.0)
            self.lows[place], self.highs[place] = low, high
            self.sums[place] = sum(self.sums[one] for one in used)
            self.counts[place] = sum(self.counts[one] for one in used)

    def points(self, number: int) -> list[Point | None]:
        """Return the first points."""
        return [
            Point(self.lows[one], self.sums[one] / self.counts[one], self.highs[one])
            if self.counts[one]
            else None
            for one in range(number)
        ]


class SeriesRecorder:
    """Take samples of an attempt or a machine while it runs."""

    __slots__ = ("_columns", "_last", "width")

    def __init__(self) -> None:
        self.width = FIRST_WIDTH
        self._columns: dict[Metric, _Column] = {}
        self._last = 0

    @classmethod
    def restored(cls, series: Series) -> SeriesRecorder:
        """Return a recorder that continues a series; each of its points counts as one sample."""
        found = cls()
        found.width, found._last = series.width, max(0, series.length - 1)
        for metric, points in series.points.items():
            column = found._columns[metric] = _Column()
            for place, point in enumerate(points):
                if point is not None:
                    column.counts[place], column.sums[place] = 1, point.mean
                    column.lows[place], column.highs[place] = point.low, point.high
        return found

    def add(self, at: float, metric: Metric, value: float) -> None:
        """Take a sample, ``at`` seconds after the start."""
        place = int(at / self.width) if at > 0 else 0
        while place >= POINTS:
            self.width *= 2
            self._last //= 2
            for column in self._columns.values():
                column.halve()
            place = int(at / self.width)
        self._last = max(self._last, place)
        found = self._columns.get(metric)
        if found is None:
            found = self._columns[metric] = _Column()
        found.add(place, value)

    @property
    def series(self) -> Series:
        """Return what was recorded until now."""
        number = self._last + 1 if self._columns else 0
        return Series(
            self.width,
            {metric: self._columns[metric].points(number) for metric in sorted(self._columns)},
        )


def pack(series: Series) -> bytes:
    """Return the series in at most `MOST_BYTES` bytes."""
    parts = [_HEAD.pack(series.length, series.width, len(series.points))]
    for metric, points in series.points.items():
        scale = series.peak(metric) / (_GAP - 1)
        parts.append(_METRIC.pack(metric, scale))
        parts += [_numbers(points, place, scale).tobytes() for place in range(3)]
    return bytes([_VERSION]) + zlib.compress(b"".join(parts), 6)


def _numbers(points: Iterable[Point | None], place: int, scale: float) -> array[int]:
    return array(
        "H",
        [
            _GAP
            if point is None
            else min(_GAP - 1, max(0, round(point[place] / scale)))
            if scale
            else 0
            for point in points
        ],
    )


def unpack(data: bytes) -> Series | None:
    """Return the series of packed bytes; None if they are damaged or of a later version."""
    try:
        if data[0] != _VERSION:
            return None
        stream = zlib.decompressobj()
        text = stream.decompress(data[1:], 64 * MOST_BYTES)
        return _unpacked(text) if stream.eof else None
    except (zlib.error, struct.error, ValueError, IndexError):
        return None


def _unpacked(text: bytes) -> Series:
    number, width, metrics = _HEAD.unpack_from(text)
    at = _HEAD.size
    found: dict[Metric, list[Point | None]] = {}
    for _ in range(metrics):
        metric, scale = _METRIC.unpack_from(text, at)
        at += _METRIC.size
        values = struct.unpack_from(f"<{3 * number}H", text, at)
        at += 6 * number
        rows = zip(*(values[i * number : (i + 1) * number] for i in range(3)), strict=True)
        found[Metric(metric)] = [
            None if low == _GAP else Point(low * scale, mean * scale, high * scale)
            for low, mean, high in rows
        ]
    return Series(width, found)
