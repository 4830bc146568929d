"""Route the links of a graph from rank to rank.

Input: `Layers` whose units have their ports. Output: the places of boxes, and a `Hop` for each part
of a link. Places are (rank axis, cross axis).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from torc_tui.views.graph_layers import Layers

_ATTEMPTS = 4
"""How often tracks are assigned until no two units wait for each other."""

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


def route(layers: Layers) -> tuple[dict[int, tuple[int, int]], list[Hop], int]:
    """Return the place of each box, the hops, and the extent along the rank axis."""
    places: dict[int, tuple[int, int]] = {}
    entry = list(layers.port)
    begins: list[int] = []
    tracks: list[dict[int, int]] = []
    thickness = [max((layers.sizes[unit][1] for unit in row), default=0) for row in layers.rows]
    depth = 0
    for row, thick, parts in zip(layers.rows, thickness, layers.parts, strict=True):
        begins.append(depth)
        for box in filter(layers.is_box, row):
            places[box] = (depth, layers.port[box] - layers.sizes[box][0] // 2)
        track, count = _Gap(layers, parts, entry).tracks()
        tracks.append(track)
        depth += thick + (0 if len(begins) == len(layers.rows) else count + 2)
    hops = []
    for upper, lower in pairwise(range(len(layers.rows))):
        for link, above, below in layers.parts[upper]:
            size = layers.sizes[above][1] if layers.is_box(above) else thickness[upper]
            arrives = layers.is_box(below)
            start, end = begins[upper] + size, begins[lower] - 1
            track_number = tracks[upper].get(above)
            ports = layers.port[above], entry[below]
            turns = track_number is not None and ports[0] != ports[1]
            at = begins[upper] + thickness[upper] + 1 + (track_number or 0) if turns else None
            hops.append(
                Hop(link, start, end + (0 if arrives else thickness[lower]), *ports, at, arrives)
            )
    return places, hops, depth


class _Gap:
    """The gap between two ranks. ``entry`` are the cells at which links enter units."""

    def __init__(self, layers: Layers, parts: Sequence[Part], entry: list[int]) -> None:
        self.layers = layers
        self.parts = parts
        self.entry = entry

    def tracks(self) -> tuple[dict[int, int], int]:
        """Return the track, from 0, of each unit whose links turn, and the number of tracks."""
        for _ in range(_ATTEMPTS):
            track, count, stuck = self._assign()
            if not self._move_entries(stuck):
                break
        return track, count

    def _assign(self) -> tuple[dict[int, int], int, list[int]]:
        """Return the tracks, their number, and the units that waited for each other's tracks."""
        spans = self._spans()
        later = self._later(spans)
        waiting = dict.fromkeys(spans, 0)
        for followers in later.values():
            for unit in followers:
                waiting[unit] += 1
        ready = sorted((unit for unit in spans if not waiting[unit]), key=spans.__getitem__)
        least = dict.fromkeys(spans, 0)
        track: dict[int, int] = {}
        taken: list[list[tuple[int, int]]] = []
        stuck: list[int] = []
        while len(track) < len(spans):
            if ready:
                unit = ready.pop(0)
            else:
                left = (unit for unit in spans if unit not in track)
                unit = min(left, key=lambda unit: (waiting[unit], spans[unit]))
                stuck.append(unit)
            track[unit] = _take(taken, least[unit], spans[unit])
            for other in sorted(later.get(unit, ())):
                least[other] = max(least[other], track[unit] + 1)
                waiting[other] -= 1
                if not waiting[other] and other not in track:
                    ready.append(other)
        return track, len(taken), stuck

    def _spans(self) -> dict[int, tuple[int, int]]:
        """Return the cells between which the links of each unit run across, where they do."""
        spans: dict[int, tuple[int, int]] = {}
        for _, above, below in self.parts:
            port = self.layers.port[above]
            low, high = spans.get(above, (port, port))
            spans[above] = (min(low, self.entry[below]), max(high, self.entry[below]))
        return {unit: span for unit, span in spans.items() if span[0] != span[1]}

    def _later(self, spans: Iterable[int]) -> dict[int, set[int]]:
        """Return the units that must turn after a unit: those that enter a column it leaves."""
        exits = {self.layers.port[unit]: unit for unit in spans}
        later: dict[int, set[int]] = {}
        for _, above, below in self.parts:
            first = exits.get(self.entry[below])
            if first is not None and first != above and self.layers.port[above] in exits:
                later.setdefault(first, set()).add(above)
        return later

    def _move_entries(self, stuck: Sequence[int]) -> bool:
        """Move entries of boxes out of the columns of exits; return whether one was moved."""
        exits = {self.layers.port[above] for _, above, _ in self.parts}
        moved = False
        for _, above, below in self.parts:
            if above in stuck and self.layers.is_box(below) and self.entry[below] in exits:
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
