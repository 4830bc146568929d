"""Order and cycles of random graphs, against naive algorithms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torc_tui.plan.topology import find_cycles, topological_order

edges_of = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=16),
    )
)


def arrays(edges: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [edge[0] for edge in edges], [edge[1] for edge in edges]


def reach(count: int, edges: list[tuple[int, int]]) -> set[tuple[int, int]]:
    closed = set(edges)
    for middle in range(count):
        closed |= {
            (a, b)
            for a in range(count)
            for b in range(count)
            if {(a, middle), (middle, b)} <= closed
        }
    return closed


@given(edges_of)
def test_order_and_cycles(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    waiting, needed = arrays(edges)
    order = topological_order(count, waiting, needed)
    place = {node: at for at, node in enumerate(order)}
    for node, other in edges:
        if node in place:
            assert place[other] < place[node]
    closed = reach(count, edges)
    knotted = {node for node in range(count) if (node, node) in closed}
    knots = {frozenset(b for b in knotted if a == b or {(a, b), (b, a)} <= closed) for a in knotted}
    cycles = find_cycles(count, waiting, needed)
    assert len(cycles) == len(knots)
    assert (len(order) == count) == (not knots)
    for cycle in cycles:
        assert len(set(cycle)) == len(cycle)
        assert all(step in edges for step in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        assert cycle[0] == min(min(knot) for knot in knots if cycle[0] in knot)


def test_empty_graph() -> None:
    assert topological_order(0, [], []) == []
    assert find_cycles(1, [0], [0]) == [[0]]
