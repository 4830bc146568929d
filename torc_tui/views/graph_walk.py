"""Walk through a graph by the arrow keys.

Input: a drawing, what is selected, a direction on the screen. Output: what is selected next.

Along the links, a step leads to a parent or a child, across them to the next box of the same rank.
In an opened group, steps lead from cell to cell, and out of it at its edge. Where nothing is
linked, the nearest box in that direction is next, so that every box can be reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_layout import Box

Heading = Literal["left", "right", "up", "down"]
STEPS: dict[Heading, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
}
"""Columns and rows of a step."""


def walk(
    drawing: GraphDrawing, spot: Spot | None, heading: Heading, before: int | None = None
) -> Spot | None:
    """Return what a step leads to; None if there is nothing in that direction.

    Of several parents or children, the box ``before`` is chosen, from which the last step came, or
    else the nearest one.
    """
    if spot is None:
        places = [box[:2] if drawing.direction == "right" else box[1::-1] for box in drawing.boxes]
        return first_spot(drawing, places.index(min(places))) if places else None
    grid = drawing.scene.nodes[spot.node].grid
    if grid is not None and spot.job is not None:
        job = grid.step(spot.job, *STEPS[heading])
        if job is not None:
            return Spot(spot.node, job)
    found = _next_box(drawing, spot.node, heading, before)
    return None if found is None else first_spot(drawing, found)


def next_in_turn(drawing: GraphDrawing, spot: Spot | None) -> Spot | None:
    """Return the box of jobs after this one, in reading order; after the last one the first."""
    jobs = [at for at, node in enumerate(drawing.scene.nodes) if node.kind in ("job", "more")]
    order = sorted(jobs, key=lambda at: drawing.box(at)[1::-1])
    if not order:
        return None
    at = order.index(spot.node) + 1 if spot is not None and spot.node in order else 0
    return first_spot(drawing, order[at % len(order)])


def first_spot(drawing: GraphDrawing, node: int) -> Spot:
    """Return a box, or the first cell of its grid."""
    grid = drawing.scene.nodes[node].grid
    return Spot(node, None if grid is None else grid.shown()[0])


def _next_box(drawing: GraphDrawing, node: int, heading: Heading, before: int | None) -> int | None:
    boxes, rank_axis = drawing.boxes, 1 if drawing.direction == "down" else 0
    sign = sum(STEPS[heading])
    own = boxes[node]

    def nearest(nodes: Iterable[int]) -> int | None:
        return min(nodes, key=lambda at: _distance(own, boxes[at], rank_axis), default=None)

    if STEPS[heading][rank_axis]:
        ends = drawing.scene.links if sign > 0 else [link[::-1] for link in drawing.scene.links]
        linked = {target for source, target in ends if source == node}
        if before in linked:
            return before
        beyond = (
            at for at, box in enumerate(boxes) if sign * (box[rank_axis] - own[rank_axis]) > 0
        )
        return nearest(linked) if linked else nearest(beyond)
    across = 1 - rank_axis
    beside = (
        at
        for at, box in enumerate(boxes)
        if box[rank_axis] == own[rank_axis] and sign * (box[across] - own[across]) > 0
    )
    return nearest(beside)


def _distance(own: Box, other: Box, rank_axis: int) -> tuple[int, int]:
    """Return how far away a box is: ranks first, then the way between the middles."""
    across = 1 - rank_axis
    middles = [2 * box[across] + box[across + 2] for box in (own, other)]
    return abs(other[rank_axis] - own[rank_axis]), abs(middles[0] - middles[1])
