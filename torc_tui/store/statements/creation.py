"""Define the statements that store a new workflow, add jobs to it, and read it as a document."""

from __future__ import annotations

from sqlalchemy import Text, and_, func, select

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
    result,
    slurm_scheduler,
    user_data,
    user_data_group,
    workflow,
    workflow_text,
)
from torc_tui.store.statements.terms import (
    Bulk,
    change,
    columns,
    is_listed,
    of_workflow,
    param,
    pick,
)

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


# -- additions -------------------------------------------------------------------------------------


NUMBERED_JOBS = select(job.c.name).where(of_workflow(job), job.c.name.like("job%"))
COMMANDS_OF_WORKFLOW = pick(job, "id command status").where(of_workflow(job), ~job.c.removed)
BATCH_RESULT = (
    select(
        *columns(job, "id name command parameter_values status return_code"),
        *columns(result, "started_at ended_at log_stem"),
    )
    .outerjoin(
        result,
        and_(result.c.job_id == job.c.id, result.c.attempt_id == job.c.attempt_id),
    )
    .where(job.c.id == param("job_id"))
    .order_by(result.c.id.desc())
    .limit(1)
)
"""A job with its last attempt, if that has ended."""
SET_RESOURCE_CLASS = change(
    job, "resource_class", of_workflow(job), job.c.requirement_id == param(job.c.requirement_id)
)
SET_GROWN = change(job, "grown", job.c.id == param("job_id"))
RULES_OF_JOB = pick(job, "failure_handler_id options retries").where(job.c.id == param("job_id"))
GROWN = pick(job, "requirement_id grown").where(job.c.id == param("job_id"))
OTHER_JOB_OF_NAME = select(job.c.id).where(
    of_workflow(job),
    job.c.name == param(job.c.name),
    job.c.id != param("job_id"),
)
_listed = is_listed(job.c.id, param("job_ids", Text()))
JOB_DEFINITIONS = pick(job, f"id status {JOB_DEFINITION}").where(_listed).order_by(job.c.id)
UPDATE_JOB_DEFINITION = change(job, JOB_DEFINITION, job.c.id == param("id"))
PLANNED_CHANGES = pick(job, "id workflow_id planned").where(_listed, job.c.planned.is_not(None))
SET_PLANNED = change(job, "planned", job.c.id == param("id"))
SET_NOT_BEFORE = change(job, "not_before", job.c.id == param("job_id"))
SET_EDITED = change(job, "edited", job.c.id == param("id"))


# -- export and import -----------------------------------------------------------------------------


WORKFLOW_TEXT = (
    select(workflow_text.c.text)
    .select_from(workflow)
    .join(workflow_text, workflow_text.c.workflow_id == workflow.c.id)
    .where(of_workflow(workflow))
)
EXPORT_JOBS = pick(job, JOB_DOCUMENT).where(of_workflow(job), ~job.c.removed).order_by(job.c.id)
EXPORT_FILE_GROUPS = pick(file_group, "group_id file_id").where(
    file_group.c.file_id.in_(select(file.c.id).where(of_workflow(file)))
)
EXPORT_DATA_GROUPS = pick(user_data_group, "group_id user_data_id").where(
    user_data_group.c.user_data_id.in_(select(user_data.c.id).where(of_workflow(user_data)))
)
EXPORT_USER_DATA = pick(
    user_data, "id name is_ephemeral data declared json_schema:schema", of_workflow(user_data)
).order_by(user_data.c.id)
EXPORT_GATES = pick(gate, "id via").where(of_workflow(gate)).order_by(gate.c.id)
FIRST_JOB = select(func.min(job.c.id).label("first")).where(of_workflow(job))
SET_RUN = change(workflow, "run_id", of_workflow(workflow))
