"""Record in the database what a cluster reports about allocations.

Input: one look at the queue. Output: changed rows and their events.

Invariants: nothing changes while the cluster does not answer. An allocation that is no longer in
the queue ends when the accounting says how, or after it was missing for a while.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.clusters.base import Cluster, SeenAllocation
from torc_tui.operations.allocation_requests import comment_of
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.store import allocations, sql
from torc_tui.store.allocations import AllocationChange, AllocationRow
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.tuples import NamedTuple

LOST_SECONDS = 60.0
"""Time after which a request that is not in the queue counts as refused, and an allocation that is
missing there as ended."""


class ClusterLook(NamedTuple):
    """What the cluster reports: its queue, the accounting of missing allocations, and when."""

    cluster: str
    queue: Mapping[str, SeenAllocation]
    accounts: Mapping[str, SeenAllocation]
    at: float


def look_at(store: Store, cluster: Cluster, workflow_ids: Sequence[int], at: float) -> ClusterLook:
    """Ask the cluster once for all workflows; raise ClusterSilent if it does not answer."""
    queue, name = cluster.look(), cluster.cluster_name()
    missing = set()
    with store.read() as conn:
        for workflow_id in workflow_ids:
            for row in allocations.open_of(conn, workflow_id):
                if row.native_id and row.native_id not in queue and row.cluster in (name, "", None):
                    missing.add(row.native_id)
    accounts = cluster.ended(sorted(missing)) if missing else {}
    return ClusterLook(name, queue, accounts, at)


def record_look(store: Store, workflow_id: int, look: ClusterLook) -> list[int]:
    """Record what is new about the allocations of a workflow; return those that ended."""
    ended = []
    with store.read() as conn:
        rows = allocations.open_of(conn, workflow_id)
    if not rows:
        return []
    with store.write() as conn:
        for row in allocations.open_of(conn, workflow_id):
            if row.cluster not in (look.cluster, "", None):
                continue
            new = _news(conn, row, look)
            if new is None or not _is_new(row, new):
                continue
            closed = new.state in (AllocationState.ENDED, AllocationState.REFUSED)
            if allocations.change(conn, row, new, at=look.at) and closed:
                ended.append(row.id)
    return ended


def _news(conn: Connection, row: AllocationRow, look: ClusterLook) -> AllocationChange | None:
    """Return how an allocation stands; None if that is as unknown as before."""
    settings = allocations.settings_of(row)
    seen = look.queue.get(row.native_id) if row.native_id else _by_comment(conn, row, look)
    if seen is None and row.native_id:
        return _missing(row, settings, look)
    if seen is None:
        return _never_seen(row, settings, look)
    if not row.native_id:
        allocations.submitted(conn, row.id, seen.native_id, look.cluster)
    if seen.state is AllocationState.UNKNOWN:
        return None
    settings.pop("missing_since", None)
    if seen.state is AllocationState.ENDED:
        return _ended(conn, row, seen, settings, look.at)
    is_running = seen.state is AllocationState.RUNNING
    return AllocationChange(
        seen.state,
        reason=seen.reason or None,
        nodelist=seen.nodelist or None,
        starts_at=None if is_running else seen.starts_at,
        started_at=seen.starts_at if is_running else None,
        ends_at=seen.ends_at if is_running else None,
        settings=settings,
    )


def _by_comment(conn: Connection, row: AllocationRow, look: ClusterLook) -> SeenAllocation | None:
    comment = comment_of(conn, row.id)
    return next((seen for seen in look.queue.values() if seen.comment == comment), None)


def _never_seen(
    row: AllocationRow, settings: dict[str, Any], look: ClusterLook
) -> AllocationChange | None:
    """Give a request up that did not reach the queue in time."""
    if look.at - (row.submitted_at or 0) < LOST_SECONDS:
        return None
    return AllocationChange(
        AllocationState.REFUSED,
        reason="the request did not reach the queue",
        ended_at=look.at,
        settings=settings,
    )


def _missing(
    row: AllocationRow, settings: dict[str, Any], look: ClusterLook
) -> AllocationChange | None:
    known = look.accounts.get(row.native_id or "")
    if known is not None and known.state is AllocationState.ENDED:
        outcome, ended_at = known.outcome, known.ends_at
    elif look.at - settings.setdefault("missing_since", look.at) >= LOST_SECONDS:
        outcome, ended_at = AllocationOutcome.VANISHED, settings["missing_since"]
    else:
        return AllocationChange(
            AllocationState(row.state),
            reason=row.reason,
            nodelist=row.nodelist,
            starts_at=row.starts_at,
            started_at=row.started_at,
            ends_at=row.ends_at,
            settings=settings,
        )
    return AllocationChange(
        AllocationState.ENDED,
        outcome=outcome,
        nodelist=row.nodelist,
        started_at=row.started_at,
        ends_at=row.ends_at,
        ended_at=ended_at or look.at,
        settings=settings,
    )


def _ended(
    conn: Connection,
    row: AllocationRow,
    seen: SeenAllocation,
    settings: dict[str, Any],
    at: float,
) -> AllocationChange:
    """Return the end of an allocation; note whether its group had no job for it."""
    planned = [int(number) for number in settings.get("jobs", {})]
    ready = conn.rows(sql.READY_REQUESTS, workflow_id=row.workflow_id)
    if not any(one.requirement_id in planned for one in ready):
        settings["was_idle"] = True
    ran = row.state == AllocationState.RUNNING.value or seen.nodelist
    return AllocationChange(
        AllocationState.ENDED,
        outcome=seen.outcome,
        reason=seen.reason or None,
        nodelist=seen.nodelist or row.nodelist,
        started_at=row.started_at or (seen.starts_at if ran else None),
        ends_at=row.ends_at,
        ended_at=seen.ends_at or at,
        settings=settings,
    )


def _is_new(row: AllocationRow, new: AllocationChange) -> bool:
    before = allocations.settings_of(row)
    known = {name: getattr(row, name) for name in AllocationChange._fields if name != "settings"}
    fresh = new._asdict()
    settings = fresh.pop("settings")
    fresh["state"] = new.state.value
    fresh["outcome"] = new.outcome and new.outcome.value
    return known != fresh or before != settings
