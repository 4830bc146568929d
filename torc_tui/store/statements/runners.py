"""Define the statements about runners: which are active, what they hold and what they must do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from torc_tui.status import HELD, JobStatus
from torc_tui.store.schema import (
    PROGRESS_EVENTS,
    allocation,
    compute_node,
    event,
    job,
    meta,
    result,
    workflow,
)
from torc_tui.store.statements.terms import (
    Bulk,
    ByDialect,
    among,
    change,
    cleared,
    columns,
    given,
    move,
    of_workflow,
    param,
    pick,
)

_node_id = param("node_id")
_one = compute_node.c.id == _node_id
_held = and_(job.c.compute_node_id == _node_id, among(job.c.status, HELD))

_location = func.coalesce(compute_node.c.location, compute_node.c.hostname)

INSERT_COMPUTE_NODES = Bulk(compute_node)
LEAVE = (
    update(compute_node)
    .where(_one, compute_node.c.is_active)
    .values(given(compute_node, "ended_at heartbeat_at") | {compute_node.c.is_active: False})
)
HEARTBEAT = (
    update(compute_node)
    .where(_one)
    .values(
        given(compute_node, "heartbeat_at")
        | {compute_node.c.heartbeats: compute_node.c.heartbeats + 1}
    )
)


def _save(insert: Any) -> Any:
    statement = insert(meta).values(given(meta, "key value"))
    changed = {"value": statement.excluded.value}
    return statement.on_conflict_do_update(index_elements=["key"], set_=changed).inline()


SERVER_TIME = ByDialect(
    select(func.julianday("now").label("at")),
    select(func.extract("epoch", func.clock_timestamp()).label("at")),
)
"""The clock of a server; a file has the clock of its reader."""
HOST_VALUE = pick(meta, "value").where(meta.c.key == param(meta.c.key))
SAVE_HOST_VALUE = ByDialect(_save(sqlite.insert), _save(postgresql.insert))
WAS_SUBMITTED = select(
    or_(
        select(allocation.c.id).where(of_workflow(allocation)).exists(),
        select(meta.c.key).where(meta.c.key == param(meta.c.key)).exists(),
    ).label("found")
)
"""Whether a workflow has allocations, or what was submitted for it is stored under ``key``."""
SET_NODE_GPUS = change(compute_node, "gpus", _one)
NODE_ORDERS = pick(compute_node, "is_active stop_requested num_cpus memory options").where(_one)
WORKFLOW_OF_NODE = select(compute_node.c.workflow_id).where(_one)
ACTIVE_NODES = pick(
    compute_node,
    "id workflow_id hostname boot_id pid process_started machine_id pid_namespace "
    "heartbeat_at heartbeats lease_seconds options location",
    compute_node.c.is_active,
    of_workflow(compute_node),
).order_by(compute_node.c.id)
RUNNERS_ANYWHERE = pick(
    compute_node, "id hostname node_name location heartbeats", compute_node.c.is_active
).order_by(compute_node.c.id)
HELD_ATTEMPTS = pick(
    job,
    "id:job_id name attempt_id status pid process_started started_at stop_requested "
    "allocation output_dir retries requirement_id command invocation_script env "
    "input_files output_files input_user_data output_user_data require_user_data "
    "failure_handler_id stdio options lost suspended planned",
    _held,
).order_by(job.c.id)
LOST_ATTEMPTS = (
    select(result.c.reason)
    .where(
        result.c.job_id == param("job_id"),
        result.c.run_id == param("run_id"),
        result.c.cause == "lost",
    )
    .order_by(result.c.attempt_id)
)
_job = job.c.id == param("job_id")
TRANSFER_JOB = change(job, "compute_node_id", _job, among(job.c.status, HELD))
SKIP_ATTEMPT = (
    move(JobStatus.READY, {JobStatus.PENDING})
    .where(_job)
    .values(
        cleared(job, "compute_node_id pid process_started allocation stop_requested")
        | {job.c.attempt_id: job.c.attempt_id + 1}
    )
    .returning(job.c.attempt_id)
)
_mine = param("workflow_id")
_neighbors = select(compute_node.c.workflow_id).where(
    compute_node.c.is_active,
    _location == param("location", Text()),
    compute_node.c.id != _node_id,
    compute_node.c.workflow_id != _mine,
)
_other = workflow.alias("other")
_any = param("any_kind", compute_node.c.is_active.type)
RUNNER_NEWS = select(
    workflow.c.last_seq,
    exists()
    .where(
        event.c.workflow_id == _mine,
        event.c.seq > param("after"),
        or_(_any, event.c.kind.not_in(PROGRESS_EVENTS)),
    )
    .label("is_news"),
    select(func.coalesce(func.sum(_other.c.last_seq), 0))
    .where(_other.c.id.in_(_neighbors))
    .scalar_subquery()
    .label("neighbors"),
).where(of_workflow(workflow))
"""The last event of a workflow; whether an event after ``after`` concerns a runner, of any kind or
besides progress; a number that changes with the other workflows at its location."""

# -- what runners hold of a machine ----------------------------------------------------------------

HOLDINGS = (
    select(
        *columns(job, "id:job_id name:job_name workflow_id"),
        workflow.c.name.label("workflow_name"),
        workflow.c.user,
        job.c.attempt_id,
        compute_node.c.run_id,
        compute_node.c.id.label("node_id"),
        *columns(job, "status pid started_at allocation process_started suspended requirement_id"),
        *columns(
            compute_node, "boot_id pid_namespace pid:runner_pid process_started:runner_started"
        ),
    )
    .select_from(compute_node)
    .join(job, job.c.compute_node_id == compute_node.c.id)
    .join(workflow, workflow.c.id == job.c.workflow_id)
    .where(
        _location == param("location", compute_node.c.location.type),
        compute_node.c.is_active,
        among(job.c.status, HELD),
    )
    .order_by(job.c.workflow_id, job.c.id)
)
_runners = (
    select(
        *columns(compute_node, "id:node_id workflow_id hostname"),
        _location.label("location"),
        *columns(compute_node, "pid num_cpus memory gpus options labels started_at heartbeat_at"),
        *columns(compute_node, "node_name allocation_id"),
    )
    .where(compute_node.c.is_active)
    .order_by(compute_node.c.id)
)
RUNNERS_OF_WORKFLOW = _runners.where(of_workflow(compute_node))
RUNNERS_OF_LOCATION = _runners.where(_location == param("location", compute_node.c.location.type))
