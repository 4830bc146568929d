"""Arrange the attempts of a run in lanes: CPU slots of runners, GPUs, or one lane per runner.

Input: attempts and runners. Output: a timeline.

Invariants: with slots and with runners each attempt is in exactly one lane, with GPUs in one for
each of its GPUs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum
from operator import itemgetter

from torc_tui.tuples import NamedTuple
from torc_tui.views.lane_cells import BarLane, Lane, LoadLane
from torc_tui.views.report import ReportAttempt, ReportRunner, pack


class Grouping(Enum):
    """What a lane of the timeline stands for."""

    SLOTS = "CPU slots"
    GPUS = "GPUs"
    RUNNERS = "Runners"


class BarPlace(NamedTuple):
    """An attempt in the timeline: its lane, and its place there."""

    lane: int
    attempt: int


class Timeline(NamedTuple):
    """The lanes of a run, from its first start to its last end.

    ``used`` is the share of the CPUs of all runners that was in use. ``hidden`` is the number of
    attempts that no lane shows.
    """

    grouping: Grouping
    lanes: Sequence[Lane]
    span: tuple[float, float]
    attempts: Sequence[ReportAttempt]
    runners: int
    used: float
    hidden: int = 0

    @property
    def seconds(self) -> float:
        """Return the length of the run."""
        return self.span[1] - self.span[0]

    def find(self, one: ReportAttempt) -> BarPlace | None:
        """Return where an attempt is, also if it was still running when ``one`` was read."""
        loads = self.grouping is Grouping.RUNNERS
        for number, lane in enumerate(self.lanes):
            if isinstance(lane, LoadLane) is loads:
                first = bisect_left(lane.starts, one.started_at)
                last = bisect_right(lane.starts, one.started_at)
                for place in range(first, last):
                    if _is_same(lane.attempts[place], one):
                        return BarPlace(number, place)
        return None


def _is_same(first: ReportAttempt, second: ReportAttempt) -> bool:
    return (first.job_id, first.attempt_id) == (second.job_id, second.attempt_id)


_BY_TIME = itemgetter(
    ReportAttempt._fields.index("started_at"), ReportAttempt._fields.index("ended_at")
)
MOST_SLOTS = 200
"""Number of slots up to which a timeline shows slots, unless the user chooses otherwise."""


def timeline(
    attempts: Iterable[ReportAttempt],
    runners: Sequence[ReportRunner],
    grouping: Grouping | None = None,
) -> Timeline | None:
    """Return the lanes; without ``grouping`` slots, or runners if there are very many slots."""
    ordered = sorted(attempts, key=_BY_TIME)
    if not ordered:
        return None
    made = _Lanes(ordered, runners)
    if grouping is None:
        grouping = Grouping.SLOTS if made.slot_count <= MOST_SLOTS else Grouping.RUNNERS
    span = ordered[0].started_at, max(one.ended_at for one in ordered)
    possible = (span[1] - span[0]) * sum(load.top for load in made.loads)
    return Timeline(
        grouping,
        made.of(grouping),
        span,
        ordered,
        len(made.loads),
        sum(load.cpu_seconds for load in made.loads) / possible if possible else 0.0,
        sum(not one.gpus for one in ordered) if grouping is Grouping.GPUS else 0,
    )


class _Lanes:
    """The lanes of all runners, by grouping."""

    def __init__(self, ordered: Sequence[ReportAttempt], runners: Sequence[ReportRunner]) -> None:
        by_runner: dict[int | None, list[ReportAttempt]] = {}
        for one in ordered:
            by_runner.setdefault(one.node_id, []).append(one)
        known = {one.id: one for one in runners}
        keys = sorted(by_runner, key=lambda key: (key is None, key))
        self._attempts = [by_runner[key] for key in keys]
        self._runners = [None if key is None else known.get(key) for key in keys]
        self._packed = [pack(attempts) for attempts in self._attempts]
        names = _names(self._runners)
        self.loads = [
            LoadLane(place, name, attempts, 0 if runner is None else runner.num_cpus)
            for place, (name, attempts, runner) in enumerate(
                zip(names, self._attempts, self._runners, strict=True)
            )
        ]

    @property
    def slot_count(self) -> int:
        """Return how many slots all runners used."""
        return sum(map(len, self._packed))

    def of(self, grouping: Grouping) -> Sequence[Lane]:
        """Return the lanes of a grouping."""
        if grouping is Grouping.SLOTS:
            return self._slots()
        return self._gpus() if grouping is Grouping.GPUS else self.loads

    def _slots(self) -> list[Lane]:
        """Return for each runner its load and its slots."""
        found: list[Lane] = []
        for place, slots in enumerate(self._packed):
            found.append(self.loads[place])
            found += [BarLane(place, str(number), one) for number, one in enumerate(slots, 1)]
        return found

    def _gpus(self) -> list[Lane]:
        """Return for each runner the lanes of its GPUs; one that is shared has several."""
        found: list[Lane] = []
        for place, runner in enumerate(self._runners):
            numbers = {} if runner is None else runner.gpus
            holders: dict[str, list[ReportAttempt]] = {}
            for one in self._attempts[place]:
                for uuid in one.gpus:
                    holders.setdefault(uuid, []).append(one)
            if holders:
                found.append(self.loads[place])
            for uuid in sorted(holders, key=lambda uuid: (numbers.get(uuid, len(numbers)), uuid)):
                label = f"GPU {numbers[uuid]}" if uuid in numbers else "GPU ?"
                found += [BarLane(place, label, one) for one in pack(holders[uuid])]
        return found


def _names(runners: Sequence[ReportRunner | None]) -> list[str]:
    """Return the names of runners: hosts without their domains, with ids where these are equal."""
    hosts = {one.hostname for one in runners if one is not None}
    short = {host: host.partition(".")[0] or host for host in hosts}
    names = [None if one is None else short[one.hostname] for one in runners]
    return [
        "unknown runner"
        if one is None
        else f"{name} #{one.id}"
        if names.count(name) > 1
        else str(name)
        for one, name in zip(runners, names, strict=True)
    ]
