"""Measures over time in bounded space: folded, packed and read back."""

from __future__ import annotations

import random

import pytest

from torc_tui.resources.usage_series import (
    MOST_BYTES,
    POINTS,
    Metric,
    Point,
    Series,
    SeriesRecorder,
    pack,
    unpack,
)


def recorded(samples: list[tuple[float, float]], metric: Metric = Metric.CPU) -> Series:
    recorder = SeriesRecorder()
    for at, value in samples:
        recorder.add(at, metric, value)
    return recorder.series


def test_points() -> None:
    series = recorded([(0.1, 10.0), (0.2, 30.0), (0.8, 50.0)])
    assert (series.width, series.length) == (0.25, 4)
    assert series.points[Metric.CPU] == [Point(10, 20, 30), None, None, Point(50, 50, 50)]
    assert series.peak(Metric.CPU) == 50 and series.peak(Metric.GPU) == 0


@pytest.mark.parametrize("seconds", [60, 61, 3600, 86_400 * 30])
def test_folding(seconds: int) -> None:
    """However long it lasts: no extreme is lost, and the mean stays."""
    step = max(1, seconds // 5000)
    values = [(float(at), float(at % 97)) for at in range(0, seconds, step)]
    series = recorded(values)
    points = [one for one in series.points[Metric.CPU] if one]
    assert series.length <= POINTS and series.length * series.width >= seconds - step
    assert max(one.high for one in points) == max(value for _, value in values)
    assert min(one.low for one in points) == min(value for _, value in values)
    assert all(one.low <= one.mean <= one.high for one in points)


def test_late_metric() -> None:
    """A metric that begins later has gaps before."""
    recorder = SeriesRecorder()
    recorder.add(0.0, Metric.CPU, 1.0)
    recorder.add(1.0, Metric.GPU, 2.0)
    points = recorder.series.points
    assert points[Metric.GPU][:4] == [None] * 4 and points[Metric.GPU][4] == Point(2, 2, 2)
    assert len(points[Metric.CPU]) == 5


def test_restored() -> None:
    """Another runner continues a series where it was, also when it is folded later."""
    first = recorded([(at / 4, float(at)) for at in range(200)])
    recorder = SeriesRecorder.restored(first)
    assert recorder.series == first
    recorder.add(100.0, Metric.CPU, 1000.0)
    series = recorder.series
    assert series.width == 0.5 and series.peak(Metric.CPU) == 1000.0
    assert series.points[Metric.CPU][:2] == [Point(0, 0.5, 1), Point(2, 2.5, 3)]
    assert SeriesRecorder.restored(Series(0.25, {})).series == Series(0.25, {})


def test_packing() -> None:
    series = recorded([(0.0, 0.0), (0.3, 123.4), (9.0, 400.0)], Metric.MEMORY)
    found = unpack(pack(series))
    assert found is not None and found.width == series.width
    for one, other in zip(found.points[Metric.MEMORY], series.points[Metric.MEMORY], strict=True):
        assert (one is None) == (other is None)
        assert one is None or other is None or one == pytest.approx(other, abs=400 / 65_000)


def test_size() -> None:
    """The worst case: noise in every point of every metric."""
    rng, recorder = random.Random(1), SeriesRecorder()
    for place in range(POINTS * 4):
        for metric in Metric:
            recorder.add(place * 0.0625, metric, rng.random() * 1e12)
    data = pack(recorder.series)
    assert recorder.series.length == POINTS and len(data) <= MOST_BYTES


def test_nothing() -> None:
    assert unpack(pack(SeriesRecorder().series)) == Series(0.25, {})


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", b"\x02abc", b"\x01" + bytes(range(40)), pack(recorded([(0, 1.0)]))[:-5]],
    ids=["empty", "short", "later", "noise", "cut"],
)
def test_damaged(data: bytes) -> None:
    assert unpack(data) is None
