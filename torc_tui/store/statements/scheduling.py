"""Define the statements by which a runner claims, starts and ends jobs: the hot path of the engine.

Invariant: a row moves only if its status and attempt are those that the runner knows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, and_, func, or_, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import Select

from torc_tui.status import FINISHED, HELD, UNSETTLED, JobStatus
from torc_tui.store.schema import (
    compute_node,
    file,
    job,
    result,
    user_data,
    user_data_group,
    workflow,
)
from torc_tui.store.statements.terms import (
    ByDialect,
    added,
    among,
    change,
    cleared,
    columns,
    given,
    is_listed,
    move,
    move_any,
    of_workflow,
    param,
    pick,
)

_job_id = param("job_id")
_node_id = param("node_id")

WORKFLOW_FLAGS = pick(workflow, "run_id is_canceled is_paused is_archived", of_workflow(workflow))

_lock_name = param("name", Text())
LOCK_LOCATION = ByDialect(
    select(_lock_name.label("name")),
    select(func.pg_advisory_xact_lock(func.hashtext(_lock_name)).label("name")),
)
"""Wait until no other runner of the location takes a step; SQLite has one writer anyway."""

# -- claiming --------------------------------------------------------------------------------------

_ready = and_(of_workflow(job), among(job.c.status, {JobStatus.READY}), ~job.c.held)
_unlabeled = and_(_ready, job.c.labels.is_(None))
_served = and_(
    _ready, job.c.labels.is_not(None), is_listed(job.c.labels, param("label_sets", Text()))
)
"""The ready jobs of a runner with labels: ``label_sets`` are those that it serves."""


def _classes(condition: ColumnElement[bool]) -> Select[Any]:
    first = func.min(job.c.resource_class).label("resource_class")
    return select(first).where(condition, job.c.resource_class > param("after"))


def _ready_jobs(condition: ColumnElement[bool]) -> Select[Any]:
    now = param("now", job.c.not_before.type)
    return (
        pick(
            job,
            "id name command invocation_script attempt_id retries priority requirement_id env "
            "stdio options input_files output_files input_user_data output_user_data "
            "require_user_data failure_handler_id resource_class lost spawn",
            condition,
            job.c.resource_class == param(job.c.resource_class),
            or_(job.c.not_before.is_(None), job.c.not_before <= now),
        )
        .order_by(job.c.priority.desc(), job.c.id)
        .limit(param("limit"))
    )


def _number(condition: ColumnElement[bool]) -> Select[Any]:
    some = select(job.c.id).where(condition).limit(param("limit")).subquery()
    return select(func.count().label("number")).select_from(some)


READY_NUMBER = _number(_unlabeled)
READY_LABELED_NUMBER = _number(_served)
NEXT_CLASS = _classes(_unlabeled)
READY_JOBS = _ready_jobs(_unlabeled)
NEXT_LABELED_CLASS = _classes(_served)
READY_LABELED_JOBS = _ready_jobs(_served)
LABEL_SETS = (
    select(job.c.labels)
    .where(of_workflow(job), job.c.labels.is_not(None))
    .group_by(job.c.labels)
    .order_by(job.c.labels)
)
NEXT_RETRY = select(func.min(job.c.not_before).label("not_before")).where(
    of_workflow(job),
    job.c.not_before > param("now", job.c.not_before.type),
    among(job.c.status, {JobStatus.READY}),
)
"""When the first of the jobs that wait for their next attempt may start."""
_attempt = and_(job.c.id == _job_id, job.c.attempt_id == param(job.c.attempt_id))
CLAIM = (
    move(JobStatus.PENDING, {JobStatus.READY})
    .where(_attempt)
    .values(
        {job.c.compute_node_id: _node_id}
        | given(job, "allocation output_dir")
        | cleared(
            job,
            "pid process_started started_at ended_at return_code reason stop_requested not_before",
        )
    )
)
GRANT = change(job, "allocation", _attempt, among(job.c.status, {JobStatus.PENDING}))
HELD_BY_OTHERS = (
    select(
        *columns(job, "id workflow_id attempt_id allocation pid process_started started_at"),
        *columns(
            compute_node,
            "run_id boot_id pid_namespace pid:runner_pid process_started:runner_started",
        ),
    )
    .join(compute_node, compute_node.c.id == job.c.compute_node_id)
    .where(
        among(job.c.status, HELD),
        job.c.compute_node_id != _node_id,
        func.coalesce(compute_node.c.location, compute_node.c.hostname)
        == param("location", compute_node.c.location.type),
        job.c.allocation.is_not(None),
    )
)

# -- reports ---------------------------------------------------------------------------------------

_held = and_(job.c.compute_node_id == _node_id, among(job.c.status, HELD))
HELD_JOBS = pick(job, "id attempt_id status stop_requested suspended planned").where(_held)
START = (
    move(JobStatus.RUNNING, {JobStatus.PENDING})
    .where(_attempt)
    .values(given(job, "pid process_started started_at"))
)
UNCLAIM = (
    move(JobStatus.READY, {JobStatus.PENDING})
    .where(_attempt)
    .values(cleared(job, "compute_node_id allocation stop_requested"))
)
END = (
    move_any(HELD, FINISHED | {JobStatus.READY, JobStatus.PENDING_FAILED})
    .where(job.c.id == _job_id)
    .values(
        given(
            job,
            "attempt_id retries started_at ended_at return_code reason stop_requested not_before "
            "ignored",
        )
        | cleared(job, "pid allocation")
        | {
            job.c.lost: job.c.lost + param("times_lost", job.c.lost.type),
            job.c.suspended: False,
        }
    )
)
ADD_RESULT = added(result, "id")
EMPTY_OUTPUT_DATA = (
    select(user_data.c.name)
    .select_from(user_data_group)
    .join(user_data, user_data.c.id == user_data_group.c.user_data_id)
    .where(user_data_group.c.group_id == param("group_id"), user_data.c.data.is_(None))
)
ANY_UNSETTLED = select(job.c.id).where(of_workflow(job), among(job.c.status, UNSETTLED)).limit(1)
SET_FILE_TIMES = change(file, "st_mtime st_size", file.c.id == param("file_id"))
