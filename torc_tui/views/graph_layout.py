"""Boxes and lines on a grid of cells, by layers. In: sizes of boxes and links. Out: places of boxes
and lines.

The steps: ranks by longest path; a link over several ranks goes through a *dummy* of width 1 in
each; the order in a rank by barycentres, the best of some sweeps by crossings; places in a rank by
least squares around the neighbours, solved exactly by pooling adjacent violators; and between two
ranks, tracks on which links run across.

Laws: boxes never overlap. All links out of a box share its track (a bus). Two buses never share a
cell of a track, and where a column serves as an exit above and an entry below, the exit turns off
before anything else joins: so a line can be followed from box to box without a guess.

Never done here: characters. `drawing` paints what this computes; ``right`` is ``down`` with the
axes swapped.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, sqrt
from typing import Literal, NamedTuple

Direction = Literal["down", "right"]


SMALL = 4
"""A step of a line by so many cells is taken out where that is possible."""


class Box(NamedTuple):
    """Cells x to x + w - 1, y to y + h - 1."""

    x: int
    y: int
    w: int
    h: int


class Hop(NamedTuple):
    """A link's way through the gap between two ranks, in (rank, cross) coordinates: along the rank
    axis from ``start`` at ``exit`` to ``track``, across to ``entry``, on to ``end``. ``track`` is
    None where it goes straight. ``arrives``: a box follows, and the last cell is the arrow's.
    """

    link: int
    start: int
    end: int
    exit: int
    entry: int
    track: int | None
    arrives: bool


@dataclass(slots=True)
class Layout:
    """Where everything is. ``boxes`` in the order of the sizes, ``hops`` in the order of ranks."""

    direction: Direction
    boxes: list[Box]
    hops: list[Hop] = field(default_factory=list)
    width: int = 0
    height: int = 0

    def path(self, link: int) -> list[tuple[int, int]]:
        """The corners (x, y) of a link, from box to box."""
        points: list[tuple[int, int]] = []
        for hop in self.hops:
            if hop.link == link:
                turn = [] if hop.track is None else [(hop.track, hop.exit), (hop.track, hop.entry)]
                points += [(hop.start, hop.exit), *turn, (hop.end, hop.entry)]
        return points if self.direction == "right" else [(cross, rank) for rank, cross in points]


def layout(
    sizes: Sequence[tuple[int, int]],
    links: Sequence[tuple[int, int]],
    *,
    direction: Direction = "down",
    gap: int = 3,
    sweeps: int = 6,
) -> Layout:
    """Place boxes of these sizes (width, height) so that links go ``down`` (or ``right``). ``gap``
    cells stay free between boxes side by side. Links that close a cycle, or join a box to itself,
    are left out.
    """
    turned = [(h, w) if direction == "right" else (w, h) for w, h in sizes]  # (cross, rank) extents
    if direction == "right":
        gap = max(1, gap - 2)
    linked = {end for link in links for end in link if link[0] != link[1]}
    ranks, kept = _ranks(len(sizes), links)
    units = _Units(turned, [(number, *links[number]) for number in kept], ranks, linked)
    units.arrange(sweeps)
    units.settle(gap)
    places, hops, depth = units.route()
    across = max((cross + turned[at][0] for at, (_, cross) in places.items()), default=0)
    lonely = [at for at in range(len(sizes)) if at not in linked]
    depth, across = _pack(lonely, turned, places, depth, across, gap)
    across = max([across, *(max(hop.exit, hop.entry) + 1 for hop in hops)])
    made = Layout(direction, [], hops)
    for at, (w, h) in enumerate(sizes):
        rank, cross = places[at]
        made.boxes.append(
            Box(rank, cross, w, h) if direction == "right" else Box(cross, rank, w, h)
        )
    made.width, made.height = (depth, across) if direction == "right" else (across, depth)
    return made


def _ranks(count: int, links: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """The rank of each node by its longest path, and the numbers of the links that point
    onwards.
    """
    above: list[int] = [0] * count
    below: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        if source != target:
            above[target] += 1
            below[source].append(target)
    order = [at for at in range(count) if not above[at]]
    seen = [not above[at] for at in range(count)]
    rank = [0] * count
    spare = 0
    while len(order) < count or spare < len(order):
        if spare == len(order):  # only cycles are left: open one
            at = seen.index(False)
            seen[at] = True
            order.append(at)
        at = order[spare]
        spare += 1
        for child in below[at]:
            above[child] -= 1
            if not seen[child]:
                rank[child] = max(rank[child], rank[at] + 1)
                if not above[child]:
                    seen[child] = True
                    order.append(child)
    kept = sorted({link: number for number, link in reversed(list(enumerate(links))) if rank[link[0]] < rank[link[1]]}
                  .values())  # fmt: skip
    first = {links[number][1] for number in kept}
    nearest: dict[int, int] = {}
    for number in kept:
        source, target = links[number]
        nearest[source] = min(nearest.get(source, count), rank[target])
    for (
        at,
        below_it,
    ) in nearest.items():  # what waits for nothing stands right above what waits for it
        if at not in first:
            rank[at] = below_it - 1
    return rank, kept


class _Units:
    """Boxes and dummies by rank, and the hops between neighbouring ranks."""

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]],
        links: list[tuple[int, int, int]],
        ranks: list[int],
        linked: set[int],
    ) -> None:
        self.sizes = list(sizes)
        self.real = len(sizes)
        self.rows: list[list[int]] = [
            [] for _ in range(max((ranks[at] for at in linked), default=-1) + 1)
        ]
        self.up: list[list[int]] = [[] for _ in sizes]
        self.down: list[list[int]] = [[] for _ in sizes]
        self.hops: list[list[tuple[int, int, int]]] = [
            [] for _ in self.rows
        ]  # by upper rank: link, above, below
        for at in sorted(linked):
            self.rows[ranks[at]].append(at)
        shared: dict[tuple[int, int], int] = {}  # all links out of a box share their dummies
        for number, source, target in links:
            above = source
            for rank in range(ranks[source] + 1, ranks[target]):
                dummy = shared.get((source, rank))
                if dummy is None:
                    dummy = shared[source, rank] = len(self.sizes)
                    self.sizes.append((1, 0))
                    self.up.append([])
                    self.down.append([])
                    self.rows[rank].append(dummy)
                self._join(number, above, dummy, rank - 1)
                above = dummy
            self._join(number, above, target, ranks[target] - 1)
        self.port = [0] * len(self.sizes)

    def _join(self, link: int, above: int, below: int, rank: int) -> None:
        self.hops[rank].append((link, above, below))
        if below not in self.down[above]:
            self.down[above].append(below)
            self.up[below].append(above)

    def arrange(self, sweeps: int) -> None:
        """Order each rank, so that few links cross."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(sweeps):
            if not fewest:
                break
            downwards = sweep % 2 == 0
            rows = self.rows if downwards else self.rows[::-1]
            near = self.up if downwards else self.down
            for fixed, row in pairwise(rows):
                place = {unit: at for at, unit in enumerate(fixed)}
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
            place = {unit: at for at, unit in enumerate(lower)}
            seen: list[int] = []
            for unit in upper:
                ends = sorted(place[other] for other in self.down[unit])
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def settle(self, gap: int) -> None:
        """Give each unit its port: the cell across at which links leave and enter it."""
        apart: list[list[int]] = []
        for row in self.rows:
            steps, at = [], 0
            for number, unit in enumerate(row):
                size = self.sizes[unit][0]
                at += size // 2
                steps.append(at)
                self.port[unit] = at
                follows = (
                    number + 1 < len(row) and unit >= self.real and row[number + 1] >= self.real
                )
                at += size - size // 2 + (1 if follows else gap)
            apart.append(steps)
        passes = [(self.up, False), (self.down, True)] * 3 + [(self.up, False)]
        for near, backwards in passes:
            numbers = range(len(self.rows))
            for number in reversed(numbers) if backwards else numbers:
                row, steps = self.rows[number], apart[number]
                wanted, weights = [], []
                for unit, step in zip(row, steps, strict=True):
                    around = near[unit]
                    center = (
                        sum(self.port[other] for other in around) / len(around)
                        if around
                        else self.port[unit]
                    )
                    wanted.append(center - step)
                    weights.append(
                        8.0 if unit >= self.real else 1.0 + len(around) if around else 0.1
                    )
                for unit, step, shift in zip(row, steps, _isotonic(wanted, weights), strict=True):
                    self.port[unit] = round(shift) + step
        self._straighten(apart)
        left = min(
            (self.port[unit] - self.sizes[unit][0] // 2 for row in self.rows for unit in row),
            default=0,
        )
        self.port = [port - left for port in self.port]

    def _straighten(self, apart: list[list[int]]) -> None:
        """Take out small steps: move a unit to where the one unit above (or below) it is, if there
        is room, and if no line on its other side is straight now.
        """
        ranked = list(zip(self.rows, apart, strict=True))
        for near, far, order in ((self.up, self.down, ranked), (self.down, self.up, ranked[::-1])):
            for row, steps in order:
                for at, unit in enumerate(row):
                    if len(near[unit]) != 1 or any(
                        self.port[other] == self.port[unit] for other in far[unit]
                    ):
                        continue
                    wanted = self.port[near[unit][0]]
                    if not 0 < abs(wanted - self.port[unit]) <= SMALL:
                        continue
                    if at and wanted - self.port[row[at - 1]] < steps[at] - steps[at - 1]:
                        continue
                    if (
                        at + 1 < len(row)
                        and self.port[row[at + 1]] - wanted < steps[at + 1] - steps[at]
                    ):
                        continue
                    self.port[unit] = wanted

    def route(self) -> tuple[dict[int, tuple[int, int]], list[Hop], int]:
        """The place (rank axis, cross axis) of each box, the hops, and the extent along the rank
        axis.
        """
        places: dict[int, tuple[int, int]] = {}
        out: list[Hop] = []
        start = 0
        entry = list(self.port)
        begins: list[int] = []
        tracks: list[dict[int, int]] = []
        for number, row in enumerate(self.rows):
            begins.append(start)
            for unit in row:
                if unit < self.real:
                    places[unit] = (start, self.port[unit] - self.sizes[unit][0] // 2)
            thick = max((self.sizes[unit][1] for unit in row), default=0)
            track, count = self._tracks(self.hops[number], entry)
            tracks.append(track)
            last = number == len(self.rows) - 1
            start += thick + (0 if last else count + 2)
        for number in range(len(self.rows) - 1):
            thick = max(self.sizes[unit][1] for unit in self.rows[number])
            following = max(self.sizes[unit][1] for unit in self.rows[number + 1])
            for link, above, below in self.hops[number]:
                size = self.sizes[above][1] if above < self.real else thick
                arrives = below < self.real
                at = tracks[number].get(above)
                straight = entry[below] == self.port[above]
                out.append(
                    Hop(
                        link,
                        begins[number] + size,
                        begins[number + 1] - 1 + (0 if arrives else following),
                        self.port[above],
                        entry[below],
                        None if straight or at is None else begins[number] + thick + 1 + at,
                        arrives,
                    )
                )
        return places, out, start

    def _tracks(
        self, hops: Sequence[tuple[int, int, int]], entry: list[int]
    ) -> tuple[dict[int, int], int]:
        """The track of each unit whose links turn, counted from 0, and how many there are."""
        for _attempt in range(4):
            left = self._assign(hops, entry)
            if left is None or not self._nudge(hops, entry, left[2]):
                break
        assert left is not None
        return left[0], left[1]

    def _assign(
        self, hops: Sequence[tuple[int, int, int]], entry: list[int]
    ) -> tuple[dict[int, int], int, list[int]]:
        spans: dict[int, tuple[int, int]] = {}
        into: dict[int, set[int]] = {}
        for _link, above, below in hops:
            a, b = self.port[above], entry[below]
            into.setdefault(below, set()).add(above)
            low, high = spans.get(above, (a, a))
            spans[above] = (min(low, b), max(high, b))
        turning = {unit: span for unit, span in spans.items() if span[0] != span[1]}
        exits = {self.port[unit]: unit for unit in turning}
        later: dict[int, set[int]] = {}
        before = dict.fromkeys(turning, 0)
        for below, sources in into.items():
            first = exits.get(entry[below])
            if first is not None:
                for other in sources - {first}:
                    if other in turning and other not in later.setdefault(first, set()):
                        later[first].add(other)
                        before[other] += 1
        ready = sorted(
            (unit for unit, count in before.items() if not count), key=lambda unit: turning[unit]
        )
        least = dict.fromkeys(turning, 0)
        track: dict[int, int] = {}
        taken: list[list[tuple[int, int]]] = []
        stuck: list[int] = []
        while len(track) < len(turning):
            if not ready:
                unit = min(
                    (unit for unit in turning if unit not in track),
                    key=lambda unit: (before[unit], turning[unit]),
                )
                stuck.append(unit)
            else:
                unit = ready.pop(0)
                if unit in track:
                    continue
            low, high = turning[unit]
            at = least[unit]
            while at < len(taken) and any(
                low <= end + 1 and begin <= high + 1 for begin, end in taken[at]
            ):
                at += 1
            while at >= len(taken):
                taken.append([])
            taken[at].append((low, high))
            track[unit] = at
            for other in sorted(later.get(unit, ())):
                least[other] = max(least[other], at + 1)
                before[other] -= 1
                if not before[other] and other not in track:
                    ready.append(other)
        return track, len(taken), stuck

    def _nudge(
        self, hops: Sequence[tuple[int, int, int]], entry: list[int], stuck: list[int]
    ) -> bool:
        """Units that wait for each other's tracks: move an entry of a box aside, where there is
        room.
        """
        exits = {self.port[above] for _, above, _ in hops}
        moved = False
        for _link, above, below in hops:
            if above in stuck and below < self.real and entry[below] in exits:
                half = self.sizes[below][0] // 2
                for step in (1, -1, 2, -2):
                    if abs(step) < half and entry[below] + step not in exits:
                        entry[below] += step
                        moved = True
                        break
        return moved


def _isotonic(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to ``wanted`` in weighted least squares, by pooling
    adjacent violators.
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


def _pack(
    lonely: Sequence[int],
    sizes: Sequence[tuple[int, int]],
    places: dict[int, tuple[int, int]],
    depth: int,
    across: int,
    gap: int,
) -> tuple[int, int]:
    """Boxes without any link, in rows behind the rest."""
    if not lonely:
        return depth, across
    area = sum((sizes[at][0] + gap) * (sizes[at][1] + 1) for at in lonely)
    limit = max(across, ceil(sqrt(area * 4)), max(sizes[at][0] for at in lonely))
    rank, cross, thick = depth + (2 if depth else 0), 0, 0
    for at in lonely:
        w, h = sizes[at]
        if cross and cross + w > limit:
            rank, cross, thick = rank + thick + 1, 0, 0
        places[at] = (rank, cross)
        across = max(across, cross + w)
        cross += w + gap
        thick = max(thick, h)
    return rank + thick, across
