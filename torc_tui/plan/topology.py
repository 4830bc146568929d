"""The graph as plain lists of numbers: order, cycles.

In: a number of nodes and two lists of equal length, edge by edge the node that waits and the node
that it needs. Out: lists of node numbers. Nodes have no meaning here (jobs and gates alike), and
nothing is ever named or raised. Sized for 100,000 nodes and 300,000 edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import lt


def dependents(count: int, waiting: Sequence[int], needed: Sequence[int]) -> list[list[int]]:
    """For each node, those that wait for it."""
    lists: list[list[int]] = [[] for _ in range(count)]
    for node, other in zip(waiting, needed, strict=True):
        lists[other].append(node)
    return lists


def topological_order(count: int, waiting: Sequence[int], needed: Sequence[int]) -> list[int]:
    """The nodes, each after all that it needs. Nodes on a cycle, and those behind one, are missing
    from it."""
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


def find_cycles(
    count: int, waiting: Sequence[int], needed: Sequence[int], limit: int = 20
) -> list[list[int]]:
    """One short cycle out of every knot of nodes that wait for each other, at most ``limit``.

    ``[a, b, c]`` says: a waits for b, b for c, c for a. Each starts with its lowest node; sorted by
    it.
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
    """The strongly connected components that hold a cycle (Tarjan's algorithm, without
    recursion)."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    knots: list[set[int]] = []
    for root in needs:
        if root in number:
            continue
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        path = [(root, iter(needs[root]))]
        while path:
            node, rest = path[-1]
            for other in rest:
                if other not in number:
                    number[other] = low[other] = len(number)
                    stack.append(other)
                    on_stack.add(other)
                    path.append((other, iter(needs[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], number[other])
            else:
                path.pop()
                if path:
                    parent = path[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == number[node]:
                    knot = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        knot.add(member)
                        if member == node:
                            break
                    if len(knot) > 1 or node in needs[node]:
                        knots.append(knot)
    return knots


def _shortest_cycle(needs: dict[int, list[int]], knot: set[int]) -> list[int]:
    """The shortest way from the lowest node of a knot back to itself."""
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
