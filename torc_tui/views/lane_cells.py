"""Tell what the cells of a lane show.

A `BarLane` holds attempts that do not overlap; a `LoadLane` holds all attempts of a runner, as the
number of CPUs in use over time.

Input: attempts, a division of time into cells. Output: what each cell shows.

Invariants: the attempts of a `BarLane` are in the order of time, and no two overlap. Each of them
is shown in a cell, at any division.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from operator import sub

from torc_tui.status import UNSUCCESSFUL
from torc_tui.tuples import NamedTuple
from torc_tui.views.report import ReportAttempt


class TimeScale(NamedTuple):
    """A division of time: cell 0 begins at ``begin``, and each cell stands for ``cell`` seconds."""

    begin: float
    cell: float

    def edge(self, place: int) -> float:
        """Return when a cell begins."""
        return self.begin + place * self.cell

    def cell_of(self, moment: float) -> int:
        """Return the cell of a moment, by the very numbers that `edge` returns."""
        place = int((moment - self.begin) // self.cell)
        while self.edge(place) > moment:
            place -= 1
        while self.edge(place + 1) <= moment:
            place += 1
        return place


class CellRun(NamedTuple):
    """Neighboring cells of a lane that show the same: nothing, one attempt, or several.

    They show the attempts from ``first`` up to, not including, ``last`` of the lane. ``share`` is
    how much of a cell with several attempts is in use. ``ended``: the last cell is the last one of
    the attempt.
    """

    cell: int
    width: int
    first: int
    last: int
    ended: bool = False
    share: float = 1.0


class BarLane:
    """Attempts that do not overlap."""

    def __init__(self, runner: int, label: str, attempts: Sequence[ReportAttempt]) -> None:
        self.runner = runner
        """The place of the runner in the timeline."""
        self.label = label
        self.attempts = attempts
        self.starts = [one.started_at for one in attempts]
        self.ends = [one.ended_at for one in attempts]
        lengths = map(sub, self.ends, self.starts)
        self._busy: list[float] = [0.0, *accumulate(lengths)]
        self._bad = [0, *accumulate(one.status in UNSUCCESSFUL for one in attempts)]

    def has_trouble(self, run: CellRun) -> bool:
        """Return whether an attempt of the cells failed, or was canceled or terminated."""
        return self._bad[run.last] > self._bad[run.first]

    def at(self, begin: float, end: float) -> tuple[int, int]:
        """Return the range of attempts that overlap a part of time, which may be empty.

        An attempt without a length counts at its start.
        """
        first = bisect_right(self.ends, begin)
        while first and self.starts[first - 1] >= begin:
            first -= 1
        return first, max(first, bisect_left(self.starts, end))

    def nearest(self, moment: float) -> int:
        """Return the attempt that is nearest to a moment."""
        place = bisect_right(self.starts, moment)
        around = [one for one in (place - 1, place) if 0 <= one < len(self.starts)]
        return min(around, key=lambda one: self._distance(one, moment))

    def _distance(self, place: int, moment: float) -> float:
        return max(self.starts[place] - moment, moment - self.ends[place], 0.0)

    def runs(self, scale: TimeScale, cells: range) -> list[CellRun]:
        """Return what the cells of a picture show.

        All attempts in the part of time that the cells stand for are shown.
        """
        found: list[CellRun] = []
        at = cells.start
        while at < cells.stop:
            run = self._run(scale, at, cells.stop)
            at += run.width
            if found and _same(found[-1], run):
                before = found.pop()
                run = before._replace(width=before.width + run.width, ended=run.ended)
            elif found and run.first >= found[-1].last:
                found[-1] = found[-1]._replace(ended=True)  # it ends where the next one begins
            found.append(run)
        return found

    def _run(self, scale: TimeScale, at: int, stop: int) -> CellRun:
        left, right = scale.edge(at), scale.edge(at + 1)
        first, last = self.at(left, right)
        number = last - first
        if not number:
            next_ = scale.cell_of(self.starts[first]) if first < len(self.starts) else stop
            return CellRun(at, max(1, min(next_, stop) - at), first, first)
        if number == 1:
            # The last cell of an attempt is looked at alone: another one may begin there.
            width = max(1, min(scale.cell_of(self.ends[first]), stop) - at)
            ended = self.ends[first] <= scale.edge(at + width)
            return CellRun(at, width, first, last, ended=ended)
        before, after = scale.edge(at - 1), scale.edge(at + 2)
        if number == 2 and self.starts[first] <= before and self.ends[first + 1] >= after:
            # Each of the two has another cell of its own: the longer part wins.
            wins = first + (self.ends[first] < (left + right) / 2)
            return CellRun(at, 1, wins, wins + 1, ended=wins == first)
        share = (self._busy_until(right) - self._busy_until(left)) / scale.cell
        return CellRun(at, 1, first, last, share=min(1.0, share))

    def _busy_until(self, moment: float) -> float:
        """Return the seconds before a moment in which an attempt ran."""
        place = bisect_right(self.starts, moment)
        if not place:
            return 0.0
        return self._busy[place] - max(0.0, self.ends[place - 1] - moment)


def _same(before: CellRun, run: CellRun) -> bool:
    """Return whether two neighboring runs show the same."""
    if before.first == before.last or run.first == run.last:
        return before.first == before.last and run.first == run.last
    return run.last - run.first == 1 and before[2:4] == run[2:4]


class Levels(NamedTuple):
    """Shares of CPUs in use: all, by unsuccessful attempts, by attempts that still run."""

    all: float
    bad: float
    running: float


class LoadLane:
    """The CPUs that the attempts of a runner used over time."""

    def __init__(
        self, runner: int, label: str, attempts: Sequence[ReportAttempt], cpus: int
    ) -> None:
        self.runner = runner
        self.label = label
        self.attempts = attempts
        self.starts = [one.started_at for one in attempts]
        self._all = _Level(attempts)
        self._levels = (
            self._all,
            _Level([one for one in attempts if one.status in UNSUCCESSFUL]),
            _Level([one for one in attempts if one.running]),
        )
        self.top = max(float(cpus), self._all.most) or 1.0
        """The number of CPUs at the upper end."""

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time that the attempts requested."""
        return self._all.until(float("inf"))

    def levels(self, scale: TimeScale, cells: range) -> list[Levels]:
        """Return for each cell the shares of CPUs in use."""
        edges = [scale.edge(place) for place in range(cells.start, cells.stop + 1)]
        full = self.top * scale.cell
        parts = [
            [min(1.0, (after - before) / full) for before, after in pairwise(map(one.until, edges))]
            for one in self._levels
        ]
        return list(map(Levels, *parts))

    def at(self, begin: float, end: float) -> int | None:
        """Return an attempt that runs in a part of time: the last one that started."""
        for place in range(bisect_left(self.starts, end) - 1, -1, -1):
            if self.attempts[place].ended_at > begin:
                return place
        return None

    def nearest(self, moment: float) -> int:
        """Return the last attempt that started before a moment, or the first one."""
        return max(0, bisect_right(self.starts, moment) - 1)


class _Level:
    """A sum over time: of the CPUs of attempts while they run."""

    def __init__(self, attempts: Iterable[ReportAttempt]) -> None:
        changes = [
            change
            for one in attempts
            for change in ((one.started_at, one.num_cpus), (one.ended_at, -one.num_cpus))
        ]
        changes.sort()
        self._times = [at for at, _ in changes]
        self._levels = [0.0, *accumulate(by for _, by in changes)]
        steps = zip(pairwise(self._times), self._levels[1:-1], strict=True) if changes else ()
        self._sums = [0.0, *accumulate((end - begin) * level for (begin, end), level in steps)]
        self.most = max(self._levels)

    def until(self, moment: float) -> float:
        """Return the CPU seconds before a moment."""
        place = bisect_right(self._times, moment)
        if not place:
            return 0.0
        if place == len(self._times):
            return self._sums[-1]
        return self._sums[place - 1] + (moment - self._times[place - 1]) * self._levels[place]


Lane = BarLane | LoadLane
"""A row of the timeline."""
