"""Statements that change the jobs of a stored workflow."""

from __future__ import annotations

from sqlalchemy import select, update

from torc_tui.store.schema import job
from torc_tui.store.statements.terms import columns, given, param

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
OTHER_JOB_OF_NAME = select(job.c.id).where(
    job.c.workflow_id == param("workflow_id"),
    job.c.name == param(job.c.name),
    job.c.id != param("job_id"),
)
JOB_DEFINITION = select(*columns(job, "name command script requirement_id")).where(
    job.c.id == param("job_id")
)
UPDATE_JOB_DEFINITION = (
    update(job)
    .where(job.c.id == param("job_id"))
    .values(given(job, "name command script requirement_id"))
)
