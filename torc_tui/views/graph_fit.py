"""Choose the direction and the zoom in which a graph fits its pane.

Input: a scene, the room of the pane, and what the user chose. Output: a drawing.

A graph goes from left to right in a wide pane and downwards in others, unless it fits only in the
other direction. A graph that does not fit with frames is drawn with names alone, if that fits.
"""

from __future__ import annotations

from collections.abc import Callable

from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_grid import Room
from torc_tui.views.graph_layout import Direction
from torc_tui.views.graph_scene import Scene

_WIDE = 2.5
"""A pane is wide if its width in cells is at least that many times its height."""
_TRIED = 400
"""Number of boxes up to which several drawings are tried."""


class GraphShape(NamedTuple):
    """The zoom and the direction that the user chose; None: what fits."""

    zoom: int | None = None
    direction: Direction | None = None


def is_wide(room: Room) -> bool:
    """Return whether a pane has more room from left to right."""
    return room.width >= _WIDE * room.height


def fit_drawing(
    scene: Scene, room: Room, shape: GraphShape, sign: Callable[[JobStatus], str]
) -> GraphDrawing:
    """Return the first drawing that fits; if none does, the one that exceeds the room least."""
    both: tuple[Direction, Direction] = ("right", "down") if is_wide(room) else ("down", "right")
    directions = both if shape.direction is None else (shape.direction,)
    zooms = (1, 0) if shape.zoom is None else (shape.zoom,)
    best: tuple[float, GraphDrawing] | None = None
    for zoom in zooms:
        for direction in directions:
            drawing = GraphDrawing(scene, zoom=zoom, direction=direction, sign=sign)
            excess = max(drawing.width / max(1, room.width), drawing.height / max(1, room.height))
            if excess <= 1 or len(scene.nodes) > _TRIED:
                return drawing
            if best is None or (zoom == zooms[0] and excess < best[0]):
                best = excess, drawing
    assert best is not None  # there is a zoom and a direction
    return best[1]
