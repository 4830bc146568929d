"""Request allocations for a workflow as long as its jobs need them.

Input: a database, a cluster. Output: requests to the cluster, rows and events of allocations. One
step looks at the cluster, records what is new, and requests or cancels what the ready jobs demand.

Invariants: only the holder of the lease asks the cluster. Nothing is concluded while the cluster or
the database does not answer. A queue group that gets nothing out of its allocations is paused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from torc_tui import settings
from torc_tui.clusters.base import Cluster, ClusterSilent
from torc_tui.errors import StoreUnavailable
from torc_tui.lifecycle.liveness import SILENT_SECONDS
from torc_tui.operations import allocation_control, allocation_demand
from torc_tui.operations.allocation_actions import claim_actions, has_actions
from torc_tui.operations.allocation_demand import WorkflowDemand, read_demand
from torc_tui.operations.allocation_requests import Requester, RequestResult
from torc_tui.operations.allocation_updates import look_at, record_look
from torc_tui.operations.allocator_lease import AllocatorLease
from torc_tui.operations.lost_runners import drop_runner
from torc_tui.operations.shared_file import WatcherPresence, pause_unfit
from torc_tui.reasons import Reason
from torc_tui.records import dataclass, field
from torc_tui.resources.allocation_states import OPEN, AllocationState
from torc_tui.resources.demand_records import UnservedJobs, WantedAllocation
from torc_tui.status import is_complete
from torc_tui.store import allocations, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.event_log import append, no_workflow

LOOK_SECONDS = 30.0
"""Time between two looks at the queue."""
SOON_SECONDS = 10.0
"""Time between two looks after a request, and while a runner is silent."""
_AFTER_REQUEST = 120.0
MOST_SECONDS = 300.0
"""Longest time between two looks at a cluster that does not answer."""
_STANDBY_SECONDS = 5.0
_LOOK_FOR_END_SECONDS = 0.5
"""Time between two looks at the database whether the workflow was canceled or is complete."""
_CANCELED_SECONDS = (0.2, 2.0)
"""Shortest and longest time between two looks at the allocations of a canceled workflow, most of
which end at once."""
_DUE_SHARE = 0.005
"""Part of the time that the looks at the demand between two steps may take."""
AWAY_SECONDS = 1200.0
"""How long the database may be unavailable, as for a runner."""
_AWAY_PAUSE_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class AllocatorStep:
    """What one step did. ``pause`` is the time in seconds until the next one.

    ``holder`` is another process that requests the allocations. ``silent`` is why the cluster could
    not be asked, ``away`` why the database could not be used. ``is_finished``: all jobs have
    finished, and no allocation is left.
    """

    pause: float = LOOK_SECONDS
    holder: str | None = None
    silent: str | None = None
    away: str | None = None
    requested: list[RequestResult] = field(default_factory=list)
    canceled: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    paused: dict[str, Reason] = field(default_factory=dict)
    unserved: tuple[UnservedJobs, ...] = ()
    is_canceled: bool = False
    is_over: bool = False
    """Whether the workflow needs no more allocations."""
    is_finished: bool = False


class Allocator:
    """The allocator of one workflow."""

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        workflow_id: int,
        *,
        actor: str | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._workflow_id = workflow_id
        self._actor = actor
        self._clock = clock
        self._monotonic = monotonic
        self._lease = AllocatorLease(store, workflow_id, monotonic)
        self._presence = WatcherPresence(store)
        self._silences = 0
        self._next_due_look = 0.0
        self._away_since: float | None = None
        self._canceled: set[int] = set()
        self._canceled_pause = _CANCELED_SECONDS[0]
        self._requested_at: float | None = None
        self._look_seconds = settings.load().get("cluster.poll_seconds") or LOOK_SECONDS

    def step(self) -> AllocatorStep:
        """Look at the cluster once, and request what is needed."""
        done = AllocatorStep()
        done.holder = self._lease.hold()
        if done.holder is not None:
            done.pause = _STANDBY_SECONDS
            return done
        try:
            self._step(done)
            self._silences = 0
        except ClusterSilent as silent:
            self._silences += 1
            done.silent = silent.message
        done.pause = self._pause(done)
        return done

    def run(self, wait: Callable[[float], None], report: Callable[[AllocatorStep], None]) -> None:
        """Take steps until all jobs have finished and no allocation is left.

        ``wait`` returns after that many seconds, or earlier; the lease is renewed meanwhile. Raise
        StoreUnavailable if the database is unavailable for too long.
        """
        try:
            self._presence.take()
            while not self._turn(wait, report):
                pass
        finally:
            self.release()
            self._presence.release()

    def _turn(self, wait: Callable[[float], None], report: Callable[[AllocatorStep], None]) -> bool:
        """Take a step and wait for the next one; return whether nothing is left to do."""
        try:
            done = self.step()
            self._away_since = None
            report(done)
            if not done.is_finished:
                self._wait(done, wait)
        except StoreUnavailable as error:
            now = self._monotonic()
            self._away_since = self._away_since or now
            if now - self._away_since >= AWAY_SECONDS:
                raise
            done = AllocatorStep(pause=_AWAY_PAUSE_SECONDS, away=error.message)
            report(done)
            wait(done.pause)
        return done.is_finished

    def _wait(self, done: AllocatorStep, wait: Callable[[float], None]) -> None:
        """Wait for the next step; the lease is renewed meanwhile."""
        left = done.pause
        while left > 0:
            part = min(left, _STANDBY_SECONDS)
            while part > 0:
                wait(min(part, _LOOK_FOR_END_SECONDS))
                part -= _LOOK_FOR_END_SECONDS
                if not (done.holder or done.silent or done.is_over) and self._is_over():
                    return
            left -= _STANDBY_SECONDS
            if done.holder is None and self._lease.hold() is not None:
                return
            if left <= done.pause - SOON_SECONDS and self._is_due(done):
                return

    def _is_over(self) -> bool:
        """Return whether the workflow needs no more allocations."""
        with self._store.read() as conn:
            needs = conn.value(sql.NEEDS_RUNNERS, workflow_id=self._workflow_id)
        if needs is None:
            raise no_workflow(self._workflow_id)
        return not needs

    def _is_due(self, done: AllocatorStep) -> bool:
        """Return whether the database gives a reason to take the next step earlier."""
        began = self._monotonic()
        if done.holder is not None or done.silent is not None or began < self._next_due_look:
            return False
        is_due = self._demands()
        self._next_due_look = began + (self._monotonic() - began) / _DUE_SHARE
        return is_due

    def _demands(self) -> bool:
        demand = read_demand(self._store, self._cluster, self._workflow_id, self._clock())
        workflow = demand.workflow
        if workflow.is_canceled or is_complete(workflow.counts):
            return True
        plan = allocation_demand.plan(demand)
        return not workflow.is_paused and bool(plan.wanted or plan.surplus)

    def release(self) -> None:
        """Request no more allocations."""
        with suppress(StoreUnavailable):  # then the lease expires
            self._lease.release()

    def is_held_elsewhere(self) -> bool:
        """Return whether a process of another machine requests the allocations, if it is alive."""
        return self._lease.is_held_elsewhere()

    def vacate(self) -> None:
        """Let another process request the allocations, such as a runner."""
        with suppress(StoreUnavailable):  # then the lease expires
            self._lease.vacate()

    def _step(self, done: AllocatorStep) -> None:
        at = self._clock()
        look = look_at(self._store, self._cluster, [self._workflow_id], at)
        done.ended = record_look(self._store, self._workflow_id, look)
        self._free_jobs(at)
        if self._store.dialect == "sqlite":
            done.paused |= pause_unfit(self._store, actor=self._actor)
        demand = read_demand(self._store, self._cluster, self._workflow_id, at)
        workflow = demand.workflow
        if workflow.is_canceled or workflow.is_archived or is_complete(workflow.counts):
            self._clear(done)
            return
        for group, cause in allocation_demand.groups_to_pause(demand).items():
            allocation_control.pause_group(
                self._store, self._workflow_id, group, cause, actor=self._actor
            )
            done.paused[group] = cause
        if done.paused:
            demand = read_demand(self._store, self._cluster, self._workflow_id, at)
        if workflow.is_paused:
            return
        wanted, by_hand = self._wanted(demand, done, at)
        self._request(demand, wanted, done, by_hand=by_hand)
        if done.canceled:
            allocation_control.cancel_allocations(
                self._store, self._cluster, self._workflow_id, done.canceled
            )

    def _wanted(
        self, demand: WorkflowDemand, done: AllocatorStep, at: float
    ) -> tuple[list[WantedAllocation], bool]:
        """Return what to request, and whether the workflow file says so itself."""
        if has_actions(self._store, self._workflow_id) and not demand.options.demand:
            return claim_actions(self._store, demand, at), True
        plan = allocation_demand.plan(demand)
        done.unserved = plan.unserved
        allocation_control.save_unserved(self._store, self._workflow_id, plan.unserved)
        done.canceled = list(plan.surplus)
        return list(plan.wanted), False

    def _request(
        self,
        demand: WorkflowDemand,
        wanted: list[WantedAllocation],
        done: AllocatorStep,
        *,
        by_hand: bool,
    ) -> None:
        """Request allocations; a group that is refused, or a silent cluster, gets no more now."""
        requester = Requester(
            self._store, self._cluster, demand.workflow, demand.schedulers, self._actor
        )
        refused: set[str] = set()
        for one in wanted:
            if one.group in refused:
                continue
            result = requester.request(one, self._clock(), by_hand=by_hand)
            done.requested.append(result)
            self._requested_at = self._clock()
            if result.refused is not None:
                refused.add(one.group)
            if result.silent is not None:
                raise result.silent

    def _clear(self, done: AllocatorStep) -> None:
        """Cancel what is left of a workflow without work."""
        waiting = allocation_control.open_allocations(self._store, self._workflow_id)
        canceled = workflows.get_workflow(self._store, self._workflow_id).is_canceled
        done.is_over, done.is_canceled = True, canceled
        running = AllocationState.RUNNING.value
        ids = {row.id for row in waiting if canceled or row.state != running} - self._canceled
        if ids:
            done.canceled = allocation_control.cancel_allocations(
                self._store, self._cluster, self._workflow_id, ids
            )
            self._canceled |= set(done.canceled)
        done.is_finished = not allocation_control.open_allocations(self._store, self._workflow_id)

    def _free_jobs(self, at: float) -> None:
        """Make jobs ready again whose runner is gone: its allocation is over, or it was stopped."""
        with self._store.read() as conn:
            over = {
                row.id
                for row in allocations.all_of(conn, self._workflow_id)
                if row.state not in [state.value for state in OPEN]
            }
            runners = conn.rows(sql.RUNNERS_IN_ALLOCATIONS, workflow_id=self._workflow_id)
        for runner in runners:
            if runner.allocation_id in over:
                drop_runner(self._store, runner.id, force=True, actor=self._actor)
        if workflows.get_workflow(self._store, self._workflow_id).is_canceled:
            return
        with self._store.write() as conn:
            rows = workflows.resume_interrupted(conn, self._workflow_id)
            if rows:
                append(conn, self._workflow_id, rows, at=at)

    def _pause(self, done: AllocatorStep) -> float:
        if done.silent is not None:
            return float(min(self._look_seconds * 2 ** (self._silences - 1), MOST_SECONDS))
        if done.is_canceled:
            pause = self._canceled_pause
            self._canceled_pause = min(2 * pause, _CANCELED_SECONDS[1])
            return pause
        now = self._clock()
        is_new = now - self._last_request() < _AFTER_REQUEST
        return SOON_SECONDS if is_new or self._has_silent_runner(now) else self._look_seconds

    def _last_request(self) -> float:
        """Return when this or another process, such as `torc submit`, requested an allocation."""
        waiting = allocation_control.open_allocations(self._store, self._workflow_id)
        times = [row.submitted_at for row in waiting if row.submitted_at is not None]
        return max([self._requested_at or 0.0, *times])

    def _has_silent_runner(self, now: float) -> bool:
        with self._store.read() as conn:
            runners = conn.rows(sql.RUNNERS_IN_ALLOCATIONS, workflow_id=self._workflow_id)
        return any(now - runner.heartbeat_at > SILENT_SECONDS for runner in runners)
