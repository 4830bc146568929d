"""Read how the allocations of a workflow stand: those that run jobs or wait, and paused groups.

Input: an open database. Output: a `ClusterState`, with the reasons why jobs wait for allocations.

Never: a question to the cluster. The process that requests the allocations asks it and records the
answers; everybody else reads them.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from torc_tui.lifecycle.liveness import SILENT_SECONDS
from torc_tui.model import Allocation
from torc_tui.operations.allocator_lease import is_watched
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.records import dataclass, field
from torc_tui.resources.allocation_states import OPEN, AllocationState
from torc_tui.store import allocations, runner_liveness, sql
from torc_tui.store.allocations import AllocationRow
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.runner_liveness import ActiveRunner
from torc_tui.store.scheduling import decode_allocation
from torc_tui.tuples import NamedTuple
from torc_tui.units import in_thousandths

_OPEN = frozenset(state.value for state in OPEN)
_QUEUED = (AllocationState.REQUESTED.value, AllocationState.QUEUED.value)


class NodeUse(NamedTuple):
    """An active runner, how many jobs it runs, what they hold, and its allocation."""

    runner: ActiveRunner
    jobs: int = 0
    held: Allocation = Allocation()
    allocation: AllocationRow | None = None

    @property
    def began(self) -> float:
        """Return when the time that the runner may use began."""
        started = None if self.allocation is None else self.allocation.started_at
        return self.runner.started_at if started is None else started

    @property
    def ends_at(self) -> float | None:
        """Return when its jobs must have ended, None without a limit."""
        end = None if self.allocation is None else self.allocation.ends_at
        return end if self.runner.ends_at is None else self.runner.ends_at


class UnservedRequest(NamedTuple):
    """Why a request gets no allocation; ``never``: no allocation could serve it."""

    reason: Reason
    never: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """The allocations of a workflow that was submitted to a cluster, or else its runners.

    ``rows`` are all its allocations, the oldest first. ``ended`` is the number of attempts that
    have ended in each open one, up to the result ``counted_to``. ``joined`` are those in which a
    runner has begun. ``nodes`` are all active runners, also those outside of allocations.
    ``paused`` are the queue groups that request nothing, ``unserved`` the requests (by id) that get
    no allocation. ``is_watched``: a process
    requests allocations. ``is_submitted`` is false for a workflow without a cluster.
    """

    workflow_id: int
    at: float = 0.0
    rows: Sequence[AllocationRow] = ()
    ended: Mapping[int, int] = field(default_factory=dict)
    counted_to: int = 0
    joined: Collection[int] = ()
    nodes: Sequence[NodeUse] = ()
    paused: Mapping[str, Reason] = field(default_factory=dict)
    unserved: Mapping[int, UnservedRequest] = field(default_factory=dict)
    is_watched: bool = False
    is_submitted: bool = True

    @property
    def open(self) -> list[AllocationRow]:
        """Return the allocations that run, or will."""
        return [row for row in self.rows if row.state in _OPEN]

    @property
    def queued(self) -> list[AllocationRow]:
        """Return the allocations that have not started."""
        return [row for row in self.rows if row.state in _QUEUED]

    @property
    def starting(self) -> list[AllocationRow]:
        """Return the running allocations in which no runner has begun."""
        running = AllocationState.RUNNING.value
        return [row for row in self.rows if row.state == running and row.id not in self.joined]

    @property
    def ending(self) -> list[AllocationRow]:
        """Return the running allocations whose runners have left."""
        active = {one.runner.allocation_id for one in self.nodes}
        running = AllocationState.RUNNING.value
        joined = [row for row in self.rows if row.state == running and row.id in self.joined]
        return [row for row in joined if row.id not in active]

    @property
    def places(self) -> list[NodeUse]:
        """Return the runners in allocations; without a cluster, all."""
        if not self.is_submitted:
            return list(self.nodes)
        return [one for one in self.nodes if one.runner.allocation_id is not None]

    def node(self, node_id: int | None) -> NodeUse | None:
        """Return a runner by its id; None if it is not active."""
        return next((one for one in self.nodes if one.runner.node_id == node_id), None)

    def jobs_of(self, row: AllocationRow) -> tuple[int, int]:
        """Return how many jobs have started in an allocation, and how many run in it."""
        runs = sum(one.jobs for one in self.nodes if one.runner.allocation_id == row.id)
        ended = self.ended.get(row.id, 0)
        return (ended + runs if row.state in _OPEN else row.jobs_started), runs

    # -- reasons -----------------------------------------------------------------------------------

    def never(self, requirement_id: int) -> Reason | None:
        """Return why no allocation could serve a request; None if one could."""
        known = self.unserved.get(requirement_id)
        return known.reason if known is not None and known.never else None

    def coming(self, requirement_id: int | None) -> list[Reason]:
        """Return the allocations that will serve a request, or any, and do not yet."""
        found = [
            because(
                Kind.ALLOCATION_STARTS,
                allocation=row.id,
                native_id=row.native_id,
                nodes=row.nodelist,
            )
            for row in self.starting
            if _is_for(row, requirement_id)
        ]
        queued = [row for row in self.queued if _is_for(row, requirement_id)]
        found += [queued_reason(row, self.at) for row in queued[:_NAMED]]
        more = len(queued) - _NAMED
        return [*found, *([because(Kind.MORE, number=more)] if more > 0 else [])]

    def waits(self, requirement_id: int | None) -> tuple[Reason, ...]:
        """Return why no allocation serves a request now, or any request."""
        found = self.coming(requirement_id)
        groups = self._groups_of(requirement_id)
        found += [reason for group, reason in self.paused.items() if group in groups]
        if found:
            return tuple(found)
        known = None if requirement_id is None else self.unserved.get(requirement_id)
        if known is not None:
            return (known.reason,)
        return (because(Kind.NO_ALLOCATION, workflow=self.workflow_id, watched=self.is_watched),)

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Return the labels of each open allocation."""
        return tuple(tuple(_settings(row).get("labels", ())) for row in self.open)

    def place_of(self, node_id: int | None) -> Reason | None:
        """Return where a job runs: the node, its allocation, and whether it is silent."""
        found = self.node(node_id)
        if found is None:
            return None
        row, quiet = found.allocation, float(int(self.at - found.runner.heartbeat_at))
        is_silent = found.runner.heartbeat_at and quiet >= SILENT_SECONDS
        return because(
            Kind.RUNS_ON,
            node=found.runner.name,
            native_id=None if row is None else row.native_id,
            quiet=quiet if is_silent else None,
            state=None if row is None or not is_silent else row.outcome or row.state,
        )

    def _groups_of(self, requirement_id: int | None) -> set[str]:
        """Return the queue groups that have served a request, or all if none is known to."""
        if requirement_id is not None:
            found = {
                row.queue_group
                for row in self.rows
                if row.queue_group and str(requirement_id) in _settings(row).get("jobs", {})
            }
            if found:
                return found
        return set(self.paused)


_FAR_SECONDS = 20 * 3600.0
_NAMED = 2
"""Queued allocations that are named; the others are counted."""


def queued_reason(row: AllocationRow, at: float) -> Reason:
    """Return why an allocation has not started."""
    return because(
        Kind.ALLOCATION_QUEUED,
        allocation=row.id,
        native_id=row.native_id,
        reason=row.reason,
        starts_at=row.starts_at,
        far=True if row.starts_at and row.starts_at - at > _FAR_SECONDS else None,
    )


def _is_for(row: AllocationRow, requirement_id: int | None) -> bool:
    settings = _settings(row)
    planned = settings.get("jobs", {})
    return requirement_id is None or not planned or str(requirement_id) in planned


def _settings(row: AllocationRow) -> dict[str, Any]:
    return allocations.settings_of(row)


def read_cluster(
    store: Store, workflow_id: int, *, known: ClusterState | None = None
) -> ClusterState | None:
    """Return how the allocations of a workflow stand; None if it was never submitted.

    Counting attempts takes time in large workflows: if ``known`` is an earlier reading, only those
    that have ended since then are counted.
    """
    with store.read() as conn:
        rows = allocations.all_of(conn, workflow_id)
        stored = allocations.submission(conn, workflow_id)
        if not rows and not stored:
            return None
        held = _held_by_runner(conn, workflow_id)
        ended, counted_to = _count_ended(conn, workflow_id, known)
        joined = conn.rows(sql.JOINED_ALLOCATIONS, workflow_id=workflow_id)
        watched = is_watched(conn, workflow_id)
    runners = runner_liveness.runners(store, workflow_id=workflow_id)
    rows = _as_runners_see(rows, runners)
    by_id = {row.id: row for row in rows}
    return ClusterState(
        workflow_id=workflow_id,
        at=time.time(),
        rows=rows,
        ended=ended,
        counted_to=counted_to,
        joined={one.allocation_id for one in joined},
        nodes=[_use(one, held, by_id.get(one.allocation_id or 0)) for one in runners],
        paused=_paused(workflow_id, stored.get("groups", {})),
        unserved={
            int(key): UnservedRequest(reason, bool(one.get("never")))
            for key, one in stored.get("unserved", {}).items()
            if (reason := decode(one.get("reason"))) is not None
        },
        is_watched=watched,
    )


def read_runners(store: Store, workflow_id: int) -> ClusterState:
    """Return the runners of a workflow that was never submitted, with what their jobs hold."""
    with store.read() as conn:
        held = _held_by_runner(conn, workflow_id)
    runners = runner_liveness.runners(store, workflow_id=workflow_id)
    return ClusterState(
        workflow_id=workflow_id,
        at=time.time(),
        nodes=[_use(one, held) for one in runners],
        is_submitted=False,
    )


def _held_by_runner(conn: Connection, workflow_id: int) -> Mapping[int, list[Allocation]]:
    """Return what each job holds, by the id of its runner."""
    found: defaultdict[int, list[Allocation]] = defaultdict(list)
    for one in conn.rows(sql.HELD_BY_RUNNERS, workflow_id=workflow_id):
        found[one.compute_node_id].append(decode_allocation(one.allocation))
    return found


def _use(
    runner: ActiveRunner,
    held: Mapping[int, list[Allocation]],
    allocation: AllocationRow | None = None,
) -> NodeUse:
    own = held.get(runner.node_id, [])
    return NodeUse(runner, len(own), _sum(own), allocation)


def _count_ended(
    conn: Connection, workflow_id: int, known: ClusterState | None
) -> tuple[Mapping[int, int], int]:
    """Return the attempts that have ended in open allocations, and the last of their results."""
    last = int(conn.value(sql.LAST_RESULT, workflow_id=workflow_id))
    if known is None or known.workflow_id != workflow_id or known.counted_to > last:
        before, after = Counter[int](), 0
    else:
        before, after = Counter(known.ended), known.counted_to
    if after < last:
        rows = conn.rows(sql.ENDED_IN_OPEN_ALLOCATIONS, workflow_id=workflow_id, after=after)
        before.update({one.allocation_id: one.number for one in rows})
    return before, last


def _as_runners_see(
    rows: Sequence[AllocationRow], runners: Sequence[ActiveRunner]
) -> list[AllocationRow]:
    """Return allocations as running if a runner is active in them.

    The process that asks the cluster learns that some seconds later.
    """
    first = {one.allocation_id: one for one in reversed(runners)}
    return [
        row._replace(
            state=AllocationState.RUNNING.value,
            reason=None,
            nodelist=first[row.id].name if row.nodes == 1 else row.nodelist,
            started_at=first[row.id].started_at,
            ends_at=first[row.id].ends_at,
        )
        if row.id in first and row.state in _QUEUED
        else row
        for row in rows
    ]


def _sum(held: Sequence[Allocation]) -> Allocation:
    """Return what jobs hold together; GPUs are listed once for each job."""
    return Allocation(
        in_thousandths(sum(one.num_cpus for one in held)),
        sum(one.memory for one in held),
        tuple(grant for one in held for grant in one.gpus),
    )


def _paused(workflow_id: int, groups: Mapping[str, Any]) -> dict[str, Reason]:
    return {
        group: because(
            Kind.GROUP_PAUSED, group=group, workflow=workflow_id, cause=decode(known.get("cause"))
        )
        for group, known in sorted(groups.items())
        if known.get("paused")
    }
