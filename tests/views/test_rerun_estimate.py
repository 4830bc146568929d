"""How long a rerun takes."""

from __future__ import annotations

import pytest

from torc_tui.views.rerun_estimate import estimate, most_at_once


def test_bounds() -> None:
    """Four jobs of 10 s and a chain of two: between the even share and the worst order."""
    found = estimate([1, 2, 3, 4], dict.fromkeys([1, 2, 3, 4], 10.0), [(4, 3)], 2)
    assert (found.work, found.low, found.high, found.lanes) == (40.0, 20.0, 30.0, 2)


def test_chain_through_a_gate() -> None:
    found = estimate([1, 2], {1: 5.0, 2: 7.0}, [(-1, 1), (2, -1)], 8)
    assert (found.low, found.high, found.lanes) == (12.0, 12.0, 2)


def test_jobs_of_unknown_duration() -> None:
    found = estimate([1, 2, 3], {1: 4.0, 9: 100.0}, [(2, 9), (3, 1)], 1)
    assert (found.work, found.low, found.unknown) == (4.0, 4.0, 2)


@pytest.mark.parametrize(
    ("intervals", "most"), [([], 0), ([(0, 2), (1, 3), (2, 4)], 2), ([(0, 9), (1, 2), (1, 3)], 3)]
)
def test_most_at_once(intervals: list[tuple[float, float]], most: int) -> None:
    assert most_at_once(intervals) == most
