"""Reserve what the first job that does not fit will need, so that smaller jobs do not starve it.

Input: a request that does not fit, a pool, and when the running jobs end at the latest. Output: a
`Reservation`, and whether another job may pass it (EASY backfill). Pure.

Invariant: a job passes only if it ends before the reserved time, or uses what is not reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from torc_tui.model import Allocation, ResourceRequirements
from torc_tui.records import replace
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import LASTING, GpuNeed, Obstacle, gpu_need, usable_memory
from torc_tui.resources.pool import Pool
from torc_tui.tuples import NamedTuple
from torc_tui.units import in_thousandths

Ends = Sequence[tuple[Allocation, float | None]]
"""Allocations of running jobs with their latest end (epoch); None if unknown."""


_OF_OTHERS = frozenset({Obstacle.FOREIGN, Obstacle.HIDDEN, Obstacle.SET_ASIDE, Obstacle.LIMIT})
"""Obstacles of which nobody knows when they end: no GPU is kept idle for them."""


class Reservation(NamedTuple):
    """GPUs, and CPUs and memory that others may use until ``start`` (epoch; inf: unknown).

    ``spare_cpus`` and ``spare_memory`` are left at ``start``; inf where nothing is reserved.
    """

    gpus: frozenset[str]
    start: float
    spare_cpus: float = inf
    spare_memory: float = inf

    def lets_pass(self, req: ResourceRequirements, now: float) -> bool:
        """Return whether a job ends before the reserved time."""
        return req.runtime is not None and now + req.runtime <= self.start < inf

    def leaves(self, req: ResourceRequirements) -> bool:
        """Return whether a job fits beside the reserved CPUs and memory."""
        return req.num_cpus <= self.spare_cpus and req.planned_memory <= self.spare_memory


def reserve(req: ResourceRequirements, pool: Pool, ends: Ends) -> Reservation | None:
    """Return what a request that does not fit will get first; None if it can never fit."""
    if req.num_cpus > pool.num_cpus or pool.memory_of(req) > pool.memory or req.num_nodes > 1:
        return None
    need = gpu_need(req)
    gpus: list[tuple[float, str]] = []
    if need is not None:
        gpus = _first_gpus(need, pool, ends)
        if len(gpus) < need.number:
            return None
    start = max((at for at, _ in gpus), default=0.0)
    uuids = frozenset(uuid for _, uuid in gpus)
    return _with_counts(req, pool, ends, uuids, start)


def _first_gpus(need: GpuNeed, pool: Pool, ends: Ends) -> list[tuple[float, str]]:
    """Return when GPUs that can serve the request are free, and which they are; the first ones."""
    found = []
    for state, obstacle in pool.obstacles(need):
        if obstacle in LASTING | _OF_OTHERS or state.gpu is None:
            continue
        at = 0.0 if obstacle is None else _free_at(state, need, ends)
        if at is not None:
            found.append((at, state.gpu.index, state.gpu.uuid))
    return [(at, uuid) for at, _, uuid in sorted(found)[: need.number]]


def _free_at(state: GpuState, need: GpuNeed, ends: Ends) -> float | None:
    """Return when the last job on a GPU ends: inf if that is unknown.

    None if the job belongs to another runner, or if other programs use what the request needs.
    """
    gpu = state.gpu
    if gpu is not None:
        free = min(state.free_memory + state.own_used, usable_memory(gpu))
        left = replace(gpu, processes=state.foreign, memory_free=free)
        if GpuState(left, state.rules).obstacle(need) is not None:
            return None
    known = {id(grant): at for held, at in ends for grant in held.gpus}
    if any(id(claim.grant) not in known for claim in state.claims):
        return None
    times = [known[id(claim.grant)] for claim in state.claims]
    return max((inf if at is None else at for at in times), default=0.0)


def _with_counts(
    req: ResourceRequirements, pool: Pool, ends: Ends, uuids: frozenset[str], start: float
) -> Reservation:
    """Add when enough CPUs and memory are free, and what is left then."""
    cpus, memory = pool.free_cpus, pool.free_memory
    wanted = pool.memory_of(req)
    for at, held in _in_order(ends):
        if cpus >= req.num_cpus and memory >= wanted and at > start:
            break
        if cpus < req.num_cpus or memory < wanted:
            start = max(start, at)
        cpus = in_thousandths(cpus + held.num_cpus)
        memory += held.memory
    if cpus < req.num_cpus or memory < wanted:  # other runners hold the rest
        return Reservation(uuids, start)
    return Reservation(uuids, start, max(cpus - req.num_cpus, 0), max(memory - wanted, 0))


def _in_order(ends: Iterable[tuple[Allocation, float | None]]) -> list[tuple[float, Allocation]]:
    found = [(inf if at is None else at, held) for held, at in ends]
    return sorted(found, key=lambda pair: pair[0])
