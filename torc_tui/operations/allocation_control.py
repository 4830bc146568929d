"""Cancel allocations, pause and resume queue groups, and store what was submitted.

Input: an open store, the cluster. Output: what was changed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from torc_tui.clusters.base import Cluster
from torc_tui.clusters.choice import this_cluster
from torc_tui.errors import Refused, TorcError
from torc_tui.model import Workflow
from torc_tui.operations import workflows as workflow_operations
from torc_tui.operations.allocation_updates import look_at, record_look
from torc_tui.operations.submit_options import SubmitOptions
from torc_tui.quoting import nearest
from torc_tui.reasons import Kind, Reason
from torc_tui.resources.demand_records import UnservedJobs
from torc_tui.store import allocations, sql
from torc_tui.store.allocations import AllocationRow
from torc_tui.store.database import Store
from torc_tui.store.event_log import append
from torc_tui.tuples import NamedTuple
from torc_tui.wording import listed

_RUNNER_SECONDS = 3.0
"""How long canceling a workflow waits for its runners."""


def cancel_allocations(
    store: Store, cluster: Cluster, workflow_id: int, only: Collection[int] | None = None
) -> list[int]:
    """Cancel the open allocations of a workflow, or some of them; return their ids.

    Their ends are recorded as far as the cluster reports them now. Raise ClusterSilent.
    """
    look = look_at(store, cluster, [workflow_id], time.time())
    record_look(store, workflow_id, look)  # finds those whose id was not recorded
    with store.read() as conn:
        rows = allocations.open_of(conn, workflow_id)
    chosen = [row for row in rows if only is None or row.id in only]
    chosen = [row for row in chosen if row.native_id and row.cluster in (look.cluster, "", None)]
    if not chosen:
        return []
    cluster.cancel([row.native_id for row in chosen if row.native_id])
    record_look(store, workflow_id, look_at(store, cluster, [workflow_id], time.time()))
    return [row.id for row in chosen]


def cancel_allocation(store: Store, allocation_id: int, *, actor: str | None = None) -> None:
    """Cancel one allocation; refused if it has ended."""
    with store.read() as conn:
        found = allocations.get(conn, allocation_id)
    canceled = cancel_allocations(store, this_cluster(), found["workflow_id"], [allocation_id])
    if not canceled:
        raise Refused(f"cannot cancel allocation {allocation_id}: it has ended")


class CanceledWorkflow(NamedTuple):
    """How many jobs and allocations were canceled, and what could not be done."""

    jobs: int
    allocations: int = 0
    errors: tuple[str, ...] = ()


def cancel_workflow(
    store: Store, workflow_id: int, *, force: bool = False, actor: str | None = None
) -> CanceledWorkflow:
    """Cancel everything that has not finished, and all allocations of the workflow."""
    jobs = workflow_operations.cancel_workflow(store, workflow_id, force=force, actor=actor)
    number = len(open_allocations(store, workflow_id))
    if not number:
        return CanceledWorkflow(jobs)
    _wait_for_runners(store, workflow_id)
    try:
        cancel_allocations(store, this_cluster(), workflow_id)
    except TorcError as error:
        return CanceledWorkflow(jobs, 0, (f"allocations were not canceled: {error.message}",))
    return CanceledWorkflow(jobs, number)


def _wait_for_runners(store: Store, workflow_id: int) -> None:
    """Let runners cancel their jobs before their allocations are canceled under them.

    A runner that the cluster stops records its jobs as interrupted, not as canceled.
    """
    end = time.monotonic() + _RUNNER_SECONDS
    while time.monotonic() < end:
        with store.read() as conn:
            if not conn.rows(sql.HELD_IN_ALLOCATIONS, workflow_id=workflow_id):
                return
        time.sleep(0.1)


def delete_workflows(
    store: Store,
    ids: Sequence[int],
    *,
    user: str | None = None,
    force: bool = False,
    actor: str | None = None,
) -> list[Workflow]:
    """Delete workflows and cancel their allocations; see `workflows.delete_workflows`.

    Refused if the cluster cannot be asked; with ``force``, the allocations are left to it.
    """
    rows = [row for workflow_id in ids for row in open_allocations(store, workflow_id)]
    cluster, queue = None, {}
    if rows:
        try:
            cluster = this_cluster()
            queue = dict(cluster.look())
        except TorcError as error:
            if not force:
                raise Refused(
                    f"the allocations of the workflows cannot be canceled: {error.message}",
                    hint="delete them on a login node of the cluster, or with --force",
                ) from error
    deleted = workflow_operations.delete_workflows(store, ids, user=user, force=force, actor=actor)
    if cluster is not None:
        cluster.cancel([row.native_id for row in rows if row.native_id in queue])
    return deleted


def open_allocations(store: Store, workflow_id: int) -> list[AllocationRow]:
    """Return the allocations of a workflow that run, or will."""
    with store.read() as conn:
        return allocations.open_of(conn, workflow_id)


def save_options(store: Store, workflow_id: int, options: SubmitOptions) -> None:
    """Store what the user chose, and let all queue groups request allocations again."""
    with store.write() as conn:
        stored = allocations.submission(conn, workflow_id)
        stored["options"] = options._asdict()
        stored["groups"] = {
            group: {"after": _last(allocations.all_of(conn, workflow_id))}
            for group in _groups(allocations.all_of(conn, workflow_id), stored)
        }
        allocations.save_submission(conn, workflow_id, stored)


def save_unserved(store: Store, workflow_id: int, unserved: Collection[UnservedJobs]) -> None:
    """Store why requests get no allocation, for those who cannot ask the cluster.

    Reasons that pass by themselves, and paused groups, which are stored anyway, are left out.
    """
    passing = (Kind.GROUP_WAITS, Kind.GROUP_PAUSED)
    found = {
        str(one.requirement_id): {"reason": one.reason.to_json(), "never": one.never}
        for one in unserved
        if one.reason.kind not in passing
    }
    with store.read() as conn:
        if allocations.submission(conn, workflow_id).get("unserved", {}) == found:
            return
    with store.write() as conn:
        stored = allocations.submission(conn, workflow_id)
        allocations.save_submission(conn, workflow_id, {**stored, "unserved": found})


def pause_group(
    store: Store,
    workflow_id: int,
    group: str,
    cause: Reason | None = None,
    *,
    actor: str | None = None,
) -> None:
    """Request no more allocations for a group; ``cause`` is None if a user wants it."""
    _set_group(store, workflow_id, group, {"paused": True}, cause, actor)


def resume_group(store: Store, workflow_id: int, group: str, *, actor: str | None = None) -> None:
    """Request allocations for a group again, whatever became of the last ones."""
    with store.read() as conn:
        last = _last(allocations.all_of(conn, workflow_id))
    _set_group(store, workflow_id, group, {"after": last}, None, actor)


def known_groups(store: Store, workflow_id: int) -> list[str]:
    """Return the queue groups that have requested allocations, or were paused."""
    with store.read() as conn:
        rows = allocations.all_of(conn, workflow_id)
        return sorted(_groups(rows, allocations.submission(conn, workflow_id)))


def check_group(group: str, known: Collection[str]) -> None:
    """Raise Refused for a queue group that does not exist."""
    if group not in known:
        near = nearest(group, known)
        names = f"the queue groups are {listed(known, 10)}" if known else "there are none yet"
        raise Refused(
            f"there is no queue group '{group}'",
            hint=f"did you mean '{near}'?" if near else names,
        )


def _groups(rows: Collection[AllocationRow], stored: dict[str, Any]) -> set[str]:
    return {row.queue_group for row in rows if row.queue_group} | set(stored.get("groups", {}))


def _last(rows: list[AllocationRow]) -> int:
    return rows[-1].id if rows else 0


def _set_group(
    store: Store,
    workflow_id: int,
    group: str,
    values: dict[str, Any],
    cause: Reason | None,
    actor: str | None,
) -> None:
    paused = "paused" in values
    data: dict[str, Any] = {"group": group}
    if cause is not None:
        values = {**values, "cause": cause.to_json()}
        data["reason"] = cause.to_json()
    with store.write() as conn:
        stored = allocations.submission(conn, workflow_id)
        stored.setdefault("groups", {})[group] = values
        allocations.save_submission(conn, workflow_id, stored)
        kind = "queue_group_paused" if paused else "queue_group_resumed"
        append(conn, workflow_id, [(kind, None, data)], at=time.time(), actor=actor)
