"""Estimate when a run ends.

Input: counts, durations of finished jobs, the current time. Output: counts and a range, or None
while too few jobs have finished. No clock is read here.

With m jobs at a time, no greedy order needs more than work/m + (1 - 1/m) x longest chain (Graham
1969), and none needs less than the larger of work/m and the longest chain. The range is these two
bounds with the measured spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt

from torc_tui.records import dataclass
from torc_tui.tuples import NamedTuple

MINIMUM_ENDED = 3
"""Finished jobs that an estimate needs."""
OVERDUE = 3.0
"""A job is overdue after this many times the longest run time of its group."""


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
    def is_known(self) -> bool:
        """Return whether enough jobs have finished to compare others with them."""
        return self.count >= MINIMUM_ENDED and self.mean > 0

    def is_overdue(self, elapsed: float) -> bool:
        """Return whether a job has run for so long that the finished ones tell nothing about it."""
        return self.longest > 0 and elapsed > OVERDUE * self.longest

    @property
    def deviation(self) -> float:
        """Return the standard deviation; half the mean if only one job is known."""
        if self.count < 2:
            return self.mean / 2
        return sqrt(self.squares / (self.count - 1))


class Eta(NamedTuple):
    """Seconds until the end: at least ``low``, probably at most ``high``."""

    low: float
    high: float


class Progress(NamedTuple):
    """Counts of jobs; ``done`` counts finished jobs. ``eta`` is None while it is unknown.

    ``failed`` includes terminated jobs.
    """

    done: int
    total: int
    failed: int
    canceled: int
    running: int
    eta: Eta | None

    @property
    def fraction(self) -> float:
        """Return the settled part from 0 to 1; an empty workflow is done."""
        return self.done / self.total if self.total else 1.0


def estimate(
    left: Mapping[str, int],
    known: Mapping[str, Durations],
    running: Iterable[tuple[str, float]],
    *,
    parallelism: float | None = None,
    critical: float | None = None,
) -> Eta | None:
    """Return when the remaining jobs will have finished.

    ``left`` counts the unsettled jobs per group, with the running ones. ``running`` has the group
    and the elapsed seconds of each running job. ``parallelism`` is the number of jobs at a time (by
    default, as many as run now). ``critical`` is the length in seconds of the longest chain that is
    left, if known. None if nothing runs, if a running job is overdue, if fewer than three jobs have
    finished, or if more than half of the remaining jobs are of groups of which none has.
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
    if any(known.get(group, everything).is_overdue(elapsed) for group, elapsed in active):
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
    """Return all groups as one; the differences of their means add to the spread."""
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
