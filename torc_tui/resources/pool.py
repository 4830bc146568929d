"""Account for what is taken of one machine, and decide which ready jobs start on it.

Input: a ``Machine``, allocations that this and other runners hold, fresh readings of the GPUs,
candidates. Output: allocations, in the order of the choice. Pure: the caller reads the driver and
the clock.

Invariant: jobs with a higher priority come first; among equals, the larger request by what
``jobs_sort_method`` compares; then the smaller id. A job that does not fit is skipped, and smaller
jobs after it may start (backfill).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

from torc_tui.model import Allocation, Gpu, GpuGrant, Machine, ResourceRequirements
from torc_tui.resources.gpus import WHOLE, ForeignPolicy, GpuNeed, GpuState, Obstacle, gpu_need

Distances = Mapping[str, Mapping[str, int]]
"""UUID -> UUID -> distance between two GPUs; a missing pair is far apart."""

_FAR = 1 << 20
_MAX_COMBINATIONS = 2000
"""Largest number of sets of GPUs that are compared; above it, sets are built step by step."""


def choose(
    states: Sequence[GpuState], need: GpuNeed, distances: Distances | None
) -> list[GpuState] | None:
    """Return the GPUs that serve the request best; None if there are too few.

    Shares are taken from a GPU of which we hold shares already, otherwise from an idle GPU, and
    last from one on which other processes compute; among equals, from the one with the least left.
    Whole GPUs are the smallest that suffice, as close together as possible.
    """
    if len(states) < need.number:
        return None
    ranked = sorted(states, key=_by_use if need.share < WHOLE else _by_size)
    if need.number == 1 or len(ranked) == need.number or not distances:
        return ranked[: need.number]
    return _closest(ranked, need.number, distances)


def _by_use(state: GpuState) -> tuple[int, int, int, int, str]:
    assert state.gpu is not None
    group = 0 if state.grants else 2 if state.computing else 1
    return (
        group,
        state.share_available,
        state.memory_available,
        state.gpu.index,
        state.gpu.uuid,
    )


def _by_size(state: GpuState) -> tuple[int, int, int, str]:
    assert state.gpu is not None
    return len(state.computing), state.gpu.memory, state.gpu.index, state.gpu.uuid


def _closest(ranked: list[GpuState], count: int, distances: Distances) -> list[GpuState]:
    """Return the set of GPUs with the smallest sum of distances."""
    uuids = [state.gpu.uuid if state.gpu else "" for state in ranked]

    def distance(i: int, j: int) -> int:
        return distances.get(uuids[i], {}).get(uuids[j], _FAR)

    if comb(len(ranked), count) <= _MAX_COMBINATIONS:
        best = min(
            combinations(range(len(ranked)), count),
            key=lambda members: sum(distance(i, j) for i, j in combinations(members, 2)),
        )
        return [ranked[i] for i in best]
    groups = [_grow(first, len(ranked), count, distance) for first in range(len(ranked))]
    return [ranked[i] for i in sorted(min(groups)[1])]


def _grow(
    first: int, total: int, count: int, distance: Callable[[int, int], int]
) -> tuple[int, list[int]]:
    """Return (sum of distances, members) of a set built by adding the nearest GPU each time."""
    members, spread = [first], 0
    while len(members) < count:
        added, nearest = min(
            (sum(distance(i, j) for j in members), i) for i in range(total) if i not in members
        )
        spread += added
        members.append(nearest)
    return spread, members


class Pool:
    """CPUs and memory as counts, GPUs as devices.

    ``held`` are allocations that exist already: of other runners on the host, of adopted attempts.
    They may exceed the capacity; then nothing is free, and nothing is negative. ``distances`` lets
    jobs with several GPUs get near ones.
    """

    def __init__(
        self,
        machine: Machine,
        held: Iterable[Allocation] = (),
        *,
        foreign: ForeignPolicy = "avoid",
        distances: Distances | None = None,
    ) -> None:
        self.num_cpus = machine.num_cpus
        self.memory = machine.memory
        self.foreign: ForeignPolicy = foreign
        self.distances = distances
        self._cpus = 0
        self._bytes = 0
        self.gpu_limit = machine.gpu_limit
        self._own: Counter[str] = Counter()
        """How many grants of each GPU are not those of other runners."""
        self._gpus = {gpu.uuid: GpuState(gpu) for gpu in machine.gpus}
        for allocation in held:
            self.hold(allocation, other=True)

    # -- what is free ------------------------------------------------------------------------------

    @property
    def free_cpus(self) -> int:
        """CPUs that are not taken."""
        return max(self.num_cpus - self._cpus, 0)

    @property
    def free_memory(self) -> int:
        """Bytes that are not taken."""
        return max(self.memory - self._bytes, 0)

    @property
    def gpu_states(self) -> list[GpuState]:
        """The GPUs that answer now, by index; to be read, not changed."""
        return [state for _, state in _by_index(self._gpus.values())]

    def fits(self, req: ResourceRequirements) -> bool:
        """Return whether `take` would succeed."""
        if not self._counts_fit(req):
            return False
        need = gpu_need(req)
        return need is None or self._choose(need) is not None

    def obstacles(self, need: GpuNeed) -> list[tuple[GpuState, Obstacle | None]]:
        """Return for each GPU why it cannot serve the request now."""
        return [(state, self._obstacle(state, need)) for state in self.gpu_states]

    def _obstacle(self, state: GpuState, need: GpuNeed) -> Obstacle | None:
        found = state.obstacle(need, self.foreign)
        if found is None and self.gpu_limit is not None and state.gpu is not None:
            used = len(self._own) - (state.gpu.uuid in self._own)
            if used + need.number > self.gpu_limit:
                return Obstacle.LIMIT
        return found

    # -- taking and giving -------------------------------------------------------------------------

    def take(self, req: ResourceRequirements) -> Allocation | None:
        """Take all that is requested; None, and nothing is taken, if it does not fit now."""
        if not self._counts_fit(req):
            return None
        grants: tuple[GpuGrant, ...] = ()
        need = gpu_need(req)
        if need is not None:
            chosen = self._choose(need)
            if chosen is None:
                return None
            share, memory = need.share, need.memory
            grants = tuple(GpuGrant(gpu.uuid, share, memory) for gpu, _ in _by_index(chosen))
        allocation = Allocation(req.num_cpus, req.planned_memory, grants)
        self.hold(allocation)
        return allocation

    def hold(self, allocation: Allocation, *, other: bool = False) -> None:
        """Count an allocation that exists, whether it fits or not.

        ``other`` tells that another runner holds it: it does not count for ``gpu_limit``.
        """
        self._cpus += allocation.num_cpus
        self._bytes += allocation.memory
        for grant in allocation.gpus:
            self._gpus.setdefault(grant.uuid, GpuState()).add(grant)
            if not other:
                self._own[grant.uuid] += 1

    def give(self, allocation: Allocation, *, other: bool = False) -> None:
        """Give back what an attempt held, of another runner or not as for `hold`.

        Raise ValueError, and change nothing, if the pool does not hold that much.
        """
        if (
            allocation.num_cpus > self._cpus
            or allocation.memory > self._bytes
            or not self._holds(allocation.gpus)
        ):
            raise ValueError(f"the pool does not hold {allocation}")
        self._cpus -= allocation.num_cpus
        self._bytes -= allocation.memory
        for grant in allocation.gpus:
            state = self._gpus[grant.uuid]
            state.remove(grant)
            if not other:
                self._own[grant.uuid] -= 1
                if self._own[grant.uuid] <= 0:
                    del self._own[grant.uuid]
            if state.gpu is None and not state.grants:
                del self._gpus[grant.uuid]

    # -- the machine changes -----------------------------------------------------------------------

    def update(self, gpus: Iterable[Gpu]) -> None:
        """Take fresh readings of all GPUs. The grants of a GPU that is missing are kept.

        Update before placing jobs, and after the end of a job with GPUs: the memory that it used
        counts until then.
        """
        seen = {gpu.uuid: gpu for gpu in gpus}
        for uuid, state in list(self._gpus.items()):
            state.read(seen.pop(uuid, None))
            if state.gpu is None and not state.grants:
                del self._gpus[uuid]
        for uuid, gpu in seen.items():
            self._gpus[uuid] = GpuState(gpu)

    def resize(self, *, num_cpus: int | None = None, memory: int | None = None) -> None:
        """Change the capacity; what is held stays held."""
        self.num_cpus = self.num_cpus if num_cpus is None else num_cpus
        self.memory = self.memory if memory is None else memory

    def _counts_fit(self, req: ResourceRequirements) -> bool:
        # A pool that holds more than its capacity still serves a request for 0 CPUs.
        return (
            (self._cpus + req.num_cpus <= self.num_cpus or req.num_cpus <= 0)
            and (self._bytes + req.planned_memory <= self.memory or req.planned_memory <= 0)
            and req.num_nodes <= 1
        )

    def _choose(self, need: GpuNeed) -> list[GpuState] | None:
        able = [state for state in self._gpus.values() if self._obstacle(state, need) is None]
        return choose(able, need, self.distances)

    def _holds(self, grants: Sequence[GpuGrant]) -> bool:
        times = Counter(grant.uuid for grant in grants)
        return all(
            grant.uuid in self._gpus and self._gpus[grant.uuid].holds(grant, times[grant.uuid])
            for grant in grants
        )


def _by_index(states: Iterable[GpuState]) -> list[tuple[Gpu, GpuState]]:
    """Return the GPUs that exist now, with their states, in the order of their index."""
    present = [(state.gpu, state) for state in states if state.gpu is not None]
    return sorted(present, key=lambda pair: (pair[0].index, pair[0].uuid))


class Candidate(NamedTuple):
    """A ready job."""

    job_id: int
    priority: int
    requirements: ResourceRequirements


_SIZES: dict[str, Callable[[ResourceRequirements], tuple[float, ...]]] = {
    "gpus_runtime_memory": lambda req: (-req.num_gpus, -req.planned_runtime, -req.planned_memory),
    "gpus_memory_runtime": lambda req: (-req.num_gpus, -req.planned_memory, -req.planned_runtime),
    "none": lambda req: (),
}
DEFAULT_METHOD = "gpus_runtime_memory"


def place(
    candidates: Sequence[Candidate], pool: Pool, limit: int, *, method: str = DEFAULT_METHOD
) -> list[tuple[int, Allocation]]:
    """Take resources for as many candidates as fit, at most ``limit``.

    ``method`` is a ``jobs_sort_method``.
    """
    placed: list[tuple[int, Allocation]] = []
    refused: set[int] = set()
    """Requests that did not fit: they will not fit later, because the pool only shrinks here."""
    size = _SIZES.get(method, _SIZES[DEFAULT_METHOD])
    for candidate in sorted(
        candidates, key=lambda one: (-one.priority, size(one.requirements), one.job_id)
    ):
        if len(placed) >= limit:
            break
        requirements = candidate.requirements
        if id(requirements) in refused:
            continue
        allocation = pool.take(requirements)
        if allocation is None:
            refused.add(id(requirements))
        else:
            placed.append((candidate.job_id, allocation))
    return placed


def rank(requirements: Sequence[ResourceRequirements]) -> list[int]:
    """Return the rank of each request by size: 0 is the largest.

    A pool serves requests of one rank alike.
    """
    shapes = [
        (
            -r.num_gpus,
            -r.planned_runtime,
            -r.planned_memory,
            -(r.gpu_memory or 0),
            -r.num_cpus,
            -r.num_nodes,
            r.gpu_model or "",
        )
        for r in requirements
    ]
    ranks = {shape: rank for rank, shape in enumerate(sorted(set(shapes)))}
    return [ranks[shape] for shape in shapes]
