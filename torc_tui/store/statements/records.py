"""Define the statements for lists and single records, under the names that users see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, and_, delete, func, or_, select, update

from torc_tui.status import HAS_RESULT, TROUBLED, JobStatus
from torc_tui.store.schema import (
    JOB_RECORD,
    RESULT_RECORD,
    action,
    compute_node,
    dependency,
    event,
    failure_handler,
    file,
    file_group,
    job,
    result,
    slurm_scheduler,
    workflow,
)
from torc_tui.store.statements.relations import members_of
from torc_tui.store.statements.terms import (
    Paged,
    among,
    columns,
    given,
    has_status,
    is_listed,
    matches,
    of_workflow,
    param,
    pick,
)

# -- jobs ------------------------------------------------------------------------------------------

_scheduler = (
    select(slurm_scheduler.c.id)
    .where(
        slurm_scheduler.c.workflow_id == job.c.workflow_id,
        slurm_scheduler.c.name == job.c.scheduler,
    )
    .correlate(job)
    .scalar_subquery()
)
_job = select(
    *columns(job, JOB_RECORD),
    _scheduler.label("scheduler_id"),
)
_gate, _behind = dependency.alias("m"), dependency.alias("w")
_downstream = (
    select(dependency.c.job_id)
    .where(dependency.c.depends_on_id == param("upstream_job_id"))
    .union(
        select(_behind.c.job_id)
        .select_from(_gate)
        .join(_behind, _behind.c.depends_on_id == _gate.c.job_id)
        .where(_gate.c.depends_on_id == param("upstream_job_id"), _gate.c.job_id < 0)
    )
)
JOB = _job.where(job.c.id == param("job_id"))
LIST_JOBS = Paged(
    _job.where(of_workflow(job), ~job.c.removed),
    sorts={
        name: job.c[name]
        for name in (
            [
                "id",
                "name",
                "status",
                "command",
                "priority",
                "started_at",
                "ended_at",
                "return_code",
                "attempt_id",
            ]
        )
    },
    filters={
        "status": job.c.status == param(job.c.status),
        "statuses": has_status(job.c.status),
        "failed": among(job.c.status, TROUBLED),
        "name": matches(job.c.name),
        "upstream_job_id": job.c.id.in_(_downstream),
    },
)
WORKFLOW_OF_JOB = select(job.c.workflow_id).where(job.c.id == param("job_id"))
JOB_OF_NAME = (
    select(job.c.id)
    .where(of_workflow(job), job.c.name == param(job.c.name), ~job.c.removed)
    .order_by(job.c.id)
    .limit(1)
)
WORKFLOWS_WITH_JOB = select(workflow.c.id).where(
    select(job.c.id)
    .where(job.c.workflow_id == workflow.c.id, job.c.name == param(job.c.name), ~job.c.removed)
    .exists()
)
FIRST_JOB_NAMES = (
    select(job.c.name).where(of_workflow(job), ~job.c.removed).order_by(job.c.id).limit(20_000)
)
JOB_NAMES = pick(job, "id name").where(is_listed(job.c.id, param("job_ids", Text())))

# -- files -----------------------------------------------------------------------------------------

_file = pick(file, "id workflow_id name path st_mtime st_size")
_of_workflow = _file.where(of_workflow(file))
FILE = _file.where(file.c.id == param("file_id"))
FILE_OF_NAME = select(file.c.id).where(of_workflow(file), file.c.name == param(file.c.name))
UPDATE_FILE = update(file).where(file.c.id == param("file_id")).values(given(file, "name path"))
DELETE_FILE = delete(file).where(file.c.id == param("file_id"))
JOBS_OF_FILE = select(func.count().label("number")).where(
    file_group.c.file_id == param("file_id"),
    or_(job.c.input_files == file_group.c.group_id, job.c.output_files == file_group.c.group_id),
)
LIST_FILES = Paged(
    _of_workflow,
    sorts={name: file.c[name] for name in ("id", "name", "path", "st_mtime")},
    filters={
        "producer": file.c.id.in_(
            select(file_group.c.file_id)
            .join(job, job.c.output_files == file_group.c.group_id)
            .where(job.c.id == param("producer"))
        )
    },
)
_completed = job.c.status == int(JobStatus.COMPLETED)
FILES_NEEDED = _of_workflow.where(
    or_(
        and_(
            file.c.id.in_(members_of(job.c.input_files)),
            file.c.id.not_in(members_of(job.c.output_files)),
        ),
        file.c.id.in_(members_of(job.c.output_files, _completed)),
    )
).order_by(file.c.id)
"""Files that must exist before jobs run: inputs that no job makes, outputs of completed jobs."""

# -- results ---------------------------------------------------------------------------------------

_result = (
    select(
        *columns(result, RESULT_RECORD),
        job.c.name.label("job_name"),
    )
    .select_from(result)
    .outerjoin(job, job.c.id == result.c.job_id)
)
_newest = result.alias("newest")
RESULT = _result.where(result.c.id == param("result_id"))
PEAKS_OF_JOBS = (
    pick(result, "job_id peak_memory:peak_memory_bytes")
    .join(job, and_(job.c.id == result.c.job_id, job.c.attempt_id == result.c.attempt_id))
    .where(is_listed(result.c.job_id, param("job_ids", Text())))
    .order_by(result.c.id)
)
"""The results of the present attempts of these jobs, the newest last."""
DELETE_RESULT = delete(result).where(result.c.id == param("result_id"))
DELETE_EVENT = delete(event).where(of_workflow(event), event.c.seq == param("event_id"))
LIST_RESULTS = Paged(
    _result.where(of_workflow(result)),
    sorts={
        **{name: result.c[name] for name in ("id", "job_id", "run_id", "attempt_id")},
        "job_name": job.c.name,
        "return_code": result.c.return_code,
        "status": result.c.status,
        "exec_time_minutes": result.c.ended_at - result.c.started_at,
        "completion_time": result.c.ended_at,
        "peak_memory_bytes": result.c.peak_memory,
        "peak_cpu_percent": result.c.peak_cpu_percent,
    },
    filters={
        "job_id": result.c.job_id == param(result.c.job_id),
        "run_id": result.c.run_id == param(result.c.run_id),
        "current": and_(
            among(job.c.status, HAS_RESULT),
            result.c.status == job.c.status,
            result.c.id
            == select(func.max(_newest.c.id))
            .where(_newest.c.job_id == result.c.job_id)
            .correlate(result)
            .scalar_subquery(),
        ),
        "return_code": result.c.return_code == param(result.c.return_code),
        "failed": or_(
            result.c.return_code != 0,
            result.c.return_code.is_(None),
            result.c.status != int(JobStatus.COMPLETED),
        ),
        "statuses": has_status(result.c.status),
        "compute_node_id": result.c.compute_node_id == param(result.c.compute_node_id),
    },
)

# -- other records ---------------------------------------------------------------------------------


def _all(table: Any, *columns: Any) -> Any:
    return select(*columns).where(of_workflow(table)).order_by(table.c.id)


FAILURE_HANDLERS = _all(
    failure_handler,
    *columns(failure_handler, "id workflow_id name rules"),
)
SLURM_SCHEDULERS = _all(
    slurm_scheduler, slurm_scheduler.c.id, slurm_scheduler.c.name, slurm_scheduler.c.settings
)
ACTIONS = _all(
    action,
    *columns(
        action,
        "id workflow_id trigger_type action_type job_ids commands persistent settings "
        "executed_run_id executed_at return_code",
    ),
)
_node = (
    *columns(
        compute_node,
        "id workflow_id run_id hostname pid num_cpus memory:memory_bytes gpus is_active started_at "
        "ended_at heartbeat_at options labels",
    ),
)
COMPUTE_NODES = _all(compute_node, *_node)
COMPUTE_NODE = select(*_node).where(compute_node.c.id == param("node_id"))
