"""Add jobs to a workflow, and change jobs that have not started.

Input: an open store, ids, who acts. Output: ids. Each action is one transaction that changes rows
and appends its event.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from torc_tui.errors import Conflict, NotFound, Refused, UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.status import HELD, NOT_STARTED, UNTOUCHED
from torc_tui.store import additions, dependency_counters, user_actions, workflows
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append


def add_jobs(
    store: Store,
    workflow_id: int,
    commands: Sequence[str],
    requirements: ResourceRequirements,
    *,
    actor: str | None = None,
) -> list[int]:
    """Add a job for each command and return the ids.

    In a workflow that was initialized, the jobs are ready at once. Refused for an archived or
    canceled workflow.
    """
    workflow = workflows.get_workflow(store, workflow_id)
    if workflow.is_archived or workflow.is_canceled:
        state = "archived" if workflow.is_archived else "canceled"
        raise Refused(f"workflow {workflow_id} is {state}: no jobs can be added")
    now = time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        placed = any(state not in UNTOUCHED for state in workflows.counts(conn, workflow_id))
        requirement_id = additions.requirement(conn, workflow_id, requirements)
        ids = additions.add_jobs(conn, workflow_id, commands, requirement_id)
        rows: list[EventRow] = (
            dependency_counters.resettle(conn, workflow_id, now) if placed else []
        )
        append(
            conn,
            workflow_id,
            [("jobs_created", None, {"jobs": len(ids)}), *rows],
            at=now,
            actor=actor,
        )
    return ids


def update_job(
    store: Store,
    job_id: int,
    *,
    name: str | None = None,
    command: str | None = None,
    runtime: float | None = None,
    requirement_id: int | None = None,
    actor: str | None = None,
) -> None:
    """Change the given properties of a job.

    Refused for the name and command of a job that has started, and for a job that runs. ``runtime``
    (seconds) replaces the requirements of the job by a copy with that runtime.
    """
    if name is not None and not name.strip():
        raise UsageError("a job needs a name")
    now = time.time()
    with store.write() as conn:
        found = user_actions.job_states(conn, [job_id])
        if not found:
            raise NotFound(
                f"there is no job {job_id}",
                hint="`torc jobs list WORKFLOW` shows those that are there",
            )
        append(conn, found[0].workflow_id, [], at=now)
        job = user_actions.job_states(conn, [job_id])[0]
        if job.status in HELD or (
            (name, command) != (None, None) and job.status not in NOT_STARTED
        ):
            raise Refused(
                f"job {job_id} ({job.name}) can no longer be updated: it is {job.status.word}"
            )
        if name is not None and additions.name_is_taken(conn, job.workflow_id, name, job_id):
            raise Conflict(
                f"workflow {job.workflow_id} has a job {name!r} already", hint="take another name"
            )
        known = workflows.read_requirements(conn, job.workflow_id)
        wanted = (
            additions.requirement_of(conn, job_id) if requirement_id is None else requirement_id
        )
        if wanted not in known:
            hint = f"`torc resource-requirements list {job.workflow_id}` shows those that are there"
            raise NotFound(
                f"workflow {job.workflow_id} has no resource requirements {wanted}", hint=hint
            )
        if runtime is not None:
            wanted = additions.requirement(
                conn, job.workflow_id, replace(known[wanted], runtime=runtime)
            )
        moved = wanted if runtime is not None or requirement_id is not None else None
        additions.change_job(conn, job_id, name=name, command=command, requirement_id=moved)
        if moved is not None:
            additions.classify(conn, job.workflow_id)
        changes = {"name": name, "command": command, "requirement_id": moved}
        data = {key: value for key, value in changes.items() if value is not None}
        append(conn, job.workflow_id, [("job_updated", job_id, data)], at=now, actor=actor)
