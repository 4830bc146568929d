"""Define the statements about attempts, their logs, and the jobs canceled because of them."""

from __future__ import annotations

from sqlalchemy import exists, select

from torc_tui.status import HELD, TROUBLED, JobStatus
from torc_tui.store.schema import compute_node, job, result, workflow
from torc_tui.store.statements.terms import among, columns, of_workflow, param, pick, required

_job_id = param("job_id")

LOG_CONTEXT = pick(workflow, "id directory run_id execution_config").where(of_workflow(workflow))
HOST_NAMES = pick(compute_node, "id hostname").where(of_workflow(compute_node))
_job = pick(
    job,
    "id:job_id name group workflow_id status attempt_id stdio output_dir started_at "
    "compute_node_id",
)
CURRENT_ATTEMPT = _job.where(job.c.id == _job_id)
ACTIVE_ATTEMPTS = _job.where(of_workflow(job), among(job.c.status, HELD))
_result = (
    select(
        result.c.job_id,
        job.c.name,
        job.c.group,
        *columns(
            result,
            "run_id attempt_id status return_code reason started_at ended_at output_dir "
            "compute_node_id",
        ),
        job.c.stdio,
    )
    .select_from(result)
    .join(job, job.c.id == result.c.job_id)
)
ENDED_ATTEMPTS_OF_JOB = _result.where(result.c.job_id == _job_id).order_by(
    result.c.run_id, result.c.attempt_id, result.c.id
)
ENDED_ATTEMPTS = _result.where(of_workflow(result)).order_by(
    result.c.job_id, result.c.run_id, result.c.attempt_id, result.c.id
)

RESULT_IN_DIRECTORY = (
    select(result.c.id).where(result.c.output_dir == param(result.c.output_dir)).limit(1)
)

# -- one job, to try it by hand --------------------------------------------------------------------

JOB_SETTING = pick(
    job,
    "id name workflow_id command invocation_script env options attempt_id allocation "
    "output_dir compute_node_id spawn",
).where(job.c.id == _job_id)
LAST_ALLOCATION = (
    pick(result, "allocation compute_node_id")
    .where(result.c.job_id == _job_id, result.c.allocation.is_not(None))
    .order_by(result.c.id.desc())
    .limit(1)
)
GPUS_OF_NODE = select(compute_node.c.gpus).where(compute_node.c.id == param("node_id"))


# -- attempts that failed --------------------------------------------------------------------------


_later = result.alias("later")
_is_last = ~exists().where(
    _later.c.job_id == result.c.job_id,
    _later.c.run_id == result.c.run_id,
    _later.c.attempt_id > result.c.attempt_id,
)

FAILED_ATTEMPTS = (
    select(
        *columns(job, "name group stdio status:job_status attempt_id:job_attempt"),
        *columns(
            result,
            "job_id run_id attempt_id status return_code cause reason started_at ended_at "
            "compute_node_id output_dir signature",
        ),
        required("is_last", _is_last),
    )
    .select_from(result)
    .join(job, job.c.id == result.c.job_id)
    .where(
        of_workflow(result),
        result.c.run_id == param("run_id"),
        among(result.c.status, TROUBLED),
        ~job.c.removed,
    )
    .order_by(result.c.id)
)
CANCELED_JOBS = pick(
    job, "id name reason", of_workflow(job), among(job.c.status, {JobStatus.CANCELED})
).order_by(job.c.id)
