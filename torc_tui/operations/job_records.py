"""Create one job with dependencies, and delete jobs.

Input: an open store, ids, the actor. Output: ids. Each action is one transaction that changes rows
and appends its event.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from torc_tui.errors import NotFound, Refused, UsageError
from torc_tui.model import JobSpec, WorkflowSpec
from torc_tui.operations.additions import check_open
from torc_tui.operations.appending import Appended, append_plan
from torc_tui.operations.known_parts import read_known_parts
from torc_tui.operations.new_dependents import pattern_edges, reader_edges
from torc_tui.plan.fragment import resolve_fragment
from torc_tui.quoting import quoted
from torc_tui.status import HELD
from torc_tui.store import (
    additions,
    dependency_counters,
    job_definitions,
    queries,
    sql,
    user_actions,
)
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.event_log import append
from torc_tui.tuples import NamedTuple
from torc_tui.wording import count, listed


class NewJob(NamedTuple):
    """A job to create; it refers to other jobs, files and requirements by their ids."""

    name: str
    command: str
    requirement_id: int | None = None
    depends_on: Sequence[int] = ()
    input_files: Sequence[int] = ()
    output_files: Sequence[int] = ()


def create_job(store: Store, workflow_id: int, new: NewJob, *, actor: str | None = None) -> int:
    """Add a job to a workflow and return its id.

    Jobs that read its output files and have not begun wait for it. Refused for an archived or
    canceled workflow.
    """
    check_open(store, workflow_id)
    now = time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        _check_name(conn, workflow_id, new.name)
        spec = WorkflowSpec(name="", jobs=[_spec(store, conn, workflow_id, new)])
        known = read_known_parts(conn, workflow_id, spec)
        plan, ids = resolve_fragment(spec, known)
        appended = Appended(conn, workflow_id, plan, [one for one in ids if one is not None], known)
        edges = pattern_edges(conn, workflow_id, appended)
        edges += reader_edges(store, conn, appended, new.output_files)
        rows = append_plan(appended, {}, edges, now)
        append(conn, workflow_id, [("jobs_created", None, {"jobs": 1}), *rows], at=now, actor=actor)
        return appended.new_jobs[0]


def _check_name(conn: Connection, workflow_id: int, name: str) -> None:
    if not additions.name_is_taken(conn, workflow_id, name, 0):
        return
    if conn.value(sql.JOB_OF_NAME, workflow_id=workflow_id, name=name) is not None:
        raise UsageError(
            f"workflow {workflow_id} already has a job {quoted(name)}", hint="use another name"
        )
    raise UsageError(
        f"workflow {workflow_id} had a job {quoted(name)}, and its results remain",
        hint="use another name",
    )


def _spec(store: Store, conn: Connection, workflow_id: int, new: NewJob) -> JobSpec:
    """Return the job with names instead of ids; raise NotFound for an unknown id."""
    jobs = {job.id: job for job in user_actions.job_states(conn, new.depends_on)}
    for job_id in new.depends_on:
        if job_id not in jobs or jobs[job_id].workflow_id != workflow_id:
            raise NotFound(
                f"workflow {workflow_id} has no job {job_id}",
                hint=f"`torc jobs list {workflow_id}` shows all jobs",
            )
    names = {one["id"]: one["name"] for one in queries.list_files(store, workflow_id)}
    for file_id in (*new.input_files, *new.output_files):
        if file_id not in names:
            raise NotFound(
                f"workflow {workflow_id} has no file {file_id}",
                hint=f"`torc files list {workflow_id}` shows all files",
            )
    requirements = None
    if new.requirement_id is not None:
        found = queries.get_requirements(store, new.requirement_id)
        if found["workflow_id"] != workflow_id:
            raise NotFound(
                f"workflow {workflow_id} has no resource requirements {new.requirement_id}",
                hint=f"`torc resource-requirements list {workflow_id}` shows all entries",
            )
        requirements = found["name"]
    return JobSpec(
        name=new.name,
        command=new.command,
        group=new.name,
        resource_requirements=requirements,
        depends_on=tuple(jobs[job_id].name for job_id in dict.fromkeys(new.depends_on)),
        input_files=tuple(names[file_id] for file_id in dict.fromkeys(new.input_files)),
        output_files=tuple(names[file_id] for file_id in dict.fromkeys(new.output_files)),
    )


def delete_jobs(store: Store, job_ids: Sequence[int], *, actor: str | None = None) -> None:
    """Remove jobs from their workflows; other jobs no longer wait for them.

    Their results remain. Refused, without any change, if one of the jobs is running.
    """
    now = time.time()
    with store.write() as conn:
        jobs = user_actions.job_states(conn, job_ids)
        for workflow_id in sorted({job.workflow_id for job in jobs}):
            append(conn, workflow_id, [], at=now)
        jobs = user_actions.job_states(conn, job_ids)
        running = [job.name for job in jobs if job.status in HELD]
        if running:
            raise Refused(
                f"{count(len(running), 'job is', 'jobs are')} running: {listed(running)}",
                hint="`torc jobs terminate JOB` ends them; no changes made",
            )
        for workflow_id in sorted({job.workflow_id for job in jobs}):
            own = [job.id for job in jobs if job.workflow_id == workflow_id]
            rows = job_definitions.remove(conn, own)
            rows += dependency_counters.resettle(conn, workflow_id, now)
            append(conn, workflow_id, rows, at=now, actor=actor)
