"""Filter jobs, count those that match, and put them in order. No Textual, no clock.

Input: jobs, a test, a column. Output: ids in order, the same by job group, counts per group.

Invariants: everything here may be called in any thread while the statuses of jobs change; what
changes meanwhile is passed to `MatchingJobs.update`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from torc_tui.model import Job
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.job_columns import order
from torc_tui.tui.jobs.job_groups import GroupedJobs, JobGroups
from torc_tui.tui.widgets.table_model import Sort
from torc_tui.tuples import NamedTuple
from torc_tui.views.workflow_view import WorkflowView

Test = Callable[[Job], bool]
NATURAL: Sort = (None, False)
NONE = (0,) * len(JobStatus)


class MatchingJobs:
    """The jobs that match a filter, and their numbers per status in each job group."""

    def __init__(self, test: Test, jobs: Iterable[Job]) -> None:
        self.test = test
        self._counted: dict[int, JobStatus] = {}
        """The matching jobs, each with the status that was counted."""
        self._counts: dict[str, list[int]] = {}
        for job in jobs:
            if test(job):
                self._count(job)

    def __contains__(self, job_id: int) -> bool:
        return job_id in self._counted

    def __len__(self) -> int:
        return len(self._counted)

    def counts_of(self, group: str) -> Sequence[int]:
        """Return the number per `JobStatus` of the matching jobs of a group."""
        return self._counts.get(group, NONE)

    def update(self, changed: Iterable[int], jobs: Mapping[int, Job]) -> bool:
        """Handle changed jobs; return whether other jobs match now."""
        moved = False
        for job_id in changed:
            job, before = jobs.get(job_id), self._counted.pop(job_id, None)
            if job is None:
                moved = moved or before is not None
                continue
            if before is not None:
                self._counts[_group(job)][before] -= 1
            matches = self.test(job)
            if matches:
                self._count(job)
            moved = moved or matches is (before is None)
        return moved

    def _count(self, job: Job) -> None:
        status = self._counted[job.id] = job.status
        counts = self._counts.get(_group(job))
        if counts is None:
            counts = self._counts[_group(job)] = [0] * len(JobStatus)
        counts[status] += 1


def _group(job: Job) -> str:
    return job.group or job.name


class JobOrder(NamedTuple):
    """Jobs in an order, and the same by job group, each group where its first job stands."""

    keys: Sequence[int]
    groups: Sequence[GroupedJobs]


def arranged(
    view: WorkflowView,
    groups: JobGroups,
    matching: MatchingJobs | None,
    sort: Sort,
    now: float,
) -> JobOrder:
    """Return the matching jobs (None: all) in an order."""
    jobs, (column, reverse) = view.jobs, sort
    keys = list(jobs)
    if matching is None and sort == NATURAL:
        return JobOrder(keys, groups.natural)
    if matching is not None:
        keys = [key for key in keys if key in matching]
    if column is not None:
        by = order(column, view.requirements, now)
        keys.sort(key=lambda key: by(jobs[key]), reverse=reverse)
    elif reverse:
        keys.reverse()
    return JobOrder(keys, groups.grouped(keys))
