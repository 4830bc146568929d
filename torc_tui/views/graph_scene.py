"""Choose the boxes and links of a graph to draw: groups as boxes, opened groups as their jobs.

Input: `JobGraph`, the keys of opened groups. Output: `Scene`, which follows the statuses of jobs.
An opened group is a box with a grid of its jobs, or a box for each of its jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import Literal

from torc_tui.model import Artifact, EdgeKind, Job
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.views.graph_grid import MemberGrid, Room
from torc_tui.views.graph_model import JobGraph, reachable
from torc_tui.views.graph_names import shared_name
from torc_tui.views.job_parameters import parameters_of
from torc_tui.views.status_bar import MOST_TELLING

NodeKind = Literal["job", "more", "file", "user_data"]

MOST_MEMBERS = 60
"""Jobs of an opened group that get a box each; the others share one box."""
_DATA_KINDS = 1 << EdgeKind.FILE | 1 << EdgeKind.USER_DATA


@dataclass(slots=True)
class GraphNode:
    """A box.

    ``counts`` has a number per JobStatus, ``group`` is the key of the group it shows, ``grid`` has
    the jobs of an opened group.
    """

    key: str
    kind: NodeKind
    label: str
    jobs: Sequence[int] = ()
    counts: list[int] = field(default_factory=list)
    group: str = ""
    state: str = ""
    grid: MemberGrid | None = None

    @property
    def count(self) -> int:
        """Return how many jobs the box shows, at least 1."""
        return max(1, len(self.jobs))

    @property
    def status(self) -> JobStatus | None:
        """Return the status that tells most: failed or running before completed."""
        return next((one for one in MOST_TELLING if self.counts and self.counts[one]), None)


class Scene:
    """Boxes and links. Links are pairs of indices of ``nodes``: (dependency, dependent)."""

    def __init__(
        self,
        nodes: list[GraphNode],
        links: list[tuple[int, int]],
        statuses: dict[int, JobStatus] | None = None,
    ) -> None:
        self.nodes = nodes
        self.links = links
        self._node_of = {
            job: number
            for number, node in enumerate(nodes)
            if node.kind in ("job", "more")
            for job in node.jobs
        }
        self._statuses: dict[int, JobStatus] = {} if statuses is None else statuses

    def node_of(self, job_id: int) -> int | None:
        """Return the index of the box that shows a job."""
        return self._node_of.get(job_id)

    def update(self, job_id: int, status: JobStatus) -> int | None:
        """Count the new status of a job; return the index of its box, None if nothing changed."""
        before, number = self._statuses.get(job_id), self._node_of.get(job_id)
        if number is None or before is status:
            return None
        counts, grid = self.nodes[number].counts, self.nodes[number].grid
        if before is not None:
            counts[before] -= 1
        counts[status] += 1
        self._statuses[job_id] = status
        if grid is not None:
            grid.move(job_id, status)
        return number

    def refresh(self, jobs: Mapping[int, Job]) -> None:
        """Count the statuses of all jobs again."""
        for job_id in self._node_of:
            if job_id in jobs:
                self.update(job_id, jobs[job_id].status)

    def around(self, node: int, *, up: bool = True, down: bool = True) -> set[int]:
        """Return a box with the boxes upstream and downstream of it."""
        found = {node}
        for wanted, source, target in ((up, 1, 0), (down, 0, 1)):
            if wanted:
                near: dict[int, list[int]] = {}
                for link in self.links:
                    near.setdefault(link[source], []).append(link[target])
                found |= reachable([node], partial(_listed, near))
        return found

    def only(self, keep: Collection[int]) -> Scene:
        """Return the part of the scene with these boxes and the links among them."""
        kept = sorted(keep)
        number = {old: new for new, old in enumerate(kept)}
        links = [(number[a], number[b]) for a, b in self.links if a in number and b in number]
        return Scene([self.nodes[old] for old in kept], links, self._statuses)

    def direct(self) -> Scene:
        """Return the scene without links that follow from others.

        If c waits for b and b for a, the link from a to c is left out.
        """
        import networkx

        graph: networkx.DiGraph[int] = networkx.DiGraph(self.links)
        kept = set(networkx.transitive_reduction(graph).edges)
        return Scene(self.nodes, [link for link in self.links if link in kept], self._statuses)

    def path_of(self, jobs: Iterable[int]) -> list[int]:
        """Return the boxes of a chain of jobs, and those of files and records between them."""
        boxes = (self._node_of[job] for job in jobs if job in self._node_of)
        chain = [node for node, _ in groupby(boxes)]
        below: dict[int, set[int]] = {}
        for source, target in self.links:
            below.setdefault(source, set()).add(target)
        path = chain[:1]
        for source, target in pairwise(chain):
            direct = target in below.get(source, ())
            data = () if direct else below.get(source, ())
            path += [node for node in sorted(data) if target in below.get(node, ())][:1]
            path.append(target)
        return path


def _listed(lists: Mapping[int, Sequence[int]], node: int) -> Sequence[int]:
    return lists.get(node, ())


def make_scene(
    graph: JobGraph, expanded: Collection[str], *, with_data: bool, most: int, room: Room | None
) -> Scene:
    """Return groups as boxes; ``with_data`` adds files and records.

    A group in ``expanded`` (by key) has a grid of its jobs that fits in ``room``; without ``room``,
    it is replaced by boxes of at most ``most`` jobs.
    """
    made = _SceneMaker(graph)
    for number, group in enumerate(graph.groups):
        is_open = group.key in expanded and len(group.jobs) > 1
        if is_open and room is None:
            made.add_members(number, most)
        else:
            made.add_group(number, room if is_open else None)
    made.add_links()
    if with_data:
        made.add_data()
    scene = Scene(made.nodes, list(made.links))
    for job_id, status in graph.status.items():
        scene.update(job_id, status)
    return scene


class _SceneMaker:
    """Collects the boxes and links of one scene. ``links`` have bits of EdgeKind."""

    def __init__(self, graph: JobGraph) -> None:
        self.graph = graph
        self.nodes: list[GraphNode] = []
        self.links: dict[tuple[int, int], int] = {}
        self._of_job: dict[int, int] = {}  # for jobs with a box of their own
        self._of_group: dict[int, int] = {}  # for groups in one box

    def add_group(self, number: int, room: Room | None) -> None:
        """Add a group as one box; with ``room``, it has a grid of its jobs."""
        graph, group = self.graph, self.graph.groups[number]
        node = self._add(group.key, "job", group.label, group.jobs, group.key)
        self._of_group[number] = node
        if room is not None:
            names = {job: graph.names[graph.index[job]] for job in group.jobs}
            self.nodes[node].grid = MemberGrid(names, room)

    def add_members(self, number: int, most: int) -> None:
        """Add the jobs of an opened group."""
        graph, group = self.graph, self.graph.groups[number]
        for job in group.jobs[:most]:
            name = graph.names[graph.index[job]]
            self._of_job[job] = self._add(f"j{job}", "job", name, [job], group.key)
        if rest := group.jobs[most:]:
            node = self._add(f"m{group.jobs[0]}", "more", f"{group.label} …", rest, group.key)
            self._of_job.update(dict.fromkeys(rest, node))

    def _add(self, key: str, kind: NodeKind, label: str, jobs: Sequence[int], group: str) -> int:
        self.nodes.append(GraphNode(key, kind, label, jobs, [0] * len(JobStatus), group))
        return len(self.nodes) - 1

    def add_links(self) -> None:
        """Add the links between groups, and those of the jobs of opened groups."""
        graph = self.graph
        for (above, below), kinds in graph.links.items():
            if above in self._of_group and below in self._of_group:
                self._link(self._of_group[above], self._of_group[below], kinds)
        for job, node in self._of_job.items():
            for parent, kind in graph.job_parents(job):
                self._link(self._box(parent), node, 1 << kind)
            for child in graph.job_children(job):
                if child not in self._of_job:
                    pair = self._group_number(job), self._group_number(child)
                    self._link(node, self._of_group[pair[1]], graph.links.get(pair, 0))

    def _link(self, source: int, target: int, kinds: int) -> None:
        if source != target:
            self.links[source, target] = self.links.get((source, target), 0) | kinds

    def _group_number(self, job: int) -> int:
        return self.graph.group_numbers[self.graph.index[job]]

    def _box(self, job: int) -> int:
        found = self._of_job.get(job)
        return self._of_group[self._group_number(job)] if found is None else found

    def add_data(self) -> None:
        """Add files and records; those with the same writers and readers share a box.

        They replace the links between boxes that come from nothing but them.
        """
        index = self.graph.index
        shared: dict[tuple[frozenset[int], frozenset[int], str], list[Artifact]] = {}
        for one in self.graph.data:
            writers = frozenset(self._box(job) for job in one.producers if job in index)
            readers = frozenset(self._box(job) for job in one.consumers if job in index)
            shared.setdefault((writers, readers, one.kind), []).append(one)
        for pair, kinds in list(self.links.items()):
            explained = kinds and not kinds & ~_DATA_KINDS
            if explained and any(pair[0] in ends[0] and pair[1] in ends[1] for ends in shared):
                del self.links[pair]
        for (writers, readers, _), items in shared.items():
            node = len(self.nodes)
            self.nodes.append(self._data_node(items))
            self.links |= {(writer, node): 0 for writer in writers}
            self.links |= {(node, reader): 0 for reader in readers - writers}

    def _data_node(self, items: Sequence[Artifact]) -> GraphNode:
        first = items[0]
        label = first.name
        if len(items) > 1:
            jobs = ([*one.producers, *one.consumers][:1] for one in items)
            values = [self.graph.values.get(job[0], "") for job in jobs]
            name = shared_name([one.name for one in items], [parameters_of(one) for one in values])
            label = f"{name} ×{len(items)}"
        states = {item.state for item in items}
        state = states.pop() if len(states) == 1 else "mixed"
        return GraphNode(f"{first.kind[0]}{first.id}", first.kind, label, state=state)
