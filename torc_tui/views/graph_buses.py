"""Choose which links between two ranks of a graph share a line across.

Input: pairs (unit above, unit below), and those that are drawn as a straight line. Output: buses.
All units above a bus are linked with all units below it.

Invariants, so that whoever follows a line downwards arrives at a unit that is linked: a unit above
is in at most one bus with several units above, which its other buses precede. A unit below is in at
most one bus with several units below, which precedes its other buses. If one of these units is at
an end of a straight line, the unit at the other end is in the same bus.

Links with the same source share a bus, and so do links with the same target, whichever needs fewer
buses. This is a cover of the links by stars, found greedily, after units with the same neighbors
are taken together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import product

from torc_tui.tuples import NamedTuple

_Node = tuple[bool, int]
"""Whether a set of units is below, and the first unit of the set."""


class Bus(NamedTuple):
    """Units above that are all linked with all these units below."""

    above: tuple[int, ...]
    below: tuple[int, ...]


def find_buses(
    pairs: Iterable[tuple[int, int]], straight: Iterable[tuple[int, int]] = ()
) -> list[Bus]:
    """Return buses that have each pair once."""
    down: dict[int, dict[int, None]] = {}
    up: dict[int, dict[int, None]] = {}
    for above, below in pairs:
        down.setdefault(above, {})[below] = None
        up.setdefault(below, {})[above] = None
    return _Cover(down, up, straight).buses()


class _Cover:
    """The links that no bus has yet. A star is a set of alike units and the sets linked with it."""

    def __init__(
        self,
        down: Mapping[int, Mapping[int, None]],
        up: Mapping[int, Mapping[int, None]],
        straight: Iterable[tuple[int, int]],
    ) -> None:
        self._facing: dict[int, int] = {}
        for above, below in straight:
            self._facing |= {above: below, below: above}
        upper, lower = _alike(down), _alike(up)
        self.units: dict[_Node, tuple[int, ...]] = {}
        self.units |= {(False, first): units for first, units in upper.items()}
        self.units |= {(True, first): units for first, units in lower.items()}
        self.rays: dict[_Node, dict[_Node, None]] = {node: {} for node in self.units}
        for above, below in ((one, other) for one in upper for other in down[one]):
            if below in lower:
                self.rays[False, above][True, below] = None
                self.rays[True, below][False, above] = None
        self._shared: set[_Node] = set()
        """Sets that are in a bus with several units on their side."""

    def buses(self) -> list[Bus]:
        """Return the buses, the largest first."""
        heap = [(-len(self._free_rays(node)), node) for node in self.units]
        heapify(heap)
        found = []
        while heap:
            number, node = heappop(heap)
            rays = self._free_rays(node)
            if not rays:
                continue
            if len(rays) != -number:
                heappush(heap, (-len(rays), node))
                continue
            found.append(self._take(node, rays))
        for node in self.units:
            for ray in self.rays[node] if not node[0] else ():
                pairs = product(self.units[node], self.units[ray])
                found += [Bus((above,), (below,)) for above, below in pairs]
        return found

    def _free_rays(self, node: _Node) -> list[_Node]:
        """Return the sets that can be in one bus with a set; none if that would be single units."""
        own, rays = self.units[node], list(self.rays[node])
        if len(own) > 1 and node in self._shared:
            return []
        free = [ray for ray in rays if ray not in self._shared and self._fits(ray, own)]
        far = [unit for ray in free for unit in self.units[ray]]
        if len(far) < 2:
            far = [self.units[ray][0] for ray in rays if len(self.units[ray]) == 1][:1]
            free = [ray for ray in rays if self.units[ray] == tuple(far)] if len(own) > 1 else []
        return free if len(own) == 1 or self._fits(node, far) else []

    def _fits(self, node: _Node, others: Collection[int]) -> bool:
        """Return whether all straight lines of a set lead to these units."""
        facing = self._facing
        return all(facing[unit] in others for unit in self.units[node] if unit in facing)

    def _take(self, node: _Node, rays: list[_Node]) -> Bus:
        own, far = self.units[node], tuple(unit for ray in rays for unit in self.units[ray])
        if len(own) > 1:
            self._shared.add(node)
        if len(far) > 1:
            self._shared.update(rays)
        for ray in rays:
            del self.rays[node][ray], self.rays[ray][node]
        return Bus(far, own) if node[0] else Bus(own, far)


def _alike(neighbors: Mapping[int, Mapping[int, None]]) -> dict[int, tuple[int, ...]]:
    """Return the units with the same neighbors, by the first of them."""
    sets: dict[frozenset[int], list[int]] = {}
    for unit, others in neighbors.items():
        sets.setdefault(frozenset(others), []).append(unit)
    return {units[0]: tuple(units) for units in sets.values()}
