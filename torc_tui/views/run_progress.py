"""How far a run is and when it ends. In: counts, durations of ended jobs, the time now. Out:
numbers and one range.

Never done here: looking at a clock, or giving an estimate that nothing supports: too early is None.

Law: with m jobs at a time, no greedy order needs more than work/m + (1 - 1/m) x longest chain
(Graham 1969), and none needs less than the larger of work/m and the longest chain. The range is
these two bounds over the measured spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

MINIMUM_ENDED = 3
"""Fewer ended jobs than this say nothing about the rest."""


@dataclass(slots=True)
class Durations:
    """Running mean and spread of the seconds that jobs of one group took (Welford)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one more job."""
        self.count += 1
        delta = seconds - self.mean
        self.mean += delta / self.count
        self.squares += delta * (seconds - self.mean)
        if seconds > self.longest:
            self.longest = seconds

    @property
    def deviation(self) -> float:
        """Standard deviation; half the mean as long as one job alone is known."""
        if self.count < 2:
            return self.mean / 2
        return sqrt(self.squares / (self.count - 1))


class Eta(NamedTuple):
    """Seconds until the end: not before ``low``, likely not after ``high``."""

    low: float
    high: float

    @property
    def text(self) -> str:
        """``12–15 min``; one number where both round to the same."""
        for limit, size, word, digits in _SCALES:
            if self.high < limit or word == "d":
                low, high = (f"{seconds / size:.{digits}f}" for seconds in self)
                return f"{high} {word}" if low == high else f"{low}–{high} {word}"
        raise AssertionError


_SCALES = (
    (100.0, 1.0, "s", 0),
    (5400.0, 60.0, "min", 0),
    (36 * 3600.0, 3600.0, "h", 1),
    (0.0, 86400.0, "d", 1),
)


class Progress(NamedTuple):
    """How a run stands. ``done`` counts settled jobs, well or not; ``eta`` is None when nobody can
    tell.
    """

    done: int
    total: int
    failed: int
    running: int
    eta: Eta | None

    @property
    def fraction(self) -> float:
        """From 0 to 1; an empty workflow is done."""
        return self.done / self.total if self.total else 1.0


def estimate(
    left: Mapping[str, int],
    known: Mapping[str, Durations],
    running: Iterable[tuple[str, float]],
    *,
    parallelism: float | None = None,
    critical: float | None = None,
) -> Eta | None:
    """When the rest will be done.

    ``left`` counts the unsettled jobs per group, those that run included; ``running`` gives group
    and seconds so far of each that runs; ``parallelism`` is how many jobs go on at a time (as many
    as run now, if not given); ``critical`` is the length in seconds of the longest chain that is
    left, where it is known. None while nothing runs, fewer than three jobs have ended, or more than
    half of the rest is of groups of which none has.
    """
    active = list(running)
    total = sum(left.values())
    if total == 0:
        return Eta(0.0, 0.0)
    ended = sum(durations.count for durations in known.values())
    lanes = parallelism if parallelism is not None else float(len(active))
    if lanes < 1 or ended < MINIMUM_ENDED:
        return None
    everything = _merged(known.values())
    if 2 * sum(count for group, count in left.items() if group not in known) > total:
        return None
    waiting = dict(left)
    work = variance = longest = nearest = 0.0
    for group, elapsed in active:
        durations = known.get(group, everything)
        rest = max(durations.mean - elapsed, durations.mean / 10)
        work += rest
        variance += durations.deviation**2
        nearest = max(nearest, durations.mean - durations.deviation - elapsed)
        longest = max(longest, rest + durations.deviation)
        waiting[group] = waiting.get(group, 0) - 1
    for group, count in waiting.items():
        if count <= 0:
            continue
        durations = known.get(group, everything)
        work += count * durations.mean
        variance += (
            count * durations.deviation**2 + (count * durations.deviation) ** 2 / durations.count
        )
        longest = max(longest, durations.mean + durations.deviation)
    spread = sqrt(variance)
    chain = critical if critical is not None else longest
    low = max(0.0, (work - spread) / lanes, nearest, critical or 0.0)
    high = (work + spread) / lanes + (1 - 1 / lanes) * chain
    return Eta(low, max(low, high))


def _merged(parts: Iterable[Durations]) -> Durations:
    """All groups as one; their means differ, and that difference counts as spread."""
    whole = Durations()
    for part in parts:
        if not part.count:
            continue
        count = whole.count + part.count
        delta = part.mean - whole.mean
        whole.squares += part.squares + delta * delta * whole.count * part.count / count
        whole.mean += delta * part.count / count
        whole.count = count
        whole.longest = max(whole.longest, part.longest)
    return whole
