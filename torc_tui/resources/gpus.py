"""Know what is granted and used of one GPU, and why it cannot serve a request.

Input: readings (``Gpu``) and grants. Output: obstacles. Pure.

Invariants
* A grant of a whole GPU (1000 thousandths) excludes every other grant of that GPU.
* The shares of a GPU add up to at most 1000, reservations to at most its memory.
* Memory of others counts as it is: what is available is the free memory of the last reading, less
  what our own grants have reserved and not used yet. So nothing changes when an own job fills its
  reservation.
* Reservations are not limited on a virtual GPU, and on one whose driver reports no memory (0).
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from functools import lru_cache
from math import ceil
from typing import Literal, NamedTuple

from torc_tui.model import Gpu, GpuGrant, GpuProcess, ResourceRequirements
from torc_tui.patterns import Pattern, PatternError, is_found

WHOLE = 1000
"""The share of a whole GPU, in thousandths."""

ForeignPolicy = Literal["avoid", "ignore"]
"""Whether jobs with whole GPUs avoid a GPU on which processes of others compute."""

_EXCLUSIVE = frozenset({"exclusive_process", "exclusive_thread"})


class GpuNeed(NamedTuple):
    """A request for ``number`` GPUs, each with ``share`` thousandths and ``memory`` bytes."""

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
    SHARE = "share"
    MEMORY = "memory"
    LIMIT = "limit"


LASTING = frozenset({Obstacle.MODEL, Obstacle.INSTANCE, Obstacle.TOO_SMALL, Obstacle.PROHIBITED})
"""Obstacles that remain when all jobs and other processes have ended."""


def gpu_need(req: ResourceRequirements) -> GpuNeed | None:
    """Return the GPUs that are requested; None for none (``gpu_model`` alone requests none)."""
    memory = req.gpu_memory or 0
    if req.num_gpus >= 1:
        return GpuNeed(ceil(req.num_gpus), WHOLE, memory, req.gpu_model)
    if req.num_gpus > 0:
        share = min(max(round(req.num_gpus * WHOLE), 1), WHOLE - 1)
        return GpuNeed(1, share, memory, req.gpu_model)
    return GpuNeed(1, 0, memory, req.gpu_model) if memory > 0 else None


def without_gpus(req: ResourceRequirements) -> ResourceRequirements:
    """Return the same request without GPUs."""
    return replace(req, num_gpus=0, gpu_memory=None, gpu_model=None)


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


class GpuState:
    """What is known and granted of one GPU.

    ``gpu`` is None while no reading shows the GPU; grants are kept. ``share`` and ``reserved`` are
    the sums of all ``grants``, in thousandths and bytes, and ``wholes`` counts grants of the whole
    GPU. ``own_used`` are the bytes that our processes hold, ``foreign`` the processes of others.
    """

    __slots__ = (
        "_unexplained_when_idle",
        "foreign",
        "free_memory",
        "gpu",
        "grants",
        "own_used",
        "reserved",
        "share",
        "wholes",
    )

    def __init__(self, gpu: Gpu | None = None) -> None:
        self.gpu = gpu
        self.share = 0
        self.reserved = 0
        self.grants = 0
        self.wholes = 0
        self.own_used = 0
        self.free_memory = 0
        self.foreign: tuple[GpuProcess, ...] = ()
        self._unexplained_when_idle: int | None = None
        self.read(gpu)

    def read(self, gpu: Gpu | None) -> None:
        """Take a fresh reading; None when the GPU does not answer."""
        self.gpu = gpu
        if gpu is None:
            return
        own = [process for process in gpu.processes if process.own]
        self.foreign = tuple(process for process in gpu.processes if not process.own)
        self.own_used = sum(process.memory or 0 for process in own)
        self.free_memory = gpu.memory
        if gpu.memory_free is not None:
            self.free_memory = min(gpu.memory_free, gpu.memory)
        known = sum(process.memory or 0 for process in gpu.processes)
        unexplained = max(gpu.memory - self.free_memory - known, 0)
        if not self.grants and not own:
            if self._unexplained_when_idle is None:
                self._unexplained_when_idle = unexplained
            self._unexplained_when_idle = min(self._unexplained_when_idle, unexplained)
        elif self._unexplained_when_idle is not None:
            self._attribute(unexplained - self._unexplained_when_idle)

    def _attribute(self, unexplained: int) -> None:
        """Take memory that no known process holds for that of our own jobs.

        Inside a container the driver may hide processes, our own among them.
        """
        if all(process.memory is not None for process in self.foreign):
            self.own_used += min(max(unexplained, 0), max(self.reserved - self.own_used, 0))

    def add(self, grant: GpuGrant) -> None:
        """Count a grant."""
        self.grants += 1
        self.wholes += grant.share >= WHOLE
        self.share += grant.share
        self.reserved += grant.memory

    def remove(self, grant: GpuGrant) -> None:
        """No longer count a grant."""
        self.grants -= 1
        self.wholes -= grant.share >= WHOLE
        self.share -= grant.share
        self.reserved -= grant.memory

    def holds(self, grant: GpuGrant, times: int) -> bool:
        """Return whether the grant is among at least ``times`` grants of this GPU."""
        return (
            self.grants >= times
            and self.share >= grant.share
            and self.reserved >= grant.memory
            and self.wholes >= (grant.share >= WHOLE)
        )

    @property
    def computing(self) -> list[GpuProcess]:
        """Processes of others that compute here, and do not only draw."""
        return [process for process in self.foreign if not process.graphics]

    @property
    def foreign_memory(self) -> int:
        """Bytes that processes of others are known to hold."""
        return sum(process.memory or 0 for process in self.foreign)

    @property
    def memory_available(self) -> int:
        """Bytes that a new reservation can get."""
        unreserved = (self.gpu.memory if self.gpu is not None else 0) - self.reserved
        unused = max(self.reserved - self.own_used, 0)
        return max(min(self.free_memory - unused, unreserved), 0)

    @property
    def share_available(self) -> int:
        """Thousandths that a new grant can get.

        Processes of others that compute count by the part of the memory that they hold.
        """
        gpu, taken = self.gpu, 0
        if gpu is not None and gpu.memory:
            taken = sum(process.memory or 0 for process in self.computing) * WHOLE // gpu.memory
        return max(WHOLE - self.share - taken, 0)

    @property
    def limitless(self) -> bool:
        """Whether the size of its memory is unknown."""
        return self.gpu is not None and (self.gpu.virtual or not self.gpu.memory)

    def obstacle(self, need: GpuNeed, policy: ForeignPolicy = "avoid") -> Obstacle | None:
        """Return the first obstacle to serving the request now; None if there is none."""
        gpu = self.gpu
        if gpu is None or not matches(gpu, need.model):
            return Obstacle.MODEL
        if need.number > 1 and gpu.parent is not None:
            return Obstacle.INSTANCE  # a CUDA process can use one MIG instance only
        if need.memory > gpu.memory and not self.limitless:
            return Obstacle.TOO_SMALL
        if gpu.compute_mode == "prohibited":
            return Obstacle.PROHIBITED
        return self._share_obstacle(need, gpu, policy) or self._memory_obstacle(need)

    def _share_obstacle(self, need: GpuNeed, gpu: Gpu, policy: ForeignPolicy) -> Obstacle | None:
        if self.wholes:
            return Obstacle.HELD
        exclusive = gpu.compute_mode in _EXCLUSIVE
        if need.share < WHOLE and not exclusive:
            return Obstacle.SHARE if need.share > self.share_available else None
        if self.grants:
            return Obstacle.SHARED
        if (exclusive or policy == "avoid") and self.computing:
            return Obstacle.FOREIGN
        return None

    def _memory_obstacle(self, need: GpuNeed) -> Obstacle | None:
        needed = max(need.memory, 0 if need.share >= WHOLE else 1)
        if self.limitless or self.memory_available >= needed:
            return None
        return Obstacle.MEMORY
