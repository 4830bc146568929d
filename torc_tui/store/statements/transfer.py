"""Statements that read a workflow as a document, under the keys of that document."""

from __future__ import annotations

from sqlalchemy import func, select, update

from torc_tui.store.schema import (
    JOB_DOCUMENT,
    file,
    file_group,
    gate,
    job,
    user_data,
    user_data_group,
    workflow,
    workflow_text,
)
from torc_tui.store.statements.terms import columns, given, param

_workflow_id = param("workflow_id")

WORKFLOW_TEXT = (
    select(workflow_text.c.text)
    .select_from(workflow)
    .join(workflow_text, workflow_text.c.workflow_id == workflow.c.id)
    .where(workflow.c.id == _workflow_id)
)
EXPORT_JOBS = (
    select(
        *columns(job, JOB_DOCUMENT),
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
        *columns(user_data, "id name is_ephemeral data declared json_schema:schema"),
    )
    .where(user_data.c.workflow_id == _workflow_id)
    .order_by(user_data.c.id)
)
EXPORT_GATES = (
    select(gate.c.id, gate.c.via).where(gate.c.workflow_id == _workflow_id).order_by(gate.c.id)
)
FIRST_JOB = select(func.min(job.c.id).label("first")).where(job.c.workflow_id == _workflow_id)
SET_RUN = update(workflow).where(workflow.c.id == _workflow_id).values(given(workflow, "run_id"))
