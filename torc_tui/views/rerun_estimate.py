"""Estimate how long a rerun takes.

Input: the seconds that jobs took before, the dependencies, and how many jobs ran at a time. Output:
a range. The bounds are those of `torc_tui.views.run_progress`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter

from torc_tui.tuples import NamedTuple


class Estimate(NamedTuple):
    """How long a rerun takes with ``lanes`` jobs at a time: at least ``low``, at most ``high``.

    ``work`` is the time of all jobs together. ``unknown`` jobs never ran and count as nothing.
    """

    work: float = 0.0
    low: float = 0.0
    high: float = 0.0
    lanes: int = 1
    unknown: int = 0


def estimate(
    stale: Collection[int],
    seconds: Mapping[int, float],
    edges: Iterable[tuple[int, int]],
    lanes: int,
) -> Estimate:
    """Return how long the stale jobs take.

    ``seconds`` maps job ids to durations. ``edges`` are pairs (node, dependency); an id that is not
    the id of a job is a gate.
    """
    times = {number: seconds[number] for number in stale if number in seconds}
    work, lanes = sum(times.values()), max(1, min(lanes, len(stale)))
    chain = _longest_chain(times, edges)
    low = max(work / lanes, chain)
    high = work / lanes + (1 - 1 / lanes) * chain
    return Estimate(work, low, max(low, high), lanes, len(stale) - len(times))


def _longest_chain(times: Mapping[int, float], edges: Iterable[tuple[int, int]]) -> float:
    before: dict[int, list[int]] = {number: [] for number in times}
    for number, on in edges:
        before.setdefault(number, []).append(on)
    ends: dict[int, float] = {}
    for number in TopologicalSorter(before).static_order():
        start = max((ends[on] for on in before.get(number, ())), default=0.0)
        ends[number] = start + times.get(number, 0.0)
    return max(ends.values(), default=0.0)


def most_at_once(intervals: Iterable[tuple[float, float]]) -> int:
    """Return how many of these intervals (start, end) overlap at most."""
    changes: list[tuple[float, int]] = []
    for start, end in intervals:
        changes += [(start, 1), (end, -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
