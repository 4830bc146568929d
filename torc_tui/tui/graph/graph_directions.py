"""Remember the directions that the user chose for graphs: one for wide panes, one for others."""

from __future__ import annotations

from torc_tui.model import Json
from torc_tui.tui.frame.ui_state import UiState
from torc_tui.views.graph_fit import is_wide
from torc_tui.views.graph_grid import Room
from torc_tui.views.graph_layout import DIRECTIONS, Direction

_KEY = "graph.directions"


def chosen_direction(state: UiState, room: Room) -> Direction | None:
    """Return the direction that the user chose for panes of this shape."""
    nothing: dict[str, Json] = {}
    chosen = state.get(_KEY, nothing).get(_shape_of(room))
    return next((one for one in DIRECTIONS if one == chosen), None)


def remember_direction(state: UiState, room: Room, direction: Direction) -> None:
    """Take a direction for all panes of this shape."""
    nothing: dict[str, Json] = {}
    state.set(_KEY, {**state.get(_KEY, nothing), _shape_of(room): direction})


def _shape_of(room: Room) -> str:
    return "wide" if is_wide(room) else "other"
