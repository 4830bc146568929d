"""One GPU: what is granted of it, what others use of it, and what stands in the way of a request.

In: readings (``Gpu``) and grants. Out: obstacles, and the choice of GPUs for one request. Pure:
asks no driver.

The laws:

* A whole-GPU grant (1000 thousandths) is alone on its GPU. Shares and memory reservations never
  join it.
* The shares of a GPU add up to at most 1000, reservations to at most its memory.
* Memory of others counts as it is: what is available is the free memory of the last reading, less
  what our own grants reserved and have not used yet. So an own job that fills its reservation
  changes nothing.
* A GPU whose memory the driver does not tell (0), and a virtual GPU, have room for every
  reservation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import combinations
from math import ceil, comb
from typing import Literal, NamedTuple

from torc_tui.model import Gpu, GpuGrant, GpuProcess, ResourceRequirements
from torc_tui.patterns import Pattern, PatternError, is_found

WHOLE = 1000
"""The share of a whole GPU, in thousandths."""

ForeignPolicy = Literal["avoid", "ignore"]
"""Whether whole-GPU jobs keep off a GPU that a process of others computes on."""

Distances = Mapping[str, Mapping[str, int]]
"""uuid -> uuid -> how far two GPUs are from each other; smaller is closer. Missing pairs are
far."""

_FAR = 1 << 20
_EXCLUSIVE = frozenset({"exclusive_process", "exclusive_thread"})
_MAX_COMBINATIONS = 2000


class GpuNeed(NamedTuple):
    """What a request wants of GPUs: ``number`` of them, each with ``share`` thousandths and
    ``memory`` bytes.
    """

    number: int
    share: int
    memory: int
    model: str | None


class Obstacle(Enum):
    """Why a GPU cannot serve a request now; those up to PROHIBITED hold whatever happens."""

    MODEL = "model"
    INSTANCE = "instance"
    TOO_SMALL = "too small"
    PROHIBITED = "prohibited"
    HELD = "held"
    SHARED = "shared"
    FOREIGN = "foreign"
    SHARE = "share"
    MEMORY = "memory"


LASTING = frozenset({Obstacle.MODEL, Obstacle.INSTANCE, Obstacle.TOO_SMALL, Obstacle.PROHIBITED})


def gpu_need(req: ResourceRequirements) -> GpuNeed | None:
    """The request's part that concerns GPUs; None if it wants none (``gpu_model`` alone asks for
    nothing).
    """
    memory = req.gpu_memory or 0
    if req.num_gpus >= 1:
        return GpuNeed(ceil(req.num_gpus), WHOLE, memory, req.gpu_model)
    if req.num_gpus > 0:
        return GpuNeed(
            1, min(max(round(req.num_gpus * WHOLE), 1), WHOLE - 1), memory, req.gpu_model
        )
    return GpuNeed(1, 0, memory, req.gpu_model) if memory > 0 else None


@lru_cache(maxsize=256)
def _pattern(model: str) -> Pattern | None:
    try:
        return Pattern(model, ignore_case=True)
    except PatternError:
        return None


def matches(gpu: Gpu, model: str | None) -> bool:
    """Whether the GPU's name is of that model. Virtual GPUs are of every model; a broken pattern
    matches nothing.
    """
    if not model or gpu.virtual:
        return True
    pattern = _pattern(model)
    return pattern is not None and is_found(pattern, gpu.name)


class GpuState:
    """What is known and granted of one GPU. ``gpu`` is None while no reading shows it (grants are
    kept).

    ``share`` and ``reserved`` are the sums of what ``grants`` holders were granted, in thousandths
    and bytes; ``own_used`` is what their processes really hold, and ``foreign`` are the processes
    of others.
    """

    __slots__ = (
        "_quiet",
        "available_reading",
        "foreign",
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
        self.available_reading = 0
        self.foreign: tuple[GpuProcess, ...] = ()
        self._quiet: int | None = None
        self.read(gpu)

    def read(self, gpu: Gpu | None) -> None:
        """Take a fresh reading; None: the GPU is gone."""
        self.gpu = gpu
        if gpu is None:
            return
        own = [process for process in gpu.processes if process.own]
        self.foreign = tuple(process for process in gpu.processes if not process.own)
        self.own_used = sum(process.memory or 0 for process in own)
        free = gpu.memory if gpu.memory_free is None else min(gpu.memory_free, gpu.memory)
        self.available_reading = free
        # Inside a container the driver may hide the processes, our own among them. What is used
        # beyond the known processes and beyond what was used while we held nothing is then taken
        # for our own jobs' use.
        unexplained = max(
            gpu.memory - free - sum(process.memory or 0 for process in gpu.processes), 0
        )
        if not self.grants and not own:
            self._quiet = unexplained if self._quiet is None else min(self._quiet, unexplained)
        elif self._quiet is not None and all(
            process.memory is not None for process in self.foreign
        ):
            self.own_used += min(
                max(unexplained - self._quiet, 0), max(self.reserved - self.own_used, 0)
            )

    def add(self, grant: GpuGrant) -> None:
        self.grants += 1
        self.wholes += grant.share >= WHOLE
        self.share += grant.share
        self.reserved += grant.memory

    def remove(self, grant: GpuGrant) -> None:
        self.grants -= 1
        self.wholes -= grant.share >= WHOLE
        self.share -= grant.share
        self.reserved -= grant.memory

    def holds(self, grant: GpuGrant, times: int) -> bool:
        """Return whether the grant is held here, beside others: ``times`` grants in all."""
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
        return max(
            min(self.available_reading - max(self.reserved - self.own_used, 0), unreserved), 0
        )

    @property
    def share_available(self) -> int:
        """Thousandths that are not granted, less the part of the memory that computing processes of
        others hold.
        """
        gpu, taken = self.gpu, 0
        if gpu is not None and gpu.memory:
            taken = sum(process.memory or 0 for process in self.computing) * WHOLE // gpu.memory
        return max(WHOLE - self.share - taken, 0)

    @property
    def limitless(self) -> bool:
        """Whether nobody knows how much memory it has."""
        return self.gpu is not None and (self.gpu.virtual or not self.gpu.memory)

    def obstacle(self, need: GpuNeed, policy: ForeignPolicy = "avoid") -> Obstacle | None:
        """The first thing that keeps the GPU from serving the request now; None if it can."""
        gpu = self.gpu
        if gpu is None or not matches(gpu, need.model):
            return Obstacle.MODEL
        if need.number > 1 and gpu.parent is not None:
            return Obstacle.INSTANCE  # a CUDA process can use one MIG instance only
        if need.memory > gpu.memory and not self.limitless:
            return Obstacle.TOO_SMALL
        if gpu.compute_mode == "prohibited":
            return Obstacle.PROHIBITED
        if self.wholes:
            return Obstacle.HELD
        exclusive = gpu.compute_mode in _EXCLUSIVE
        if need.share >= WHOLE or exclusive:
            if self.grants:
                return Obstacle.SHARED
            if (exclusive or policy == "avoid") and self.computing:
                return Obstacle.FOREIGN
        elif need.share > self.share_available:
            return Obstacle.SHARE
        if not self.limitless and self.memory_available < max(
            need.memory, 0 if need.share >= WHOLE else 1
        ):
            return Obstacle.MEMORY
        return None


def choose(
    states: Sequence[GpuState], need: GpuNeed, distances: Distances | None
) -> list[GpuState] | None:
    """The GPUs that serve the request best, of those that can (``GPUs``); None if they are too
    few.

    Shares go onto GPUs that already hold shares of ours, before idle ones, before those that
    others compute on; among equals onto the one with the least room left. Whole GPUs: the smallest
    that do, as close together as possible.
    """
    if len(states) < need.number:
        return None
    ranked = sorted(states, key=_tightest if need.share < WHOLE else _smallest)
    if need.number == 1 or len(ranked) == need.number or not distances:
        return ranked[: need.number]
    return _closest(ranked, need.number, distances)


def _tightest(state: GpuState) -> tuple[int, int, int, int, str]:
    assert state.gpu is not None
    tier = 0 if state.grants else 2 if state.computing else 1
    return (tier, state.share_available, state.memory_available, state.gpu.index, state.gpu.uuid)


def _smallest(state: GpuState) -> tuple[int, int, int, str]:
    assert state.gpu is not None
    return (len(state.computing), state.gpu.memory, state.gpu.index, state.gpu.uuid)


def _closest(ranked: list[GpuState], count: int, distances: Distances) -> list[GpuState]:
    uuids = [state.gpu.uuid if state.gpu else "" for state in ranked]

    def apart(i: int, j: int) -> int:
        return distances.get(uuids[i], {}).get(uuids[j], _FAR)

    if comb(len(ranked), count) <= _MAX_COMBINATIONS:
        best = min(
            combinations(range(len(ranked)), count),
            key=lambda c: sum(apart(i, j) for i, j in combinations(c, 2)),
        )
        return [ranked[i] for i in best]
    grown = [_grow(first, len(ranked), count, apart) for first in range(len(ranked))]
    return [ranked[i] for i in sorted(min(grown)[1])]


def _grow(
    first: int, total: int, count: int, apart: Callable[[int, int], int]
) -> tuple[int, list[int]]:
    """A close group around one GPU, grown by always adding the nearest: (sum of its distances, its
    members).
    """
    group, spread = [first], 0
    while len(group) < count:
        distance, nearest = min(
            (sum(apart(i, j) for j in group), i) for i in range(total) if i not in group
        )
        spread += distance
        group.append(nearest)
    return spread, group
