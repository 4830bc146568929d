"""Request the allocations that a workflow file or a user fixes: by actions, and by hand.

Input: the actions ``schedule_nodes`` of a workflow, the scheduler that they name. Output: the
allocations to request.

Invariant: an action is claimed in the database before its allocations are requested.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from torc_tui.clusters.base import Cluster
from torc_tui.clusters.choice import this_cluster
from torc_tui.errors import UsageError
from torc_tui.operations.allocation_demand import WorkflowDemand, read_demand
from torc_tui.operations.allocation_requests import Requester, RequestResult
from torc_tui.quoting import nearest
from torc_tui.resources.demand_records import WantedAllocation
from torc_tui.resources.partitions import NodeShape, usable
from torc_tui.status import BEGUN, FINISHED
from torc_tui.store import allocations, run_context, sql
from torc_tui.store.allocations import AllocationRow
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.event_log import append

_WALLTIME = 3600.0
"""Walltime of a scheduler that names none, as upstream has it."""


def has_actions(store: Store, workflow_id: int) -> bool:
    """Return whether the workflow file says when allocations are requested."""
    with store.read() as conn:
        return bool(conn.rows(sql.SCHEDULE_ACTIONS, workflow_id=workflow_id))


def claim_actions(store: Store, demand: WorkflowDemand, at: float) -> list[WantedAllocation]:
    """Claim the actions that are due, and return the allocations that they request."""
    workflow = demand.workflow
    found: list[WantedAllocation] = []
    with store.write() as conn:
        for row in conn.rows(sql.SCHEDULE_ACTIONS, workflow_id=workflow.id):
            if row.executed_run_id == workflow.run_id:
                continue
            if not _is_due(conn, row.trigger_type, json.loads(row.job_ids)):
                continue
            conn.execute(
                sql.CLAIM_ACTION,
                action_id=row.id,
                executed_run_id=workflow.run_id,
                executed_at=at,
            )
            data = {"action": row.id, "trigger": row.trigger_type}
            append(conn, workflow.id, [("action_executed", None, data)], at=at)
            found += _of_action(demand, json.loads(row.settings))
    return found


def _is_due(conn: Connection, trigger: str, job_ids: list[int]) -> bool:
    if trigger == "on_workflow_start":
        return True
    wanted = {"on_jobs_ready": BEGUN, "on_jobs_complete": FINISHED}.get(trigger)
    if wanted is None:
        return False
    statuses = run_context.statuses(conn, job_ids)
    return all(status in wanted for status in statuses)


def _of_action(demand: WorkflowDemand, settings: Mapping[str, Any]) -> list[WantedAllocation]:
    one = fixed_allocation(demand, settings.get("scheduler"))
    one = one._replace(max_parallel_jobs=settings.get("max_parallel_jobs"))
    return [one] * int(settings.get("num_allocations") or 1)


def fixed_allocation(demand: WorkflowDemand, scheduler: str | None) -> WantedAllocation:
    """Return one allocation as a scheduler of the workflow file describes it.

    Without a scheduler, the only one of the file is meant; without any, a node of a partition.
    """
    names = [name for name in demand.schedulers if name is not None]
    if scheduler is None and len(names) == 1:
        scheduler = names[0]
    if scheduler is None and names:
        raise UsageError(
            "the workflow has several Slurm schedulers", hint=f"--scheduler {'|'.join(names)}"
        )
    if scheduler is not None and scheduler not in names:
        near = nearest(scheduler, names)
        raise UsageError(
            f"there is no Slurm scheduler '{scheduler}'", hint=near and f"did you mean '{near}'?"
        )
    rules = demand.schedulers[scheduler].rules
    partitions = usable(demand.given.partitions, rules.partition)
    partition = next((one for one in partitions if one.shapes), None)
    shape = partition.shapes[0] if partition else NodeShape(1, 1, 0)
    limit = partition.max_walltime if partition else None
    walltime = rules.walltime or _WALLTIME
    if rules.walltime is None and limit is not None:
        walltime = min(walltime, limit)
    return WantedAllocation(
        group=scheduler or (partition.name if partition else "default"),
        scheduler=scheduler,
        labels=(),
        partition=rules.partition or (partition.name if partition else None),
        nodes=rules.nodes or 1,
        cpus=shape.cpus,
        memory=rules.memory,
        gpus=rules.gpus or 0,
        gpu_type="",
        walltime=walltime,
        jobs={},
    )


# -- by hand ---------------------------------------------------------------------------------------


def request_by_hand(
    store: Store,
    cluster: Cluster,
    demand: WorkflowDemand,
    wanted: WantedAllocation,
    number: int,
    *,
    actor: str | None = None,
) -> list[RequestResult]:
    """Request a number of equal allocations; raise the error of the first that fails."""
    requester = Requester(store, cluster, demand.workflow, demand.schedulers, actor)
    results = []
    for _ in range(number):
        results.append(requester.request(wanted, time.time(), by_hand=True))
        error = results[-1].refused or results[-1].silent
        if error is not None:
            raise error
    return results


def request_fixed(
    store: Store,
    workflow_id: int,
    number: int,
    *,
    scheduler: str | None = None,
    max_parallel_jobs: int | None = None,
    actor: str | None = None,
) -> list[RequestResult]:
    """Request allocations as a scheduler of the workflow file describes them."""
    cluster = this_cluster()
    demand = read_demand(store, cluster, workflow_id, time.time())
    one = fixed_allocation(demand, scheduler)._replace(max_parallel_jobs=max_parallel_jobs)
    return request_by_hand(store, cluster, demand, one, number, actor=actor)


def request_like(
    store: Store, allocation_id: int, number: int, *, actor: str | None = None
) -> list[RequestResult]:
    """Request more allocations like one of a workflow."""
    with store.read() as conn:
        found = allocations.get(conn, allocation_id)
    cluster = this_cluster()
    demand = read_demand(store, cluster, found["workflow_id"], time.time())
    (row,) = [row for row in demand.rows if row.id == allocation_id]
    return request_by_hand(store, cluster, demand, _like(row), number, actor=actor)


def _like(row: AllocationRow) -> WantedAllocation:
    settings = allocations.settings_of(row)
    gpus: dict[str, int] = json.loads(row.gpus) if row.gpus else {}
    kind, each = next(iter(gpus.items()), ("", 0))
    return WantedAllocation(
        group=row.queue_group or "default",
        scheduler=row.scheduler,
        labels=tuple(settings.get("labels", ())),
        partition=settings.get("partition"),
        nodes=row.nodes or 1,
        cpus=row.cpus or 1,
        memory=row.memory,
        gpus=each,
        gpu_type=kind,
        walltime=row.walltime or _WALLTIME,
        jobs={},
    )
