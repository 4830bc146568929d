"""Count which jobs an allocation can run until its end. Pure.

Input: allocations, and jobs by what they request. Output: numbers of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, inf

from torc_tui.resources.demand_records import GroupRules, JobDemand, OpenAllocation
from torc_tui.resources.partitions import START_SECONDS, FittingNodes
from torc_tui.tuples import NamedTuple

RUNNER_MEMORY = 256 << 20
"""Memory that is requested for the runner of each node, if the node has room for it."""
MANY = 1_000_000


class DemandKind(NamedTuple):
    """The jobs with one request, where they run, and what each of them takes."""

    group: str
    demand: JobDemand
    nodes: FittingNodes
    rules: GroupRules
    runtime: float
    memory: int
    gpus: float

    @property
    def number(self) -> int:
        """Return the id of the requirements."""
        return self.demand.requirement_id


class AllocationRoom(NamedTuple):
    """What jobs can use of an allocation, in each of its nodes, until its end."""

    nodes: int
    cpus: float
    memory: float
    gpus: float
    seconds: float

    def parallel(self, kind: DemandKind) -> int:
        """Return how many jobs of a kind run at a time on one node."""
        fits = min(
            _times(self.cpus, kind.demand.request.num_cpus),
            _times(self.memory - RUNNER_MEMORY, kind.memory) or kind.memory <= self.memory,
            _times(self.gpus, kind.gpus),
        )
        return int(min(fits, MANY))

    def slots(self, kind: DemandKind) -> int:
        """Return how many jobs of a kind run one after the other."""
        return max(floor(self.seconds / kind.runtime + 1e-9), 0)

    def load(self, kind: DemandKind, jobs: float) -> tuple[float, float, float]:
        """Return the parts of CPUs, memory and GPUs that jobs take of all nodes and all time."""
        share = jobs / (self.slots(kind) * self.nodes)
        return (
            share * kind.demand.request.num_cpus / self.cpus,
            share * kind.memory / self.memory if self.memory < inf else 0.0,
            share * kind.gpus / self.gpus if kind.gpus else 0.0,
        )


def _times(have: float, need: float) -> float:
    return floor(have / need + 1e-9) if need > 0 and have < inf else MANY


class AllocationFilling:
    """An allocation that is being filled with jobs."""

    def __init__(self, room: AllocationRoom, held: int = 0) -> None:
        self._room = room
        self._used = [0.0, 0.0, 0.0]
        self._held = held
        self.jobs: dict[int, int] = {}

    def add(self, kind: DemandKind, number: int) -> int:
        """Add at most ``number`` jobs of a kind; return how many found room."""
        room = self._room
        parallel, slots = room.parallel(kind), room.slots(kind)
        if parallel < 1 or slots < 1 or number < 1:
            return 0
        most = parallel * slots * room.nodes - self._held - self.jobs.get(kind.number, 0)
        one = room.load(kind, 1)
        for used, each in zip(self._used, one, strict=True):
            if each > 0:
                most = min(most, floor((1 - used) / each + 1e-6))
        added = max(min(number, most), 0)
        self._used = [used + each * added for used, each in zip(self._used, one, strict=True)]
        if added:
            self.jobs[kind.number] = self.jobs.get(kind.number, 0) + added
        return added


def serve_open(
    open_here: Iterable[OpenAllocation], kinds: Sequence[DemandKind], counts: dict[int, int]
) -> None:
    """Take the jobs that open allocations will run out of ``counts``.

    First those for which an allocation was requested, then whatever else finds room.
    """
    by_number = {kind.number: kind for kind in kinds}
    fillings = []
    for one in open_here:
        seconds = one.time_left - (START_SECONDS if one.is_queued else 0.0)
        memory = inf if one.memory is None else one.memory
        room = AllocationRoom(one.nodes, one.cpus, memory, one.gpus, seconds)
        filling = AllocationFilling(room, one.held)
        for number, jobs in one.planned.items() if one.is_queued else ():
            if number in by_number:
                _move(filling, by_number[number], counts, jobs)
        fillings.append(filling)
    for filling in fillings:
        for kind in kinds:
            _move(filling, kind, counts, counts[kind.number])


def _move(filling: AllocationFilling, kind: DemandKind, counts: dict[int, int], most: int) -> None:
    counts[kind.number] -= filling.add(kind, min(most, counts[kind.number]))
