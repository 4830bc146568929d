"""The critical path: its jobs, its boxes, its length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import Artifact, EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.views.graph_critical import CriticalChain, critical_chain
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.run_progress import Durations

S = JobStatus
Weights = dict[int, float]


def job(number: int, took: float | None = None, group: str = "") -> Job:
    """A job that is blocked, or that took that many seconds."""
    if took is None:
        return Job(number, f"j{number}", S.BLOCKED, group or f"j{number}")
    own = Job(number, f"j{number}", S.COMPLETED, group or f"j{number}")
    own.started_at, own.ended_at = 100.0, 100.0 + took
    return own


def chain_of(
    jobs: list[Job], pairs: list[tuple[int, int]], known: dict[str, float] | None = None
) -> CriticalChain:
    durations = {}
    for group, mean in (known or {}).items():
        durations[group] = Durations()
        durations[group].add(mean)
    graph = JobGraph(jobs, [(below, above, EdgeKind.EXPLICIT, None) for above, below in pairs])
    return critical_chain(graph, jobs, durations, 200.0)


def test_the_chain_that_takes_longest() -> None:
    jobs = [job(1, 5), job(2, 10), job(3, 60), job(4, 1)]
    chain = chain_of(jobs, [(1, 2), (2, 4), (1, 3)])
    assert chain == CriticalChain([1, 3], 65.0)
    assert chain_of(jobs, [(1, 2), (2, 4), (1, 4), (1, 3), (3, 4)]).jobs == [1, 3, 4]


def test_jobs_that_have_not_finished() -> None:
    running = Job(2, "j2", S.RUNNING, "train")
    running.started_at = 130.0
    jobs = [job(1, 5), running, job(3, None, "train"), job(4)]
    pairs = [(1, 2), (2, 3), (3, 4)]
    assert chain_of(jobs, pairs) == CriticalChain([1, 2, 3, 4], 75.0, 1, 2)
    assert chain_of(jobs, pairs, {"train": 20.0}) == CriticalChain([1, 2, 3, 4], 95.0, 2, 1)
    assert chain_of(jobs, pairs, {"train": 90.0}).seconds == 5 + 90 + 90


def test_without_durations_the_chain_with_most_jobs() -> None:
    assert chain_of([job(1), job(2), job(3), job(4)], [(1, 2), (3, 4), (2, 4)]).jobs == [1, 2, 4]
    assert chain_of([], []) == CriticalChain([], 0)


def test_through_a_gate() -> None:
    jobs = [job(1, 1), job(2, 9), job(3, 1)]
    edges = [(-7, 1, EdgeKind.REGEX, None), (-7, 2, EdgeKind.REGEX, None)]
    graph = JobGraph(jobs, [*edges, (3, -7, EdgeKind.REGEX, None)])
    assert critical_chain(graph, jobs, {}, 0.0).jobs == [2, 3]


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), max_size=20),
    st.lists(st.integers(0, 9), min_size=8, max_size=8),
)
def test_no_chain_is_longer(pairs: list[tuple[int, int]], times: list[int]) -> None:
    links = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    jobs = [job(number, times[number - 1]) for number in range(1, 9)]
    chain = chain_of(jobs, links)
    assert all(link in links for link in zip(chain.jobs, chain.jobs[1:], strict=False))
    longest = dict.fromkeys(range(1, 9), 0.0)
    for number in range(1, 9):
        above = [longest[one] for one, other in links if other == number]
        longest[number] = times[number - 1] + max(above, default=0)
    assert chain.seconds == max(longest.values())


def test_boxes_of_the_path() -> None:
    """Jobs of one group are one box; a file between two boxes is on the path."""
    jobs = [job(1, 1), *(job(10 + at, at, "fit_{i}") for at in range(3)), job(20, 1)]
    edges = [(10 + at, 1, EdgeKind.FILE, 7) for at in range(3)]
    edges += [(20, 10 + at, EdgeKind.EXPLICIT, 0) for at in range(3)]
    graph = JobGraph(jobs, edges, [Artifact("file", 7, "table", [1], [10, 11, 12])])
    chain = critical_chain(graph, jobs, {}, 0.0)
    assert chain.jobs == [1, 12, 20]
    for data, labels in (
        (False, ["j1", "fit_{i}", "j20"]),
        (True, ["j1", "table", "fit_{i}", "j20"]),
    ):
        scene = graph.scene(data=data)
        assert [scene.nodes[at].label for at in scene.path_of(chain.jobs)] == labels
    part = scene.only([at for at, node in enumerate(scene.nodes) if node.label != "fit_{i}"])
    assert [part.nodes[at].label for at in part.path_of(chain.jobs)] == ["j1", "j20"]
