"""An opened group: which of its jobs have a cell, in which order, and what is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from torc_tui.model import EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_grid import FEWEST, MOST, MemberGrid, Room
from torc_tui.views.graph_model import JobGraph

S = JobStatus
ROOM = Room(76, 34)


def fan(count: int, **statuses: S) -> JobGraph:
    """One job, a group of that many, one job; ``j3=S.FAILED`` is a status of a member."""
    group = [Job(10 + i, f"t_{i}", statuses.get(f"j{i}", S.READY), "t_{i}") for i in range(count)]
    jobs = [Job(1, "prep", S.COMPLETED, "prep"), *group, Job(5, "merge", S.BLOCKED, "merge")]
    edges = [(10 + i, 1, EdgeKind.EXPLICIT, None) for i in range(count)]
    edges += [(5, 10 + i, EdgeKind.EXPLICIT, None) for i in range(count)]
    return JobGraph(jobs, edges)


def opened(graph: JobGraph, room: Room = ROOM) -> GraphDrawing:
    keys = [group.key for group in graph.groups]
    return GraphDrawing(graph.scene(expanded=keys, room=room), sign=lambda status: status.word[0])


def grid_of(drawing: GraphDrawing) -> MemberGrid:
    return next(node.grid for node in drawing.scene.nodes if node.grid is not None)


def text(drawing: GraphDrawing, selected: Spot | None = None) -> list[str]:
    lines = drawing.lines(selected=selected)
    return ["".join(run.text for run in line).rstrip() for line in lines]


def test_an_opened_group_is_a_framed_grid() -> None:
    """The links of its members are one line in and one line out."""
    drawing = opened(fan(300, j7=S.FAILED, j9=S.RUNNING), Room(40, 12))
    assert len(drawing.scene.links) == 2
    assert text(drawing) == [
        "              ╭────────╮",
        "              │ c prep │",
        "              ╰────┬───╯",
        "                   │",
        "                   ▼",
        "╭─ t_{i} ×300 ───────────────────────╮",
        "│ f t_7    r t_9    r t_0    r t_1   │",
        "│ r t_2    r t_3    r t_4    r t_5   │",
        "│ r t_6    r t_8    r t_10   r t_11  │",
        "│ r t_12   r t_13   r t_14   r t_15  │",
        "│ 284 more  ▕▚▓░░░░░░░░░░░░░░░░▏     │",
        "╰──────────────────┬─────────────────╯",
        "                   │",
        "                   ▼",
        "              ╭─────────╮",
        "              │ b merge │",
        "              ╰─────────╯",
    ]


def test_a_small_group_is_shown_as_a_whole() -> None:
    drawing = opened(fan(5, j2=S.FAILED))
    assert text(drawing, Spot(1, 11))[5:9] == [
        "┏━ t_{i} ×5 ━━━━━━━━━━━━━━━━━┓",
        "┃ f t_2  r t_0  r t_1  r t_3 ┃",
        "┃ r t_4                      ┃",
        "┗━━━━━━━━━━━━━━┯━━━━━━━━━━━━━┛",
    ]
    runs = [run for line in drawing.lines(selected=Spot(1, 11)) for run in line]
    assert [run.text for run in runs if run.role == "cell"] == [" r t_1 "]


@given(st.integers(2, 500), st.integers(0, 250), st.integers(0, 70))
def test_the_number_of_cells_follows_the_room(count: int, width: int, height: int) -> None:
    grid = MemberGrid({job: f"job_{job}" for job in range(count)}, Room(width, height))
    for job in range(count):
        grid.move(job, S.READY)
    shown = grid.shown()
    assert min(count, FEWEST) <= len(shown) <= MOST
    assert grid.more == count - len(shown)
    assert grid.columns == 1 or grid.columns * grid.cell_width + 4 <= width


def test_failed_jobs_come_first() -> None:
    drawing = opened(fan(60, j30=S.FAILED, j20=S.RUNNING, j0=S.COMPLETED))
    grid = grid_of(drawing)
    assert grid.shown()[:3] == [40, 30, 11]
    drawing.scene.update(21, S.FAILED)
    drawing.scene.update(40, S.COMPLETED)
    assert grid.shown()[:3] == [21, 30, 11] and grid.status(40) is S.COMPLETED
    drawing.scene.refresh({12: Job(12, "t_2", S.RUNNING)})
    assert grid.shown()[:4] == [21, 12, 30, 11]


def test_the_selected_job_always_has_a_cell() -> None:
    drawing = opened(fan(300))
    grid = grid_of(drawing)
    assert 305 not in grid.shown()
    assert grid.shown(305)[-1] == 305 and len(grid.shown(305)) == len(grid.shown())
    assert grid.shown(1) == grid.shown()  # the job of another box


def test_steps_between_cells() -> None:
    grid = grid_of(opened(fan(5)))  # 4 and 1
    assert grid.step(10, 1, 0) == 11 and grid.step(11, -1, 0) == 10
    assert grid.step(10, -1, 0) is None and grid.step(13, 1, 0) is None
    assert grid.step(10, 0, 1) == 14 and grid.step(14, 0, -1) == 10
    assert grid.step(13, 0, 1) == 14, "the last row is short"
    assert grid.step(14, 0, 1) is None and grid.step(10, 0, -1) is None


def test_cells_and_places() -> None:
    drawing = opened(fan(300))
    for job in grid_of(drawing).shown():
        box = drawing.cell(Spot(1, job))
        assert drawing.member_at(box.x + 1, box.y) == job
        assert drawing.member_at(box.x + box.w - 1, box.y) == job
    frame = drawing.box(1)
    assert drawing.member_at(frame.x, frame.y) is None
    assert drawing.member_at(frame.x + 3, frame.y + frame.h - 2) is None  # how many more
    assert drawing.cell(Spot(0)) == drawing.box(0)


@pytest.mark.parametrize(
    "name",
    [
        "x" * 190 + "_{i}",
        "{i}_" + "x" * 190,
        "x" * 90 + "{i}" + "y" * 90,
        "🎉👨‍👩‍👧{i}",
        "שלום {i}",
        "\x1b[31m{i}\n",
    ],
    ids=["end", "start", "middle", "emoji", "right-to-left", "control"],
)
def test_hostile_names(name: str) -> None:
    """Lines keep their width, and names of 200 characters can be told apart."""
    group = [Job(10 + i, name.replace("{i}", str(i)), S.READY, name) for i in range(12)]
    graph = JobGraph(group, [])
    drawing = opened(graph, Room(60, 20))
    grid = grid_of(drawing)
    assert drawing.width <= 60
    shown = grid.shown()
    assert len({grid.label(job, "…") for job in shown}) == len(shown) >= FEWEST
    for line in drawing.lines():
        assert cell_len("".join(run.text for run in line)) == drawing.width


def test_boxes_of_all_jobs_for_exports() -> None:
    graph = fan(3)
    keys = [group.key for group in graph.groups]
    assert len(graph.scene(expanded=keys).nodes) == 5
    assert len(graph.scene(expanded=keys, room=ROOM).nodes) == 3


def test_a_large_group_changes_at_once() -> None:
    """A change moves one entry; the jobs are not sorted again."""
    grid = grid_of(opened(fan(2000)))
    compared = 0

    class Counted(int):
        def __lt__(self, other: int) -> bool:
            nonlocal compared
            compared += 1
            return int(self) < int(other)

        __hash__ = int.__hash__

    grid.move(Counted(1500), S.FAILED)
    assert grid.shown()[0] == 1500 and compared < 50
