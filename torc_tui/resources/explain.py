"""Explain why a request does not fit: which resources it lacks.

Input: a request and a pool, or a machine. Output: shortfalls, each with its `Reason`; none
if the pool would serve the request.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.model import Gpu, GpuProcess, Machine, ResourceRequirements
from torc_tui.reasons import Argument, Kind, Reason, because
from torc_tui.records import replace
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import (
    LASTING,
    WHOLE,
    GpuNeed,
    Obstacle,
    gpu_need,
    is_too_small,
    matches,
    requested_memory,
    usable_memory,
)
from torc_tui.resources.pool import Pool
from torc_tui.tuples import NamedTuple

NAMED_GPUS = 8
"""Largest number of GPUs that are named with their obstacle."""


class Shortfall(NamedTuple):
    """One resource that is missing.

    ``what`` is ``cpus``, ``memory``, ``nodes``, ``gpus``, ``gpu_share`` or ``gpu_memory``; the
    numbers are counts, thousandths of a GPU, or bytes.
    """

    what: str
    requested: float
    available: float
    reason: Reason


def explain(req: ResourceRequirements, pool: Pool) -> tuple[Shortfall, ...]:
    """Return what the request lacks now; nothing if it fits."""
    missing = _exceeding(req, pool.num_cpus, pool.memory)
    lacking = {shortfall.what for shortfall in missing}
    if req.num_cpus > pool.free_cpus and "cpus" not in lacking:
        reason = because(Kind.CPUS, requested=req.num_cpus, free=pool.free_cpus)
        missing.append(Shortfall("cpus", req.num_cpus, pool.free_cpus, reason))
    memory = pool.memory_of(req)
    if memory > pool.free_memory and "memory" not in lacking:
        reason = because(Kind.MEMORY, requested=memory, free=pool.free_memory)
        missing.append(Shortfall("memory", memory, pool.free_memory, reason))
    need = gpu_need(req)
    if need is not None:
        missing += _gpus(need, pool)
    return tuple(missing)


def never(req: ResourceRequirements, machine: Machine) -> tuple[Shortfall, ...]:
    """Return what the request lacks even when this machine is idle, as far as that is known."""
    missing = _exceeding(req, machine.num_cpus, machine.memory)
    need = gpu_need(req) if machine.gpus_known else None
    if need is not None:
        idle = tuple(replace(gpu, memory_free=None, processes=()) for gpu in machine.gpus)
        missing += _gpus(need, Pool(replace(machine, gpus=idle)))
    return tuple(missing)


def label(gpu: Gpu) -> tuple[int, str | None]:
    """Return how reasons name a GPU: its index, and the start of its UUID if it is an instance."""
    return gpu.index, gpu.uuid[:12] if gpu.parent is not None else None


def _exceeding(req: ResourceRequirements, num_cpus: int, memory: int) -> list[Shortfall]:
    """Return which resources besides GPUs a machine of that size does not have."""
    missing = []
    if req.num_cpus > max(num_cpus, 0):
        reason = because(Kind.CPUS, requested=req.num_cpus, total=num_cpus)
        missing.append(Shortfall("cpus", req.num_cpus, num_cpus, reason))
    if req.planned_memory > max(memory, 0):
        reason = because(Kind.MEMORY, requested=req.planned_memory, total=memory)
        missing.append(Shortfall("memory", req.planned_memory, memory, reason))
    if req.num_nodes > 1:
        reason = because(Kind.NODES, requested=req.num_nodes)
        missing.append(Shortfall("nodes", req.num_nodes, 1, reason))
    return missing


def _gpus(need: GpuNeed, pool: Pool) -> list[Shortfall]:
    found = pool.obstacles(need)
    able = sum(obstacle is None for _, obstacle in found)
    if able >= need.number:
        return []
    possible = [(state, obstacle) for state, obstacle in found if obstacle not in LASTING]
    limit = len(possible) if pool.gpu_limit is None else pool.gpu_limit
    if min(len(possible), limit) < need.number:
        gpus = [state.gpu for state, _ in found if state.gpu is not None]
        return [_too_few(need, gpus, min(len(possible), limit))]
    blocked = [(state, obstacle) for state, obstacle in possible if obstacle is not None]
    if sum(obstacle in (None, Obstacle.LIMIT) for _, obstacle in found) >= need.number:
        reason = because(Kind.GPU_LIMIT, limit=limit)
        return [Shortfall("gpus", need.number, able, reason)]
    blocked = [(state, ob) for state, ob in blocked if ob is not Obstacle.LIMIT]
    return [_in_use(need, blocked, able, pool)]


def _in_use(
    need: GpuNeed, blocked: Sequence[tuple[GpuState, Obstacle]], able: int, pool: Pool
) -> Shortfall:
    """Return the shortfall of a request that the machine could serve if nothing else ran."""
    only_memory = all(obstacle is Obstacle.MEMORY for _, obstacle in blocked)
    aside = [one.gpu.uuid for one, ob in blocked if ob is Obstacle.SET_ASIDE and one.gpu]
    kept = tuple(label(one.gpu) for one, ob in blocked if ob is Obstacle.RESERVED and one.gpu)
    decided = (Obstacle.SET_ASIDE, Obstacle.RESERVED)
    reasons = (
        *(pool.set_aside[uuid] for uuid in aside),
        *_obstacles(need, [pair for pair in blocked if pair[1] not in decided]),
        *([because(Kind.GPUS_RESERVED, gpus=kept, job=pool.reserved_for)] if kept else []),
    )
    if need.number > 1 or need.share >= WHOLE:
        reason = because(
            Kind.GPUS_IN_USE,
            number=need.number,
            memory=need.memory or None,
            free=able,
            obstacles=reasons,
        )
        what = "gpu_memory" if only_memory else "gpus"
        return Shortfall(what, need.number, able, reason)
    reason = because(Kind.GPUS_IN_USE, obstacles=reasons)
    if only_memory:
        most = max(state.memory_available for state, _ in blocked)
        return Shortfall("gpu_memory", need.memory, most, reason)
    shares = (state.share_available if ob is Obstacle.SHARE else 0 for state, ob in blocked)
    what = "gpu_share" if need.share else "gpu_memory"
    return Shortfall(what, need.share or need.memory, max(0, *shares), reason)


def _obstacles(need: GpuNeed, blocked: Sequence[tuple[GpuState, Obstacle]]) -> tuple[Reason, ...]:
    """Return why each GPU cannot be had; those held by other jobs come last, as one reason."""
    real = [(state.gpu, state, obstacle) for state, obstacle in blocked if state.gpu is not None]
    reasons = [
        _obstacle(need, gpu, state, obstacle)
        for gpu, state, obstacle in real
        if obstacle is not Obstacle.HELD or state.owners
    ]
    held = tuple(label(gpu) for gpu, state, ob in real if ob is Obstacle.HELD and not state.owners)
    if held:
        reasons.append(because(Kind.GPUS_HELD, gpus=held))
    if len(reasons) > NAMED_GPUS:
        reasons[NAMED_GPUS:] = [because(Kind.MORE, number=len(reasons) - NAMED_GPUS)]
    return tuple(reasons)


def _obstacle(need: GpuNeed, gpu: Gpu, state: GpuState, obstacle: Obstacle) -> Reason:
    if obstacle in (Obstacle.HELD, Obstacle.SHARED) and state.owners:
        return because(Kind.GPU_HELD_BY, gpu=label(gpu), owners=state.owners)
    if obstacle is Obstacle.SHARED:
        return because(Kind.GPU_SHARED, gpu=label(gpu), jobs=state.grants)
    if obstacle is Obstacle.FOREIGN:
        users = _users([*state.computing, *(one for one in state.strays if one.graphics)])
        return because(Kind.GPU_FOREIGN, gpu=label(gpu), users=users)
    if obstacle is Obstacle.HIDDEN:
        total = usable_memory(gpu)
        return because(Kind.GPU_HIDDEN, gpu=label(gpu), used=state.hidden, total=total)
    if obstacle is Obstacle.RETURNING:
        last = state.returning[-1]
        return because(Kind.GPU_RETURNING, gpu=label(gpu), memory=last.used, job=last.end.name)
    if obstacle is Obstacle.SHARE:
        return because(
            Kind.GPU_SHARE_TAKEN,
            gpu=label(gpu),
            free=state.share_available / WHOLE,
            requested=need.share / WHOLE,
            users=_users(state.computing),
        )
    requested = need.memory
    if need.share < WHOLE:
        requested = requested_memory(gpu, need.share, need.memory, state.rules)
    return because(
        Kind.GPU_MEMORY_TAKEN,
        gpu=label(gpu),
        free=state.memory_available,
        total=gpu.memory,
        requested=requested or None,
        reserved=state.reserved or None,
        users=_users(state.foreign),
    )


def _users(processes: Sequence[GpuProcess]) -> tuple[Argument, ...]:
    return tuple(
        (one.pid, one.name, one.memory, *((one.user, one.idle) if one.user else ()))
        for one in processes
    )


def _too_few(need: GpuNeed, gpus: Sequence[Gpu], usable: int) -> Shortfall:
    """Return the shortfall of a request that this machine can never serve."""
    number = need.number if need.share >= WHOLE else None
    alike = [gpu for gpu in gpus if matches(gpu, need.model)]
    if need.model and len(alike) < need.number:
        names = tuple(sorted({gpu.name or "unnamed" for gpu in gpus}))
        reason = because(
            Kind.GPU_MODEL,
            number=number,
            model=need.model,
            alike=len(alike),
            total=len(gpus),
            names=names,
        )
        return Shortfall("gpus", need.number, len(alike), reason)
    memory = _is_too_small(need, alike)
    if memory and alike and need.number == 1:
        large = max(gpu.memory for gpu in alike)
        reason = because(Kind.GPU_MEMORY, requested=need.memory, largest=large)
        return Shortfall("gpu_memory", need.memory, large, reason)
    usable = usable if alike else 0
    joined = need.number > 1 and any(gpu.parent is not None for gpu in alike)
    prohibited = any(gpu.compute_mode == "prohibited" for gpu in alike)
    reason = because(
        Kind.GPUS,
        number=number,
        model=need.model or None,
        memory=need.memory if memory and alike else None,
        joined=joined or None,
        usable=usable,
        prohibited=prohibited or None,
    )
    return Shortfall("gpus", need.number, usable, reason)


def _is_too_small(need: GpuNeed, gpus: Sequence[Gpu]) -> bool:
    """Return whether too few of these GPUs have the memory that is needed."""
    if not need.memory:
        return False
    return sum(not is_too_small(gpu, need.memory) for gpu in gpus) < need.number
