"""The lines about the selected box below a small graph."""

from __future__ import annotations

import pytest

from torc_tui.model import EdgeKind, Job
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus as S
from torc_tui.tui.graph.graph_notes import MOST_ROOM, box_notes
from torc_tui.tui.graph.graph_picture import GraphPicture
from torc_tui.tui.look.text_layout import line_width
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_fit import GraphShape, fit_drawing
from torc_tui.views.graph_grid import Room
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.graph_scene import Scene
from torc_tui.views.run_progress import Durations

FIRST, GROUP, LAST = 1, range(2, 42), 42


def jobs() -> dict[int, Job]:
    found = [Job(FIRST, "prep\x1b[2J", S.COMPLETED, "prep", started_at=1.0, ended_at=3.5)]
    for one in GROUP:
        status = S.FAILED if one == 30 else S.COMPLETED
        reason = because(Kind.EXIT, code=3) if status is S.FAILED else None
        found.append(Job(one, f"fit_{one}", status, "fit_{i}", f"i={one}", reason=reason))
    found.append(Job(LAST, "report", S.BLOCKED, "report"))
    return {job.id: job for job in found}


def scene_of(jobs: dict[int, Job]) -> tuple[JobGraph, Scene]:
    edges = [(one, FIRST, EdgeKind.EXPLICIT, None) for one in GROUP]
    edges += [(LAST, one, EdgeKind.EXPLICIT, None) for one in GROUP]
    graph = JobGraph(list(jobs.values()), edges)
    scene = graph.scene()
    scene.refresh(jobs)
    return graph, scene


def notes(job: int, room: tuple[int, int] = (60, 14)) -> list[str]:
    known = jobs()
    _, scene = scene_of(known)
    node = scene.node_of(job)
    assert node is not None
    durations = {"fit_{i}": Durations(3, 2.0, 0.0, 4.0)}
    lines = box_notes(scene, Spot(node), known, durations, room)
    assert len(lines) <= room[1] and all(line_width(line) <= room[0] for line in lines)
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_a_group_names_its_neighbors_and_failed_jobs() -> None:
    lines = notes(30)
    assert lines[:4] == [
        " fit_{i} ×40",
        "  after       ✔ prep\ufffd[2J",
        "  before      ◌ report",
        "  time        mean 2.0 s, longest 4.0 s",
    ]
    assert lines[5].split() == ["✖", "fit_30", "failed", "exit", "3"]
    assert lines[6].split()[:2] == ["✔", "fit_2"]
    assert lines[-1] == "  … and 32 more"
    assert len(lines) == 14


def test_a_job_has_its_time() -> None:
    assert notes(FIRST)[1:] == ["  before      ✖ fit_{i} ×40", "  time        2.5 s"]


@pytest.mark.parametrize("room", [(1, 1), (8, 3), (20, 6)])
def test_little_room(room: tuple[int, int]) -> None:
    assert notes(30, room)


def test_only_a_small_graph_has_notes() -> None:
    """The notes stay in their place, whatever is selected, and never cover the graph."""
    known = jobs()
    graph, _ = scene_of(known)
    room = Room(80, 60)
    picture = GraphPicture(fit_drawing(graph.scene(room=room), room, GraphShape(None, "down"), str))
    picture.scene.refresh(known)
    picture.notes = lambda spot, room: box_notes(picture.scene, spot, known, {}, room)
    _, high = picture.size

    def rule(height: int) -> int | None:
        lines = ["".join(text for text, _ in row) for row in picture.draw(0, 0, 80, height)]
        return next((y for y, line in enumerate(lines) if line.strip() == "─" * 78), None)

    for job in (FIRST, 30, LAST):
        picture.selected = picture.spot_of(job)
        assert rule(60) == 60 - MOST_ROOM
        assert rule(high + 2) is None
        above = picture.draw(0, 0, 80, 60)[60 - MOST_ROOM - 1]
        assert not "".join(text for text, _ in above).strip()
