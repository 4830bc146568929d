"""Job groups: the jobs of one parameterized entry, folded to one row or listed. No Textual.

Input: jobs, and the ids of those that changed. Output: which rows are shown, and counts per status,
which are kept up to date step by step. A group of one job is shown as that job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torc_tui.model import Job
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.views.status_bar import strip


@dataclass(slots=True)
class JobGroup:
    """The jobs of one entry. ``counts`` has a number per `JobStatus`."""

    name: str
    jobs: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=lambda: [0] * len(JobStatus))

    def strip(self, width: int) -> list[tuple[str, JobStatus]]:
        """Return the statuses as a bar of ``width`` cells."""
        return strip(self.counts, width)


GroupOrJob = JobGroup | int
"""A row: a group, or the id of a job."""
GroupedJobs = tuple[JobGroup, Sequence[int]]
"""A group, and some of its jobs in an order."""


class JobGroups:
    """All groups of a workflow in the order of their first jobs, and which of them are open."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.by_name: dict[str, JobGroup] = {}
        self.opened: set[str] = set()
        self._group: dict[int, JobGroup] = {}
        self._status: dict[int, JobStatus] = {}
        for job in jobs:
            name = job.group or job.name
            group = self.by_name.get(name)
            if group is None:
                group = self.by_name[name] = JobGroup(name)
            group.jobs.append(job.id)
            group.counts[job.status] += 1
            self._group[job.id] = group
            self._status[job.id] = job.status

    def apply(self, changed: Iterable[int], jobs: Mapping[int, Job]) -> set[str]:
        """Apply the new statuses of these jobs; return the names of the groups that changed."""
        touched = set()
        for job_id in changed:
            group, job = self._group.get(job_id), jobs.get(job_id)
            if group is None or job is None:
                continue
            before = self._status[job_id]
            if before is not job.status:
                group.counts[before] -= 1
                group.counts[job.status] += 1
                self._status[job_id] = job.status
                touched.add(group.name)
        return touched

    def of(self, job_id: int) -> JobGroup | None:
        """Return the group of a job."""
        return self._group.get(job_id)

    def toggle(self, name: str) -> bool:
        """Open or fold a group; return whether it is open."""
        self.opened ^= {name}
        return name in self.opened

    @property
    def natural(self) -> Sequence[GroupedJobs]:
        """Return all groups with their jobs, in the order of the workflow."""
        return [(group, group.jobs) for group in self.by_name.values()]

    def grouped(self, wanted: Iterable[int]) -> Sequence[GroupedJobs]:
        """Return the groups of these jobs, each where its first job stands, with those jobs."""
        chosen: dict[str, list[int]] = {}
        for job_id in wanted:
            found = self._group.get(job_id)
            if found is not None:
                chosen.setdefault(found.name, []).append(job_id)
        return [(self.by_name[name], ids) for name, ids in chosen.items()]

    def rows(self, grouped: Sequence[GroupedJobs] | None = None) -> list[GroupOrJob]:
        """Return the rows; the jobs of an open group follow its row."""
        out: list[GroupOrJob] = []
        for group, ids in self.natural if grouped is None else grouped:
            if len(group.jobs) == 1:
                out.append(ids[0])
                continue
            out.append(group)
            if group.name in self.opened:
                out += ids
        return out
