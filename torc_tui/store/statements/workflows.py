"""Statements that read and change whole workflows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, cast, delete, func, literal_column, select, update

from torc_tui.status import JobStatus
from torc_tui.store.schema import (
    CHANNEL,
    dependency,
    event,
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
from torc_tui.store.statements.terms import ByDialect, Paged, columns, given, param

_id = param("workflow_id")

_workflow = select(*(column for column in workflow.c))
WORKFLOW = _workflow.where(workflow.c.id == _id)
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
    },
)
WORKFLOWS_OF_NAME = (
    select(*columns(workflow, "id name user directory"))
    .where(workflow.c.name == param(workflow.c.name), ~workflow.c.is_archived)
    .order_by(workflow.c.created_at.desc(), workflow.c.id.desc())
)
STATUS_COUNTS = (
    select(job.c.status, func.count().label("number"))
    .where(job.c.workflow_id == _id)
    .group_by(job.c.status)
    .order_by(job.c.status)
)
JOB_TIMES = select(
    func.min(job.c.started_at).label("first_start"), func.max(job.c.ended_at).label("last_end")
).where(job.c.workflow_id == _id)
INTERRUPTED = select(func.count().label("number")).where(
    job.c.workflow_id == _id,
    job.c.status == int(JobStatus.TERMINATED),
    job.c.stop_requested == "stopped",
)
SNAPSHOT_JOBS = (
    select(
        *columns(
            job,
            "id name status group parameter_values priority held attempt_id requirement_id unmet "
            "compute_node_id started_at ended_at return_code reason not_before stop_requested",
        ),
    )
    .where(job.c.workflow_id == _id)
    .order_by(job.c.id)
)
REQUIREMENTS = (
    select(*(column for column in resource_requirements.c))
    .where(resource_requirements.c.workflow_id == _id)
    .order_by(resource_requirements.c.id)
)

UPDATE_WORKFLOW = (
    update(workflow)
    .where(workflow.c.id == _id)
    .values(given(workflow, "name description user project metadata"))
)
SET_ARCHIVED = update(workflow).where(workflow.c.id == _id).values(given(workflow, "is_archived"))


def _of(column: Any) -> Any:
    return select(column.table.c.id).where(column == _id)


DELETE_DEPENDENCIES = delete(dependency).where(
    dependency.c.depends_on_id.in_(
        _of(job.c.workflow_id).union_all(select(-gate.c.id).where(gate.c.workflow_id == _id))
    )
)
DELETE_FILE_GROUPS = delete(file_group).where(file_group.c.file_id.in_(_of(file.c.workflow_id)))
DELETE_USER_DATA_GROUPS = delete(user_data_group).where(
    user_data_group.c.user_data_id.in_(_of(user_data.c.workflow_id))
)
DELETE_RESULTS = delete(result).where(result.c.workflow_id == _id)
DELETE_EVENTS = delete(event).where(event.c.workflow_id == _id)
_delete = delete(workflow).where(workflow.c.id == _id)
_notify = func.pg_notify(literal_column(f"'{CHANNEL}'"), cast(workflow.c.id, Text()))
DELETE_WORKFLOW = ByDialect(_delete, _delete.returning(_notify))
"""The other tables of the workflow follow by their foreign keys."""
