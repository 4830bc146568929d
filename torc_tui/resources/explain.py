"""Why a request does not fit: what it lacks, in numbers and in words.

In: a request and a pool, or a machine. Out: shortfalls; none exactly when the pool would serve the
request. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from torc_tui.model import Gpu, GpuProcess, Machine, ResourceRequirements
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.gpus import LASTING, WHOLE, Card, GpuNeed, Obstacle, gpu_need, matches
from torc_tui.resources.pool import Pool

_GB = 1 << 30
_NAMED_CARDS = 8


class Shortfall(NamedTuple):
    """One thing that is missing. ``what`` is ``cpus``, ``memory``, ``nodes``, ``gpus``,
    ``gpu_share`` or ``gpu_memory``; the numbers are counts, thousandths of a card, or bytes."""

    what: str
    requested: float
    available: float
    text: str

    @property
    def reason(self) -> Reason:
        """The shortfall as a reason."""
        return because(Kind.TEXT, text=self.text)


def explain(req: ResourceRequirements, pool: Pool) -> tuple[Shortfall, ...]:
    """What keeps the request from being served now; empty exactly when it fits."""
    missing = _counts(req, pool.num_cpus, pool.memory)
    lacking = {shortfall.what for shortfall in missing}
    if req.num_cpus > pool.free_cpus and "cpus" not in lacking:
        text = f"needs {_plural(req.num_cpus, 'CPU')}, {pool.free_cpus} free"
        missing.append(Shortfall("cpus", req.num_cpus, pool.free_cpus, text))
    if req.planned_memory > pool.free_memory and "memory" not in lacking:
        text = f"needs {size(req.planned_memory)} of memory, {size(pool.free_memory)} free"
        missing.append(Shortfall("memory", req.planned_memory, pool.free_memory, text))
    need = gpu_need(req)
    if need is not None:
        missing += _cards(need, pool)
    return tuple(missing)


def never(req: ResourceRequirements, machine: Machine) -> tuple[Shortfall, ...]:
    """What keeps the request from ever being served by this machine, however idle; empty if it can
    be."""
    missing = _counts(req, machine.num_cpus, machine.memory)
    need = gpu_need(req)
    if need is not None:
        idle = tuple(replace(gpu, memory_free=None, processes=()) for gpu in machine.gpus)
        missing += _cards(need, Pool(replace(machine, gpus=idle)))
    return tuple(missing)


def size(amount: float) -> str:
    """Bytes in words: ``48 GB``, ``30.5 GB``, ``512 MB``."""
    for unit, name in ((_GB, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if amount >= unit:
            return f"{amount / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{int(amount)} B"


def card_name(gpu: Gpu) -> str:
    """How a card is called in texts: ``GPU 1``, ``GPU 0 (MIG-1c2d3e4f)``."""
    if gpu.parent is not None:
        return f"GPU {gpu.index} ({gpu.uuid[:12]})"
    return f"GPU {gpu.index}"


def _together(gpus: Sequence[Gpu]) -> str:
    """Several cards in a few words: ``GPUs 0, 2 and 3``."""
    if len(gpus) == 1 or any(gpu.parent is not None for gpu in gpus):
        return " and ".join(card_name(gpu) for gpu in gpus)
    numbers = [str(gpu.index) for gpu in gpus]
    return f"GPUs {', '.join(numbers[:-1])} and {numbers[-1]}"


def _counts(req: ResourceRequirements, num_cpus: int, memory: int) -> list[Shortfall]:
    missing = []
    if req.num_cpus > max(num_cpus, 0):
        text = f"{_plural(req.num_cpus, 'CPU')}, machine has {num_cpus}"
        missing.append(Shortfall("cpus", req.num_cpus, num_cpus, text))
    if req.planned_memory > max(memory, 0):
        text = f"{size(req.planned_memory)} of memory, machine has {size(memory)}"
        missing.append(Shortfall("memory", req.planned_memory, memory, text))
    if req.num_nodes > 1:
        missing.append(
            Shortfall("nodes", req.num_nodes, 1, f"{req.num_nodes} nodes, a local runner is one")
        )
    return missing


def _cards(need: GpuNeed, pool: Pool) -> list[Shortfall]:
    found = pool.obstacles(need)
    able = sum(obstacle is None for _, obstacle in found)
    if able >= need.number:
        return []
    possible = [(card, obstacle) for card, obstacle in found if obstacle not in LASTING]
    if len(possible) < need.number:
        return [
            _too_few(need, [card.gpu for card, _ in found if card.gpu is not None], len(possible))
        ]
    blocked = [(card, obstacle) for card, obstacle in possible if obstacle is not None]
    held = [
        card.gpu for card, obstacle in blocked if obstacle is Obstacle.HELD and card.gpu is not None
    ]
    reasons = [
        _reason(need, c, o) for c, o in blocked if c.gpu is not None and o is not Obstacle.HELD
    ]
    if held:  # they tell the least, so they come last
        several = len(held) > 1
        reasons.append(
            f"{_together(held)} {'are' if several else 'is'} held by {'other jobs' if several else 'another job'}"
        )
    if len(reasons) > _NAMED_CARDS:
        reasons[_NAMED_CARDS:] = [f"and {len(reasons) - _NAMED_CARDS} more"]
    if need.number > 1 or need.share >= WHOLE:
        each = (
            f" with {size(need.memory)} free" + (" each" if need.number > 1 else "")
            if need.memory
            else ""
        )
        text = f"needs {_plural(need.number, 'GPU')}{each}, {able} free: {'; '.join(reasons)}"
        only_memory = all(obstacle is Obstacle.MEMORY for _, obstacle in blocked)
        return [Shortfall("gpu_memory" if only_memory else "gpus", need.number, able, text)]
    text = "; ".join(reasons)
    if all(obstacle is Obstacle.MEMORY for _, obstacle in blocked):
        best = max(card.memory_available for card, _ in blocked)
        return [Shortfall("gpu_memory", need.memory, best, text)]
    best = max(
        0 if obstacle is not Obstacle.SHARE else card.share_available for card, obstacle in blocked
    )
    return [
        Shortfall(
            "gpu_share" if need.share else "gpu_memory", need.share or need.memory, best, text
        )
    ]


def _too_few(need: GpuNeed, gpus: Sequence[Gpu], usable: int) -> Shortfall:
    wanted = _plural(need.number, "GPU") if need.share >= WHOLE else "a GPU"
    if need.model:
        wanted += f" matching {need.model!r}"
    alike = [gpu for gpu in gpus if matches(gpu, need.model)]
    if need.model and len(alike) < need.number:
        names = ", ".join(sorted({gpu.name or "unnamed" for gpu in gpus}))
        has = f"{len(alike)} of {len(gpus)} ({names})" if gpus else "0"
        return Shortfall("gpus", need.number, len(alike), f"needs {wanted}, machine has {has}")
    large = max((gpu.memory for gpu in alike), default=0)
    if (
        need.memory
        and sum(gpu.memory >= need.memory or not gpu.memory or gpu.virtual for gpu in alike)
        < need.number
    ):
        if not alike:
            return Shortfall("gpus", need.number, 0, f"needs {wanted}, machine has 0")
        if need.number == 1:
            text = f"needs {size(need.memory)} of memory on one GPU, the largest has {size(large)}"
            return Shortfall("gpu_memory", need.memory, large, text)
        wanted += f" with {size(need.memory)} each"
    if need.number > 1 and any(gpu.parent is not None for gpu in alike):
        wanted += " in one job (MIG instances cannot be joined)"
    text = f"needs {wanted}, machine has {usable}"
    if any(gpu.compute_mode == "prohibited" for gpu in alike):
        text += " that computing is allowed on"
    return Shortfall("gpus", need.number, usable, text)


def _reason(need: GpuNeed, card: Card, obstacle: Obstacle) -> str:
    assert card.gpu is not None
    gpu, name = card.gpu, card_name(card.gpu)
    if obstacle is Obstacle.SHARED:
        return f"{name} is shared by {_plural(card.grants, 'job')}"
    if obstacle is Obstacle.FOREIGN:
        return f"{name} is in use ({_people(card.computing)})"
    if obstacle is Obstacle.SHARE:
        users = f" ({_people(card.computing)})" if card.computing else ""
        return f"{name} has {card.share_available / WHOLE:g} free{users}, {need.share / WHOLE:g} requested"
    parts = [_people(card.foreign)] if card.foreign else []
    if card.reserved:
        parts.append(f"{size(card.reserved)} reserved by other jobs")
    users = f" ({'; '.join(parts)})" if parts else ""
    of = f"{card.memory_available / _GB:.1f} of {gpu.memory / _GB:.1f} GB free"
    return f"{name} has {of}{users}, {size(need.memory) if need.memory else 'a share'} requested"


def _people(processes: Sequence[GpuProcess]) -> str:
    """The processes of others, the largest first: ``pid 4711 python, 48 GB; pid 12 and 2 more``."""
    ordered = sorted(processes, key=lambda process: (-(process.memory or 0), process.pid))
    words = []
    for process in ordered[:2]:
        called = f"pid {process.pid} {process.name}".rstrip()
        words.append(called if process.memory is None else f"{called}, {size(process.memory)}")
    if len(ordered) > 2:
        words.append(f"{len(ordered) - 2} more")
    return "; ".join(words)


def _plural(count: float, noun: str) -> str:
    return f"{count:g} {noun}" + ("" if count == 1 else "s")
