"""The line below the graph."""

from __future__ import annotations

import pytest

from torc_tui.model import Artifact, EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.tui.graph.graph_facts import Part, chain_words, legend_parts, shown_parts
from torc_tui.tui.graph.graph_picture import GraphPicture
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_critical import CriticalChain
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_grid import Room
from torc_tui.views.graph_model import JobGraph


def picture(*, data: bool = False, zoom: int = 1, name: str = "prep") -> GraphPicture:
    jobs = [Job(1, name, JobStatus.FAILED, "prep")]
    jobs += [Job(at, f"fit_{at}", JobStatus.READY, "fit_{i}") for at in range(2, 6)]
    edges = [(at, 1, EdgeKind.FILE, 7) for at in range(2, 6)]
    files = [Artifact("file", 7, "table", [1], [2, 3, 4, 5], "exists")]
    scene = JobGraph(jobs, edges, files).scene(data=data)
    return GraphPicture(GraphDrawing(scene, zoom=zoom))


def words(parts: list[Part]) -> str:
    return " · ".join("".join(text for text, _ in line) for _, line in parts)


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (None, "3 boxes"),
        (0, "✖ prep failed"),
        (1, "fit_{i} 4 jobs: 4 ready"),
        (2, "table file exists"),
    ],
)
def test_what_is_selected(node: int | None, text: str) -> None:
    made = picture(data=True)
    made.selected = None if node is None else Spot(node)
    assert words(shown_parts(made, "", None)) == text


def test_a_job_of_an_opened_group_is_selected() -> None:
    graph = JobGraph([Job(at, f"fit_{at}", JobStatus.READY, "fit_{i}") for at in range(1, 5)], [])
    scene = graph.scene(expanded=[graph.groups[0].key], room=Room(60, 20))
    made = GraphPicture(GraphDrawing(scene))
    made.selected = Spot(0, 3)
    assert words(shown_parts(made, "", None)) == "… fit_3 ready"


def test_a_part_of_the_graph_and_the_critical_path() -> None:
    made = picture()
    parts = shown_parts(made, "only what depends on it: prep", CriticalChain([1, 2], 70.0))
    assert words(parts) == "only what depends on it: prep · ━ critical path 2 jobs, 1 min 10 s"


@pytest.mark.parametrize(
    ("chain", "text"),
    [
        (CriticalChain([1, 2], 0.5), "2 jobs, 0.50 s"),
        (CriticalChain([1], 60.0, 1), "1 job, about 1 min"),
        (CriticalChain([1, 2], 60.0, 1, 1), "2 jobs, at least 1 min"),
        (CriticalChain([1, 2], 0.0, 0, 2), "2 jobs, duration unknown"),
    ],
)
def test_the_length_of_the_path(chain: CriticalChain, text: str) -> None:
    assert chain_words(chain) == text


def test_the_legend_has_what_occurs() -> None:
    assert words(legend_parts(picture())) == "╭╮ job · ▕█▏ job group"
    assert words(legend_parts(picture(data=True))) == "╭╮ job · ▕█▏ job group · ┌┐ file"
    assert words(legend_parts(picture(zoom=0))) == "[] job · ×n job group"


def test_a_long_name_is_cut() -> None:
    made = picture(name="x" * 190 + "_17")
    made.selected = Spot(0)
    text = words(shown_parts(made, "", None))
    assert len(text) < 80 and "_17 failed" in text
