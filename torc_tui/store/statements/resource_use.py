"""Define the statements about what jobs used: their last attempts, and series of measures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, and_, case, delete, func, insert, outerjoin, select

from torc_tui.status import JobStatus
from torc_tui.store.schema import (
    compute_node,
    job,
    machine_series,
    resource_requirements,
    result,
    usage_series,
)
from torc_tui.store.statements.terms import (
    added,
    change,
    columns,
    of_workflow,
    param,
    pick,
    required,
)

_newest = result.alias("newest")
_last = select(func.max(_newest.c.id)).where(_newest.c.job_id == job.c.id)
_job_use = select(
    *columns(job, "id name group status requirement_id parameter_values ignored"),
    *columns(
        result,
        "run_id attempt_id status:result_status return_code cause started_at ended_at cpu_time"
        " peak_memory avg_memory peak_cpu_percent avg_cpu_percent peak_gpu_memory avg_gpu_percent",
    ),
)


def _with_result(found: Any) -> Any:
    return (
        _job_use.select_from(outerjoin(job, result, result.c.id == found))
        .where(of_workflow(job), ~job.c.removed)
        .order_by(job.c.id)
    )


JOB_USE = _with_result(_last.correlate(job).scalar_subquery())
"""Each job with its last attempt."""
JOB_USE_OF_GROUP = JOB_USE.where(job.c.group == param(job.c.group), result.c.id.is_not(None))
"""Each job of a group that has run, with its last attempt."""
JOB_USE_IN_RUN = _with_result(
    _last.where(_newest.c.run_id == param("run_id")).correlate(job).scalar_subquery()
)
ATTEMPTS_OF_RUN = (
    pick(
        result,
        "job_id attempt_id compute_node_id status return_code started_at ended_at allocation",
    )
    .where(of_workflow(result), result.c.run_id == param("run_id"))
    .order_by(result.c.started_at, result.c.id)
)
RUNS_OF_WORKFLOW = (
    select(
        result.c.run_id,
        func.count().label("attempts"),
        func.count(case((result.c.status != int(JobStatus.COMPLETED), 1))).label("failed"),
        func.min(result.c.started_at).label("started_at"),
        func.max(result.c.ended_at).label("ended_at"),
    )
    .where(of_workflow(result))
    .group_by(result.c.run_id)
    .order_by(result.c.run_id.desc())
)
RUNNING_ATTEMPTS = pick(
    job,
    "id attempt_id compute_node_id status started_at allocation",
    of_workflow(job),
    job.c.status == int(JobStatus.RUNNING),
).order_by(job.c.started_at, job.c.id)
_requirements = resource_requirements.c.id == param("requirement_id")
UPDATE_REQUIREMENTS = change(
    resource_requirements,
    "name num_cpus memory num_gpus gpu_memory gpu_model num_nodes runtime edited",
    _requirements,
)
DELETE_REQUIREMENTS = delete(resource_requirements).where(_requirements)
JOBS_WITH_REQUIREMENTS = (
    select(job.c.status, func.count().label("number"))
    .where(of_workflow(job), job.c.requirement_id == param("requirement_id"), ~job.c.removed)
    .group_by(job.c.status)
    .order_by(job.c.status)
)

# -- measures over time ----------------------------------------------------------------------------

_size = func.length(usage_series.c.series, type_=Integer)
_same = (
    usage_series.c.job_id == param("job_id"),
    usage_series.c.run_id == param("run_id"),
    usage_series.c.attempt_id == param("attempt_id"),
)
ADD_SERIES = added(usage_series)
DELETE_SERIES = delete(usage_series).where(*_same)
DELETE_SERIES_BEFORE_RUN = delete(usage_series).where(
    of_workflow(usage_series), usage_series.c.run_id < param("run_id")
)
DELETE_MACHINE_SERIES_BEFORE_RUN = delete(machine_series).where(
    machine_series.c.compute_node_id.in_(
        select(compute_node.c.id).where(
            compute_node.c.workflow_id == param("workflow_id"),
            compute_node.c.run_id < param("run_id"),
        )
    )
)
SIZE_OF_SERIES = select(required("size", func.coalesce(func.sum(_size), 0, type_=Integer)))
_with_result_of_series = outerjoin(
    usage_series,
    result,
    and_(
        result.c.job_id == usage_series.c.job_id,
        result.c.run_id == usage_series.c.run_id,
        result.c.attempt_id == usage_series.c.attempt_id,
    ),
)
SERIES_BY_AGE = (
    select(*columns(usage_series, "job_id run_id attempt_id"), required("size", _size))
    .select_from(_with_result_of_series)
    .order_by(result.c.id.is_(None), result.c.id)
)
"""All series, the oldest first; those of running attempts last."""
SERIES_OF_JOB = (
    select(*columns(usage_series, "run_id attempt_id series"), result.c.started_at)
    .select_from(_with_result_of_series)
    .where(usage_series.c.job_id == param("job_id"))
    .order_by(usage_series.c.run_id, usage_series.c.attempt_id)
)
SET_MACHINE_SERIES = change(
    machine_series, "series", machine_series.c.compute_node_id == param("compute_node_id")
)
ADD_MACHINE_SERIES = insert(machine_series).from_select(
    ["compute_node_id", "series"],
    select(compute_node.c.id, param(machine_series.c.series)).where(
        compute_node.c.id == param("compute_node_id")
    ),
)
"""Unless the runner was deleted with its workflow."""
MACHINE_SERIES = (
    select(
        *columns(
            compute_node,
            "id workflow_id run_id hostname num_cpus memory gpus started_at ended_at is_active",
        ),
        machine_series.c.series,
    )
    .join(machine_series, machine_series.c.compute_node_id == compute_node.c.id)
    .where(of_workflow(compute_node))
    .order_by(compute_node.c.id)
)
