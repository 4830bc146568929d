"""Statements that store a new workflow, add jobs to it, and read it as a document."""

from __future__ import annotations

from sqlalchemy import Text, func, select, update

from torc_tui.store.schema import (
    JOB_DEFINITION,
    JOB_DOCUMENT,
    action,
    dependency,
    failure_handler,
    file,
    file_group,
    gate,
    job,
    resource_requirements,
    slurm_scheduler,
    user_data,
    user_data_group,
    workflow,
    workflow_text,
)
from torc_tui.store.statements.terms import Bulk, columns, given, is_listed, param

INSERT_WORKFLOW = Bulk(workflow)
INSERT_WORKFLOW_TEXT = Bulk(workflow_text)
INSERT_REQUIREMENTS = Bulk(resource_requirements)
INSERT_FAILURE_HANDLERS = Bulk(failure_handler)
INSERT_SLURM_SCHEDULERS = Bulk(slurm_scheduler)
INSERT_ACTIONS = Bulk(action)
INSERT_JOBS = Bulk(job, frozenset(column.name for column in job.c if column.info.get("attempt")))
INSERT_GATES = Bulk(gate)
INSERT_DEPENDENCIES = Bulk(dependency)
INSERT_FILES = Bulk(file)
INSERT_FILE_GROUPS = Bulk(file_group)


# -- additions X


NUMBERED_JOBS = select(job.c.name).where(
    job.c.workflow_id == param("workflow_id"), job.c.name.like("job%")
)
SET_RESOURCE_CLASS = (
    update(job)
    .where(
        job.c.workflow_id == param("workflow_id"),
        job.c.requirement_id == param(job.c.requirement_id),
    )
    .values(given(job, "resource_class"))
)
GROW_JOB = (
    update(job)
    .where(job.c.id == param("job_id"))
    .values(given(job, "requirement_id resource_class grown"))
)
GROWN = select(*columns(job, "requirement_id grown")).where(job.c.id == param("job_id"))
OTHER_JOB_OF_NAME = select(job.c.id).where(
    job.c.workflow_id == param("workflow_id"),
    job.c.name == param(job.c.name),
    job.c.id != param("job_id"),
)
_listed = is_listed(job.c.id, param("job_ids", Text()))
JOB_DEFINITIONS = (
    select(*columns(job, f"id status {JOB_DEFINITION}")).where(_listed).order_by(job.c.id)
)
UPDATE_JOB_DEFINITION = (
    update(job).where(job.c.id == param("id")).values(given(job, JOB_DEFINITION))
)
PLANNED_CHANGES = select(*columns(job, "id workflow_id planned")).where(
    _listed, job.c.planned.is_not(None)
)
SET_PLANNED = update(job).where(job.c.id == param("id")).values(given(job, "planned"))


# -- export and import X


_workflow_id = param("workflow_id")

WORKFLOW_TEXT = (
    select(workflow_text.c.text)
    .select_from(workflow)
    .join(workflow_text, workflow_text.c.workflow_id == workflow.c.id)
    .where(workflow.c.id == _workflow_id)
)
EXPORT_JOBS = (
    select(*columns(job, JOB_DOCUMENT)).where(job.c.workflow_id == _workflow_id).order_by(job.c.id)
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
    select(*columns(user_data, "id name is_ephemeral data declared json_schema:schema"))
    .where(user_data.c.workflow_id == _workflow_id)
    .order_by(user_data.c.id)
)
EXPORT_GATES = (
    select(gate.c.id, gate.c.via).where(gate.c.workflow_id == _workflow_id).order_by(gate.c.id)
)
FIRST_JOB = select(func.min(job.c.id).label("first")).where(job.c.workflow_id == _workflow_id)
SET_RUN = update(workflow).where(workflow.c.id == _workflow_id).values(given(workflow, "run_id"))
