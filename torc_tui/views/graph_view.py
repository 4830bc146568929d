"""The graph of a workflow as a person can look at it: job groups folded, and some of them opened
again.

In: rows of jobs, edges with gates kept as nodes (negative ids), files and records. Out: `Graph`,
the partition into groups, made once in time linear in jobs and edges; and `Scene`, the few nodes
and links that are shown now.

Law of folding: two jobs are in one group when they come from the same entry of the workflow file
and their parents are in the same groups. A gate stands for its members, so that two jobs differ
only by what they wait for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from torc_tui.model import EdgeKind, Job
from torc_tui.status import JobStatus

Edge = tuple[int, int, int, object]
"""(job, depends on, EdgeKind, via); negative numbers are gates."""

NodeKind = Literal["job", "more", "file", "user_data"]

SHOWN = 60
"""Members of an opened group that get a box of their own; the rest stay together in one."""
MANY = 2000
"""With more groups than this, jobs without a group fold by their names with the digits taken
out."""
_DATA_ONLY = 1 << EdgeKind.FILE | 1 << EdgeKind.USER_DATA
_DIGITS = re.compile(r"\d+")


class Data(NamedTuple):
    """A file or record, and the jobs that write and read it."""

    kind: Literal["file", "user_data"]
    id: int
    name: str
    producers: Sequence[int]
    consumers: Sequence[int]
    state: str = ""


@dataclass(slots=True)
class Group:
    """Jobs that are shown as one box. ``key`` names it by its first job, so that it survives a new
    snapshot.
    """

    key: str
    label: str
    jobs: list[int]


@dataclass(slots=True)
class Node:
    """What is shown as one box. ``counts`` has a number per JobStatus; ``group`` is the key of the
    folded group.
    """

    key: str
    kind: NodeKind
    label: str
    jobs: Sequence[int] = ()
    counts: list[int] = field(default_factory=list)
    group: str = ""
    state: str = ""

    @property
    def count(self) -> int:
        """How many jobs (or files) it stands for."""
        return max(1, len(self.jobs))

    @property
    def status(self) -> JobStatus | None:
        """The one state that tells most: what failed or runs before what is done."""
        return next((status for status in _LOUDEST if self.counts and self.counts[status]), None)


_LOUDEST = (
    JobStatus.FAILED, JobStatus.PENDING_FAILED, JobStatus.TERMINATED, JobStatus.RUNNING, JobStatus.PENDING,
    JobStatus.CANCELED, JobStatus.READY, JobStatus.BLOCKED, JobStatus.UNINITIALIZED, JobStatus.COMPLETED,
    JobStatus.DISABLED,
)  # fmt: skip


class Graph:
    """All jobs, folded. ``groups`` in topological order, ``links`` between their indices, with bits
    of EdgeKind.
    """

    def __init__(
        self, jobs: Iterable[Job], edges: Iterable[Edge], data: Iterable[Data] = ()
    ) -> None:
        rows = list(jobs)
        self.data = list(data)
        self._ids: list[int] = [job.id for job in rows]
        self._index = {number: index for index, number in enumerate(self._ids)}
        self._parents: list[list[tuple[int, int]]] = [[] for _ in rows]
        self._children: list[list[int]] = [[] for _ in rows]
        self._names = [job.name for job in rows]
        self._status = {job.id: job.status for job in rows}
        self._read(edges)
        order = self._order()
        names = [job.group or job.name for job in rows]
        self._fold(order, names)
        if len(self.groups) > MANY:
            self._fold(order, [_DIGITS.sub("#", name) if name == own else name
                               for name, own in zip(names, self._names, strict=True)])  # fmt: skip

    def reach(self, job_ids: Iterable[int], *, down: bool) -> set[int]:
        """The ids of all jobs downstream (or upstream) of these, without them unless they reach
        themselves.
        """
        index, ids = self._index, self._ids
        stack = [index[number] for number in job_ids if number in index]
        seen: set[int] = set()
        while stack:
            at = stack.pop()
            for other in (
                self._children[at] if down else [parent for parent, _ in self._parents[at]]
            ):
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
        return {ids[at] for at in seen if ids[at] >= 0}

    def named(self, pattern: str) -> list[int]:
        """The ids of the jobs of that name; ``*`` and ``?`` stand for anything."""
        if any(char in pattern for char in "*?["):
            return [
                self._ids[at] for at, name in enumerate(self._names) if fnmatchcase(name, pattern)
            ]
        return [self._ids[at] for at, name in enumerate(self._names) if name == pattern]

    def after(self, name: str) -> set[int]:
        """What depends on the jobs of that name: for the filter language."""
        return self.reach(self.named(name), down=True)

    def before(self, name: str) -> set[int]:
        """What the jobs of that name depend on."""
        return self.reach(self.named(name), down=False)

    def scene(
        self, *, expanded: Collection[str] = (), data: bool = False, shown: int = SHOWN
    ) -> Scene:
        """What to show: groups as boxes, those in ``expanded`` (by key) as their members; files if
        asked.
        """
        return _scene(self, frozenset(expanded), data, shown)

    def group_of(self, job_id: int) -> Group | None:
        """The group that a job is folded into."""
        at = self._index.get(job_id)
        return None if at is None else self.groups[self._group[at]]

    def _read(self, edges: Iterable[Edge]) -> None:
        index, ids, parents, children = self._index, self._ids, self._parents, self._children
        for job, depends_on, kind, _via in edges:
            ends = []
            for number in (job, depends_on):
                at = index.get(number)
                if at is None:
                    if number >= 0:
                        break
                    at = index[number] = len(ids)
                    ids.append(number)
                    parents.append([])
                    children.append([])
                ends.append(at)
            else:
                parents[ends[0]].append((ends[1], kind))
                children[ends[1]].append(ends[0])

    def _order(self) -> list[int]:
        """Parents first. What stands in a cycle (which no store should hold) comes last."""
        waiting = [len(parents) for parents in self._parents]
        order = [at for at, count in enumerate(waiting) if not count]
        for at in order:
            for child in self._children[at]:
                waiting[child] -= 1
                if not waiting[child]:
                    order.append(child)
        if len(order) < len(waiting):
            order += [at for at, count in enumerate(waiting) if count]
        return order

    def _fold(self, order: Sequence[int], names: Sequence[str]) -> None:
        ids, count = self._ids, len(names)
        groups: list[Group] = []
        group = [-1] * len(ids)
        behind: dict[int, frozenset[int]] = {}  # gate -> groups of its members
        known: dict[tuple[str, frozenset[int]], int] = {}
        links: dict[tuple[int, int], int] = {}
        through: set[tuple[int, int, int]] = set()
        joined: dict[frozenset[int], frozenset[int]] = {}
        for at in order:
            direct: set[int] = set()
            gates: list[int] = []
            for parent, _kind in self._parents[at]:
                if parent >= count:
                    gates.append(parent)
                elif group[parent] >= 0:
                    direct.add(group[parent])
            above = frozenset(direct)
            if gates:
                key = frozenset(gates)
                if key not in joined:
                    joined[key] = frozenset().union(
                        *(behind.get(gate, frozenset()) for gate in gates)
                    )
                above |= joined[key]
            if at >= count:
                behind[at] = above
                continue
            name = (names[at], above)
            own = known.get(name)
            if own is None:
                own = known[name] = len(groups)
                groups.append(Group(f"g{ids[at]}", names[at], []))
            group[at] = own
            groups[own].jobs.append(ids[at])
            for parent, kind in self._parents[at]:
                if parent < count:
                    pair = (group[parent], own)
                    if pair[0] >= 0:
                        links[pair] = links.get(pair, 0) | 1 << kind
                elif (parent, own, kind) not in through:
                    through.add((parent, own, kind))
                    for other in behind.get(parent, ()):
                        links[other, own] = links.get((other, own), 0) | 1 << kind
        for one in groups:
            one.jobs.sort()
            one.key = f"g{one.jobs[0]}"
            if len(one.jobs) == 1:
                one.label = self._names[self._index[one.jobs[0]]]
        self.groups, self.links, self._group = groups, links, group

    def job_parents(self, job_id: int) -> Iterable[tuple[int, int]]:
        """(id, EdgeKind) of the jobs that a job waits for, gates resolved."""
        return self._resolved(self._index[job_id], 0)

    def _resolved(self, at: int, outer: int) -> Iterable[tuple[int, int]]:
        for parent, kind in self._parents[at]:
            if self._ids[parent] >= 0:
                yield self._ids[parent], outer or kind
            else:
                yield from self._resolved(parent, outer or kind)

    def job_children(self, job_id: int) -> Iterable[int]:
        """The ids of the jobs that wait for a job, gates resolved."""
        stack = list(self._children[self._index[job_id]])
        while stack:
            at = stack.pop()
            if self._ids[at] >= 0:
                yield self._ids[at]
            else:
                stack += self._children[at]


class Scene:
    """The nodes and links that are shown. Links are pairs of indices into ``nodes``, from what is
    waited for.
    """

    def __init__(self, nodes: list[Node], links: list[tuple[int, int]]) -> None:
        self.nodes = nodes
        self.links = links
        self.index = {node.key: at for at, node in enumerate(nodes)}
        self._at = {
            job: at
            for at, node in enumerate(nodes)
            if node.kind in ("job", "more")
            for job in node.jobs
        }
        self._status: dict[int, JobStatus] = {}

    def node_of(self, job_id: int) -> int | None:
        """The index of the node that shows a job."""
        return self._at.get(job_id)

    def update(self, job_id: int, status: JobStatus) -> int | None:
        """A job came into a state: the index of the node whose counts changed, None if nothing
        did.
        """
        before, at = self._status.get(job_id), self._at.get(job_id)
        if at is None or before is status:
            return None
        counts = self.nodes[at].counts
        if before is not None:
            counts[before] -= 1
        counts[status] += 1
        self._status[job_id] = status
        return at

    def refresh(self, jobs: Mapping[int, Job]) -> None:
        """Take the states of all jobs anew."""
        for job_id in self._at:
            if job_id in jobs:
                self.update(job_id, jobs[job_id].status)

    def around(self, at: int, *, up: bool = True, down: bool = True) -> set[int]:
        """The node, and what is upstream and downstream of it."""
        seen = {at}
        for wanted, source, target in ((up, 1, 0), (down, 0, 1)):
            if not wanted:
                continue
            near: dict[int, list[int]] = {}
            for link in self.links:
                near.setdefault(link[source], []).append(link[target])
            stack, found = [at], {at}
            while stack:
                for other in near.get(stack.pop(), ()):
                    if other not in found:
                        found.add(other)
                        stack.append(other)
            seen |= found
        return seen

    def only(self, keep: Collection[int]) -> Scene:
        """The part of the scene with these nodes and the links among them."""
        kept = sorted(keep)
        at = {old: new for new, old in enumerate(kept)}
        links = [
            (at[source], at[target])
            for source, target in self.links
            if source in at and target in at
        ]
        part = Scene([self.nodes[old] for old in kept], links)
        part._status = self._status
        return part

    def direct(self) -> Scene:
        """The same nodes with the links that do not follow from others: who waits for b, which
        waits for a, need not be drawn as waiting for a as well.
        """
        import networkx

        graph: networkx.DiGraph[int] = networkx.DiGraph(self.links)
        kept = set(networkx.transitive_reduction(graph).edges)
        part = Scene(self.nodes, [link for link in self.links if link in kept])
        part._status = self._status
        return part

    def critical_path(self, weight: Callable[[Node], float] = lambda node: 1.0) -> list[int]:
        """The nodes of the heaviest chain, first to last; ``weight`` in seconds, or whatever is to
        be added up.
        """
        count = len(self.nodes)
        above: list[list[int]] = [[] for _ in range(count)]
        below: list[list[int]] = [[] for _ in range(count)]
        for source, target in self.links:
            above[target].append(source)
            below[source].append(target)
        waiting = [len(ends) for ends in above]
        order = [at for at in range(count) if not waiting[at]]
        best = [0.0] * count
        came: list[int | None] = [None] * count
        for at in order:
            for source in above[at]:
                if came[at] is None or best[source] > best[at]:
                    best[at], came[at] = best[source], source
            best[at] += weight(self.nodes[at])
            for child in below[at]:
                waiting[child] -= 1
                if not waiting[child]:
                    order.append(child)
        if not order:
            return []
        at_last: int | None = max(order, key=best.__getitem__)
        path: list[int] = []
        while at_last is not None:
            path.append(at_last)
            at_last = came[at_last]
        return path[::-1]


def _scene(graph: Graph, expanded: frozenset[str], with_data: bool, shown: int) -> Scene:
    nodes: list[Node] = []
    place: dict[int, int] = {}  # job -> node, for jobs of opened groups
    whole: dict[int, int] = {}  # group -> node, for closed ones
    for number, group in enumerate(graph.groups):
        if group.key in expanded and len(group.jobs) > 1:
            for job in group.jobs[:shown]:
                place[job] = len(nodes)
                nodes.append(
                    Node(f"j{job}", "job", graph._names[graph._index[job]], [job], group=group.key)
                )
            if rest := group.jobs[shown:]:
                place.update(dict.fromkeys(rest, len(nodes)))
                nodes.append(
                    Node(f"m{group.jobs[0]}", "more", f"{group.label} …", rest, group=group.key)
                )
        else:
            whole[number] = len(nodes)
            nodes.append(Node(group.key, "job", group.label, group.jobs, group=group.key))
    for node in nodes:
        node.counts = [0] * len(JobStatus)

    def at(job: int) -> int:
        found = place.get(job)
        return whole[graph._group[graph._index[job]]] if found is None else found

    links: dict[tuple[int, int], int] = {}

    def link(source: int, target: int, kinds: int) -> None:
        if source != target:
            links[source, target] = links.get((source, target), 0) | kinds

    for (above, below), kinds in graph.links.items():
        if above in whole and below in whole:
            link(whole[above], whole[below], kinds)
    for job, own in place.items():
        for parent, kind in graph.job_parents(job):
            link(at(parent), own, 1 << kind)
        own_group = graph._group[graph._index[job]]
        for child in graph.job_children(job):
            if child not in place:
                other = graph._group[graph._index[child]]
                link(own, whole[other], graph.links.get((own_group, other), 0))
    if with_data:
        _add_data(graph, nodes, links, at)
    scene = Scene(nodes, list(links))
    for job_id, status in graph._status.items():
        scene.update(job_id, status)
    return scene


def _add_data(
    graph: Graph, nodes: list[Node], links: dict[tuple[int, int], int], at: Callable[[int], int]
) -> None:
    """Files and records between the boxes; those with the same writers and readers are one. The
    links that they explain go.
    """
    known: dict[tuple[str, frozenset[int], frozenset[int]], list[Data]] = {}
    index = graph._index
    for one in graph.data:
        writers = frozenset(at(job) for job in one.producers if job in index)
        readers = frozenset(at(job) for job in one.consumers if job in index)
        known.setdefault((one.kind, writers, readers), []).append(one)
    for pair in [pair for pair, kinds in links.items() if kinds and not kinds & ~_DATA_ONLY]:
        if any(pair[0] in writers and pair[1] in readers for _, writers, readers in known):
            del links[pair]
    for (_, writers, readers), items in known.items():
        first = items[0]
        number = len(nodes)
        label = first.name if len(items) == 1 else f"{_DIGITS.sub('#', first.name)} ×{len(items)}"
        states = {item.state for item in items}
        state = states.pop() if len(states) == 1 else "mixed"
        nodes.append(Node(f"{first.kind[0]}{first.id}", first.kind, label, counts=[], state=state))
        for writer in writers:
            links[writer, number] = 0
        for reader in readers - writers:
            links[number, reader] = 0
