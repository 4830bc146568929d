"""Hold what an update of a workflow changes: records without logic."""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.lifecycle.update_effect import Effect
from torc_tui.plan.changes import ColumnChange, SectionChanges
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple


class JobChange(NamedTuple):
    """A job whose definition changes.

    ``edited`` is what is left of the edits of users, ``shown`` the changes as the file writes them.
    """

    id: int
    name: str
    status: JobStatus
    columns: Mapping[str, ColumnChange]
    effect: Effect
    edited: str | None
    shown: Mapping[str, ColumnChange]


class OldJob(NamedTuple):
    """A job that leaves the workflow, or comes back."""

    id: int
    name: str
    status: JobStatus


@dataclass(slots=True, kw_only=True)
class WorkflowChanges:
    """The changes of an update.

    ``rerun`` are the jobs that run again (id: name). ``stale`` are the jobs that do not, because a
    dependent is running or the user keeps their results.
    """

    workflow_id: int
    name: str
    jobs_added: list[str] = field(default_factory=list)
    jobs_removed: list[OldJob] = field(default_factory=list)
    jobs_changed: list[JobChange] = field(default_factory=list)
    jobs_restored: list[OldJob] = field(default_factory=list)
    sections: dict[str, SectionChanges] = field(default_factory=dict)
    actions: tuple[int, int] = (0, 0)
    dependencies: tuple[int, int] = (0, 0)
    workflow: Mapping[str, ColumnChange] = field(default_factory=dict)
    rerun: dict[int, str] = field(default_factory=dict)
    stale: dict[int, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        jobs = (self.jobs_added, self.jobs_removed, self.jobs_changed, self.jobs_restored)
        others = (self.workflow, any(self.actions), any(self.dependencies))
        return any(map(bool, (*jobs, *others, *self.sections.values())))
