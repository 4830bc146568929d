"""Define the statements that read and change whole workflows, and read their progress."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, and_, cast, delete, func, literal_column, or_, select, update

from torc_tui.model import FAILURE_EVENTS
from torc_tui.status import (
    CANCELABLE,
    HELD,
    NOT_STARTED,
    TROUBLED,
    UNSETTLED,
    UNSUCCESSFUL,
    JobStatus,
)
from torc_tui.store.schema import (
    CHANNEL,
    action,
    dependency,
    event,
    failure_handler,
    file,
    file_group,
    gate,
    job,
    resource_requirements,
    result,
    user_data,
    user_data_group,
    workflow,
)
from torc_tui.store.statements.terms import (
    ByDialect,
    Paged,
    Parameter,
    among,
    change,
    given,
    move,
    of_workflow,
    param,
    pick,
)

_workflow_id = param("workflow_id")

_workflow = select(*(column for column in workflow.c))
WORKFLOW = _workflow.where(of_workflow(workflow))
LIST_WORKFLOWS = Paged(
    _workflow,
    sorts={
        **{
            name: workflow.c[name]
            for name in ["id", "name", "user", "description", "project", "metadata"]
        },
        "timestamp": workflow.c.created_at,
        "created_at": workflow.c.created_at,
    },
    filters={
        "user": workflow.c.user == param(workflow.c.user),
        "is_archived": workflow.c.is_archived == param(workflow.c.is_archived),
        "directory": workflow.c.directory == param(workflow.c.directory),
        "project": workflow.c.project == param(workflow.c.project),
    },
)
WORKFLOWS_OF_NAME = (
    pick(workflow, "id name user directory")
    .where(workflow.c.name == param(workflow.c.name), ~workflow.c.is_archived)
    .order_by(workflow.c.created_at.desc(), workflow.c.id.desc())
)
GROUP_COUNTS = (
    select(job.c.group, func.count().label("number"))
    .where(of_workflow(job), ~job.c.removed)
    .group_by(job.c.group)
    .order_by(job.c.group)
)
SAME_WORKFLOWS = (
    select(workflow.c.id)
    .where(
        *(
            workflow.c[name] == param(workflow.c[name])
            for name in ("real_path", "name", "directory", "set_values", "user")
        ),
        ~workflow.c.is_archived,
    )
    .order_by(workflow.c.created_at.desc(), workflow.c.id.desc())
)
"""The workflows that were made from a file in one directory with equal values, newest first."""
STATUS_COUNTS = (
    select(job.c.status, func.count().label("number"))
    .where(
        of_workflow(job),
        # The index has the status, so that few rows must be read for the flag.
        or_(job.c.status != int(JobStatus.DISABLED), ~job.c.removed),
    )
    .group_by(job.c.status)
    .order_by(job.c.status)
)
JOB_TIMES = select(
    func.min(job.c.started_at).label("first_start"), func.max(job.c.ended_at).label("last_end")
).where(of_workflow(job))
EXEC_SECONDS = select(func.sum(result.c.ended_at - result.c.started_at).label("seconds")).where(
    of_workflow(result)
)
INTERRUPTED = select(func.count().label("number")).where(
    of_workflow(job),
    job.c.status == int(JobStatus.TERMINATED),
    job.c.stop_requested == "stopped",
)
IGNORED = select(func.count().label("number")).where(
    of_workflow(job), among(job.c.status, UNSUCCESSFUL), job.c.ignored
)
SNAPSHOT_JOBS = pick(
    job,
    "id name status group parameter_values priority held attempt_id requirement_id unmet "
    "compute_node_id started_at ended_at return_code reason not_before stop_requested "
    "hold_reason suspended ignored labels",
    of_workflow(job),
    ~job.c.removed,
).order_by(job.c.id)
REQUIREMENTS = (
    select(*(column for column in resource_requirements.c))
    .where(of_workflow(resource_requirements))
    .order_by(resource_requirements.c.id)
)
REQUIREMENT = select(*(column for column in resource_requirements.c)).where(
    resource_requirements.c.id == param("requirement_id")
)

UPDATE_WORKFLOW = change(workflow, "name description user project metadata", of_workflow(workflow))
SET_ARCHIVED = change(workflow, "is_archived", of_workflow(workflow))


def _of(column: Any) -> Any:
    return select(column.table.c.id).where(column == _workflow_id)


DELETE_DEPENDENCIES = delete(dependency).where(
    dependency.c.depends_on_id.in_(
        _of(job.c.workflow_id).union_all(select(-gate.c.id).where(of_workflow(gate)))
    )
)
DELETE_FILE_GROUPS = delete(file_group).where(file_group.c.file_id.in_(_of(file.c.workflow_id)))
DELETE_USER_DATA_GROUPS = delete(user_data_group).where(
    user_data_group.c.user_data_id.in_(_of(user_data.c.workflow_id))
)
DELETE_RESULTS = delete(result).where(of_workflow(result))
DELETE_EVENTS = delete(event).where(of_workflow(event))
_delete = delete(workflow).where(of_workflow(workflow))
_notify = func.pg_notify(literal_column(f"'{CHANNEL}'"), cast(workflow.c.id, Text()))
DELETE_WORKFLOW = ByDialect(_delete, _delete.returning(_notify))
"""The other tables of the workflow follow by their foreign keys."""


# -- progress --------------------------------------------------------------------------------------


_own = of_workflow(job)

UNSUCCESSFUL_JOBS = (
    pick(job, "id:job_id name status return_code reason attempt_id output_dir stdio")
    .where(_own, among(job.c.status, TROUBLED), ~job.c.ignored)
    .order_by(job.c.ended_at, job.c.id)
    .limit(param("limit"))
)
_request = (job.c.requirement_id, job.c.status, job.c.held, job.c.labels)
REMAINING_JOBS = (
    select(*_request, func.count().label("number"))
    .where(_own, among(job.c.status, CANCELABLE))
    .group_by(*_request)
)
NEEDS_RUNNERS = select(
    and_(
        ~workflow.c.is_canceled,
        ~workflow.c.is_archived,
        select(job.c.id).where(of_workflow(job), among(job.c.status, UNSETTLED)).exists(),
    ).label("needs")
).where(of_workflow(workflow))
"""Whether jobs of a workflow are left to run; the jobs are not counted."""
UNFINISHED_JOBS = (
    select(*_request, func.count().label("number"))
    .where(_own, among(job.c.status, CANCELABLE | HELD))
    .group_by(*_request)
)
HOLDS = (
    select(job.c.hold_reason, func.count().label("number"))
    .where(_own, job.c.held, among(job.c.status, CANCELABLE))
    .group_by(job.c.hold_reason)
    .order_by(func.count().desc())
)
SUSPENDED = select(func.count().label("number")).where(
    _own, among(job.c.status, {JobStatus.RUNNING}), job.c.suspended
)
REMAINING_NAMES = (
    pick(job, "id name")
    .where(
        _own,
        job.c.requirement_id == param(job.c.requirement_id),
        job.c.status == param(job.c.status),
        job.c.labels.is_not_distinct_from(Parameter("labels", Text(), nullable=True)),
    )
    .order_by(job.c.id)
    .limit(param("limit"))
)
INTERRUPTED_JOBS = pick(job, "id reason").where(
    _own, among(job.c.status, {JobStatus.TERMINATED}), job.c.stop_requested == "stopped"
)
TAKE_UP_INTERRUPTED = (
    move(JobStatus.READY, {JobStatus.TERMINATED})
    .where(job.c.id == param("job_id"), job.c.stop_requested == "stopped")
    .values(attempt_id=job.c.attempt_id + 1, stop_requested=None, reason=None, return_code=None)
    .returning(job.c.attempt_id)
)

# -- what a runner must know of its workflow -------------------------------------------------------

RUN_CONTEXT = pick(
    workflow,
    "name run_id directory env execution_config use_pending_failed require_user_data settings",
).where(of_workflow(workflow))
HANDLER_RULES = pick(failure_handler, "id rules").where(of_workflow(failure_handler))
COMMAND_ACTIONS = (
    pick(action, "id trigger_type job_ids commands persistent executed_run_id")
    .where(of_workflow(action), action.c.action_type == "run_commands")
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
    .values(given(action, "executed_run_id executed_at") | {action.c.return_code: None})
)
_action = action.c.id == param("action_id")
SET_EXECUTED = (
    update(action)
    .where(_action)
    .values(given(action, "executed_run_id executed_at") | {action.c.return_code: None})
)
SET_HANDLED = change(action, "handled_seq", _action)
SET_ACTION_END = change(action, "return_code", _action)
ENDS_SINCE_HANDLED = (
    pick(job, "id:job_id status reason")
    .select_from(event)
    .join(job, job.c.id == event.c.job_id)
    .where(
        of_workflow(event),
        event.c.seq > select(action.c.handled_seq).where(_action).scalar_subquery(),
        event.c.kind.in_(sorted(FAILURE_EVENTS)),
    )
    .order_by(event.c.seq)
)
"""The jobs of which an attempt has failed since an action handled failures last."""
ENVIRONMENTS_WITH_REFERENCES = pick(
    job,
    "name env",
    _own,
    job.c.env.like("%$%"),
    or_(among(job.c.status, NOT_STARTED | HELD), job.c.stop_requested == "stopped"),
).order_by(job.c.id)
STATUS_OF_JOB = select(job.c.status).where(job.c.id == param("job_id"))
