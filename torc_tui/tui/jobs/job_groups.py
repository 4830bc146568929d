"""Job rows folded to families: one row for ``train_{lr}`` with a strip of its states. In: jobs and
the ids that changed. Out: which rows are shown, and counts kept step by step.

No Textual. A family of one job is that job. Selection is by job id: `place_of` finds the row that
shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torc_tui.model import Job
from torc_tui.status import JobStatus
from torc_tui.views.status_bar import strip


@dataclass(slots=True)
class Family:
    """The jobs of one parameterised entry. ``counts`` has a number per JobStatus."""

    name: str
    jobs: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=lambda: [0] * len(JobStatus))

    def strip(self, width: int, *, plain: bool = False) -> list[tuple[str, JobStatus]]:
        """The states in ``width`` cells."""
        return strip(self.counts, width, plain=plain)


Shown = Family | int
"""A row: a folded family, or the id of a job."""


class Families:
    """The families of a workflow in the order of their first jobs, and which of them are open."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.families: dict[str, Family] = {}
        self.opened: set[str] = set()
        self._family: dict[int, Family] = {}
        self._status: dict[int, JobStatus] = {}
        for job in jobs:
            name = job.family or job.name
            family = self.families.get(name)
            if family is None:
                family = self.families[name] = Family(name)
            family.jobs.append(job.id)
            family.counts[job.status] += 1
            self._family[job.id] = family
            self._status[job.id] = job.status

    def apply(self, changed: Iterable[int], jobs: Mapping[int, Job]) -> set[str]:
        """Take the new states of these jobs; gives the names of the families whose counts
        changed."""
        touched = set()
        for job_id in changed:
            family, job = self._family.get(job_id), jobs.get(job_id)
            if family is None or job is None:
                continue
            before = self._status[job_id]
            if before is not job.status:
                family.counts[before] -= 1
                family.counts[job.status] += 1
                self._status[job_id] = job.status
                touched.add(family.name)
        return touched

    def of(self, job_id: int) -> Family | None:
        """The family of a job."""
        return self._family.get(job_id)

    def toggle(self, name: str) -> bool:
        """Open a family or close it; True if it is open now."""
        self.opened ^= {name}
        return name in self.opened

    def rows(self, wanted: Sequence[int] | None = None) -> list[Shown]:
        """What is shown: with ``wanted`` (ids that passed a filter, in their order) only those and
        their families, at the place of the first of each. An open family is followed by its
        jobs."""
        if wanted is None:
            parts: Iterable[tuple[Family, Sequence[int]]] = (
                (family, family.jobs) for family in self.families.values()
            )
        else:
            chosen: dict[str, list[int]] = {}
            for job_id in wanted:
                found = self._family.get(job_id)
                if found is not None:
                    chosen.setdefault(found.name, []).append(job_id)
            parts = ((self.families[name], ids) for name, ids in chosen.items())
        out: list[Shown] = []
        for family, ids in parts:
            if len(family.jobs) == 1:
                out.append(ids[0])
                continue
            out.append(family)
            if family.name in self.opened:
                out += ids
        return out

    @staticmethod
    def place_of(rows: Sequence[Shown], job_id: int) -> int | None:
        """The index of the row that shows a job: its own, else that of its family."""
        folded = None
        for at, row in enumerate(rows):
            if isinstance(row, int):
                if row == job_id:
                    return at
            elif folded is None and job_id in row.jobs:
                folded = at
        return folded
