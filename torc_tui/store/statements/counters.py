"""Define the statements that keep the dependency counters, and find jobs that no longer wait."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, and_, false, func, or_, select, true, update

from torc_tui.status import NOT_STARTED, SETTLED, UNSUCCESSFUL, WAITING, JobStatus
from torc_tui.store.schema import dependency, gate, job
from torc_tui.store.statements.terms import (
    among,
    cleared,
    columns,
    given,
    is_listed,
    move,
    move_any,
    of_workflow,
    param,
    pick,
    required,
)

_node_id = param("node_id")
_own = of_workflow(job)

_dependents = select(dependency.c.job_id).where(dependency.c.depends_on_id == _node_id)
_range = (
    required("last", func.max(dependency.c.job_id)),
    required("first", func.min(dependency.c.job_id)),
)
DEPENDENT_RANGES = (
    select(dependency.c.depends_on_id.label("node_id"), *_range)
    .where(is_listed(dependency.c.depends_on_id, param("node_ids", Text())))
    .group_by(dependency.c.depends_on_id)
)
"""The nodes with dependents, each with the range of its dependents: gates are negative."""
DEPENDENT_RANGE = (
    select(*_range)
    .where(dependency.c.depends_on_id == _node_id)
    .group_by(dependency.c.depends_on_id)
)
"""The same for one node, in half of the time."""
_lower = (
    update(job)
    .where(among(job.c.status, {JobStatus.BLOCKED}))
    .values(unmet=job.c.unmet - 1, unsuccessful=job.c.unsuccessful + param("unsuccessful"))
    .returning(
        job.c.id,
        job.c.unmet,
        job.c.unsuccessful,
        job.c.cancel_on_blocking_job_failure,
        job.c.reason,
    )
)
LOWER_JOBS = _lower.where(job.c.id.in_(_dependents.where(dependency.c.job_id > 0)))
LOWER_JOB = _lower.where(job.c.id == param("job_id"))
"""The same for the only dependent, in half of the time."""
LOWER_GATES = (
    update(gate)
    .where(
        gate.c.id.in_(
            select(-dependency.c.job_id).where(
                dependency.c.depends_on_id == _node_id, dependency.c.job_id < 0
            )
        )
    )
    .values(unmet=gate.c.unmet - 1, unsuccessful=gate.c.unsuccessful + param("unsuccessful"))
    .returning(gate.c.id, gate.c.unmet, gate.c.unsuccessful)
)
BLAME = (
    pick(job, "id name status reason")
    .where(
        among(job.c.status, UNSUCCESSFUL),
        ~job.c.ignored,
        job.c.id.in_(select(dependency.c.depends_on_id).where(dependency.c.job_id == _node_id)),
    )
    .order_by(job.c.status, job.c.id)
    .limit(1)
)
"""The job because of which a job is canceled that waits for it, or that waits for a gate."""
GATES_BEFORE = select(dependency.c.depends_on_id.label("node_id")).where(
    dependency.c.job_id == _node_id, dependency.c.depends_on_id < 0
)
APPLY_CHANGE = (
    move_any(NOT_STARTED | {JobStatus.PENDING}, {JobStatus.READY, JobStatus.CANCELED})
    .where(job.c.id == param("job_id"))
    .values(
        given(job, "reason ended_at") | cleared(job, "return_code compute_node_id pid allocation")
    )
)

# -- initialization --------------------------------------------------------------------------------

_up = job.alias("u")
_stopped = func.coalesce(_up.c.stop_requested, "") == "stopped"
_ended = or_(
    among(_up.c.status, SETTLED - {JobStatus.TERMINATED}),
    and_(among(_up.c.status, {JobStatus.TERMINATED}), ~_stopped),
)
"""Dependents may start: the job has finished or is disabled. A stopped runner does not count."""
_bad = and_(among(_up.c.status, UNSUCCESSFUL), ~_up.c.ignored, _ended)


def _jobs(table: Any, node: Any, condition: Any) -> Any:
    """Count the jobs that ``node`` waits for and that meet a condition."""
    return (
        select(func.count())
        .select_from(dependency)
        .join(_up, _up.c.id == dependency.c.depends_on_id)
        .where(dependency.c.job_id == node, condition)
        .correlate(table)
        .scalar_subquery()
    )


def _gates(condition: Any) -> Any:
    """Count the gates that a job waits for and that meet a condition."""
    return (
        select(func.count())
        .select_from(dependency)
        .join(gate, gate.c.id == -dependency.c.depends_on_id)
        .where(dependency.c.job_id == job.c.id, condition)
        .correlate(job)
        .scalar_subquery()
    )


RECOUNT_GATES = (
    update(gate)
    .where(of_workflow(gate))
    .values(unmet=_jobs(gate, -gate.c.id, ~_ended), unsuccessful=_jobs(gate, -gate.c.id, _bad))
)
RECOUNT_JOBS = (
    update(job)
    .where(_own, among(job.c.status, WAITING))
    .values(
        unmet=_jobs(job, job.c.id, ~_ended) + _gates(gate.c.unmet > 0),
        unsuccessful=_jobs(job, job.c.id, _bad) + _gates(gate.c.unsuccessful > 0),
    )
)
RECOUNT_LISTED_GATES = RECOUNT_GATES.where(is_listed(gate.c.id, param("gate_ids", Text())))
RECOUNT_LISTED_JOBS = RECOUNT_JOBS.where(is_listed(job.c.id, param("job_ids", Text())))
ANY_INITIALIZED = select(job.c.id).where(_own, job.c.status > int(JobStatus.UNINITIALIZED)).limit(1)
FRESH_GATES = update(gate).where(of_workflow(gate)).values(unmet=gate.c.size, unsuccessful=0)
ZERO_COUNTERS = (
    update(job)
    .where(_own, or_(job.c.unmet > 0, job.c.unsuccessful > 0))
    .values(unmet=0, unsuccessful=0)
)
_counts = (
    select(dependency.c.job_id, func.count().label("unmet"))
    .where(of_workflow(dependency), dependency.c.job_id > 0)
    .group_by(dependency.c.job_id)
    .subquery("c")
)
FRESH_COUNTERS = update(job).where(job.c.id == _counts.c.job_id).values(unmet=_counts.c.unmet)

_waiting = (*columns(job, "id unsuccessful cancel_on_blocking_job_failure reason"),)
_uninitialized = {JobStatus.UNINITIALIZED}
MAKE_READY = (
    move(JobStatus.READY, _uninitialized)
    .where(_own, job.c.unmet == 0, job.c.unsuccessful == 0)
    .values(reason=None)
)
MAKE_BLOCKED = (
    move(JobStatus.BLOCKED, _uninitialized).where(_own, job.c.unmet > 0).values(reason=None)
)
FREE_WITH_FAILURES = select(*_waiting).where(
    _own, among(job.c.status, _uninitialized), job.c.unmet == 0, job.c.unsuccessful > 0
)
FREE = select(*_waiting).where(_own, among(job.c.status, WAITING), job.c.unmet == 0)

# -- canaries --------------------------------------------------------------------------------------

_group = job.c.group == param(job.c.group)
_behind = job.c.canary == false()
_by_canary = job.c.hold_reason.like('{"kind":"canary%')

CANARY_GROUPS = select(job.c.group).where(_own, _behind).group_by(job.c.group)
GROUPS_BEHIND_CANARIES = (
    select(job.c.group).where(_own, job.c.held, _by_canary).group_by(job.c.group)
)
CANARIES = pick(
    job, "id name status return_code reason stop_requested", _own, _group, job.c.canary == true()
).order_by(job.c.id)
HOLD_LISTED = (
    update(job)
    .where(
        _own,
        _group,
        _behind,
        among(job.c.status, NOT_STARTED),
        ~job.c.held,
        is_listed(job.c.id, param("job_ids", Text())),
    )
    .values(given(job, "hold_reason") | {job.c.held: True})
    .returning(job.c.id)
)
HOLD_BEHIND = (
    update(job)
    .where(_own, _group, _behind, among(job.c.status, NOT_STARTED), ~job.c.held)
    .values(given(job, "hold_reason") | {job.c.held: True})
)
_held_behind = update(job).where(_own, _group, job.c.held, _by_canary)
EXPLAIN_HOLD = (
    _held_behind.where(job.c.hold_reason != param(job.c.hold_reason))
    .values(given(job, "hold_reason"))
    .returning(job.c.id)
)
RELEASE_BEHIND = _held_behind.values(held=False, hold_reason=None).returning(job.c.id)
