"""Change workflows for a user: create, initialize, pause, resume, cancel, archive, delete.

Input: an open store, ids, the actor. Output: what was done. `torc_tui.operations.catalog` says when
an action is legal. Each action is one transaction that changes rows and appends its event.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from torc_tui.errors import Refused
from torc_tui.model import Plan, Workflow
from torc_tui.operations import catalog
from torc_tui.operations.lost_attempts import end_orphans
from torc_tui.operations.lost_runners import sync_status
from torc_tui.operations.user_action import check_workflow
from torc_tui.reasons import Kind, because
from torc_tui.records import dataclass, field
from torc_tui.status import HELD, UNSETTLED, UNTOUCHED, JobStatus, number_of
from torc_tui.store import creation, dependency_counters, scheduling, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append
from torc_tui.wording import in_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class InitCheck:
    """What prevents an initialization, and the output files that already exist.

    Files are pairs of name and absolute path.
    """

    workflow_id: int
    missing_files: Sequence[tuple[str, str]] = ()
    missing_user_data: Sequence[tuple[int, str]] = ()
    existing_outputs: Sequence[tuple[str, str]] = ()

    @property
    def safe(self) -> bool:
        """Whether nothing that the jobs read is missing."""
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
        """How many jobs can start now."""
        return self.counts.get(JobStatus.READY, 0)

    @property
    def blocked(self) -> int:
        """How many jobs wait for others."""
        return self.counts.get(JobStatus.BLOCKED, 0)


def create_workflow(
    store: Store, plan: Plan, *, user: str, directory: str, actor: str | None
) -> int:
    """Store a plan and return the id of the new workflow. Its jobs run in ``directory``."""
    return workflows.create(
        store, plan, user=user, directory=directory, at=time.time(), actor=actor
    )


def same_workflow(store: Store, plan: Plan, *, user: str, directory: str) -> Workflow | None:
    """Return the newest workflow that was made from the file of a plan; None without one.

    It has the same real path, name, directory and values that were set from outside. Standard input
    is never the same.
    """
    spec = plan.spec
    if spec.real_path is None:
        return None
    with store.read() as conn:
        found = conn.value(
            sql.SAME_WORKFLOWS,
            real_path=spec.real_path,
            name=spec.name,
            directory=directory,
            set_values=creation.encode_values(spec),
            user=user,
        )
        return None if found is None else workflows.read_workflow(conn, int(found))


def init_check(store: Store, workflow_id: int) -> InitCheck:
    """Return what an initialization would find; change nothing."""
    directory = workflows.get_workflow(store, workflow_id).directory
    with store.read() as conn:
        required = conn.rows(sql.REQUIRED_FILES, workflow_id=workflow_id)
        written = conn.rows(sql.WRITTEN_FILES, workflow_id=workflow_id)
        records = conn.rows(sql.REQUIRED_USER_DATA, workflow_id=workflow_id)

    def absolute(rows: Iterable[sql.AllFilesRow], *, exist: bool) -> list[tuple[str, str]]:
        return [
            (row.name, str(Path(directory) / row.path))
            for row in rows
            if os.path.lexists(_join(directory, row.path)) is exist
        ]

    return InitCheck(
        workflow_id=workflow_id,
        missing_files=absolute(required, exist=False),
        missing_user_data=[(row.id, row.name) for row in records],
        existing_outputs=absolute(written, exist=True),
    )


def initialize(
    store: Store,
    workflow_id: int,
    *,
    force: bool = False,
    once: bool = False,
    actor: str | None = None,
) -> InitReport:
    """Begin a new run: make every job ready, or blocked by the jobs it depends on.

    Refused if required files or records are missing (``force`` accepts missing files, never missing
    records), if jobs are running (``force`` takes them from runners whose lease has expired), and
    if the workflow is archived. With ``once``, change nothing if another process has initialized it
    meanwhile: only one of the runners that start together does it.
    """
    workflow = workflows.get_workflow(store, workflow_id)
    if once and not needs_initialization(workflow):
        return _initialized(workflow)
    if number_of(workflow.counts, HELD):
        sync_status(store, workflow_id, force=force, keep_ends=False, actor=actor)
        workflow = workflows.get_workflow(store, workflow_id)
    check_workflow(catalog.INITIALIZE, workflow)
    check = init_check(store, workflow_id)
    check_required(check, "run" if needs_initialization(workflow) else "init", force=force)
    times = _file_times(store, workflow_id, workflow.directory)
    now = time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        workflow = workflows.read_workflow(conn, workflow_id)
        if once and not needs_initialization(workflow):
            return _initialized(workflow)
        check_workflow(catalog.INITIALIZE, workflow)
        if workflow.run_id or not once:  # the first run keeps what users have canceled before
            conn.execute(sql.RESET_JOBS, workflow_id=workflow_id)
        run_id = conn.value(sql.NEXT_RUN, workflow_id=workflow_id)
        scheduling.set_file_times(conn, times)
        dependency_counters.recount(conn, workflow_id)
        events = dependency_counters.place_uninitialized(conn, workflow_id, now)
        dependency_counters.hold_behind(conn, workflow_id)
        counts = workflows.counts(conn, workflow_id)
        numbers = {status.word: n for status, n in counts.items()}
        events.append(("workflow_initialized", None, {"run_id": run_id, "counts": numbers}))
        append(conn, workflow_id, events, at=now, actor=actor)
    return InitReport(
        workflow_id=workflow_id,
        run_id=run_id,
        counts=counts,
        existing_outputs=check.existing_outputs,
    )


def _initialized(workflow: Workflow) -> InitReport:
    """Return the report of a workflow that another process has initialized."""
    return InitReport(workflow_id=workflow.id, run_id=workflow.run_id, counts=dict(workflow.counts))


def check_required(check: InitCheck, verb: str, *, force: bool) -> None:
    """Raise Refused if files or records that jobs read are missing; ``force`` accepts files.

    ``verb`` is the command to repeat when they are there.
    """
    workflow_id = check.workflow_id
    if check.missing_user_data:
        names = ", ".join(f"{name} (id {record})" for record, name in check.missing_user_data)
        raise Refused(
            f"workflow {workflow_id}: user data that jobs read is empty and no job writes it:"
            f" {names}",
            hint="give it a value with `torc user-data update`",
        )
    if check.missing_files and not force:
        files = in_lines(f"{name}: {path}" for name, path in check.missing_files)
        raise Refused(
            f"workflow {workflow_id}: files that jobs read do not exist and no job writes them:\n"
            f"{files}",
            hint=f"put them there, then `torc {verb} {workflow_id}`; or use --force",
        )


def _file_times(
    store: Store, workflow_id: int, directory: str
) -> list[tuple[float | None, int | None, int]]:
    with store.read() as conn:
        files = conn.rows(sql.ALL_FILES, workflow_id=workflow_id)
    times: list[tuple[float | None, int | None, int]] = []
    for row in files:
        try:
            found = os.stat(_join(directory, row.path))  # noqa: PTH116
            times.append((found.st_mtime, found.st_size, row.id))
        except (OSError, ValueError):
            if row.st_mtime is not None:
                times.append((None, None, row.id))
    return times


def _join(directory: str, path: str) -> str:
    """Return a path below a directory; pathlib takes ten times as long."""
    return os.path.join(directory, path)  # noqa: PTH118


def needs_initialization(workflow: Workflow) -> bool:
    """Return whether a run must begin with an initialization.

    Every job is uninitialized, or some are and there was no run yet.
    """
    is_new = not workflow.run_id and bool(workflow.counts.get(JobStatus.UNINITIALIZED))
    return is_new or _untouched(workflow.counts)


def _untouched(statuses: Iterable[JobStatus]) -> bool:
    return all(status in UNTOUCHED for status in statuses)


def cancel_workflow(
    store: Store, workflow_id: int, *, force: bool = False, actor: str | None = None
) -> int:
    """Cancel everything that has not finished and return how many jobs that is.

    Waiting jobs are canceled at once; running ones by their runner, or here if it is lost or, with
    ``force``, if its lease has expired.
    """
    now = time.time()
    reason = because(Kind.CANCELED_BY_USER, actor=actor)
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        workflow = workflows.read_workflow(conn, workflow_id)
        check_workflow(catalog.CANCEL_WORKFLOW, workflow)
        number = number_of(workflow.counts, UNSETTLED)
        conn.execute(sql.SET_CANCELED, workflow_id=workflow_id, is_canceled=True)
        conn.execute(sql.CANCEL_REST, workflow_id=workflow_id, reason=reason.encode(), ended_at=now)
        conn.execute(sql.ASK_ALL_TO_STOP, workflow_id=workflow_id, stop_requested="canceled")
        event: EventRow = ("workflow_canceled", None, {"jobs": number})
        append(conn, workflow_id, [event], at=now, actor=actor)
    end_orphans(store, workflow_id, reason)
    sync_status(store, workflow_id, force=force, actor=actor)
    return number


def pause_workflow(store: Store, workflow_id: int, *, actor: str | None = None) -> None:
    """Start no new job; running jobs continue."""
    _set_paused(store, workflow_id, True, actor)


def resume_workflow(store: Store, workflow_id: int, *, actor: str | None = None) -> None:
    """Let jobs of a paused workflow start again."""
    _set_paused(store, workflow_id, False, actor)


def _set_paused(store: Store, workflow_id: int, paused: bool, actor: str | None) -> None:
    workflows.get_workflow(store, workflow_id)
    now = time.time()
    with store.write() as conn:
        conn.execute(sql.SET_PAUSED, workflow_id=workflow_id, is_paused=paused)
        event: EventRow = ("workflow_paused" if paused else "workflow_resumed", None, None)
        append(conn, workflow_id, [event], at=now, actor=actor)


def archive_workflows(store: Store, ids: Sequence[int], *, actor: str | None = None) -> None:
    """Hide workflows from lists."""
    workflows.archive(store, ids, True, at=time.time(), actor=actor)


def restore_workflows(store: Store, ids: Sequence[int], *, actor: str | None = None) -> None:
    """Show archived workflows in lists again."""
    workflows.archive(store, ids, False, at=time.time(), actor=actor)


def delete_workflows(
    store: Store,
    ids: Sequence[int],
    *,
    user: str | None = None,
    force: bool = False,
    actor: str | None = None,
) -> list[Workflow]:
    """Delete workflows with all their data and return them as they were.

    Refused while a runner holds one of their jobs and, with ``user``, for those of other users.
    ``force`` takes the jobs from runners whose lease has expired.
    """
    for workflow_id in ids:
        end_orphans(store, workflow_id, because(Kind.WORKFLOW_DELETED))
        sync_status(store, workflow_id, force=force, actor=actor)
        check_workflow(catalog.DELETE, workflows.get_workflow(store, workflow_id))
    return workflows.delete(store, ids, user=user)
