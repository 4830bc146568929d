"""Steps from box to box, and the lines that they light up."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_grid import Room
from torc_tui.views.graph_layout import Direction
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.graph_routing import Hop
from torc_tui.views.graph_walk import Heading, walk
from torc_tui.views.graph_wires import CellWindow, Run, Wires

HEADINGS = get_args(Heading)
TURNED = {"down": "right", "up": "left", "right": "down", "left": "up"}
"""The same steps in a graph that goes from left to right."""


def drawing_of(
    links: dict[str, str], direction: Direction = "down", group: int = 0
) -> GraphDrawing:
    """Return the drawing of jobs with the jobs they depend on, and of an opened group after a."""
    number = {name: at for at, name in enumerate(links, 1)}
    jobs = [Job(at, name, JobStatus.READY, name) for name, at in number.items()]
    edges = [
        (number[name], number[on], EdgeKind.EXPLICIT, None)
        for name, needs in links.items()
        for on in needs
    ]
    jobs += [Job(100 + at, f"g_{at}", JobStatus.READY, "g_{i}") for at in range(group)]
    edges += [(100 + at, 1, EdgeKind.EXPLICIT, None) for at in range(group)]
    graph = JobGraph(jobs, edges)
    keys = [one.key for one in graph.groups]
    return GraphDrawing(graph.scene(expanded=keys, room=Room(60, 20)), direction=direction)


def name(drawing: GraphDrawing, spot: Spot | None) -> str:
    if spot is None:
        return ""
    return f"g_{spot.job - 100}" if spot.job is not None else drawing.scene.nodes[spot.node].label


def trail(drawing: GraphDrawing, *headings: Heading) -> str:
    """Return the names on the way from the first box; - is a step that leads nowhere."""
    spot, before, names = walk(drawing, None, "down"), None, []
    names.append(name(drawing, spot))
    for heading in headings:
        found = walk(drawing, spot, heading, before)
        names.append(name(drawing, found) or "-")
        if found is not None:
            assert spot is not None
            before = spot.node if spot.node != found.node else before
            spot = found
    return " ".join(names)


DIAMOND = {"a": "", "b": "a", "c": "a", "d": "bc", "lone": ""}


@pytest.mark.parametrize("direction", get_args(Direction))
@pytest.mark.parametrize(
    ("headings", "names"),
    [
        (("down", "right", "down", "up"), "a b c d c"),
        (("down", "right", "right", "left", "left"), "a b c - b -"),
        (("up",), "a -"),
        (("down", "down", "down", "down", "up"), "a b d lone - d"),
    ],
    ids=["back the same way", "siblings", "top", "without links"],
)
def test_steps(direction: Direction, headings: tuple[Heading, ...], names: str) -> None:
    steps = [TURNED[one] if direction == "right" else one for one in headings]
    assert trail(drawing_of(DIAMOND, direction), *steps) == names  # type: ignore[arg-type]  # headings


def test_through_an_opened_group() -> None:
    drawing = drawing_of({"a": "", "b": "a"}, group=6)  # four and two cells
    assert trail(drawing, "down", "right", "right", "up") in (
        "a b g_0 g_1 a",
        "a g_0 g_1 g_2 a",
    )
    inside: list[Heading] = ["right", "down", "left", "up", "up"]
    at = next(n for n, node in enumerate(drawing.scene.nodes) if node.grid is not None)
    spot, seen = Spot(at, 100), []
    for heading in inside:
        spot = walk(drawing, spot, heading) or spot
        seen.append(name(drawing, spot))
    assert seen == ["g_1", "g_5", "g_4", "g_0", "a"]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=16))
def test_every_box_can_be_reached(pairs: list[tuple[int, int]]) -> None:
    links = {chr(97 + at): "" for at in range(9)}
    for one, other in pairs:
        if one != other:
            links[chr(97 + max(one, other))] += chr(97 + min(one, other))
    drawing = drawing_of(links)
    first = walk(drawing, None, "down")
    assert first is not None
    seen, open_ = {first.node}, [first]
    while open_:
        spot = open_.pop()
        for heading in HEADINGS:
            # Another box before makes another choice among parents and children.
            for before in [None, *range(9)]:
                found = walk(drawing, spot, heading, before)
                if found is not None and found.node not in seen:
                    seen.add(found.node)
                    open_.append(found)
    linked = {end for link in drawing.scene.links for end in link}
    assert seen >= linked and len(seen) >= min(9, len(linked) + 1)


def test_nothing_to_select() -> None:
    assert walk(GraphDrawing(JobGraph([], []).scene()), None, "down") is None


def spot_of(drawing: GraphDrawing, label: str) -> Spot:
    return Spot(next(at for at, one in enumerate(drawing.scene.nodes) if one.label == label))


def roles(drawing: GraphDrawing, spot: Spot | None, lit: list[int]) -> list[str]:
    """Return the roles of the cells of all lines."""
    signs = {run.role: run.text for line in drawing.lines(selected=spot, lit=lit) for run in line}
    return sorted(signs.keys() & {"edge", "near", "lit"})


def test_the_links_of_the_selected_box_are_lit() -> None:
    drawing = drawing_of({"a": "", "b": "a", "c": "b", "x": "", "y": "x"})
    assert roles(drawing, None, []) == ["edge"]
    chosen = spot_of(drawing, "b")
    assert roles(drawing, chosen, []) == ["edge", "near"]
    lines = drawing.lines(selected=chosen)
    cells = sum(len(run.text) for line in lines for run in line if run.role == "near")
    assert cells == 4  # two links of two cells


def test_the_critical_path_is_heavy_without_colors() -> None:
    drawing = drawing_of({"a": "", "b": "a", "c": "b", "d": "a"})
    path = [spot_of(drawing, label).node for label in "abc"]
    text = "".join(run.text for line in drawing.lines(lit=path) for run in line)
    assert "┃" in text and "╭" in text
    assert "┃" not in "".join(run.text for line in drawing.lines() for run in line)


@pytest.mark.parametrize("down", [True, False])
def test_where_lines_cross_the_upper_one_decides(down: bool) -> None:
    """A column goes over a line across that it does not meet; only that line is lit."""
    window = CellWindow(0, 0, 5, 5)
    wires = Wires(window, down=down, plain=False)
    wires.add(Hop(0, 0, 4, exit=0, entry=4, track=2, arrives=False), "near")
    wires.add(Hop(1, 0, 4, exit=2, entry=2, track=None, arrives=False), "edge")
    wires.draw()
    looks = [(run.text, run.role) for run in middle(window, down=down)]
    signs = "╰─│─╮" if down else "╮│─│╰"
    assert looks == list(zip(signs, ("near", "near", "edge", "near", "near"), strict=True))


def middle(window: CellWindow, *, down: bool) -> list[Run]:
    """Return the cells of the row or column in the middle."""
    rows = [[run._replace(text=char) for run in row for char in run.text] for row in window.runs()]
    return rows[2] if down else [row[2] for row in rows]
