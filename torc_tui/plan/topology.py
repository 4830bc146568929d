"""Order a graph, find its cycles, find nodes that are not ordered, and report cycles of jobs.

Input: a number of nodes and two lists of equal length: edge by edge the node that waits, and the
node that it needs. Output: lists of node numbers. Nodes have no meaning here (jobs and gates
alike), but for `report_cycles`: it takes a plan, and adds problems that name each step of a path
with its reason. Sized for 100,000 nodes and 300,000 edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import lt

from torc_tui.model import Plan
from torc_tui.plan.edge_reasons import EdgeReasons, edge_arrays
from torc_tui.plan.names import PlanProblems
from torc_tui.quoting import shorten
from torc_tui.wording import sentence


def dependents(count: int, waiting: Sequence[int], needed: Sequence[int]) -> list[list[int]]:
    """Return for each node the nodes that wait for it."""
    lists: list[list[int]] = [[] for _ in range(count)]
    for node, other in zip(waiting, needed, strict=True):
        lists[other].append(node)
    return lists


def topological_order(count: int, waiting: Sequence[int], needed: Sequence[int]) -> list[int]:
    """Return the nodes, each after all that it needs.

    Nodes on a cycle, and those that need one, are missing.
    """
    unmet = [0] * count
    for node in waiting:
        unmet[node] += 1
    behind = dependents(count, waiting, needed)
    order = [node for node in range(count) if not unmet[node]]
    for node in order:
        for other in behind[node]:
            unmet[other] -= 1
            if not unmet[other]:
                order.append(other)
    return order


def find_unordered(
    count: int, waiting: Sequence[int], needed: Sequence[int], nodes: Sequence[int]
) -> tuple[int, int] | None:
    """Return two of some nodes of which neither needs the other, directly or not."""
    place = {node: at for at, node in enumerate(topological_order(count, waiting, needed))}
    needs: dict[int, list[int]] = {}
    for node, other in zip(waiting, needed, strict=True):
        needs.setdefault(node, []).append(other)
    ordered = sorted(nodes, key=lambda node: place.get(node, count))
    for earlier, later in pairwise(ordered):
        if not _needs(needs, later, earlier, place):
            return earlier, later
    return None


def _needs(
    needs: Mapping[int, Sequence[int]], start: int, wanted: int, place: Mapping[int, int]
) -> bool:
    """Return whether a node needs another, directly or not."""
    limit = place.get(wanted, 0)
    seen = {start}
    waiting = [start]
    while waiting:
        for other in needs.get(waiting.pop(), ()):
            if other == wanted:
                return True
            if other not in seen and place.get(other, limit) > limit:
                seen.add(other)
                waiting.append(other)
    return False


def find_cycles(
    count: int, waiting: Sequence[int], needed: Sequence[int], limit: int = 20
) -> list[list[int]]:
    """Return one short cycle of every knot of nodes that wait for each other, at most ``limit``.

    ``[a, b, c]`` means: a waits for b, b for c, c for a. A cycle starts with its lowest node, by
    which the cycles are sorted.
    """
    if all(map(lt, needed, waiting)):  # every node needs lower ones only
        return []
    order = topological_order(count, waiting, needed)
    if len(order) == count:
        return []
    stuck = [True] * count
    for node in order:
        stuck[node] = False
    needs: dict[int, list[int]] = {node: [] for node in range(count) if stuck[node]}
    for node, other in zip(waiting, needed, strict=True):
        if stuck[node] and stuck[other]:
            needs[node].append(other)
    knots = sorted(_knots(needs), key=min)
    return [_shortest_cycle(needs, knot) for knot in knots[:limit]]


def _knots(needs: dict[int, list[int]]) -> list[set[int]]:
    """Return the strongly connected components that hold a cycle."""
    search = _ComponentSearch(needs)
    for root in needs:
        if root not in search.number:
            search.visit(root)
    return search.knots


class _ComponentSearch:
    """Tarjan's algorithm, without recursion."""

    def __init__(self, needs: dict[int, list[int]]) -> None:
        self.needs = needs
        self.number: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.stack: list[int] = []
        self.on_stack: set[int] = set()
        self.path: list[tuple[int, Iterator[int]]] = []
        self.knots: list[set[int]] = []

    def visit(self, root: int) -> None:
        """Visit everything that a node needs."""
        self.enter(root)
        while self.path:
            node, rest = self.path[-1]
            following = next(rest, None)
            if following is None:
                self.path.pop()
                self.leave(node)
            elif following not in self.number:
                self.enter(following)
            elif following in self.on_stack:
                self.low[node] = min(self.low[node], self.number[following])

    def enter(self, node: int) -> None:
        """Begin with a node."""
        self.number[node] = self.low[node] = len(self.number)
        self.stack.append(node)
        self.on_stack.add(node)
        self.path.append((node, iter(self.needs[node])))

    def leave(self, node: int) -> None:
        """Finish a node; it may be the first of a component."""
        if self.path:
            parent = self.path[-1][0]
            self.low[parent] = min(self.low[parent], self.low[node])
        if self.low[node] != self.number[node]:
            return
        component = set()
        while node not in component:
            member = self.stack.pop()
            self.on_stack.discard(member)
            component.add(member)
        if len(component) > 1 or node in self.needs[node]:
            self.knots.append(component)


def _shortest_cycle(needs: dict[int, list[int]], knot: set[int]) -> list[int]:
    """Return the shortest way from the lowest node of a knot back to itself."""
    start = min(knot)
    came_from: dict[int, int] = {}
    front = [start]
    while front:
        following = []
        for node in front:
            for other in needs[node]:
                if other == start:
                    path = [node]
                    while path[-1] != start:
                        path.append(came_from[path[-1]])
                    return path[::-1]
                if other in knot and other not in came_from:
                    came_from[other] = node
                    following.append(other)
        front = following
    return [start]


_SHOWN_STEPS = 40
"""The middle of a longer cycle is left out."""


def report_cycles(plan: Plan, problems: PlanProblems) -> None:
    """Add one problem for each group of jobs that wait for each other."""
    count = len(plan.jobs)
    cycles = [
        [node for node in cycle if node < count]
        for cycle in find_cycles(count + len(plan.gates), *edge_arrays(plan))
    ]
    if not cycles:
        return
    steps = {pair for jobs in cycles for pair in zip(jobs, [*jobs[1:], jobs[0]], strict=True)}
    reasons = EdgeReasons(plan).between(steps)
    for jobs in cycles:
        names = [shorten(plan.jobs[job].spec.name) for job in [*jobs, jobs[0]]]
        why = [sentence(reasons[pair]) for pair in zip(jobs, [*jobs[1:], jobs[0]], strict=True)]
        path = [
            f"{name} waits for {other} ({reason})"
            for (name, other), reason in zip(pairwise(names), why, strict=True)
        ]
        if len(path) > _SHOWN_STEPS:
            path[_SHOWN_STEPS // 2 : -_SHOWN_STEPS // 2] = [f"… {len(path) - _SHOWN_STEPS} more …"]
            names[_SHOWN_STEPS // 2 : -_SHOWN_STEPS // 2] = ["…"]
        problems.add(
            f"jobs wait for each other: {' -> '.join(names)}: {', '.join(path)}",
            plan.jobs[jobs[0]].spec.source,
            None,
            kind="cycle",
            hint="remove one of these dependencies",
        )
