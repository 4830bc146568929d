"""Statements about what jobs used: their last attempts, and series of measures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, outerjoin, select, update

from torc_tui.store.schema import job, resource_requirements, result
from torc_tui.store.statements.terms import columns, given, param

_workflow_id = param("workflow_id")
_newest = result.alias("newest")
_last = select(func.max(_newest.c.id)).where(_newest.c.job_id == job.c.id)
_job_use = select(
    *columns(job, "id name group status requirement_id"),
    *columns(
        result,
        "run_id attempt_id status:result_status return_code cause started_at ended_at cpu_time"
        " peak_memory avg_memory peak_cpu_percent avg_cpu_percent peak_gpu_memory avg_gpu_percent",
    ),
)


def _with_result(found: Any) -> Any:
    return (
        _job_use.select_from(outerjoin(job, result, result.c.id == found))
        .where(job.c.workflow_id == _workflow_id)
        .order_by(job.c.id)
    )


JOB_USE = _with_result(_last.correlate(job).scalar_subquery())
"""Each job with its last attempt."""
JOB_USE_IN_RUN = _with_result(
    _last.where(_newest.c.run_id == param("run_id")).correlate(job).scalar_subquery()
)
CORRECT_REQUIREMENTS = (
    update(resource_requirements)
    .where(resource_requirements.c.id == param("requirement_id"))
    .values(given(resource_requirements, "num_cpus memory runtime"))
)
SET_REQUIREMENT = (
    update(job).where(job.c.id == param("job_id")).values(given(job, "requirement_id"))
)
