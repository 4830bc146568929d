"""Define the statements about jobs that were added by jobs."""

from __future__ import annotations

from sqlalchemy import Text, delete, func, or_, select

from torc_tui.status import NOT_STARTED, JobStatus
from torc_tui.store.schema import dependency, job, result, workflow
from torc_tui.store.statements.terms import (
    among,
    change,
    columns,
    is_listed,
    of_workflow,
    param,
    pick,
    required,
)

_own = of_workflow(job)
_ids = param("job_ids", Text())
_listed = is_listed(job.c.id, _ids)
_child = (
    *columns(job, "id name status"),
    required("spawned_by", job.c.spawned_by),
    required("spawn", job.c.spawn),
)

CHILDREN = (
    select(*_child)
    .where(job.c.spawned_by.is_not(None), is_listed(job.c.spawned_by, _ids), ~job.c.removed)
    .order_by(job.c.id)
)
ANY_CHILD = select(job.c.id).where(job.c.spawned_by.is_not(None)).limit(1)
"""Whether a job of any workflow was added by another; the index answers that at once."""
SPAWNED_JOBS = select(*_child).where(_listed, job.c.spawn.is_not(None)).order_by(job.c.id)
CALLER = (
    select(
        *columns(job, "id name status attempt_id spawn"),
        *columns(workflow, "run_id settings is_canceled"),
    )
    .join(workflow, workflow.c.id == job.c.workflow_id)
    .where(job.c.id == param("job_id"), _own)
)
SET_SPAWN = change(job, "spawn", job.c.id == param("job_id"))
SET_ORIGIN = change(job, "spawned_by spawn edited", job.c.id == param("id"))
NUMBER_OF_JOBS = select(func.count().label("number")).where(_own, ~job.c.removed)
JOBS_OF_NAMES = select(*columns(job, "id name status spawned_by spawn")).where(
    _own, is_listed(job.c.name, param("names", Text())), ~job.c.removed
)
ALL_JOB_NAMES = pick(job, "id name", _own, ~job.c.removed).order_by(job.c.id)
JOBS_WITH_PATTERNS = pick(
    job,
    "id name status patterns options",
    _own,
    job.c.patterns.is_not(None),
    among(job.c.status, NOT_STARTED),
    ~job.c.removed,
)
OWN_BINDINGS = pick(
    job,
    "id options",
    _own,
    job.c.status == int(JobStatus.READY),
    job.c.options.like('%"cpu_bind"%'),
)
"""The ready jobs that decide whether they are bound to cores."""
_near, _far = dependency.alias("d"), dependency.alias("m")
JOINS = pick(job, "id name status options").where(
    among(job.c.status, NOT_STARTED),
    job.c.options.like("%wait_for_spawned%"),
    or_(
        job.c.id.in_(
            select(dependency.c.job_id).where(dependency.c.depends_on_id == param("job_id"))
        ),
        job.c.id.in_(
            select(_far.c.job_id)
            .select_from(_near)
            .join(_far, _far.c.depends_on_id == _near.c.job_id)
            .where(_near.c.depends_on_id == param("job_id"), _near.c.job_id < 0)
        ),
    ),
)
"""The jobs that wait for a job and for the jobs that it adds."""
SET_PATTERNS = change(job, "patterns", job.c.id == param("id"))

_to = is_listed(dependency.c.job_id, _ids)
_from = is_listed(dependency.c.depends_on_id, _ids)
DELETE_EDGES_TO = delete(dependency).where(_to)
DELETE_EDGES_FROM = delete(dependency).where(_from)
DELETE_JOBS = delete(job).where(_listed)
WITH_RESULTS = (
    select(result.c.job_id.label("id")).where(is_listed(result.c.job_id, _ids)).distinct()
)
