"""Statements that read a workflow as a document, under the keys of that document."""

from __future__ import annotations

from sqlalchemy import func, select, update

from torc_tui.store.schema import (
    file,
    file_group,
    gate,
    job,
    user_data,
    user_data_group,
    workflow,
    workflow_text,
)
from torc_tui.store.statements.terms import given, param

_workflow_id = param("workflow_id")

WORKFLOW_TEXT = (
    select(workflow_text.c.text)
    .select_from(workflow)
    .join(workflow_text, workflow_text.c.workflow_id == workflow.c.id)
    .where(workflow.c.id == _workflow_id)
)
EXPORT_JOBS = (
    select(
        job.c.id,
        job.c.name,
        job.c.command,
        job.c.invocation_script,
        job.c.script,
        job.c.priority,
        job.c.cancel_on_blocking_job_failure,
        job.c.supports_termination,
        job.c.requirement_id.label("resource_requirements_id"),
        job.c.failure_handler_id,
        job.c.scheduler,
        job.c.group,
        job.c.parameter_values.label("parameters"),
        job.c.env,
        job.c.stdio,
        job.c.options,
        job.c.require_user_data,
        job.c.input_files.label("input_file_ids"),
        job.c.output_files.label("output_file_ids"),
        job.c.input_user_data.label("input_user_data_ids"),
        job.c.output_user_data.label("output_user_data_ids"),
    )
    .where(job.c.workflow_id == _workflow_id)
    .order_by(job.c.id)
)
EXPORT_FILE_GROUPS = select(file_group.c.group_id, file_group.c.file_id).where(
    file_group.c.file_id.in_(select(file.c.id).where(file.c.workflow_id == _workflow_id))
)
EXPORT_DATA_GROUPS = select(user_data_group.c.group_id, user_data_group.c.user_data_id).where(
    user_data_group.c.user_data_id.in_(
        select(user_data.c.id).where(user_data.c.workflow_id == _workflow_id)
    )
)
EXPORT_USER_DATA = (
    select(
        user_data.c.id,
        user_data.c.name,
        user_data.c.is_ephemeral,
        user_data.c.data,
        user_data.c.declared,
        user_data.c.json_schema.label("schema"),
    )
    .where(user_data.c.workflow_id == _workflow_id)
    .order_by(user_data.c.id)
)
EXPORT_GATES = (
    select(gate.c.id, gate.c.via).where(gate.c.workflow_id == _workflow_id).order_by(gate.c.id)
)
FIRST_JOB = select(func.min(job.c.id).label("first")).where(job.c.workflow_id == _workflow_id)
SET_RUN = update(workflow).where(workflow.c.id == _workflow_id).values(given(workflow, "run_id"))
