"""Say what jobs request of GPUs, what may keep a GPU from serving them, and by which rules.

Input: requirements and readings. Output: plain values. Pure.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from math import ceil
from typing import Any, Literal

from torc_tui.model import Gpu, ResourceRequirements
from torc_tui.patterns import Pattern, PatternError, is_found
from torc_tui.records import replace
from torc_tui.tuples import NamedTuple

WHOLE = 1000
"""The share of a whole GPU, in thousandths."""

ForeignPolicy = Literal["avoid", "ignore"]
"""Whether jobs with whole GPUs avoid a GPU on which processes of others compute."""

_MIB = 1 << 20
_NEARLY_ALL = 1.08
"""A request up to this part of the memory of a GPU means all of it: a card of 24 GB has 23.99."""


class GpuRules(NamedTuple):
    """The settings of placement on GPUs; sizes are in bytes.

    ``headroom`` is added to the memory that a job requests on each GPU, for its CUDA context.
    Processes of others that hold at most ``idle_memory`` together leave a GPU free.
    """

    foreign: ForeignPolicy = "avoid"
    headroom: int = 512 * _MIB
    idle_memory: int = 512 * _MIB
    packing: Literal["spread", "pack"] = "spread"


DEFAULT_RULES = GpuRules()


def rules_of(options: dict[str, Any]) -> GpuRules:
    """Return the rules among the options of a runner, as its row has them."""
    known = {
        "foreign": options.get("gpu_foreign"),
        "headroom": options.get("gpu_headroom"),
        "idle_memory": options.get("gpu_idle_memory"),
        "packing": options.get("gpu_packing"),
    }
    return GpuRules(**{name: value for name, value in known.items() if value is not None})


class GpuNeed(NamedTuple):
    """A request for ``number`` GPUs, each with ``share`` thousandths and ``memory`` bytes.

    A negative ``memory`` is per cent of the memory of the GPU.
    """

    number: int
    share: int
    memory: int
    model: str | None


class Obstacle(Enum):
    """Why a GPU cannot serve a request now."""

    MODEL = "model"
    INSTANCE = "instance"
    TOO_SMALL = "too small"
    PROHIBITED = "prohibited"
    HELD = "held"
    SHARED = "shared"
    FOREIGN = "foreign"
    HIDDEN = "hidden"
    RETURNING = "returning"
    SET_ASIDE = "set aside"
    RESERVED = "reserved"
    SHARE = "share"
    MEMORY = "memory"
    LIMIT = "limit"


LASTING = frozenset({Obstacle.MODEL, Obstacle.INSTANCE, Obstacle.TOO_SMALL, Obstacle.PROHIBITED})
"""Obstacles that remain when all jobs and other processes have ended."""


def gpu_need(req: ResourceRequirements) -> GpuNeed | None:
    """Return the GPUs that are requested; None for none. ``gpu_model`` alone requests one."""
    memory = req.gpu_memory or 0
    if req.num_gpus >= 1:
        return GpuNeed(ceil(req.num_gpus), WHOLE, memory, req.gpu_model)
    if req.num_gpus > 0:
        share = min(max(round(req.num_gpus * WHOLE), 1), WHOLE - 1)
        return GpuNeed(1, share, memory, req.gpu_model)
    if memory:
        return GpuNeed(1, 0, memory, req.gpu_model)
    return GpuNeed(1, WHOLE, 0, req.gpu_model) if req.gpu_model else None


def without_gpus(req: ResourceRequirements) -> ResourceRequirements:
    """Return the same request without GPUs."""
    return replace(req, num_gpus=0, gpu_memory=None, gpu_model=None)


def usable_memory(gpu: Gpu) -> int:
    """Return the bytes of a GPU that jobs can use."""
    return max(gpu.memory - gpu.memory_reserved, 0)


def requested_memory(gpu: Gpu, share: int, memory: int, rules: GpuRules) -> int:
    """Return how many bytes of a GPU a job requests.

    A whole GPU means all of its memory. A share without ``memory`` means the same share of the
    memory, less what other programs may use on an idle GPU. That part is also excluded from a
    request for all of the memory, because an idle GPU is never quite empty. On a ``unified`` GPU,
    only a named size is requested.
    """
    usable = usable_memory(gpu)
    most = max(usable - rules.idle_memory, 0)
    if gpu.unified and memory >= 0:
        return min(memory + rules.headroom, usable) if memory else 0
    if memory < 0:
        return min(usable * -memory // 100, most)
    if share >= WHOLE:
        return usable
    if memory > 0:
        return min(memory + rules.headroom, most)
    return most * share // WHOLE


def memory_for_programs(gpu: Gpu, share: int, memory: int, rules: GpuRules) -> int:
    """Return how many bytes of a GPU the programs of a job may allocate.

    The headroom of a share is reserved for the CUDA context of its process.
    """
    if memory > 0:
        return min(memory, usable_memory(gpu))
    requested = requested_memory(gpu, share, memory, rules)
    return requested if share >= WHOLE else max(requested - rules.headroom, 0)


def is_too_small(gpu: Gpu, memory: int) -> bool:
    """Return whether a GPU can never have that much memory; a request for nearly all means all."""
    return bool(gpu.memory) and not gpu.virtual and memory > gpu.memory * _NEARLY_ALL


@lru_cache(maxsize=256)
def _pattern(model: str) -> Pattern | None:
    try:
        return Pattern(model, ignore_case=True)
    except PatternError:
        return None


def matches(gpu: Gpu, model: str | None) -> bool:
    """Return whether the name of a GPU matches the pattern of a model.

    Virtual GPUs match every pattern, and no GPU matches a pattern that is invalid.
    """
    if not model or gpu.virtual:
        return True
    pattern = _pattern(model)
    return pattern is not None and is_found(pattern, gpu.name)
