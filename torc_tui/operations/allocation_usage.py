"""Report how well the allocations of a workflow were used.

Input: an open store, and a cluster if there is one. Output: a record for each allocation, their
sum, and requirements that ask for more memory than was used. Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from torc_tui.clusters.base import AccountRecord, Cluster
from torc_tui.errors import TorcError
from torc_tui.resources.allocation_states import AllocationState
from torc_tui.store import allocations, sql
from torc_tui.store.allocations import AllocationRow
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.job_use import read_use
from torc_tui.store.scheduling import decode_allocation
from torc_tui.tuples import NamedTuple
from torc_tui.views.allocation_usage import (
    AccountedUse,
    AllocationUse,
    UsedAllocation,
    UsedAttempt,
    allocation_use,
)
from torc_tui.views.resource_correction import Adjustment, plan_correction


class WorkflowUsage(NamedTuple):
    """The use of the allocations that have started, and requests that could be smaller."""

    allocations: list[AllocationUse]
    smaller: list[Adjustment]


def workflow_usage(
    store: Store, workflow_id: int, cluster: Cluster | None, at: float
) -> WorkflowUsage:
    """Return how well the allocations of a workflow were used so far.

    The accounting of the cluster is asked once about those that have ended. It is not required.
    """
    with store.read() as conn:
        rows = [row for row in allocations.all_of(conn, workflow_id) if row.started_at]
        attempts = _attempts(conn, workflow_id, at)
        use = read_use(conn, workflow_id)
    ended = {row.native_id for row in rows if row.state == AllocationState.ENDED.value}
    records: Sequence[AccountRecord] = ()
    if cluster is not None and ended:
        with suppress(TorcError):
            records = cluster.accounts(sorted(one for one in ended if one))
    accounted = accounted_use(records)
    found = [
        allocation_use(_allocation(row, at), attempts[row.id], accounted.get(row.native_id or ""))
        for row in rows
    ]
    adjustments = plan_correction(use.jobs, use.requirements)
    smaller = [one for one in adjustments if not one.upscale and one.changed("memory")]
    return WorkflowUsage(found, smaller)


def accounted_use(records: Sequence[AccountRecord]) -> Mapping[str, AccountedUse]:
    """Return what the accounting knows of each allocation, by its id.

    The peak of an allocation is that of its steps.
    """
    peaks: dict[str, int] = defaultdict(int)
    for one in records:
        peaks[one.native_id] = max(peaks[one.native_id], one.peak_memory or 0)
    return {
        one.native_id: AccountedUse(
            one.elapsed,
            one.cpus,
            one.nodes,
            one.memory,
            one.cpu_time,
            peaks[one.native_id] or None,
        )
        for one in records
        if not one.step
    }


def _allocation(row: AllocationRow, at: float) -> UsedAllocation:
    return UsedAllocation(
        id=row.id,
        native_id=row.native_id,
        queue_group=row.queue_group,
        state=row.outcome or row.state,
        nodes=row.nodes or 1,
        cpus=row.cpus or 1,
        memory=row.memory,
        elapsed=max((row.ended_at or at) - (row.started_at or at), 0.0),
    )


def _attempts(conn: Connection, workflow_id: int, at: float) -> dict[int, list[UsedAttempt]]:
    """Return the attempts that ran or run in each allocation."""
    found: dict[int, list[UsedAttempt]] = defaultdict(list)
    for row in conn.rows(sql.ENDED_IN_ALLOCATIONS, workflow_id=workflow_id):
        found[row.allocation_id].append(
            UsedAttempt(
                row.compute_node_id or 0,
                row.started_at,
                max(row.ended_at, row.started_at),
                decode_allocation(row.allocation).num_cpus,
                row.cpu_time,
                row.peak_memory,
            )
        )
    for now in conn.rows(sql.RUNNING_IN_ALLOCATIONS, workflow_id=workflow_id):
        cpus = decode_allocation(now.allocation).num_cpus
        started = now.started_at or at
        found[now.allocation_id].append(
            UsedAttempt(now.compute_node_id or 0, started, max(at, started), cpus, None, None)
        )
    return found
