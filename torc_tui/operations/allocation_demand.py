"""Plan the allocations of a workflow from the database and the partitions of a cluster.

Input: an open store, a cluster. Output: a plan, with the reasons of what is not requested. The
decisions are made by `torc_tui.resources.demand`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torc_tui.clusters.base import Cluster
from torc_tui.model import Workflow
from torc_tui.operations import database_check
from torc_tui.operations.cluster_job import last_message
from torc_tui.operations.submit_options import (
    SchedulerSettings,
    SubmitOptions,
    options_from,
    scheduler_settings,
)
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.resources.demand import plan_demand
from torc_tui.resources.demand_records import DemandInput, DemandPlan, JobDemand, OpenAllocation
from torc_tui.store import allocations, compute_nodes, sql, workflows
from torc_tui.store.allocations import AllocationRow
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.tuples import NamedTuple

PAUSE_SECONDS = (10.0, 30.0, 120.0, 600.0)
"""Least time between two requests of a group, by how many of its last allocations were futile."""
NO_RUNNER_SECONDS = 120.0
"""Time without a live runner after which a running allocation is expected to run no more jobs: its
node may hang, or be down before the cluster notices."""
FUTILE_ALLOCATIONS = 2
"""After so many allocations in a row without a started job, or refusals, a group is paused."""


class WorkflowDemand(NamedTuple):
    """What a plan for a workflow is made of."""

    workflow: Workflow
    options: SubmitOptions
    schedulers: dict[str | None, SchedulerSettings]
    rows: Sequence[AllocationRow]
    groups: Mapping[str, Mapping[str, Any]]
    given: DemandInput

    @property
    def ready(self) -> int:
        """Return how many jobs are ready."""
        return sum(one.ready for one in self.given.jobs)


def read_demand(
    store: Store,
    cluster: Cluster,
    workflow_id: int,
    at: float,
    options: SubmitOptions | None = None,
    database: Store | None = None,
) -> WorkflowDemand:
    """Read what a plan needs; ``options`` replace those that were stored.

    ``database`` is the one that the runners will use, if it is not ``store``.
    """
    partitions = cluster.partitions()
    with store.read() as conn:
        workflow = workflows.read_workflow(conn, workflow_id)
        stored = allocations.submission(conn, workflow_id)
        options = options_from(stored.get("options", {})) if options is None else options
        schedulers = scheduler_settings(conn, workflow, options)
        rows = allocations.all_of(conn, workflow_id)
        groups = stored.get("groups", {})
        jobs = _jobs(conn, workflow_id, schedulers)
        held = conn.rows(sql.HELD_IN_ALLOCATIONS, workflow_id=workflow_id)
        heartbeats = _last_heartbeats(conn, workflow_id)
    of_run = [row for row in rows if row.run_id == workflow.run_id]
    given = DemandInput(
        jobs=jobs,
        partitions=partitions,
        open=_open(rows, {one.allocation_id: one.number for one in held}, heartbeats, at),
        rules={name: one.rules for name, one in schedulers.items() if name is not None},
        defaults=schedulers[None].rules,
        limits=options.limits._replace(one_node=is_limited(database or store)),
        stopped=stopped_groups(workflow_id, of_run, groups, at),
        requested=len(of_run),
        node_hours=sum(_node_hours(row) for row in of_run),
        mode="pack" if options.mode == "pack" else "single",
        group_by=(
            "resource-requirements" if options.group_by == "resource-requirements" else "partition"
        ),
        ahead=options.ahead,
        default_runtime=options.runtime,
    )
    return WorkflowDemand(workflow, options, schedulers, rows, groups, given)


def is_limited(store: Store) -> bool:
    """Return whether only one node at a time may use the database."""
    if store.dialect != "sqlite":
        return False
    with store.read() as conn:
        return not database_check.passed(conn, store.place)


def plan(demand: WorkflowDemand) -> DemandPlan:
    """Return what to request and what to cancel."""
    return plan_demand(demand.given)


def _jobs(
    conn: Connection, workflow_id: int, schedulers: Mapping[str | None, SchedulerSettings]
) -> list[JobDemand]:
    """Return the ready and soon ready jobs by what they request.

    The only scheduler of a file also serves the jobs that name none.
    """
    names = [name for name in schedulers if name is not None]
    alone = names[0] if len(names) == 1 else None
    requirements = workflows.read_requirements(conn, workflow_id)
    numbers: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for index, statement in enumerate((sql.READY_REQUESTS, sql.SOON_REQUESTS)):
        for row in conn.rows(statement, workflow_id=workflow_id):
            key = row.scheduler or alone, row.requirement_id, row.labels or "[]"
            numbers[key][index] += row.number
    return [
        JobDemand(number, requirements[number], ready, soon, scheduler, tuple(json.loads(labels)))
        for (scheduler, number, labels), (ready, soon) in numbers.items()
    ]


def _last_heartbeats(conn: Connection, workflow_id: int) -> Mapping[int, float]:
    """Return the last heartbeat of an active runner in each allocation, by this machine's clock."""
    runners = conn.rows(sql.RUNNERS_IN_ALLOCATIONS, workflow_id=workflow_id)
    offset = compute_nodes.clock_offset(conn) if runners else 0.0
    found: dict[int, float] = {}
    for one in runners:
        if one.allocation_id is not None:
            known = found.get(one.allocation_id, 0.0)
            found[one.allocation_id] = max(known, one.heartbeat_at - offset)
    return found


def _open(
    rows: Sequence[AllocationRow],
    held: Mapping[int, int],
    heartbeats: Mapping[int, float],
    at: float,
) -> list[OpenAllocation]:
    """Return the allocations that run jobs, or will; not those missing in the queue.

    One without a live runner still counts for the limits, and has no time left for jobs.
    """
    found = []
    for row in rows:
        settings = allocations.settings_of(row)
        is_running = row.state == AllocationState.RUNNING.value
        is_queued = row.state in (AllocationState.REQUESTED.value, AllocationState.QUEUED.value)
        if not (is_running or is_queued) or "missing_since" in settings:
            continue
        left = row.walltime or 0.0
        if is_running and row.ends_at is not None:
            left = row.ends_at - at
        if is_running and row.started_at is not None:
            alive_at = max(row.started_at, heartbeats.get(row.id, 0.0))
            left = left if at - alive_at < NO_RUNNER_SECONDS else 0.0
        found.append(
            OpenAllocation(
                id=row.id,
                group=row.queue_group or "",
                labels=tuple(settings.get("labels", ())),
                nodes=row.nodes or 1,
                cpus=row.cpus or 1,
                memory=row.memory,
                gpus=sum((json.loads(row.gpus) if row.gpus else {}).values()),
                time_left=left,
                is_queued=is_queued,
                held=held.get(row.id, 0),
                planned={int(key): jobs for key, jobs in settings.get("jobs", {}).items()},
                is_fixed=bool(settings.get("by_hand")),
            )
        )
    return found


def _node_hours(row: AllocationRow) -> float:
    """Return the node hours of an allocation: used if it has ended, else as requested."""
    if row.state == AllocationState.REFUSED.value:
        return 0.0
    seconds = row.walltime or 0.0
    if row.state == AllocationState.ENDED.value:
        seconds = (row.ended_at or 0.0) - row.started_at if row.started_at else 0.0
    return (row.nodes or 1) * max(seconds, 0.0) / 3600


# -- the brake -------------------------------------------------------------------------------------


class GroupTrouble(NamedTuple):
    """How many of the last allocations of a group were futile, or refused; the last of them."""

    futile: int = 0
    refused: int = 0
    last: AllocationRow | None = None


def stopped_groups(
    workflow_id: int,
    rows: Sequence[AllocationRow],
    groups: Mapping[str, Mapping[str, Any]],
    at: float,
) -> dict[str, Reason]:
    """Return the queue groups that request nothing now, with the reason."""
    found = {}
    for group in {row.queue_group for row in rows} | set(groups):
        if group is None:
            continue
        known = groups.get(group, {})
        if known.get("paused"):
            cause = decode(known.get("cause"))
            found[group] = because(
                Kind.GROUP_PAUSED, group=group, workflow=workflow_id, cause=cause
            )
            continue
        own = _since_resumed(rows, group, known)
        trouble = trouble_of(own)
        last = max((row.submitted_at or 0.0 for row in own), default=0.0)
        number = min(trouble.futile + trouble.refused, len(PAUSE_SECONDS) - 1)
        wait = last + PAUSE_SECONDS[number] - at
        if wait > 0:
            found[group] = because(Kind.GROUP_WAITS, seconds=wait)
    return found


def _since_resumed(
    rows: Sequence[AllocationRow], group: str, known: Mapping[str, Any]
) -> list[AllocationRow]:
    after = known.get("after", 0)
    return [row for row in rows if row.queue_group == group and row.id > after]


def trouble_of(rows: Sequence[AllocationRow]) -> GroupTrouble:
    """Return how many allocations at the end of the list were futile or refused.

    Allocations that were canceled, that are open, or for which no job was ready, do not count.
    """
    futile = refused = 0
    last = None
    for row in reversed(rows):
        if row.state == AllocationState.REFUSED.value:
            refused += 1
        elif row.state == AllocationState.ENDED.value:
            if row.jobs_started:
                break
            if row.outcome == AllocationOutcome.CANCELED.value:
                continue
            if allocations.settings_of(row).get("was_idle"):
                continue
            futile += 1
        else:
            continue
        last = last or row
    return GroupTrouble(futile, refused, last)


def groups_to_pause(demand: WorkflowDemand) -> dict[str, Reason]:
    """Return the groups whose last allocations were futile or refused, with the cause."""
    found = {}
    of_run = [row for row in demand.rows if row.run_id == demand.workflow.run_id]
    for group in {row.queue_group for row in of_run}:
        known = demand.groups.get(group or "", {})
        if group is None or known.get("paused"):
            continue
        trouble = trouble_of(_since_resumed(of_run, group, known))
        if trouble.refused >= FUTILE_ALLOCATIONS and trouble.last is not None:
            found[group] = because(
                Kind.GROUP_REFUSED, number=trouble.refused, detail=trouble.last.reason
            )
        elif trouble.futile + trouble.refused >= FUTILE_ALLOCATIONS and trouble.last is not None:
            found[group] = because(
                Kind.FUTILE, number=trouble.futile, detail=_last_words_of(trouble.last)
            )
    return found


def _last_words_of(row: AllocationRow) -> str | None:
    """Return the last message in the log of an allocation: usually, why its runner left."""
    path = log_of(row)
    return (last_message(path) if path is not None else "") or row.reason


def log_of(row: AllocationRow) -> Path | None:
    """Return the path of the log of an allocation; None as long as it has no id."""
    if row.stdout is None or row.native_id is None:
        return None
    return Path(row.stdout.replace("%j", row.native_id))
