"""Hold what a report says about a workflow, and find its timeline and its critical path.

Input: rows of jobs, attempts, runners. Output: records. `report_html`, `report_markdown` and
`report_record` write them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.model import Job, JobUse, ResourceRequirements, Workflow
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.failure_groups import FailureGroup
from torc_tui.views.usage_plot import UsagePlot


class ReportAttempt(NamedTuple):
    """When and where an attempt of a run ran; it still runs if ``running``."""

    job_id: int
    name: str
    node_id: int | None
    status: JobStatus
    started_at: float
    ended_at: float
    gpus: tuple[str, ...] = ()
    running: bool = False
    attempt_id: int = 1
    return_code: int | None = None
    num_cpus: float = 1


def as_of(one: ReportAttempt, moment: float | None) -> ReportAttempt:
    """Return an attempt as it was at a moment, when it may still have run; None: as it is."""
    if moment is None or one.ended_at <= moment:
        return one
    end = max(moment, one.started_at)
    return one._replace(status=JobStatus.RUNNING, ended_at=end, running=True, return_code=None)


class ReportRunner(NamedTuple):
    """A runner, the numbers of its GPUs by UUID, and how many CPUs it has."""

    id: int
    hostname: str
    gpus: Mapping[str, int]
    num_cpus: int = 0


class Lane(NamedTuple):
    """A row of the timeline: a slot of a runner, or a GPU."""

    node: str
    label: str
    attempts: list[ReportAttempt]


class CriticalStep(NamedTuple):
    """A job of the critical path, and how long it waited after the job before it had ended."""

    job_id: int
    name: str
    waited: float
    seconds: float
    status: JobStatus


class Version(NamedTuple):
    """A version of a record of user data."""

    number: int
    written_at: float
    writer: str
    size: int


class DataRecord(NamedTuple):
    """A record of user data: the beginning of its value, and its versions, the newest first."""

    name: str
    version: int
    head: str
    versions: Sequence[Version]


class StaleJob(NamedTuple):
    """A stale job, and the reasons as sentences."""

    name: str
    reasons: str
    certain: bool


class EmbeddedFile(NamedTuple):
    """A file that the workflow file marks for the report.

    ``image`` is the content type of a picture. ``note`` says why the content is missing or cut.
    """

    name: str
    path: str
    caption: str
    group: str
    data: bytes = b""
    image: str | None = None
    table: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report is made of. ``edges`` are (job, what it waits for)."""

    workflow: Workflow
    made_at: float
    program: str
    jobs: Sequence[Job]
    use: Sequence[JobUse]
    requirements: Mapping[int, ResourceRequirements]
    attempts: Sequence[ReportAttempt]
    nodes: Sequence[ReportRunner]
    path: Sequence[CriticalStep]
    graph: str
    failures: Sequence[FailureGroup] = ()
    data: Sequence[DataRecord] = ()
    more_data: int = 0
    stale: Sequence[StaleJob] = ()
    unknown: int = 0
    files: Sequence[EmbeddedFile] = ()
    machines: Sequence[UsagePlot] = ()
    span: tuple[float, float] | None = field(default=None)

    @property
    def seconds(self) -> float:
        """Return the time from the first start to the last end of the last run."""
        return self.span[1] - self.span[0] if self.span else 0.0

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time of the last attempts of all jobs."""
        times = (job.attempt.cpu_time for job in self.use if job.attempt is not None)
        return sum(one for one in times if one is not None)

    @property
    def parameters(self) -> list[str]:
        """Return the names of all parameters, in the order in which jobs have them."""
        return list(dict.fromkeys(name for job in self.use for name in job.parameters))


def span_of(attempts: Sequence[ReportAttempt]) -> tuple[float, float] | None:
    """Return the first start and the last end; None without attempts."""
    if not attempts:
        return None
    return min(one.started_at for one in attempts), max(one.ended_at for one in attempts)


def lanes(attempts: Iterable[ReportAttempt], nodes: Sequence[ReportRunner]) -> list[Lane]:
    """Return the timeline: for each runner the slots in use, then its GPUs."""
    known = {node.id: node for node in nodes}
    by_node: dict[int | None, list[ReportAttempt]] = {}
    for one in sorted(attempts, key=lambda one: one.started_at):
        by_node.setdefault(one.node_id, []).append(one)
    found: list[Lane] = []
    for node_id in sorted(by_node, key=lambda number: number or 0):
        node = known.get(node_id or 0)
        name = node.hostname if node else "unknown runner"
        slots = pack(by_node[node_id])
        found += [Lane(name, f"slot {place}", slot) for place, slot in enumerate(slots, 1)]
        for uuid, index in sorted(node.gpus.items(), key=lambda item: item[1]) if node else ():
            holders = [one for one in by_node[node_id] if uuid in one.gpus]
            if holders:
                found.append(Lane(name, f"GPU {index}", holders))
    return found


def pack(attempts: Iterable[ReportAttempt]) -> list[list[ReportAttempt]]:
    """Return attempts, ordered by their starts, in as few rows without overlaps as possible.

    The first row that is free is used again.
    """
    slots: list[list[ReportAttempt]] = []
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    for one in attempts:
        while busy and busy[0][0] <= one.started_at:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, len(slots))
            slots.append([])
        place = heapq.heappop(free)
        slots[place].append(one)
        heapq.heappush(busy, (one.ended_at, place))
    return slots


def critical_path(
    attempts: Sequence[ReportAttempt], edges: Iterable[tuple[int, int]]
) -> list[CriticalStep]:
    """Return the chain of jobs that decided when the run ended, in the order of time.

    It ends with the job that ended last; before each job stands the dependency that ended last.
    """
    if not attempts:
        return []
    last = {one.job_id: one for one in sorted(attempts, key=lambda one: one.ended_at)}
    before: dict[int, list[int]] = {}
    for job_id, depends_on in edges:
        before.setdefault(job_id, []).append(depends_on)
    chain = [max(last.values(), key=lambda one: one.ended_at)]
    seen = {chain[0].job_id}
    while (found := _latest(before, last, chain[-1])) and found.job_id not in seen:
        seen.add(found.job_id)
        chain.append(found)
    chain.reverse()
    began = min(one.started_at for one in attempts)
    ends = [began, *(one.ended_at for one in chain)]
    return [
        CriticalStep(
            one.job_id,
            one.name,
            max(0.0, one.started_at - ends[place]),
            one.ended_at - one.started_at,
            one.status,
        )
        for place, one in enumerate(chain)
    ]


def _latest(
    before: Mapping[int, Sequence[int]], last: Mapping[int, ReportAttempt], of: ReportAttempt
) -> ReportAttempt | None:
    """Return the dependency that ended last, also through gates and jobs that did not run.

    A job that was canceled let the jobs behind it wait until its own dependencies had ended.
    """
    open_, seen, best = list(before.get(of.job_id, ())), set(), None
    while open_:
        number = open_.pop()
        if number in seen:
            continue
        seen.add(number)
        if number not in last:
            open_ += before.get(number, ())
        found = last.get(number)
        if found is not None and found.ended_at <= of.started_at + 1.0:
            best = found if best is None or found.ended_at > best.ended_at else best
    return best


def result_counts(report: Report) -> dict[JobStatus, int]:
    """Return how many jobs have which status, in the order of statuses that interest most."""
    counts = report.workflow.counts
    order = sorted(counts, key=lambda status: (status is not JobStatus.COMPLETED, int(status)))
    return {status: counts[status] for status in order if counts[status]}
