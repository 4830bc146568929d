"""Decide for all jobs of a workflow which of them run again, and which follow from others.

Input: the findings about each job, and the dependencies. Output: a verdict for each job, with
reasons. Nothing is read here.

Invariants
* A job that runs again makes the jobs that depend on it stale.
* A job that is stale only through declared files or records may be kept: that is decided when the
  jobs before it have ended. A dependency of any other kind always runs the job again.
* A job that is unknown is kept, and does not make others stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from graphlib import TopologicalSorter

from torc_tui.lifecycle.freshness import Aspect, CurrentJob, Findings
from torc_tui.model import EdgeKind
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple

NAMED = 3
"""How many jobs a reason names; the others are counted."""
_DATA_EDGES = frozenset({EdgeKind.FILE, EdgeKind.USER_DATA})
_READS = frozenset({Aspect.FILES, Aspect.DATA})


class RerunDecision(StrEnum):
    """Whether a job runs again in the next run."""

    KEEP = "keep"
    RUN = "run"
    UNKNOWN = "unknown"


class Follows(NamedTuple):
    """``job`` waits for ``on``: ids of jobs, or minus the id of a gate."""

    job: int
    on: int
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class JobVerdict:
    """The verdict on a job.

    A job that runs and is not ``certain`` is kept after all if what it reads turns out to be equal
    when the jobs before it have ended.
    """

    id: int
    name: str
    verdict: RerunDecision
    certain: bool = True
    reasons: tuple[Reason, ...] = ()


@dataclass(slots=True)
class _Node:
    """The effect of a job or gate on the jobs that wait for it.

    ``sure`` and ``maybe`` count the jobs that run again, or may do so; ``names`` has the first of
    them. ``ended`` is the largest number of an event with which a job that is kept has ended.
    """

    sure: int = 0
    maybe: int = 0
    names: list[str] = field(default_factory=list)
    ended: int = -1
    last: str = ""

    def add(self, other: _Node) -> None:
        """Add the effect of another node."""
        self.sure += other.sure
        self.maybe += other.maybe
        self.names += other.names[: NAMED - len(self.names)]
        if other.ended > self.ended:
            self.ended, self.last = other.ended, other.last


def plan(
    jobs: Mapping[int, CurrentJob], findings: Mapping[int, Findings], edges: Iterable[Follows]
) -> dict[int, JobVerdict]:
    """Return the verdict on each job, in an order in which each follows those it depends on."""
    before: dict[int, list[Follows]] = {number: [] for number in jobs}
    for edge in edges:
        before.setdefault(edge.job, []).append(edge)
        before.setdefault(edge.on, [])
    sorter = TopologicalSorter({node: [one.on for one in ons] for node, ons in before.items()})
    nodes: dict[int, _Node] = {}
    verdicts: dict[int, JobVerdict] = {}
    for number in sorter.static_order():
        job = jobs.get(number)
        if job is None:
            nodes[number] = gate = _Node()
            for edge in before[number]:
                gate.add(nodes[edge.on])
            continue
        verdict = _judge(job, findings[number], before[number], nodes)
        verdicts[number] = verdict
        nodes[number] = _node(job, verdict)
    return verdicts


def _judge(
    job: CurrentJob, found: Findings, edges: Iterable[Follows], nodes: Mapping[int, _Node]
) -> JobVerdict:
    if job.status is JobStatus.DISABLED:
        return JobVerdict(job.id, job.name, RerunDecision.KEEP)
    order, data = _before(job, edges, nodes)
    reasons = [*found.certain, *_reran(job, order)]
    running = order.sure + order.maybe + data.sure + data.maybe
    if not running:
        reasons += found.provisional
    sure = bool(reasons or order.sure or job.recorded is None)
    if running:
        reasons += [*found.provisional, _follows(order, data, running)]
    if reasons:
        return JobVerdict(job.id, job.name, RerunDecision.RUN, sure, tuple(reasons))
    if found.unknown:
        return JobVerdict(job.id, job.name, RerunDecision.UNKNOWN, True, found.unknown)
    return JobVerdict(job.id, job.name, RerunDecision.KEEP)


def _before(
    job: CurrentJob, edges: Iterable[Follows], nodes: Mapping[int, _Node]
) -> tuple[_Node, _Node]:
    """Return what is before a job: through dependencies as such, and through files and records."""
    order, data = _Node(), _Node()
    for edge in edges:
        if edge.kind not in _DATA_EDGES or job.changes_inputs:
            order.add(nodes[edge.on])
        elif not job.rerun_on.isdisjoint(_READS):
            data.add(nodes[edge.on])
    return order, data


def _reran(job: CurrentJob, before: _Node) -> list[Reason]:
    """Return the reason that a job ran again after this one had begun, if one did."""
    if job.recorded is None or not job.is_finished_well or before.ended <= job.recorded.began:
        return []
    return [because(Kind.FOLLOWS, jobs=(before.last,))]


def _follows(order: _Node, data: _Node, running: int) -> Reason:
    names = (*order.names, *data.names)[:NAMED]
    return because(Kind.FOLLOWS, jobs=names, more=running - len(names) or None)


def _node(job: CurrentJob, verdict: JobVerdict) -> _Node:
    if verdict.verdict is RerunDecision.RUN:
        return _Node(int(verdict.certain), int(not verdict.certain), [job.name])
    ended = job.recorded.ended if job.recorded is not None else -1
    return _Node(ended=ended, last=job.name)


def keeps(job: CurrentJob, found: Findings, before: Iterable[tuple[str, int]]) -> bool:
    """Return whether a job that followed others stays completed, now that these have ended.

    ``before`` are the names of the jobs that it follows otherwise than through declared files and
    records, each with the number of the event with which its last attempt ended.
    """
    node = _Node()
    for name, ended in before:
        node.add(_Node(ended=ended, last=name))
    stale = found.certain or found.provisional or _reran(job, node)
    return job.recorded is not None and not stale
