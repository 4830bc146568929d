"""Folding, layout, drawing and exports of the graph."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from torc_tui.model import Artifact, EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_export import export
from torc_tui.views.graph_layout import Box, layout
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.graph_scene import Scene
from torc_tui.views.status_bar import strip

S = JobStatus


def members(name: str, first: int, count: int, status: JobStatus = S.READY) -> list[Job]:
    return [Job(first + i, f"{name}_{i}", status, f"{name}_{{i}}") for i in range(count)]


def pipeline(count: int = 5) -> JobGraph:
    jobs = [
        Job(1, "prep", S.COMPLETED, "prep"),
        *members("align", 10, count),
        Job(5, "merge", S.BLOCKED, "merge"),
    ]
    edges = [(10 + i, 1, EdgeKind.FILE, 7) for i in range(count)]
    edges += [(-3, 10 + i, EdgeKind.REGEX, None) for i in range(count)] + [
        (5, -3, EdgeKind.REGEX, None)
    ]
    return JobGraph(
        jobs,
        edges,
        [Artifact("file", 7, "data.csv", [1], [10 + i for i in range(count)], "exists")],
    )


def shown(scene: Scene) -> set[tuple[str, str]]:
    return {
        (scene.nodes[source].label, scene.nodes[target].label) for source, target in scene.links
    }


def test_a_group_with_the_same_neighbors_is_one_box() -> None:
    graph = pipeline()
    assert [(group.label, len(group.jobs)) for group in graph.groups] == [
        ("prep", 1),
        ("align_{i}", 5),
        ("merge", 1),
    ]
    assert shown(graph.scene()) == {("prep", "align_{i}"), ("align_{i}", "merge")}


def test_implied_links_are_left_out() -> None:
    jobs = [Job(i, name, S.READY, name) for i, name in enumerate("abcd", 1)]
    edges = [(2, 1), (3, 2), (3, 1), (4, 3), (4, 1), (4, 2)]
    scene = JobGraph(jobs, [(job, needs, EdgeKind.EXPLICIT, None) for job, needs in edges]).scene()
    assert len(scene.links) == 6
    direct = scene.direct()
    assert shown(direct) == {("a", "b"), ("b", "c"), ("c", "d")}
    direct.refresh({job.id: Job(job.id, job.name, S.COMPLETED) for job in jobs})
    assert direct.nodes[0].counts[S.COMPLETED] == 1
    assert JobGraph([], []).scene().direct().links == []


def test_jobs_of_a_group_with_other_parents_are_another_box() -> None:
    jobs = [Job(1, "a", S.READY, "a"), Job(2, "b", S.READY, "b"), *members("x", 10, 4)]
    graph = JobGraph(
        jobs,
        [(10, 1, 1, None), (11, 1, 1, None), (12, 2, 1, None), (13, 1, 1, None), (13, 2, 1, None)],
    )
    assert sorted(tuple(group.jobs) for group in graph.groups) == [
        (1,),
        (2,),
        (10, 11),
        (12,),
        (13,),
    ]


def test_a_gate_counts_as_its_members() -> None:
    jobs = [Job(1, "a", S.READY, "a"), *members("x", 10, 2)]
    graph = JobGraph(jobs, [(10, 1, 1, None), (11, -1, 1, None), (-1, 1, 1, None)])
    assert [group.jobs for group in graph.groups] == [[1], [10, 11]]


def test_open_in_place() -> None:
    graph = pipeline()
    key = graph.groups[1].key
    scene = graph.scene(expanded=[key])
    assert shown(scene) == {("prep", f"align_{i}") for i in range(5)} | {
        (f"align_{i}", "merge") for i in range(5)
    }
    part = graph.scene(expanded=[key], shown=2)
    assert [(node.label, node.count) for node in part.nodes][1:4] == [
        ("align_0", 1),
        ("align_1", 1),
        ("align_{i} …", 3),
    ]
    assert part.node_of(14) == 3 and part.nodes[3].group == key
    assert ("align_{i} …", "merge") in shown(part)


def test_files_stand_between_their_writers_and_readers() -> None:
    scene = pipeline().scene(data=True)
    assert shown(scene) == {("prep", "data.csv"), ("data.csv", "align_{i}"), ("align_{i}", "merge")}
    assert next(node for node in scene.nodes if node.kind == "file").state == "exists"


def test_files_with_the_same_ends_fold() -> None:
    jobs = [*members("a", 1, 3), *members("b", 10, 3)]
    data = [Artifact("file", i, f"f_{i}.txt", [1 + i], [10 + i]) for i in range(3)]
    graph = JobGraph(jobs, [(10 + i, 1 + i, EdgeKind.FILE, i) for i in range(3)], data)
    assert shown(graph.scene(data=True)) == {("a_{i}", "f_#.txt ×3"), ("f_#.txt ×3", "b_{i}")}


def test_counts_follow_the_states() -> None:
    scene = pipeline().scene()
    at = scene.node_of(12)
    assert at is not None and scene.nodes[at].counts[S.READY] == 5
    assert scene.update(12, S.FAILED) == at
    assert scene.update(12, S.FAILED) is None and scene.update(999, S.READY) is None
    assert scene.nodes[at].counts[S.FAILED] == 1 and scene.nodes[at].status is S.FAILED
    scene.refresh({12: Job(12, "x", S.COMPLETED)})
    assert (scene.nodes[at].counts[S.COMPLETED], scene.nodes[at].counts[S.FAILED]) == (1, 0)


def test_reach_and_focus() -> None:
    graph = pipeline()
    assert graph.after("prep") == {10, 11, 12, 13, 14, 5} and graph.before("merge") == {
        1,
        10,
        11,
        12,
        13,
        14,
    }
    assert graph.after("align_*") == {5} and graph.after("nobody") == set()
    jobs = [Job(i, name, S.READY, name) for i, name in enumerate("abcde")]
    scene = JobGraph(
        jobs, [(1, 0, 1, None), (2, 1, 1, None), (3, 0, 1, None), (4, 3, 1, None)]
    ).scene()
    names = lambda found: {scene.nodes[at].label for at in found}  # noqa: E731
    b = next(at for at, node in enumerate(scene.nodes) if node.key == "g1")
    assert names(scene.around(b)) == {"a", "b", "c"} and names(scene.around(b, up=False)) == {
        "b",
        "c",
    }
    assert len(scene.only(scene.around(b)).links) == 2


def test_many_jobs_without_group_fold_by_their_names() -> None:
    jobs = [Job(i, f"job_{i}", S.READY, f"job_{i}") for i in range(3000)]
    assert [(group.label, len(group.jobs)) for group in JobGraph(jobs, []).groups] == [
        ("job_#", 3000)
    ]


EDGES = st.integers(1, 14).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30)
    )
)


@given(EDGES, st.lists(st.integers(0, 2), min_size=14, max_size=14), st.sets(st.integers(0, 13)))
def test_every_dependency_is_in_every_scene(
    drawn: tuple[int, list], group_of: list[int], opened: set[int]
) -> None:
    count, pairs = drawn
    jobs = [Job(i + 1, f"j{i}", S.READY, f"f{group_of[i]}") for i in range(count)]
    edges = {(max(a, b) + 1, min(a, b) + 1) for a, b in pairs if a != b}
    graph = JobGraph(jobs, [(job, on, 1, None) for job, on in edges])
    expanded = [group.key for at, group in enumerate(graph.groups) if at in opened]
    for scene in (graph.scene(), graph.scene(expanded=expanded)):
        assert sorted(job for node in scene.nodes for job in node.jobs) == [job.id for job in jobs]
        links = set(scene.links)
        assert {(scene.node_of(on), scene.node_of(job)) for job, on in edges} == links
    for group in graph.groups:  # the law of folding
        parents = [
            frozenset(graph.group_numbers[on - 1] for job, on in edges if job == own)
            for own in group.jobs
        ]
        assert len(set(parents)) == 1 and len({jobs[own - 1].group for own in group.jobs}) == 1


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h


def cells_of(path: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out = []
    for (x1, y1), (x2, y2) in pairwise(path):
        assert x1 == x2 or y1 == y2
        dx, dy = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
        while (x1, y1) != (x2, y2):
            out.append((x1, y1))
            x1, y1 = x1 + dx, y1 + dy
    return [*out, path[-1]]


@settings(max_examples=60)
@given(
    EDGES,
    st.lists(st.tuples(st.integers(5, 20), st.integers(3, 4)), min_size=14, max_size=14),
    st.sampled_from(["down", "right"]),
)
def test_layout_invariants(drawn: tuple[int, list], sizes: list, direction: str) -> None:
    count, pairs = drawn
    links = [(min(a, b), max(a, b)) for a, b in pairs]
    made = layout(sizes[:count], links, direction=direction)  # type: ignore[arg-type]  # one of the two words
    boxes = made.boxes
    for at, box in enumerate(boxes):
        assert (box.w, box.h) == sizes[at]
        assert (
            box.x >= 0
            and box.y >= 0
            and box.x + box.w <= made.width
            and box.y + box.h <= made.height
        )
        assert not any(overlap(box, other) for other in boxes[:at])
    inside = {
        (x, y)
        for box in boxes
        for x in range(box.x, box.x + box.w)
        for y in range(box.y, box.y + box.h)
    }
    drawn_links = {hop.link for hop in made.hops}
    assert {links[at] for at in drawn_links} == {link for link in links if link[0] != link[1]}
    paths = made.paths()
    for link in drawn_links:
        source, target = (boxes[end] for end in links[link])
        cells = cells_of(paths[link])
        assert not inside.intersection(cells)
        (x1, y1), (x2, y2) = cells[0], cells[-1]
        if direction == "down":
            assert y1 == source.y + source.h and source.x <= x1 < source.x + source.w
            assert y2 == target.y - 1 and target.x <= x2 < target.x + target.w
        else:
            assert x1 == source.x + source.w and source.y <= y1 < source.y + source.h
            assert x2 == target.x - 1 and target.y <= y2 < target.y + target.h


def text(drawing: GraphDrawing, *window: int) -> list[str]:
    return ["".join(run.text for run in line) for line in drawing.lines(*window)]


def test_drawing_of_a_small_graph() -> None:
    drawing = GraphDrawing(
        pipeline().scene(), sign=lambda status: "✔" if status is S.COMPLETED else "◌"
    )
    assert [line.rstrip() for line in text(drawing)] == [
        "       ╭────────╮",
        "       │ ✔ prep │",
        "       ╰────┬───╯",
        "            │",
        "            ▼",
        "╭──────────────────────╮",
        "│ align_{i} ×5 ▕░░░░░▏ │",
        "╰───────────┬──────────╯",
        "            │",
        "            ▼",
        "       ╭─────────╮",
        "       │ ◌ merge │",
        "       ╰─────────╯",
    ]
    at = drawing.at(7, 1)
    assert at is not None and drawing.scene.nodes[at].label == "prep"
    assert drawing.at(0, 0) is None and drawing.at(12, 3) is None


@pytest.mark.parametrize("zoom", [0, 1, 2])
@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("plain", [False, True])
def test_a_window_is_a_part_of_the_whole(zoom: int, direction: str, plain: bool) -> None:
    graph = pipeline()
    scene = graph.scene(expanded=[graph.groups[1].key], data=True)
    drawing = GraphDrawing(scene, zoom=zoom, direction=direction, plain=plain)  # type: ignore[arg-type]  # one of two words
    whole = text(drawing)
    assert len(whole) == drawing.height and {len(line) for line in whole} == {drawing.width}
    assert not plain or "".join(whole).isascii()
    part = text(drawing, 5, 2, 13, 4)
    assert part == [line[5:18].ljust(13) for line in (whole[2:6] + [""] * 4)[:4]]
    assert text(drawing, -3, -1, 5, 3)[0] == "     "
    for node in scene.nodes:
        assert node.label in "\n".join(whole)


def test_hostile_and_wide_names_keep_the_columns() -> None:
    jobs = [
        Job(1, "日本語ジョブ", S.READY, "日本語ジョブ"),
        Job(2, "\x1b[31mred\n\u202e", S.READY, "x"),
        Job(3, "e\u0301🎉👨\u200d👩☁\ufe0f", S.READY, "e"),
    ]
    drawing = GraphDrawing(JobGraph(jobs, [(2, 1, 1, None), (3, 1, 1, None)]).scene())
    for start in range(drawing.width):
        for line in text(drawing, start, 0, 11, drawing.height):
            assert cell_len(line) == 11 and "\x1b" not in line and "\u202e" not in line


def test_lit_path_and_minimap() -> None:
    drawing = GraphDrawing(pipeline().scene())
    roles = {run.role for line in drawing.lines(lit=[0, 1]) for run in line}
    assert {"lit", "edge", "job:blocked"} <= roles
    small = drawing.minimap(8, 4, Box(0, 0, 10, 5))
    assert len(small) == 4 and all(sum(len(run.text) for run in line) == 8 for line in small)
    assert any(run.role == "view" for line in small for run in line)


def test_only_links_along_the_path_are_lit() -> None:
    """A link that skips a box of the path is beside it, though both of its ends are lit."""
    jobs = [Job(at, name, S.READY, name) for at, name in enumerate("abc", 1)]
    graph = JobGraph(jobs, [(2, 1, 1, None), (3, 2, 1, None), (3, 1, 1, None)])
    scene = graph.scene()
    path = scene.path_of(graph.heaviest_chain(dict.fromkeys(range(1, 4), 1.0)))
    assert len(path) == 3
    roles = {run.role for line in GraphDrawing(scene).lines(lit=path) for run in line}
    assert {"lit", "edge"} <= roles
    picture = export(scene, "svg", lit=path)
    assert picture.count('class="lit"') == 2 and picture.count('class="wire"') == 1


@given(st.lists(st.integers(0, 30), min_size=11, max_size=11), st.integers(0, 12))
def test_status_bar_cells(counts: list[int], width: int) -> None:
    cells = strip(counts, width)
    assert len(cells) == (width if sum(counts) else 0)
    present = {status for status in S if counts[status]}
    assert {status for _, status in cells} <= present
    if len(present) <= width and present:
        assert {status for _, status in cells} == present


def test_exports() -> None:
    jobs = [Job(1, 'a"<&>\\#;', S.FAILED, "a"), *members("b", 10, 3)]
    scene = JobGraph(jobs, [(10 + i, 1, 1, None) for i in range(3)]).scene()
    mermaid = export(scene, "mermaid")
    assert (
        mermaid.startswith("flowchart TD\n")
        and "n0 --> n1" in mermaid
        and "#34;#60;#38;" in mermaid
    )
    dot = export(scene, "dot", title='w"')
    assert '"a\\"<&>\\\\#;"' in dot and "n0 -> n1;" in dot and dot.startswith('digraph "w\\"" {')
    picture = ElementTree.fromstring(export(scene, "svg", title="<w>", lit=[0, 1]))
    texts = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert 'a"<&>\\#;' in texts and "b_{i} ×3" in texts
    assert "b_{i} x3" in export(scene, "text", plain=True)
    assert export(JobGraph([], []).scene(), "svg").startswith("<svg")
    assert export(JobGraph([], []).scene(), "text") == "\n"
