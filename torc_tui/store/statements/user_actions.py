"""Define the statements of user actions on workflows and jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    case,
    func,
    null,
    or_,
    select,
    update,
)

from torc_tui.status import CANCELABLE, HELD, UNHELD, UNSUCCESSFUL, WAITING, JobStatus
from torc_tui.store.schema import (
    action,
    compute_node,
    dependency,
    file,
    job,
    result,
    user_data,
    workflow,
)
from torc_tui.store.statements.relations import members_of, upstream_pairs
from torc_tui.store.statements.terms import (
    AS_CREATED,
    among,
    change,
    cleared,
    columns,
    given,
    is_listed,
    move,
    of_workflow,
    param,
    pick,
)

_job_id = param("job_id")
_own = of_workflow(job)
_one = job.c.id == _job_id

# -- what initialization needs ---------------------------------------------------------------------

_enabled = job.c.status != int(JobStatus.DISABLED)
_files = pick(file, "id name path st_mtime").where(of_workflow(file)).order_by(file.c.id)
REQUIRED_FILES = _files.where(
    file.c.id.in_(members_of(job.c.input_files, _enabled)),
    file.c.id.not_in(members_of(job.c.output_files, _enabled)),
)
"""Files that a job reads and no job writes."""
WRITTEN_FILES = _files.where(file.c.id.in_(members_of(job.c.output_files)))
ALL_FILES = _files
REQUIRED_USER_DATA = pick(
    user_data,
    "id name",
    of_workflow(user_data),
    user_data.c.data.is_(None),
    user_data.c.id.in_(members_of(job.c.input_user_data, _enabled)),
    user_data.c.id.not_in(members_of(job.c.output_user_data, _enabled)),
).order_by(user_data.c.id)
"""Empty records that a job reads and no job writes."""

RESET_JOBS = (
    move(JobStatus.UNINITIALIZED, UNHELD - {JobStatus.UNINITIALIZED, JobStatus.DISABLED})
    .where(_own)
    .values(AS_CREATED)
)
"""Reset every job that is not disabled to its state after creation; attempts continue to count."""
NEXT_RUN = (
    update(workflow)
    .where(of_workflow(workflow))
    .values(run_id=workflow.c.run_id + 1, is_canceled=False, is_paused=False)
    .returning(workflow.c.run_id)
)
RUN_OF_WORKFLOW = select(workflow.c.run_id).where(of_workflow(workflow))

# -- jobs ------------------------------------------------------------------------------------------

_job_ids = param("job_ids", Text())
_listed = is_listed(job.c.id, _job_ids)

JOB_STATES = pick(
    job,
    "id workflow_id name status held suspended priority compute_node_id pid process_started",
    _listed,
    ~job.c.removed,
).order_by(job.c.id)

_cancel = move(JobStatus.CANCELED, CANCELABLE).values(
    given(job, "reason ended_at") | {job.c.held: False, job.c.hold_reason: None}
)
CANCEL_JOB = _cancel.where(_one)
CANCEL_REST = _cancel.where(_own)
CANCEL_HELD_JOB = (
    move(JobStatus.CANCELED, HELD)
    .where(_one)
    .values(
        given(job, "reason ended_at")
        | cleared(job, "pid allocation stop_requested")
        | {
            job.c.compute_node_id: case(
                (job.c.started_at.is_(None), null()), else_=job.c.compute_node_id
            ),
            job.c.suspended: False,
        }
    )
)
_ask = change(job, "stop_requested", among(job.c.status, HELD))
ASK_JOB_TO_STOP = _ask.where(_one)
ASK_ALL_TO_STOP = _ask.where(_own)
SET_CANCELED = change(workflow, "is_canceled", of_workflow(workflow))
SET_PAUSED = change(workflow, "is_paused", of_workflow(workflow))
SET_HELD = change(job, "held hold_reason", _one)
SET_SUSPENDED = change(job, "suspended", _one, among(job.c.status, {JobStatus.RUNNING}))
FAIL_JOB = move(JobStatus.FAILED, {JobStatus.PENDING_FAILED}).where(_one)
JOB_END = select(*columns(job, "attempt_id return_code started_at ended_at reason")).where(_one)
DISABLE_JOB = (
    move(JobStatus.DISABLED, UNHELD - {JobStatus.DISABLED})
    .where(_one)
    .values(given(job, "reason") | {job.c.ignored: False})
)
_not_begun = or_(job.c.started_at.is_(None), job.c.status == int(JobStatus.READY))
RESET_LISTED_JOBS = (
    move(JobStatus.UNINITIALIZED, UNHELD, keeps=True)
    .where(_listed)
    .values(
        {
            job.c.retries: 0,
            job.c.lost: 0,
            job.c.ignored: False,
            job.c.attempt_id: job.c.attempt_id + case((_not_begun, 0), else_=1),
        }
        | cleared(
            job, "started_at ended_at return_code reason compute_node_id stop_requested not_before"
        )
    )
)
"""Make jobs uninitialized, with their next attempt if they had one."""
BEGIN_AGAIN = move(JobStatus.UNINITIALIZED, UNHELD, keeps=True).where(_listed).values(AS_CREATED)
"""Make jobs uninitialized at the start of a new run; their attempts have the numbers of before."""


_FOLLOWING = frozenset(JobStatus) - WAITING - {JobStatus.DISABLED}
"""Statuses that follow from the end of a dependency; jobs behind such a job may follow in turn."""


def _downstream(names: str, condition: Callable[[FromClause], ColumnElement[bool]]) -> Select[Any]:
    """Return the jobs downstream of jobs that meet a condition, as all jobs between them do."""
    up = job.alias("u")
    below = (
        select(dependency.c.job_id.label("id"))
        .where(is_listed(dependency.c.depends_on_id, _job_ids))
        .cte("below", recursive=True)
    )
    below = below.union(
        select(dependency.c.job_id)
        .select_from(dependency)
        .join(below, dependency.c.depends_on_id == below.c.id)
        .outerjoin(up, up.c.id == below.c.id)
        .where(or_(below.c.id < 0, condition(up)))
    )
    return (
        pick(job, names)
        .join(below, below.c.id == job.c.id)
        .where(condition(job))
        .order_by(job.c.id)
    )


FOLLOWERS = _downstream("id name status", lambda one: among(one.c.status, _FOLLOWING))
"""The jobs downstream whose status follows from the end of these jobs."""
DOOMED = _downstream(
    "id name", lambda one: and_(among(one.c.status, WAITING), one.c.cancel_on_blocking_job_failure)
)
"""The jobs downstream that are canceled when these are canceled, now or later."""
_culprit, _before = job.alias("u"), upstream_pairs(_job_ids).subquery("b")
CULPRITS = (
    select(job.c.id.label("job_id"), *columns(_culprit, "id name status reason"))
    .select_from(_before)
    .join(job, job.c.id == _before.c.job_id)
    .join(_culprit, _culprit.c.id == _before.c.depends_on_id)
    .where(
        among(_culprit.c.status, UNSUCCESSFUL),
        ~_culprit.c.ignored,
        func.coalesce(_culprit.c.stop_requested, "") != "stopped",
        job.c.cancel_on_blocking_job_failure,
    )
    .order_by(job.c.id, _culprit.c.status, _culprit.c.id)
)
"""Dependencies because of which jobs are canceled; none for a job that runs regardless."""
_last = result.alias("last")
JOBS_TO_CHOOSE = (
    select(
        *columns(job, "id name group status return_code"),
        select(_last.c.cause)
        .where(_last.c.job_id == job.c.id)
        .order_by(_last.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("cause"),
    )
    .where(_own, ~job.c.removed)
    .order_by(job.c.id)
)
"""The jobs of a workflow with what filters look at; ``cause`` is that of the last result."""
EXECUTED_ACTIONS = pick(action, "id trigger_type job_ids return_code").where(
    of_workflow(action), action.c.executed_run_id.is_not(None)
)
REARM_ACTION = (
    update(action)
    .where(action.c.id == param("action_id"))
    .values(executed_run_id=None, return_code=None)
)

# -- runners ---------------------------------------------------------------------------------------

_active_node = (compute_node.c.id == param("node_id"), compute_node.c.is_active)
ASK_NODE_TO_STOP = change(compute_node, "stop_requested", *_active_node)
RESIZE_NODE = change(compute_node, "num_cpus memory options", *_active_node)
