"""Route the links of a graph from rank to rank.

Input: `Layers` whose units have their ports. Output: the places of boxes, and a `Hop` for each part
of a link. Places are (rank axis, cross axis).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, product

from torc_tui.tuples import NamedTuple
from torc_tui.views.graph_buses import find_buses
from torc_tui.views.graph_layers import Layers

_ATTEMPTS = 4
"""How often tracks are assigned until no two buses wait for each other."""

Part = tuple[int, int, int]
"""(link, unit above, unit below)"""


class Hop(NamedTuple):
    """The way of a link through the gap between two ranks.

    It goes along the rank axis from ``start`` at ``exit`` to ``track``, across to ``entry``, and on
    to ``end``. ``track`` is None for a straight way. With ``arrives``, a box follows, and the last
    cell is that of the arrow.
    """

    link: int
    start: int
    end: int
    exit: int
    entry: int
    track: int | None
    arrives: bool


def route(layers: Layers, *, lead: int = 1) -> tuple[dict[int, tuple[int, int]], list[Hop], int]:
    """Return the place of each box, the hops, and the extent along the rank axis.

    ``lead`` is the number of cells between a rank and the first track behind it.
    """
    places: dict[int, tuple[int, int]] = {}
    entry = list(layers.port)
    begins: list[int] = []
    tracks: list[dict[tuple[int, int], int]] = []
    thickness = [max((layers.sizes[unit][1] for unit in row), default=0) for row in layers.rows]
    depth = 0
    for row, thick, parts in zip(layers.rows, thickness, layers.parts, strict=True):
        begins.append(depth)
        for box in filter(layers.is_box, row):
            places[box] = (depth, layers.port[box] - layers.sizes[box][0] // 2)
        track, count = _Gap(layers, parts, entry).tracks()
        tracks.append(track)
        depth += thick + (0 if len(begins) == len(layers.rows) else count + lead + 1)
    hops = []
    for upper, lower in pairwise(range(len(layers.rows))):
        for link, above, below in layers.parts[upper]:
            size = layers.sizes[above][1] if layers.is_box(above) else thickness[upper]
            arrives = layers.is_box(below)
            start, end = begins[upper] + size, begins[lower] - 1
            ports = layers.port[above], entry[below]
            number = None if ports[0] == ports[1] else tracks[upper][above, below]
            at = None if number is None else begins[upper] + thickness[upper] + lead + number
            hops.append(
                Hop(link, start, end + (0 if arrives else thickness[lower]), *ports, at, arrives)
            )
    return places, hops, depth


class _Gap:
    """The gap between two ranks. ``entry`` are the cells at which links enter units."""

    def __init__(self, layers: Layers, parts: Sequence[Part], entry: list[int]) -> None:
        self.layers = layers
        pairs = [(above, below) for _, above, below in parts]
        straight = [pair for pair in pairs if layers.port[pair[0]] == entry[pair[1]]]
        self.buses = find_buses(pairs, straight)
        self.entry = entry

    def tracks(self) -> tuple[dict[tuple[int, int], int], int]:
        """Return the track, from 0, of each pair of units whose link turns, and their number."""
        for _ in range(_ATTEMPTS):
            track, count, stuck, behind = self._assign()
            if not (self._move_entries(stuck) or self._move_entries(behind)):
                break
        found = {
            (above, below): at
            for bus, at in track.items()
            for above in self.buses[bus].above
            for below in self.buses[bus].below
        }
        return found, count

    def _assign(self) -> tuple[dict[int, int], int, list[int], list[int]]:
        """Return the tracks, their number, and the buses that waited for each other's tracks.

        The first of these buses got tracks all the same; the others waited behind one of them.
        """
        spans = self._spans()
        later = self._later(spans)
        waiting = dict.fromkeys(spans, 0)
        for followers in later.values():
            for bus in followers:
                waiting[bus] += 1
        ready = sorted((bus for bus in spans if not waiting[bus]), key=spans.__getitem__)
        least = dict.fromkeys(spans, 0)
        track: dict[int, int] = {}
        taken: list[list[tuple[int, int]]] = []
        stuck: list[int] = []
        behind: list[int] = []
        while len(track) < len(spans):
            if ready:
                bus = ready.pop(0)
            else:
                left = [bus for bus in spans if bus not in track]
                bus = min(left, key=lambda bus: (waiting[bus], spans[bus]))
                stuck.append(bus)
                behind += left
            track[bus] = _take(taken, least[bus], spans[bus])
            for other in sorted(later.get(bus, ())):
                least[other] = max(least[other], track[bus] + 1)
                waiting[other] -= 1
                if not waiting[other] and other not in track:
                    ready.append(other)
        return track, len(taken), stuck, behind

    def _spans(self) -> dict[int, tuple[int, int]]:
        """Return the cells between which each bus runs across, where it does."""
        spans: dict[int, tuple[int, int]] = {}
        for number, bus in enumerate(self.buses):
            cells = [self.layers.port[unit] for unit in bus.above]
            cells += [self.entry[unit] for unit in bus.below]
            if min(cells) != max(cells):
                spans[number] = (min(cells), max(cells))
        return spans

    def _later(self, spans: Iterable[int]) -> dict[int, set[int]]:
        """Return the buses that must come after a bus.

        These are buses that enter a column it leaves, and those that `graph_buses` names.
        """
        leaving: dict[int, list[int]] = {}
        entering: dict[int, list[int]] = {}
        for number in spans:
            for unit in self.buses[number].above:
                leaving.setdefault(unit, []).append(number)
            for unit in self.buses[number].below:
                entering.setdefault(unit, []).append(number)
        later: dict[int, set[int]] = {}

        def order(first: Iterable[int], second: Iterable[int]) -> None:
            for one, other in product(first, second):
                if one != other:
                    later.setdefault(one, set()).add(other)

        exits = {self.layers.port[unit]: numbers for unit, numbers in leaving.items()}
        for unit, numbers in entering.items():
            order([one for one in numbers if len(self.buses[one].below) > 1], numbers)
            order(exits.get(self.entry[unit], ()), numbers)
        for numbers in leaving.values():
            order(numbers, [one for one in numbers if len(self.buses[one].above) > 1])
        return later

    def _move_entries(self, stuck: Sequence[int]) -> bool:
        """Move entries of boxes out of the columns of exits; return whether one was moved."""
        exits = {self.layers.port[above] for bus in self.buses for above in bus.above}
        moved = False
        for below in (unit for bus in stuck for unit in self.buses[bus].below):
            if self.layers.is_box(below) and self.entry[below] in exits:
                half = self.layers.sizes[below][0] // 2
                steps = (step for step in (1, -1, 2, -2) if abs(step) < half)
                free = (step for step in steps if self.entry[below] + step not in exits)
                step = next(free, 0)
                self.entry[below] += step
                moved = moved or step != 0
        return moved


def _take(taken: list[list[tuple[int, int]]], track: int, span: tuple[int, int]) -> int:
    """Take the first track from ``track`` on that is free between two cells, and return it."""
    low, high = span
    while track < len(taken) and any(
        low <= end + 1 and begin <= high + 1 for begin, end in taken[track]
    ):
        track += 1
    while track >= len(taken):
        taken.append([])
    taken[track].append(span)
    return track
