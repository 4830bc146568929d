"""Select rows of a list, and their order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from torc_tui.status import JobStatus


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A part of a list: ``limit`` rows after the first ``offset``, in the order of ``sort_by``.

    Subclasses add filters. None as the value of a filter selects all rows.
    """

    sort_by: str = "id"
    reverse: bool = False
    limit: int | None = None
    offset: int = 0

    @property
    def filters(self) -> dict[str, Any]:
        """Return the filters that apply, by the names that they have in the statement."""
        found: dict[str, Any] = {}
        for field in fields(self)[len(fields(Selection)) :]:
            value = getattr(self, field.name)
            if value is None or (value is False and field.type == "bool"):
                continue
            found[field.name] = int(value) if isinstance(value, JobStatus) else value
        return found


@dataclass(frozen=True, kw_only=True)
class WorkflowSelection(Selection):
    """Workflows of a user, without the archived ones by default."""

    user: str | None = None
    is_archived: bool | None = False
    directory: str | None = None
    project: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobSelection(Selection):
    """Jobs of a workflow.

    ``failed`` selects jobs that failed, also while they wait for a decision, or were terminated;
    ``name`` is a pattern of SQL's LIKE; ``upstream_job_id`` selects the jobs that wait for it.
    """

    status: JobStatus | None = None
    failed: bool = False
    name: str | None = None
    upstream_job_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class FileSelection(Selection):
    """Files of a workflow; ``producer`` is the id of the job that writes them."""

    producer: int | None = None


@dataclass(frozen=True, kw_only=True)
class ResultSelection(Selection):
    """Results of a workflow: by default the newest one of each job that has ended.

    ``all_runs`` or a ``run_id`` selects all. ``failed`` selects results with a return code other
    than 0, or without one.
    """

    job_id: int | None = None
    run_id: int | None = None
    return_code: int | None = None
    failed: bool = False
    status: JobStatus | None = None
    compute_node_id: int | None = None
    all_runs: bool = False

    @property
    def filters(self) -> dict[str, Any]:
        """Return the filters that apply; ``current`` stands for the newest results."""
        found = super().filters
        all_runs = found.pop("all_runs", False) or self.run_id is not None
        return found if all_runs else found | {"current": True}


@dataclass(frozen=True, kw_only=True)
class EventSelection(Selection):
    """Events of a workflow."""

    kind: str | None = None
    job_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class RecordSelection(Selection):
    """Records of user data.

    ``name`` is a pattern of SQL's LIKE that ignores case; ``consumer`` and ``producer`` are ids of
    jobs that read or write the records.
    """

    name: str | None = None
    is_ephemeral: bool | None = None
    consumer: int | None = None
    producer: int | None = None
