"""Fold the dependency graph of a workflow into groups of jobs.

Input: jobs, edges with gates as nodes (negative ids), files and records. Output: `JobGraph`, whose
groups are computed once, in time linear in jobs and edges.

Invariant: two jobs are in one group if they come from the same entry of the workflow file and their
parents are in the same groups. A gate stands for its members, so jobs differ only by their
dependencies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from torc_tui.model import Artifact, Job
from torc_tui.records import dataclass

if TYPE_CHECKING:
    from torc_tui.views.graph_grid import Room
    from torc_tui.views.graph_scene import Scene

Edge = tuple[int, int, int, object]
"""(job, depends on, EdgeKind, via); negative numbers are gates."""

MOST_GROUPS = 2000
"""With more groups, jobs of no job group are folded by their names without digits."""
_DIGITS = re.compile(r"\d+")


@dataclass(slots=True)
class Group:
    """Jobs that are shown as one box; ``key`` is made from the first job and survives reloads."""

    key: str
    label: str
    jobs: list[int]


class JobGraph:
    """All jobs of a workflow in groups.

    ``groups`` are in topological order. ``links`` are pairs of their indices, each with a bit for
    every EdgeKind. Jobs and gates are numbered in the order in which they come.
    """

    def __init__(
        self, jobs: Iterable[Job], edges: Iterable[Edge], data: Iterable[Artifact] = ()
    ) -> None:
        rows = list(jobs)
        self.data = list(data)
        self.index = {job.id: number for number, job in enumerate(rows)}
        self.names = [job.name for job in rows]
        self.values = {job.id: job.values for job in rows if job.values}
        self.status = {job.id: job.status for job in rows}
        self._ids = [job.id for job in rows]
        self._parents: list[list[tuple[int, int]]] = [[] for _ in rows]
        self._children: list[list[int]] = [[] for _ in rows]
        self._read(edges)
        labels = [job.group or job.name for job in rows]
        folder = self._fold(labels)
        if len(folder.groups) > MOST_GROUPS:
            pairs = zip(labels, self.names, strict=True)
            folder = self._fold(
                [_DIGITS.sub("#", one) if one == own else one for one, own in pairs]
            )
        self.groups, self.links, self.group_numbers = folder.groups, folder.links, folder.numbers

    def reach(self, job_ids: Iterable[int], *, down: bool) -> set[int]:
        """Return the ids of all jobs downstream, or else upstream, of these jobs."""

        def above(number: int) -> Iterable[int]:
            return (parent for parent, _ in self._parents[number])

        starts = [self.index[one] for one in job_ids if one in self.index]
        found = reachable(starts, self._children.__getitem__ if down else above)
        return {self._ids[number] for number in found if self._ids[number] >= 0}

    def named(self, pattern: str) -> list[int]:
        """Return the ids of the jobs of that name; ``*`` and ``?`` match any characters."""
        if any(char in pattern for char in "*?["):
            found = (fnmatchcase(name, pattern) for name in self.names)
        else:
            found = (name == pattern for name in self.names)
        return [self._ids[number] for number, matches in enumerate(found) if matches]

    def after(self, name: str) -> set[int]:
        """Return the jobs that depend on the jobs of a name, for the filter language."""
        return self.reach(self.named(name), down=True)

    def before(self, name: str) -> set[int]:
        """Return the jobs that the jobs of a name depend on."""
        return self.reach(self.named(name), down=False)

    def scene(
        self,
        *,
        expanded: Collection[str] = (),
        data: bool = False,
        shown: int | None = None,
        room: Room | None = None,
    ) -> Scene:
        """Return the boxes to draw; see `torc_tui.views.graph_scene.make_scene`."""
        from torc_tui.views.graph_scene import MOST_MEMBERS, make_scene

        most = MOST_MEMBERS if shown is None else shown
        return make_scene(self, frozenset(expanded), with_data=data, most=most, room=room)

    def group_of(self, job_id: int) -> Group | None:
        """Return the group of a job."""
        number = self.index.get(job_id)
        return None if number is None else self.groups[self.group_numbers[number]]

    def job_parents(self, job_id: int) -> Iterable[tuple[int, int]]:
        """Yield (id, EdgeKind) of the jobs that a job waits for, also through gates."""
        return self._resolved(self.index[job_id], 0)

    def _resolved(self, number: int, outer: int) -> Iterable[tuple[int, int]]:
        for parent, kind in self._parents[number]:
            if self._ids[parent] >= 0:
                yield self._ids[parent], outer or kind
            else:
                yield from self._resolved(parent, outer or kind)

    def job_children(self, job_id: int) -> Iterable[int]:
        """Yield the ids of the jobs that wait for a job, also through gates."""
        stack = list(self._children[self.index[job_id]])
        while stack:
            number = stack.pop()
            if self._ids[number] >= 0:
                yield self._ids[number]
            else:
                stack += self._children[number]

    def heaviest_chain(self, weights: Mapping[int, float]) -> list[int]:
        """Return the ids of the jobs of the heaviest chain, first to last; gates weigh nothing."""
        order = parents_first([len(parents) for parents in self._parents], self._children)
        best = [0.0] * len(self._ids)
        before = [-1] * len(self._ids)
        for number in order:
            for parent, _ in self._parents[number]:
                if best[parent] > best[number]:
                    best[number], before[number] = best[parent], parent
            best[number] += weights.get(self._ids[number], 0.0)
        chain: list[int] = []
        number = max(order, key=best.__getitem__, default=-1)
        while number >= 0:
            chain.append(self._ids[number])
            number = before[number]
        return [job for job in reversed(chain) if job >= 0]

    def _read(self, edges: Iterable[Edge]) -> None:
        """Fill parents and children; edges of unknown jobs are left out."""
        for job, depends_on, kind, _via in edges:
            child, parent = self._number(job), self._number(depends_on)
            if child is not None and parent is not None:
                self._parents[child].append((parent, kind))
                self._children[parent].append(child)

    def _number(self, node: int) -> int | None:
        """Return the number of a job or gate; a new gate gets the next one."""
        number = self.index.get(node)
        if number is None and node < 0:
            number = self.index[node] = len(self._ids)
            self._ids.append(node)
            self._parents.append([])
            self._children.append([])
        return number

    def _fold(self, labels: Sequence[str]) -> _Folder:
        order = parents_first([len(parents) for parents in self._parents], self._children)
        if len(order) < len(self._ids):  # cycles, which no database should contain, come last
            order += sorted(set(range(len(self._ids))).difference(order))
        folder = _Folder(self._parents, labels)
        for number in order:
            folder.add(number, self._ids[number])
        for group in folder.groups:
            group.jobs.sort()
            group.key = f"g{group.jobs[0]}"
            if len(group.jobs) == 1:
                group.label = self.names[self.index[group.jobs[0]]]
        return folder


class _Folder:
    """Puts jobs into groups, parents first. Numbers from ``len(labels)`` on are gates."""

    def __init__(self, parents: Sequence[Sequence[tuple[int, int]]], labels: Sequence[str]) -> None:
        self.groups: list[Group] = []
        self.links: dict[tuple[int, int], int] = {}
        self.numbers = [-1] * len(labels)
        self._parents = parents
        self._labels = labels
        self._behind: dict[int, frozenset[int]] = {}  # gate -> groups of its members
        self._joined: dict[frozenset[int], frozenset[int]] = {}
        self._known: dict[tuple[str, frozenset[int]], int] = {}
        self._linked: set[tuple[int, int, int]] = set()

    def add(self, number: int, job_id: int) -> None:
        """Add a job or gate whose parents were added before."""
        above = self._groups_above(number)
        if number >= len(self._labels):
            self._behind[number] = above
            return
        name = (self._labels[number], above)
        own = self._known.get(name)
        if own is None:
            own = self._known[name] = len(self.groups)
            self.groups.append(Group("", name[0], []))
        self.numbers[number] = own
        self.groups[own].jobs.append(job_id)
        self._link(number, own)

    def _groups_above(self, number: int) -> frozenset[int]:
        count, numbers = len(self._labels), self.numbers
        direct: set[int] = set()
        gates: list[int] = []
        for parent, _kind in self._parents[number]:
            if parent >= count:
                gates.append(parent)
            elif numbers[parent] >= 0:
                direct.add(numbers[parent])
        return frozenset(direct) | self._groups_behind(frozenset(gates))

    def _groups_behind(self, gates: frozenset[int]) -> frozenset[int]:
        if gates not in self._joined:
            behind = (self._behind.get(gate, frozenset()) for gate in gates)
            self._joined[gates] = frozenset().union(*behind)
        return self._joined[gates]

    def _link(self, number: int, own: int) -> None:
        for parent, kind in self._parents[number]:
            if parent < len(self._labels):
                above: Iterable[int] = (self.numbers[parent],)
            elif (parent, own, kind) not in self._linked:
                self._linked.add((parent, own, kind))
                above = self._behind.get(parent, ())
            else:
                continue
            for other in above:
                if other >= 0:
                    self.links[other, own] = self.links.get((other, own), 0) | 1 << kind


def parents_first(parents: Sequence[int], children: Sequence[Sequence[int]]) -> list[int]:
    """Return nodes in topological order; those on or behind a cycle are left out.

    ``parents`` has the number of parents of each node.
    """
    waiting = list(parents)
    order = [node for node, count in enumerate(waiting) if not count]
    for node in order:
        for child in children[node]:
            waiting[child] -= 1
            if not waiting[child]:
                order.append(child)
    return order


def reachable(starts: Iterable[int], neighbors: Callable[[int], Iterable[int]]) -> set[int]:
    """Return the nodes that can be reached from these by at least one step."""
    stack = list(starts)
    seen: set[int] = set()
    while stack:
        for other in neighbors(stack.pop()):
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return seen
