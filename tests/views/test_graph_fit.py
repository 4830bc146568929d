"""The direction and the zoom in which a graph fits its pane."""

from __future__ import annotations

from typing import Any

import pytest

from torc_tui.model import EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_fit import GraphShape, fit_drawing, is_wide
from torc_tui.views.graph_grid import Room
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.graph_scene import Scene

STAGES = (
    "ingest validate normalize index align dedupe call annotate filter merge phase impute score"
)
WIDE, TALL = Room(156, 40), Room(76, 38)


def chain(count: int) -> Scene:
    names = [*STAGES.split(), "report"][:count]
    jobs = [Job(at, name, JobStatus.READY, name) for at, name in enumerate(names, 1)]
    edges = [(at + 1, at, EdgeKind.EXPLICIT, None) for at in range(1, count)]
    return JobGraph(jobs, edges).scene()


def fitted(scene: Scene, room: Room, *shape: Any) -> GraphDrawing:
    return fit_drawing(scene, room, GraphShape(*shape), lambda status: "x")


@pytest.mark.parametrize("room", [WIDE, TALL, Room(158, 38), Room(96, 30)])
def test_a_pipeline_of_14_stages_fits(room: Room) -> None:
    """On a screen of 160 x 45: alone, and beside the table of jobs."""
    drawing = fitted(chain(14), room)
    assert drawing.width <= room.width and drawing.height <= room.height
    text = "".join(run.text for line in drawing.lines() for run in line)
    assert all(name in text for name in STAGES.split())


@pytest.mark.parametrize(
    ("room", "direction"),
    [(WIDE, "right"), (TALL, "down"), (Room(200, 10), "right"), (Room(60, 30), "down")],
)
def test_the_direction_follows_the_pane(room: Room, direction: str) -> None:
    drawing = fitted(chain(3), room)
    assert (drawing.direction, drawing.zoom) == (direction, 1)


def test_the_direction_that_fits_is_taken() -> None:
    assert is_wide(Room(60, 22)) and fitted(chain(5), Room(60, 24)).direction == "down"


def test_what_the_user_chose_is_kept() -> None:
    drawing = fitted(chain(14), WIDE, 2)
    assert drawing.zoom == 2
    drawing = fitted(chain(14), WIDE, None, "down")
    assert (drawing.zoom, drawing.direction) == (0, "down")
    assert fitted(chain(3), WIDE, 2, "down").direction == "down"


@pytest.mark.parametrize("room", [Room(0, 0), Room(1, 1), Room(20, 5)])
def test_without_room_the_graph_has_frames(room: Room) -> None:
    assert fitted(chain(14), room).zoom == 1


def test_large_graphs_are_laid_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [Job(at, f"j{at:x}", JobStatus.READY, f"j{at:x}") for at in range(1, 600)]
    edges = [(at, 1, EdgeKind.EXPLICIT, None) for at in range(2, 600)]
    scene, zooms = JobGraph(jobs, edges).scene(), []

    def drawing(scene: Scene, *, zoom: int, **more: Any) -> GraphDrawing:
        zooms.append(zoom)
        return GraphDrawing(scene, zoom=zoom, **more)

    monkeypatch.setattr("torc_tui.views.graph_fit.GraphDrawing", drawing)
    assert fitted(scene, WIDE).height > 40
    assert zooms == [1]
