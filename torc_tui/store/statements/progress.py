"""Statements that read the progress of a workflow."""

from __future__ import annotations

from sqlalchemy import func, or_, select, update

from torc_tui.status import CANCELABLE, HELD, NOT_STARTED, TROUBLED, JobStatus
from torc_tui.store.schema import action, failure_handler, job, workflow
from torc_tui.store.statements.terms import among, columns, given, move, param

_workflow_id = param("workflow_id")
_own = job.c.workflow_id == _workflow_id

UNSUCCESSFUL_JOBS = (
    select(
        *columns(job, "id:job_id name status return_code reason attempt_id output_dir stdio"),
    )
    .where(_own, among(job.c.status, TROUBLED))
    .order_by(job.c.ended_at, job.c.id)
    .limit(param("limit"))
)
_request = (job.c.requirement_id, job.c.status, job.c.held)
REMAINING_JOBS = (
    select(*_request, func.count().label("number"))
    .where(_own, among(job.c.status, CANCELABLE))
    .group_by(*_request)
)
REMAINING_NAMES = (
    select(job.c.id, job.c.name)
    .where(
        _own,
        job.c.requirement_id == param(job.c.requirement_id),
        job.c.status == param(job.c.status),
    )
    .order_by(job.c.id)
    .limit(param("limit"))
)
ACTIVE_ELSEWHERE = select(func.count().label("number")).where(
    _own, among(job.c.status, HELD), job.c.compute_node_id != param("node_id")
)
INTERRUPTED_JOBS = select(job.c.id, job.c.reason).where(
    _own, among(job.c.status, {JobStatus.TERMINATED}), job.c.stop_requested == "stopped"
)
TAKE_UP_INTERRUPTED = (
    move(JobStatus.READY, {JobStatus.TERMINATED})
    .where(job.c.id == param("job_id"), job.c.stop_requested == "stopped")
    .values(attempt_id=job.c.attempt_id + 1, stop_requested=None, reason=None, return_code=None)
    .returning(job.c.attempt_id)
)

# -- what a runner must know of its workflow -------------------------------------------------------

RUN_CONTEXT = select(
    *columns(
        workflow,
        "name run_id directory env execution_config use_pending_failed require_user_data settings",
    ),
).where(workflow.c.id == _workflow_id)
HANDLER_RULES = select(failure_handler.c.id, failure_handler.c.rules).where(
    failure_handler.c.workflow_id == _workflow_id
)
COMMAND_ACTIONS = (
    select(
        *columns(action, "id trigger_type job_ids commands persistent executed_run_id"),
    )
    .where(action.c.workflow_id == _workflow_id, action.c.action_type == "run_commands")
    .order_by(action.c.id)
)
CLAIM_ACTION = (
    update(action)
    .where(
        action.c.id == param("action_id"),
        or_(
            action.c.persistent,
            action.c.executed_run_id.is_(None),
            action.c.executed_run_id != param("executed_run_id"),
        ),
    )
    .values(given(action, "executed_run_id executed_at"))
)
ENVIRONMENTS_WITH_REFERENCES = (
    select(job.c.name, job.c.env)
    .where(
        _own,
        job.c.env.like("%$%"),
        or_(among(job.c.status, NOT_STARTED | HELD), job.c.stop_requested == "stopped"),
    )
    .order_by(job.c.id)
)
STATUS_OF_JOB = select(job.c.status).where(job.c.id == param("job_id"))
