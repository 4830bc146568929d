"""Order the boxes of each rank of a graph, and give them their places across.

Input: sizes, ranks and links. Output: `Layers`, with the order of each rank and the port of each
unit. A unit is a box or a dummy: the cell of a link that crosses a rank. The port is the cell
across at which links enter and leave a unit.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

_SWEEPS = 6
"""How often the order of the ranks is improved."""
_SMALL_STEP = 4
"""Steps of a line up to this number of cells are removed if possible."""


class Layers:
    """Units by rank, and the parts of links (link, above, below) between neighboring ranks."""

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]],
        links: Sequence[tuple[int, int, int]],
        ranks: Sequence[int],
        linked: set[int],
    ) -> None:
        self.sizes = list(sizes)
        """(across, along the ranks) of each unit, boxes first."""
        self.boxes = len(sizes)
        height = max((ranks[box] for box in linked), default=-1) + 1
        self.rows: list[list[int]] = [[] for _ in range(height)]
        self.parts: list[list[tuple[int, int, int]]] = [[] for _ in range(height)]
        """The parts of links, in one list for each upper rank."""
        self._up: list[list[int]] = [[] for _ in sizes]
        self._down: list[list[int]] = [[] for _ in sizes]
        for box in sorted(linked):
            self.rows[ranks[box]].append(box)
        dummies: dict[tuple[int, int], int] = {}
        long = [(a, b) for _, a, b in links if ranks[b] - ranks[a] > 1]
        out_of, into = Counter(a for a, _ in long), Counter(b for _, b in long)
        for link, source, target in links:
            above = source
            # All long links out of a box share their dummies, or all into a box: the most that can.
            lane = source if out_of[source] >= into[target] else ~target
            for rank in range(ranks[source] + 1, ranks[target]):
                dummy = dummies.get((lane, rank))
                if dummy is None:
                    dummy = dummies[lane, rank] = self._add_dummy(rank)
                self._join(link, above, dummy, rank - 1)
                above = dummy
            self._join(link, above, target, ranks[target] - 1)
        self.port = [0] * len(self.sizes)

    def is_box(self, unit: int) -> bool:
        """Return whether a unit is a box."""
        return unit < self.boxes

    def _add_dummy(self, rank: int) -> int:
        self.sizes.append((1, 0))
        self._up.append([])
        self._down.append([])
        self.rows[rank].append(len(self.sizes) - 1)
        return len(self.sizes) - 1

    def _join(self, link: int, above: int, below: int, rank: int) -> None:
        self.parts[rank].append((link, above, below))
        if below not in self._down[above]:
            self._down[above].append(below)
            self._up[below].append(above)

    def arrange(self) -> None:
        """Order each rank by barycenters, and keep the order with the fewest crossings."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            downwards = sweep % 2 == 0
            rows = self.rows if downwards else self.rows[::-1]
            near = self._up if downwards else self._down
            for fixed, row in pairwise(rows):
                place = {unit: number for number, unit in enumerate(fixed)}
                center = {unit: at * len(fixed) / max(1, len(row)) for at, unit in enumerate(row)}
                for unit in row:
                    if near[unit]:
                        center[unit] = sum(place[other] for other in near[unit]) / len(near[unit])
                row.sort(key=center.__getitem__)
            count = self._crossings()
            if count < fewest:
                best, fewest = [list(row) for row in self.rows], count
        self.rows = best

    def _crossings(self) -> int:
        total = 0
        for upper, lower in pairwise(self.rows):
            place = {unit: number for number, unit in enumerate(lower)}
            seen: list[int] = []
            for unit in upper:
                ends = sorted(place[other] for other in self._down[unit])
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def settle(self, gap: int) -> None:
        """Give each unit its port, near the ports of its neighbors in other ranks."""
        closest = [self._side_by_side(row, gap) for row in self.rows]
        ranked = list(zip(self.rows, closest, strict=True))
        for near, backwards in [(self._up, False), (self._down, True)] * 3 + [(self._up, False)]:
            for row, steps in reversed(ranked) if backwards else ranked:
                self._move_to_neighbors(row, steps, near)
        for near, far, order in (
            (self._up, self._down, ranked),
            (self._down, self._up, ranked[::-1]),
        ):
            for row, steps in order:
                self._straighten(row, steps, near, far)
        ends = [self.port[unit] - self.sizes[unit][0] // 2 for row in self.rows for unit in row]
        left = min(ends, default=0)
        self.port = [port - left for port in self.port]

    def _side_by_side(self, row: Sequence[int], gap: int) -> list[int]:
        """Set the ports of a rank whose units stand as close as possible, and return them."""
        steps, at = [], 0
        for unit, following in zip(row, [*row[1:], None], strict=True):
            size = self.sizes[unit][0]
            at += size // 2
            steps.append(at)
            self.port[unit] = at
            dummies = following is not None and not (self.is_box(unit) or self.is_box(following))
            at += size - size // 2 + (1 if dummies else gap)
        return steps

    def _move_to_neighbors(
        self, row: Sequence[int], steps: Sequence[int], near: Sequence[Sequence[int]]
    ) -> None:
        wanted, weights = [], []
        for unit, step in zip(row, steps, strict=True):
            around = near[unit]
            ports = [self.port[other] for other in around] or [self.port[unit]]
            wanted.append(sum(ports) / len(ports) - step)
            if not self.is_box(unit):
                weights.append(8.0)
            else:
                weights.append(1.0 + len(around) if around else 0.1)
        for unit, step, shift in zip(row, steps, _isotonic(wanted, weights), strict=True):
            self.port[unit] = round(shift) + step

    def _straighten(
        self,
        row: Sequence[int],
        steps: Sequence[int],
        near: Sequence[Sequence[int]],
        far: Sequence[Sequence[int]],
    ) -> None:
        """Move units a few cells to the port of their only neighbor, where there is room.

        A unit stays where a line on its other side is straight.
        """
        for at, unit in enumerate(row):
            if len(near[unit]) != 1:
                continue
            wanted = self.port[near[unit][0]]
            small = 0 < abs(wanted - self.port[unit]) <= _SMALL_STEP
            if not small or any(self.port[other] == self.port[unit] for other in far[unit]):
                continue
            if at and wanted - self.port[row[at - 1]] < steps[at] - steps[at - 1]:
                continue
            last = at + 1 == len(row)
            if last or self.port[row[at + 1]] - wanted >= steps[at + 1] - steps[at]:
                self.port[unit] = wanted


def _isotonic(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the non-decreasing sequence nearest to ``wanted`` in weighted least squares.

    Neighbors that are in the wrong order are pooled.
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(wanted, weights, strict=True):
        length = 1
        while blocks and blocks[-1][0] > value:
            mean, heavy, more = blocks.pop()
            value = (value * weight + mean * heavy) / (weight + heavy)
            weight += heavy
            length += more
        blocks.append((value, weight, length))
    return [mean for mean, _, length in blocks for _ in range(length)]
