"""Sizes and durations, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.units import format_duration, format_memory, parse_duration, parse_memory


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16g", 16 << 30),
        ("512M", 512 << 20),
        ("1k", 1024),
        ("2T", 2 << 40),
        ("100", 100),
        (5, 5),
        (" 1 g ", 1 << 30),
    ],
)
def test_memory(text: str | int, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("512mb", "512m"),
        ("1.5g", "1536m"),
        ("4GiB", "4g"),
        ("2 gigabytes", "such as"),
        ("-1g", "such as"),
        ("", "such as"),
    ],
)
def test_invalid_memory(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match="is not a size") as caught:
        parse_memory(text)
    assert hint in caught.value.args[1]


@pytest.mark.parametrize("value", [-1, 1 << 70, True, 1.5, None, "9" * 15 + "t", "9" * 5000])
def test_memory_limits(value: object) -> None:
    with pytest.raises(ValueError):
        parse_memory(value)  # type: ignore[arg-type]  # what a file may hold


@given(st.integers(0, 1 << 60))
def test_memory_round_trip(size: int) -> None:
    assert parse_memory(format_memory(size)) == size


def test_format_memory() -> None:
    assert [format_memory(size) for size in (0, 1000, 1024, 1536 << 20, 16 << 30, 3 << 40)] == [
        "0",
        "1000",
        "1k",
        "1536m",
        "16g",
        "3t",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H", 3600),
        ("P0DT1M", 60),
        ("PT1H30M", 5400),
        ("P1W", 604_800),
        ("P1Y", 31_557_600),
        ("P1M", 2_629_800),
        ("P1DT2H3M4.5S", 93_784.5),
        ("pt0.5h", 1800),
        ("PT0S", 0),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [("1h", "PT1H"), ("90 min", "PT1H30M"), ("01:30:00", "PT1H30M"), ("P", "PT30M"),
     ("PT", "PT30M"),
     ("P1DT", "PT30M"), ("-PT1H", "PT30M"), ("", "PT30M"), ("1" * 9999, "PT30M")],
)  # fmt: skip
def test_invalid_duration(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match="is not a duration") as caught:
        parse_duration(text)
    assert hint in caught.value.args[1]
    assert len(caught.value.args[0]) < 100


@given(st.integers(0, 10**12))
def test_duration_round_trip(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(
        milliseconds / 1000, abs=1e-6
    )


def test_format_duration() -> None:
    assert [
        format_duration(seconds) for seconds in (0, 5400, 0.25, 90, 86_400, 183_600, 59.9996)
    ] == ["PT0S", "PT1H30M", "PT0.25S", "PT1M30S", "P1D", "P2DT3H", "PT1M"]
