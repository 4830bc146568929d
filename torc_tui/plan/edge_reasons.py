"""Explain why a job of a plan waits for another, and list edges and gates as pairs.

Input: a plan. Output: reasons and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from torc_tui.model import EdgeKind, Plan
from torc_tui.patterns import Pattern
from torc_tui.reasons import Kind, Reason, because

Via = int | str | None


def edge_arrays(plan: Plan) -> tuple[list[int], list[int]]:
    """Return all edges as two lists: the nodes that wait, and the nodes that they need.

    The gate *g* is the node ``len(plan.jobs) + g``.
    """
    waiting = [edge[0] for edge in plan.edges]
    needed = [edge[1] for edge in plan.edges]
    for node, gate in enumerate(plan.gates, len(plan.jobs)):
        waiting += gate.waiting
        needed += [node] * len(gate.waiting)
        waiting += [node] * len(gate.members)
        needed += gate.members
    return waiting, needed


def pairs(plan: Plan) -> Iterator[tuple[int, int, EdgeKind, Via]]:
    """Yield every (job, waits for job, kind, via), also those in gates, each pair once."""
    for job, other, kind, via in plan.edges:
        yield job, other, EdgeKind(kind), via
    earlier: dict[int, list[frozenset[int]]] = {}
    for gate in plan.gates:
        members = frozenset(gate.members)
        for job in gate.waiting:
            others = earlier.setdefault(job, [])
            for other in gate.members:
                if not any(other in before for before in others):
                    yield job, other, gate.kind, gate.via
            others.append(members)


class EdgeReasons:
    """The reasons of the pairs of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sets: dict[tuple[EdgeKind, int], frozenset[int]] = {}

    def of(self, job: int, other: int, kind: EdgeKind, via: Via) -> Reason:
        """Return the kind of an edge with the pattern, file or record behind it."""
        return because(Kind.EDGE, edge=int(kind), via=self._via(job, other, kind, via))

    def _via(self, job: int, other: int, kind: EdgeKind, via: Via) -> str | None:
        if kind is EdgeKind.EXPLICIT:
            return None
        if kind is EdgeKind.REGEX:
            return via if isinstance(via, str) else self._pattern(job, other)
        if not isinstance(via, int):
            via = self._first(job, other, kind)
        named = self._plan.files if kind is EdgeKind.FILE else self._plan.user_data
        return None if via is None else named[via].name

    def between(self, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], Reason]:
        """Return the reasons of some pairs (job, waits for job)."""
        found: dict[tuple[int, int], Reason] = {}
        for job, other, kind, via in self._plan.edges:
            if (job, other) in wanted:
                found[job, other] = self.of(job, other, EdgeKind(kind), via)
        for gate in self._plan.gates:
            members, waiting = frozenset(gate.members), frozenset(gate.waiting)
            for job, other in wanted:
                if job in waiting and other in members:
                    found.setdefault((job, other), self.of(job, other, gate.kind, gate.via))
        return found

    def _pattern(self, job: int, other: int) -> str:
        name = self._plan.jobs[other].spec.name
        patterns = self._plan.jobs[job].spec.depends_on_regexes
        return next((pattern for pattern in patterns if Pattern(pattern).search(name)), "")

    def _first(self, job: int, other: int, kind: EdgeKind) -> int | None:
        """Return the first file or record that ``other`` writes and ``job`` reads."""
        plan = self._plan
        if kind is EdgeKind.FILE:
            read, written = plan.jobs[job].input_files, plan.jobs[other].output_files
            groups = plan.file_groups
        else:
            read, written = plan.jobs[job].input_user_data, plan.jobs[other].output_user_data
            groups = plan.user_data_groups
        if read is None or written is None:
            return None
        if (kind, read) not in self._sets:
            self._sets[kind, read] = frozenset(groups[read])
        inputs = self._sets[kind, read]
        return next((one for one in groups[written] if one in inputs), groups[written][0])
