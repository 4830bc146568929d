"""What the tab of the graph paints beside the graph itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from torc_tui.model import EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.tui.graph.graph_picture import GraphPicture
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_layout import Direction
from torc_tui.views.graph_model import JobGraph


def picture(direction: Direction = "down", *, boxes: int = 30, name: str = "job") -> GraphPicture:
    jobs = [Job(at, f"{name} {at}", JobStatus.READY, f"{name}{at}") for at in range(1, boxes + 1)]
    edges = [(at, at // 2, EdgeKind.EXPLICIT, None) for at in range(2, boxes + 1)]
    return GraphPicture(GraphDrawing(JobGraph(jobs, edges).scene(), direction=direction))


def shown(made: GraphPicture, *view: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in made.draw(*view)]


PLACES = st.tuples(st.integers(0, 400), st.integers(0, 60))
SIZES = st.tuples(st.integers(1, 200), st.integers(1, 60))


@settings(max_examples=60)
@given(PLACES, SIZES, st.sampled_from(["down", "right"]), st.sampled_from(["job", "日本"]))
def test_the_minimap_hides_no_box(
    place: tuple[int, int], size: tuple[int, int], direction: Direction, name: str
) -> None:
    made = picture(direction, name=name)
    lines = shown(made, *place, *size)
    made.minimap = False
    plain = shown(made, *place, *size)
    for line, before in zip(lines, plain, strict=False):
        assert cell_len(line) <= size[0] and before.count(name) == line.count(name)
        assert before.count("╰──") <= line.count("╰──")


def test_the_minimap_is_in_a_free_corner() -> None:
    made = picture()
    lines = shown(made, 0, 0, 100, 30)
    assert made.size[0] > 100 and sum("■" in line for line in lines) > 2
    made.minimap = False
    assert not any("■" in line for line in shown(made, 0, 0, 100, 30))
