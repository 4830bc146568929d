"""Place boxes and lines on a grid of cells, in layers.

Input: sizes of boxes, and links. Output: places of boxes and lines; `graph_drawing` paints them.

Steps: the rank of a box is the length of its longest path. A link over several ranks goes through a
*dummy* of width 1 in each of them. Boxes are ordered in their ranks and get their places there
(`graph_layers`). Between two ranks, links turn on tracks (`graph_routing`). The direction ``right``
is ``down`` with the axes swapped.

Invariants: boxes never overlap. Links with the same source or target share a track
(`graph_buses`); all that share cells of a track are linked with each other. Where a column is the
exit of a box above and the entry of a box below, the exit turns off before anything else joins. So
each line can be followed from box to box.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Literal

from torc_tui.records import dataclass, field
from torc_tui.tuples import NamedTuple
from torc_tui.views.graph_layers import Layers
from torc_tui.views.graph_routing import Hop, route

Direction = Literal["down", "right"]
DIRECTIONS: tuple[Direction, ...] = ("down", "right")


class Box(NamedTuple):
    """Cells x to x + w - 1, y to y + h - 1."""

    x: int
    y: int
    w: int
    h: int


@dataclass(slots=True)
class Layout:
    """All places: ``boxes`` in the order of the sizes, ``hops`` in the order of ranks."""

    direction: Direction
    boxes: list[Box]
    hops: list[Hop] = field(default_factory=list)
    width: int = 0
    height: int = 0

    def paths(self) -> dict[int, list[tuple[int, int]]]:
        """Return the corners (x, y) of each link, from box to box."""
        found: dict[int, list[tuple[int, int]]] = {}
        for hop in self.hops:
            turn = [] if hop.track is None else [(hop.track, hop.exit), (hop.track, hop.entry)]
            points = [(hop.start, hop.exit), *turn, (hop.end, hop.entry)]
            if self.direction == "down":
                points = [(cross, rank) for rank, cross in points]
            found.setdefault(hop.link, []).extend(points)
        return found


def layout(
    sizes: Sequence[tuple[int, int]],
    links: Sequence[tuple[int, int]],
    *,
    direction: Direction = "down",
    gap: int = 3,
    dense: bool = False,
) -> Layout:
    """Place boxes of these sizes (width, height) so that links go ``down`` or ``right``.

    ``gap`` cells stay free between boxes side by side. ``dense`` links turn right at their boxes.
    Links that close a cycle, or that join a box to itself, are left out.
    """
    is_right = direction == "right"
    turned = [(h, w) if is_right else (w, h) for w, h in sizes]  # (cross, rank) extents
    gap = max(1, gap - 2) if is_right else gap
    linked = {end for link in links for end in link if link[0] != link[1]}
    ranks, kept = _ranks(len(sizes), links)
    layers = Layers(turned, [(number, *links[number]) for number in kept], ranks, linked)
    layers.arrange()
    layers.settle(gap)
    places, hops, depth = route(layers, lead=0 if dense else 1)
    across = max((cross + turned[box][0] for box, (_, cross) in places.items()), default=0)
    unlinked = [box for box in range(len(sizes)) if box not in linked]
    depth, across = _pack(unlinked, turned, places, depth, across, gap)
    across = max([across, *(max(hop.exit, hop.entry) + 1 for hop in hops)])
    boxes = []
    for box, (w, h) in enumerate(sizes):
        rank, cross = places[box]
        boxes.append(Box(rank, cross, w, h) if is_right else Box(cross, rank, w, h))
    return Layout(direction, boxes, hops, *((depth, across) if is_right else (across, depth)))


def _ranks(count: int, links: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return the rank of each node, and the numbers of the links that point to a higher rank."""
    rank = _longest_paths(count, [link for link in links if link[0] != link[1]])
    first: dict[tuple[int, int], int] = {}
    for number, link in enumerate(links):
        if rank[link[0]] < rank[link[1]]:
            first.setdefault(link, number)
    targets = {target for _, target in first}
    nearest: dict[int, int] = {}
    for source, target in first:
        nearest[source] = min(nearest.get(source, count), rank[target])
    for node, below in nearest.items():
        if node not in targets:  # boxes without dependencies are placed close to their dependents
            rank[node] = below - 1
    return rank, sorted(first.values())


def _longest_paths(count: int, links: Sequence[tuple[int, int]]) -> list[int]:
    """Return the length of the longest path to each node; cycles are opened at their first node."""
    waiting = [0] * count
    below: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        waiting[target] += 1
        below[source].append(target)
    order = [node for node in range(count) if not waiting[node]]
    placed = [not number for number in waiting]
    rank = [0] * count
    done = 0
    while done < count:
        if done == len(order):  # only cycles are left
            order.append(placed.index(False))
            placed[order[-1]] = True
        node = order[done]
        done += 1
        for child in below[node]:
            waiting[child] -= 1
            if not placed[child]:
                rank[child] = max(rank[child], rank[node] + 1)
                if not waiting[child]:
                    placed[child] = True
                    order.append(child)
    return rank


def _pack(
    unlinked: Sequence[int],
    sizes: Sequence[tuple[int, int]],
    places: dict[int, tuple[int, int]],
    depth: int,
    across: int,
    gap: int,
) -> tuple[int, int]:
    """Place boxes without links in rows below the others; return the new depth and width."""
    if not unlinked:
        return depth, across
    area = sum((sizes[box][0] + gap) * (sizes[box][1] + 1) for box in unlinked)
    limit = max(across, ceil(sqrt(area * 4)), max(sizes[box][0] for box in unlinked))
    rank, cross, thick = depth + (2 if depth else 0), 0, 0
    for box in unlinked:
        w, h = sizes[box]
        if cross and cross + w > limit:
            rank, cross, thick = rank + thick + 1, 0, 0
        places[box] = (rank, cross)
        across = max(across, cross + w)
        cross += w + gap
        thick = max(thick, h)
    return rank + thick, across
