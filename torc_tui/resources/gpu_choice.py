"""Choose GPUs for one request among those that can serve it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import comb

from torc_tui.resources.gpus import WHOLE, GpuNeed, GpuState

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
