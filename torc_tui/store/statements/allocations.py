"""Define the statements about allocations of a cluster, the demand for them, and leases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from torc_tui.resources.allocation_states import OPEN, AllocationState
from torc_tui.status import FINISHED, HELD, JobStatus
from torc_tui.store.schema import action, allocation, compute_node, dependency, job, lease, result
from torc_tui.store.statements.terms import (
    Bulk,
    ByDialect,
    among,
    columns,
    given,
    of_workflow,
    param,
    pick,
    required,
)

_one = allocation.c.id == param("allocation_id")
_is_open = allocation.c.state.in_([state.value for state in OPEN])
_COLUMNS = (
    "id workflow_id run_id engine cluster native_id queue_group scheduler state outcome reason"
    " nodes nodelist cpus memory gpus walltime submitted_at starts_at started_at ends_at ended_at"
    " jobs_started stdout actor settings"
)

INSERT_ALLOCATION = Bulk(allocation)
ALLOCATIONS = pick(allocation, _COLUMNS, of_workflow(allocation)).order_by(allocation.c.id)
OPEN_ALLOCATIONS = ALLOCATIONS.where(_is_open)
WORKFLOWS_WITH_ALLOCATIONS = (
    select(allocation.c.workflow_id)
    .where(_is_open)
    .group_by(allocation.c.workflow_id)
    .order_by(allocation.c.workflow_id)
)
ALLOCATION = pick(allocation, f"{_COLUMNS} script", _one)
SET_SCRIPT = update(allocation).where(_one).values(given(allocation, "script stdout settings"))
SET_SUBMITTED = (
    update(allocation)
    .where(_one, allocation.c.state == AllocationState.REQUESTED.value)
    .values(
        given(allocation, "native_id cluster") | {allocation.c.state: AllocationState.QUEUED.value}
    )
)
"""Only once: whoever else found the allocation in the queue has recorded the same id."""
UPDATE_ALLOCATION = (
    update(allocation)
    .where(_one, _is_open)
    .values(
        given(
            allocation,
            "state outcome reason nodelist starts_at started_at ends_at ended_at jobs_started"
            " settings",
        )
    )
)

_of_allocation = select(compute_node.c.id).where(
    compute_node.c.allocation_id == param("allocation_id")
)
STARTED_IN_ALLOCATION = select(
    (
        select(func.count())
        .select_from(result)
        .where(result.c.compute_node_id.in_(_of_allocation), result.c.started_at.is_not(None))
        .scalar_subquery()
        + select(func.count())
        .select_from(job)
        .where(
            job.c.compute_node_id.in_(_of_allocation),
            among(job.c.status, {JobStatus.RUNNING}),
        )
        .scalar_subquery()
    ).label("number")
)
"""How many attempts started in an allocation."""
NOTE_STARTED = (
    update(allocation)
    .where(
        allocation.c.id
        == select(compute_node.c.allocation_id)
        .where(compute_node.c.id == param("node_id"))
        .scalar_subquery(),
        _is_open,
    )
    .values({allocation.c.jobs_started: allocation.c.jobs_started + param("number")})
)
"""Count attempts of a lost runner, which the runner that adopts them ends."""
_of_node = required("allocation_id", compute_node.c.allocation_id)
ENDED_IN_ALLOCATIONS = (
    select(
        _of_node,
        *columns(result, "compute_node_id started_at ended_at cpu_time peak_memory allocation"),
    )
    .select_from(result)
    .join(compute_node, compute_node.c.id == result.c.compute_node_id)
    .where(of_workflow(result), compute_node.c.allocation_id.is_not(None))
)
"""The attempts that ran in allocations, with what they held and used."""
RUNNING_IN_ALLOCATIONS = (
    select(_of_node, *columns(job, "compute_node_id started_at allocation"))
    .select_from(job)
    .join(compute_node, compute_node.c.id == job.c.compute_node_id)
    .where(
        of_workflow(job),
        among(job.c.status, {JobStatus.RUNNING}),
        compute_node.c.allocation_id.is_not(None),
    )
)
HELD_IN_ALLOCATIONS = (
    select(_of_node, func.count().label("number"))
    .select_from(job)
    .join(compute_node, compute_node.c.id == job.c.compute_node_id)
    .where(
        of_workflow(job),
        among(job.c.status, HELD),
        compute_node.c.allocation_id.is_not(None),
    )
    .group_by(compute_node.c.allocation_id)
)
HELD_BY_RUNNERS = (
    select(required("compute_node_id", job.c.compute_node_id), job.c.allocation)
    .where(of_workflow(job), among(job.c.status, HELD), job.c.compute_node_id.is_not(None))
    .order_by(job.c.id)
)
"""What each job holds, and of which runner."""
ENDED_IN_OPEN_ALLOCATIONS = (
    select(required("allocation_id", compute_node.c.allocation_id), func.count().label("number"))
    .select_from(result)
    .join(compute_node, compute_node.c.id == result.c.compute_node_id)
    .join(allocation, allocation.c.id == compute_node.c.allocation_id)
    .where(of_workflow(result), result.c.id > param("after", result.c.id.type), _is_open)
    .group_by(compute_node.c.allocation_id)
)
"""How many attempts have ended in each allocation that is open, after a result."""
LAST_RESULT = select(func.coalesce(func.max(result.c.id), 0).label("number")).where(
    of_workflow(result)
)
JOINED_ALLOCATIONS = (
    select(required("allocation_id", compute_node.c.allocation_id))
    .where(of_workflow(compute_node), compute_node.c.allocation_id.is_not(None))
    .group_by(compute_node.c.allocation_id)
)
"""The allocations in which a runner began, also if none is active any more."""
PLACE_OF_RUNNER = (
    select(
        *columns(compute_node, "hostname node_name allocation_id"),
        allocation.c.native_id,
    )
    .select_from(compute_node)
    .outerjoin(allocation, allocation.c.id == compute_node.c.allocation_id)
    .where(compute_node.c.id == param("node_id"))
)
"""Where a runner runs or ran, also if it is no longer active."""
RUNNERS_IN_ALLOCATIONS = (
    pick(
        compute_node,
        "id hostname node_name allocation_id num_cpus memory gpus ends_at heartbeat_at started_at",
        compute_node.c.is_active,
        of_workflow(compute_node),
    )
    .where(compute_node.c.allocation_id.is_not(None))
    .order_by(compute_node.c.id)
)

# -- demand ----------------------------------------------------------------------------------------

_number = func.count().label("number")
_kind = (job.c.scheduler, job.c.requirement_id, job.c.labels)
READY_REQUESTS = (
    select(*_kind, _number)
    .where(of_workflow(job), among(job.c.status, {JobStatus.READY}), ~job.c.held)
    .group_by(*_kind)
    .order_by(job.c.requirement_id)
)
"""The ready jobs by what they request."""
_blocker = job.alias()
_waits_longer = (
    select(dependency.c.job_id)
    .select_from(dependency)
    .outerjoin(_blocker, _blocker.c.id == dependency.c.depends_on_id)
    .where(
        dependency.c.job_id == job.c.id,
        or_(
            dependency.c.depends_on_id < 0,
            ~among(_blocker.c.status, HELD | FINISHED),
        ),
    )
    .exists()
)
SOON_REQUESTS = (
    select(*_kind, _number)
    .where(of_workflow(job), among(job.c.status, {JobStatus.BLOCKED}), ~job.c.held, ~_waits_longer)
    .group_by(*_kind)
    .order_by(job.c.requirement_id)
)
"""The blocked jobs that wait for nothing but running jobs."""

SCHEDULE_ACTIONS = (
    pick(action, "id trigger_type job_ids settings executed_run_id")
    .where(of_workflow(action), action.c.action_type == "schedule_nodes")
    .order_by(action.c.id)
)

# -- leases ----------------------------------------------------------------------------------------

_lease = lease.c.name == param(lease.c.name)
_holder = lease.c.holder == param(lease.c.holder)
LEASE = pick(lease, "holder counter", _lease)
LEASES = pick(lease, "name holder counter").order_by(lease.c.name)


def _new(insert: Any) -> Any:
    statement = insert(lease).values(given(lease, "name holder") | {lease.c.counter: 1})
    return statement.on_conflict_do_nothing(index_elements=["name"]).inline()


INSERT_LEASE = ByDialect(_new(sqlite.insert), _new(postgresql.insert))
RENEW_LEASE = update(lease).where(_lease, _holder).values({lease.c.counter: lease.c.counter + 1})
TAKE_LEASE = (
    update(lease)
    .where(_lease, lease.c.counter == param(lease.c.counter))
    .values(given(lease, "holder") | {lease.c.counter: lease.c.counter + 1})
)
"""Take the lease of a holder whose counter did not change."""
DROP_LEASE = delete(lease).where(_lease, _holder)
