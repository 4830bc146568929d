"""Choose GPUs for one request among those that can serve it.

Input: states of GPUs, and the distances between them. Output: the choice. Pure.

These decide, in this order: all GPUs of a job are of one model and size; most NVLinks; GPUs whose
NVLink partner is in use anyway; no MIG instance unless the request names one; idle GPUs for shares
(or shared ones, when packing); most free memory; the order in which the user has listed the GPUs;
lowest index.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Any

from torc_tui.model import Gpu
from torc_tui.resources.gpu_reading import NVLINK_DISTANCE, Distances
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import WHOLE, GpuNeed

_FAR = 1 << 20
_MAX_COMBINATIONS = 2000
"""Largest number of sets of GPUs that are compared; above it, sets are built step by step."""


def choose(
    states: Sequence[GpuState],
    need: GpuNeed,
    distances: Distances | None = None,
    *,
    packs: bool = False,
) -> list[GpuState] | None:
    """Return the GPUs that serve the request best; None if there are too few.

    With ``packs``, shares fill a GPU before they take an idle one.
    """
    if len(states) < need.number:
        return None
    choice = _Choice(states, need, distances or {}, packs)
    if need.number == 1:
        return [min(states, key=choice.rank)]
    return choice.several()


class _Choice:
    """The comparison of GPUs for one request."""

    def __init__(
        self, states: Sequence[GpuState], need: GpuNeed, distances: Distances, packs: bool
    ) -> None:
        self.need = need
        self.distances = distances
        self.packs = packs
        self.states = sorted(states, key=lambda state: _gpu(state).index)
        self.idle = {_gpu(state).uuid for state in states if not state.grants}

    def rank(self, state: GpuState) -> tuple[object, ...]:
        """Return the key by which the best GPU for one job is the smallest."""
        gpu = _gpu(state)
        return (
            self._broken_links([gpu.uuid]) if self.need.share >= WHOLE else 0,
            gpu.parent is not None and not _names_instance(self.need.model),
            self._sharing(state),
            -state.memory_available,
            gpu.order,
            gpu.index,
            gpu.uuid,
        )

    def _sharing(self, state: GpuState) -> tuple[int, ...]:
        """Prefer idle GPUs, or shared ones; GPUs on which others compute come last."""
        if self.need.share >= WHOLE:
            return (len(state.computing),)
        foreign = bool(state.computing) and not state.grants
        if self.packs:
            return (2 if foreign else 0 if state.grants else 1, state.share_available)
        return (foreign, state.grants)

    def several(self) -> list[GpuState]:
        """Return several GPUs, of one model and size if there are enough."""
        groups: dict[tuple[str, int], list[GpuState]] = {}
        for state in self.states:
            groups.setdefault((_gpu(state).name, _gpu(state).memory), []).append(state)
        alike = [group for group in groups.values() if len(group) >= self.need.number]
        best = [self._best_set(group) for group in alike or [self.states]]
        return min(best, key=self._rank_of_set)

    def _best_set(self, states: list[GpuState]) -> list[GpuState]:
        number = self.need.number
        if len(states) == number:
            return states
        if comb(len(states), number) <= _MAX_COMBINATIONS:
            sets = [list(members) for members in combinations(states, number)]
            return min(sets, key=self._rank_of_set)
        grown = [self._grow(first, states) for first in states]
        return min(grown, key=self._rank_of_set)

    def _grow(self, first: GpuState, states: list[GpuState]) -> list[GpuState]:
        """Return a set that is built by adding the nearest GPU each time."""
        members = [first]
        while len(members) < self.need.number:
            rest = [state for state in states if state not in members]
            members.append(
                min(rest, key=lambda one: sum(self._distance(one, other) for other in members))
            )
        return sorted(members, key=lambda state: _gpu(state).index)

    def _rank_of_set(self, states: Sequence[GpuState]) -> Any:
        """Return a sort key: near GPUs first, then idle ones, then those with free memory."""
        pairs = [self._distance(one, other) for one, other in combinations(states, 2)]
        uuids = [_gpu(state).uuid for state in states]
        return (
            -sum(distance <= NVLINK_DISTANCE for distance in pairs),
            sum(pairs),
            self._broken_links(uuids),
            sum(len(state.computing) for state in states),
            -sum(state.memory_available for state in states),
            [(_gpu(state).order, _gpu(state).index) for state in states],
        )

    def _distance(self, one: GpuState, other: GpuState) -> int:
        return self.distances.get(_gpu(one).uuid, {}).get(_gpu(other).uuid, _FAR)

    def _broken_links(self, uuids: Sequence[str]) -> int:
        """Return how many idle GPUs would lose an NVLink partner."""
        return sum(
            distance <= NVLINK_DISTANCE and other in self.idle and other not in uuids
            for uuid in uuids
            for other, distance in self.distances.get(uuid, {}).items()
        )


def _gpu(state: GpuState) -> Gpu:
    assert state.gpu is not None
    return state.gpu


def _names_instance(model: str | None) -> bool:
    return model is not None and "mig" in model.lower()
