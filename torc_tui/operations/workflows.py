"""Acts on whole workflows: create, initialize, pause, cancel, archive, delete.

What comes in: an open store, ids, who acts. What goes out: what was done. Each act is one
transaction that moves rows and appends its event; the command line and the app call the same
function.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torc_tui.errors import Refused
from torc_tui.model import Plan, Workflow
from torc_tui.operations.runners import end_orphans
from torc_tui.status import JobStatus
from torc_tui.store import (
    dependency_counters,
    scheduling,
    user_actions,
    workflow_progress,
    workflows,
)
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.events import append


@dataclass(frozen=True, slots=True, kw_only=True)
class InitCheck:
    """What stands in the way of an initialization, and what it would meet. Files by (name, absolute
    path)."""

    workflow_id: int
    missing_files: Sequence[tuple[str, str]] = ()
    missing_user_data: Sequence[tuple[int, str]] = ()
    existing_outputs: Sequence[tuple[str, str]] = ()

    @property
    def safe(self) -> bool:
        return not self.missing_files and not self.missing_user_data


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """What an initialization did."""

    workflow_id: int
    run_id: int
    counts: dict[JobStatus, int] = field(default_factory=dict)
    existing_outputs: Sequence[tuple[str, str]] = ()

    @property
    def ready(self) -> int:
        return self.counts.get(JobStatus.READY, 0)

    @property
    def blocked(self) -> int:
        return self.counts.get(JobStatus.BLOCKED, 0)


def create_workflow(
    store: Store,
    plan: Plan,
    *,
    user: str,
    directory: str,
    actor: str | None,
    name: str | None = None,
) -> int:
    """Store a plan; the id of the new workflow. Its jobs will run in ``directory``."""
    return workflows.create(
        store, plan, user=user, directory=directory, at=time.time(), name=name, actor=actor
    )


def init_check(store: Store, workflow_id: int) -> InitCheck:
    """What an initialization would find; nothing is changed."""
    directory = workflows.get_workflow(store, workflow_id).directory
    with store.read() as conn:
        required = user_actions.required_files(conn, workflow_id)
        written = user_actions.written_files(conn, workflow_id)
        records = user_actions.required_user_data(conn, workflow_id)

    def absolute(rows: Iterable[user_actions.FileRow]) -> list[tuple[str, str]]:
        return [(row.name, str(Path(directory) / row.path)) for row in rows]

    return InitCheck(
        workflow_id=workflow_id,
        missing_files=[pair for pair in absolute(required) if not os.path.lexists(pair[1])],
        missing_user_data=records,
        existing_outputs=[pair for pair in absolute(written) if os.path.lexists(pair[1])],
    )


def initialize(
    store: Store,
    workflow_id: int,
    *,
    force: bool = False,
    once: bool = False,
    actor: str | None = None,
) -> InitReport:
    """Begin a new run: every job waits or is ready. Refused when required files or records are
    missing (``force`` lets files pass, never records), when jobs are running, and for archived
    workflows. (Facts, section 5.1.) With ``once``, nothing is done where somebody else has
    initialized it meanwhile: of several runners that start together, one begins the run."""
    workflow = workflows.get_workflow(store, workflow_id)
    if workflow.is_archived:
        raise Refused(
            f"workflow {workflow_id} is archived",
            hint=f"torc workflows archive false {workflow_id}",
        )
    check = init_check(store, workflow_id)
    if check.missing_user_data:
        names = ", ".join(f"{name} (id {record})" for record, name in check.missing_user_data)
        raise Refused(
            f"workflow {workflow_id}: user data that jobs read is empty and no job writes it: {names}",
            hint="give it a value with `torc user-data update`",
        )
    if check.missing_files and not force:
        shown = "\n".join(f"  {name}: {path}" for name, path in check.missing_files[:20])
        more = (
            f"\n  and {len(check.missing_files) - 20} more" if len(check.missing_files) > 20 else ""
        )
        verb = "run" if needs_initialization(workflow) else "init"
        raise Refused(
            f"workflow {workflow_id}: files that jobs read do not exist and no job writes them:\n{shown}{more}",
            hint=f"put them there, then `torc {verb} {workflow_id}`; or use --force",
        )
    times = _file_times(store, workflow_id, workflow.directory)
    now = time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        counts = workflow_progress.counts(conn, workflow_id)
        if once and not _untouched(status for status, number in counts.items() if number):
            run_id = user_actions.run_of(conn, workflow_id)
            return InitReport(workflow_id=workflow_id, run_id=run_id, counts=counts)
        active = counts.get(JobStatus.RUNNING, 0) + counts.get(JobStatus.PENDING, 0)
        if active:
            raise Refused(
                f"workflow {workflow_id} has {active} running job{'s' if active > 1 else ''}",
                hint=f"let them end, or stop them with `torc cancel {workflow_id}`",
            )
        user_actions.reset_all(conn, workflow_id)
        run_id = user_actions.next_run(conn, workflow_id)
        scheduling.set_file_times(conn, times)
        dependency_counters.recount(conn, workflow_id)
        events = dependency_counters.place_uninitialized(conn, workflow_id, now)
        counts = workflow_progress.counts(conn, workflow_id)
        numbers = {status.word: n for status, n in counts.items()}
        events.append(("workflow_initialized", None, {"run_id": run_id, "counts": numbers}))
        append(conn, workflow_id, events, at=now, actor=actor)
    return InitReport(
        workflow_id=workflow_id,
        run_id=run_id,
        counts=counts,
        existing_outputs=check.existing_outputs,
    )


def _file_times(
    store: Store, workflow_id: int, directory: str
) -> list[tuple[float | None, int | None, int]]:
    with store.read() as conn:
        files = user_actions.all_files(conn, workflow_id)
    times: list[tuple[float | None, int | None, int]] = []
    for row in files:
        try:
            found = (Path(directory) / row.path).stat()
            times.append((found.st_mtime, found.st_size, row.id))
        except (OSError, ValueError):
            if row.st_mtime is not None:
                times.append((None, None, row.id))
    return times


def needs_initialization(workflow: Workflow) -> bool:
    """Whether a run must begin with an initialization: no job was ever placed (facts, section
    5.1)."""
    return _untouched(workflow.counts)


def _untouched(statuses: Iterable[JobStatus]) -> bool:
    return all(status in (JobStatus.UNINITIALIZED, JobStatus.DISABLED) for status in statuses)


def cancel_workflow(store: Store, workflow_id: int, *, actor: str | None = None) -> int:
    """Cancel all that has not ended: waiting jobs at once, running ones through their runner, or
    directly where no runner is left. How many jobs that were."""
    workflow = workflows.get_workflow(store, workflow_id)
    ended = sum(workflow.counts.get(status, 0) for status in (JobStatus.COMPLETED, *_ENDED))
    number = sum(workflow.counts.values()) - ended
    now = time.time()
    reason = f"canceled by {actor}" if actor else "canceled by a user"
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        user_actions.cancel_rest(conn, workflow_id, reason, now)
        append(
            conn, workflow_id, [("workflow_canceled", None, {"jobs": number})], at=now, actor=actor
        )
    end_orphans(store, workflow_id, reason)
    return number


_ENDED = (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED, JobStatus.DISABLED)


def pause_workflow(store: Store, workflow_id: int, *, actor: str | None = None) -> None:
    """Start nothing new; what runs goes on."""
    _flag(store, workflow_id, True, actor)


def resume_workflow(store: Store, workflow_id: int, *, actor: str | None = None) -> None:
    """Go on after a pause."""
    _flag(store, workflow_id, False, actor)


def _flag(store: Store, workflow_id: int, paused: bool, actor: str | None) -> None:
    workflows.get_workflow(store, workflow_id)
    now = time.time()
    with store.write() as conn:
        user_actions.set_paused(conn, workflow_id, paused)
        event: EventRow = ("workflow_paused" if paused else "workflow_resumed", None, None)
        append(conn, workflow_id, [event], at=now, actor=actor)


def archive_workflows(
    store: Store, ids: Sequence[int], flag: bool, *, actor: str | None = None
) -> None:
    """Hide workflows from lists, or show them again."""
    workflows.archive(store, ids, flag, at=time.time(), actor=actor)


def delete_workflows(
    store: Store, ids: Sequence[int], *, user: str | None = None
) -> list[Workflow]:
    """Delete workflows with all that belongs to them; refused while a runner holds a job of one.
    With ``user``, only theirs."""
    for workflow_id in ids:
        end_orphans(store, workflow_id, "its workflow is deleted")
        counts = workflows.get_workflow(store, workflow_id).counts
        active = counts.get(JobStatus.RUNNING, 0) + counts.get(JobStatus.PENDING, 0)
        if active:
            raise Refused(
                f"workflow {workflow_id} has {active} running job{'s' if active > 1 else ''}",
                hint=f"cancel it first: torc cancel {workflow_id}",
            )
    return workflows.delete(store, ids, user=user)
