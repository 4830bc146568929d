"""Statements about attempts that failed, and the jobs that were canceled because of them."""

from __future__ import annotations

from sqlalchemy import exists, select

from torc_tui.status import TROUBLED, JobStatus
from torc_tui.store.schema import job, result
from torc_tui.store.statements.terms import among, param, required

_workflow_id = param("workflow_id")
_later = result.alias("later")
_is_last = ~exists().where(
    _later.c.job_id == result.c.job_id,
    _later.c.run_id == result.c.run_id,
    _later.c.attempt_id > result.c.attempt_id,
)

FAILED_ATTEMPTS = (
    select(
        result.c.job_id,
        job.c.name,
        job.c.group,
        result.c.run_id,
        result.c.attempt_id,
        result.c.status,
        result.c.return_code,
        result.c.cause,
        result.c.reason,
        result.c.ended_at,
        result.c.compute_node_id,
        result.c.output_dir,
        result.c.signature,
        job.c.stdio,
        job.c.status.label("job_status"),
        job.c.attempt_id.label("job_attempt"),
        required("is_last", _is_last),
    )
    .join(job, job.c.id == result.c.job_id)
    .where(
        result.c.workflow_id == _workflow_id,
        result.c.run_id == param("run_id"),
        among(result.c.status, TROUBLED),
    )
    .order_by(result.c.id)
)
CANCELED_JOBS = (
    select(job.c.id, job.c.name, job.c.reason)
    .where(job.c.workflow_id == _workflow_id, among(job.c.status, {JobStatus.CANCELED}))
    .order_by(job.c.id)
)
