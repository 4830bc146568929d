"""Run a workflow from joining to leaving: the loop around `Engine.step`.

Input: a database, the id of an initialized workflow, options. Output: a RunReport with the exit
code.

Invariant: the loop waits in `Executor.wait` and nowhere else; signal handlers only set a flag and
wake it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from torc_tui.engine.actions import Actions
from torc_tui.engine.database_retry import DEFAULT_MINUTES, Outage
from torc_tui.engine.engine import Engine
from torc_tui.engine.host_use import HostUse
from torc_tui.engine.joining import RunnerHost, examine_host, join, join_when_available
from torc_tui.engine.machine_watch import MachineSampler
from torc_tui.engine.membership import Membership
from torc_tui.engine.recovery import RecoveryScripts
from torc_tui.engine.report import Observer, RunOptions, RunReport
from torc_tui.engine.run_summary import RemainingWork, RunSummary
from torc_tui.engine.runner_gpus import RunnerGpus
from torc_tui.engine.scripts import Scripts
from torc_tui.engine.signaled_ends import SignaledEnds
from torc_tui.engine.standby_allocator import StandbyAllocator
from torc_tui.engine.state import EngineOptions
from torc_tui.engine.stop_requests import Interrupts, StopRequests
from torc_tui.engine.transaction import EventQueue
from torc_tui.errors import SchemaMismatch, StoreError, StoreUnavailable
from torc_tui.executors.base import Executor
from torc_tui.model import Machine, Report
from torc_tui.reasons import Kind, because
from torc_tui.store import runner_liveness
from torc_tui.store.database import Store

T = TypeVar("T")

LOOK_SECONDS = 0.05
"""Time between two checks for what others have written on SQLite, where a check costs
microseconds."""
NOTIFIED_LOOK_SECONDS = 0.2
"""The same on PostgreSQL, which notifies."""
GATHER_SECONDS = 0.04
"""Time for which a fresh start waits for more reports, so that it is recorded together with the end
of a short job."""
GATHER_SECONDS_SHARED = 0.1
"""The same while there are other runners: fewer and larger steps."""
GATHERED_REPORTS = 96
"""Number of reports after which none is waited for."""
TICK_SECONDS = 0.1
"""Longest wait while an observer shows the passing time."""


def run(
    store: Store,
    workflow_id: int,
    options: RunOptions,
    observer: Observer | None = None,
    *,
    executor: Executor | None = None,
    machine: Machine | None = None,
    clock: Callable[[], float] = time.time,
) -> RunReport:
    """Run the jobs of an initialized workflow until nothing is left that can run here."""
    host = examine_host(options, machine, executor)
    try:
        return Runner(store, workflow_id, options, observer or Observer(), host, clock).run()
    finally:
        host.executor.close()


class Runner:
    """The state of one run. Use `run`."""

    def __init__(
        self,
        store: Store,
        workflow_id: int,
        options: RunOptions,
        observer: Observer,
        host: RunnerHost,
        clock: Callable[[], float],
    ) -> None:
        self.store = store
        self.workflow_id = workflow_id
        self.observer = observer
        self.executor = executor = host.executor
        self.machine = host.machine
        self.clock = clock
        self._began = time.monotonic()
        joined = join_when_available(
            lambda: join(store, workflow_id, options, host, clock()), observer, executor
        )
        self.maker, self.deadline = joined.maker, joined.deadline
        self.context = context = self.maker.context
        self.events = EventQueue(store, workflow_id, joined.node.node_id, executor.wake)
        self.scripts = Scripts(context.directory, self.maker.output_dir, self.maker.base)
        self.recovery = RecoveryScripts(self.scripts, self.events.put, executor.wake)
        engine_options = EngineOptions(
            deadline=self.deadline,
            recovery=self.recovery,
            is_in_use=runner_liveness.is_in_use,
            source=options.source,
        )
        self.engine = Engine(
            store, executor, host.pool(options), self.maker, joined.node, engine_options
        )
        minutes = context.settings.get(
            "compute_node_wait_for_healthy_database_minutes", DEFAULT_MINUTES
        )
        self.outage = Outage(float(minutes) * 60)
        self.interrupts = Interrupts(executor.wake)
        self.stop_requests = StopRequests(
            self.engine, self.scripts, self.interrupts, self.deadline, observer
        )
        self.summary = RunSummary(store, self.engine, host.machine, self.deadline)
        self.actions = Actions(
            store, lambda: self.maker.context, self.scripts, self.events.put, self.summary
        )
        self.remaining = RemainingWork(self.engine, self.interrupts, self.summary)
        self.gpus = RunnerGpus(self.engine, self.events, host.watch, self.summary)
        self.gpus.start_if_requested()
        self.signaled = SignaledEnds(self.engine, in_allocation=host.allocation is not None)
        self.machine_watch = MachineSampler(
            store, self.context, joined.node.node_id, self.gpus.figures
        )
        self.host_use = HostUse(self.engine.state)
        self.membership = Membership(self.engine, joined.process, host.allocation)
        if options.allocation is not None:  # `torc submit` has requested it
            self.membership.standby = StandbyAllocator(store, workflow_id, self.machine.hostname)
        self._pending: list[Report] = []
        self._last_step = self._began

    def run(self) -> RunReport:
        """Run the jobs, then leave."""
        try:
            with self.interrupts.installed():
                self._retry_until_available(lambda: self.membership.adopt_lost_jobs(self.clock()))
                unschedulable = self._retry_until_available(
                    lambda: self.summary.unschedulable(self.clock())
                )
                self.observer.began(self.context.run_id, self.machine, unschedulable)
                self._run_actions("on_workflow_start", "on_worker_start")
                self._run_actions("on_job_failed")  # on failures of a runner that was killed
                self._wait_for_scripts()
                self._run_jobs()
                while not self._retry_until_available(self._is_over):
                    self._run_jobs()  # a user has retried a job during the last action
                self._retry_until_available(self._write_events)
                self._retry_until_available(self.engine.finish_recording)
                return self._retry_until_available(self._report)
        finally:
            self.gpus.close()
            self.host_use.close()
            self.scripts.stop(hard=True)
            self.engine.ended_files.remove_empty()
            self.engine.recording.close()
            self.machine_watch.close()
            self.membership.leave(self.clock())

    def _run_jobs(self) -> None:
        """Run jobs until nothing is left that can run here, then the actions that follow."""
        while not self._retry_until_available(self._turn):
            self._retry_until_available(self._wait)
        self._run_actions("on_job_failed")
        self._wait_for_scripts()
        self._run_actions("on_worker_complete")
        if self.context.actions:
            self._run_actions(*self._retry_until_available(self.summary.triggers_at_the_end))
        self._wait_for_scripts()

    def _is_over(self) -> bool:
        return not self.context.actions or self.remaining.is_over(self.clock(), 0)

    # -- the database fails ------------------------------------------------------------------------

    def _retry_until_available(self, act: Callable[[], T]) -> T:
        """Return what ``act`` returns, as soon as the database can be used.

        Raise StoreUnavailable when that takes too long.
        """
        while True:
            try:
                if self.outage.since is not None:
                    self.membership.adopt_unknown_jobs(self.clock())
                result = act()
            except (StoreUnavailable, SchemaMismatch) as error:
                self._wait_for_database(self._outage_reason(error))
                continue
            if self.outage.since is not None:
                self.events.put_notices([self.outage.ended(time.monotonic())])
            return result

    def _outage_reason(self, error: StoreError) -> StoreUnavailable:
        """Return why the database cannot be used now; raise an error that does not pass.

        A truncated file looks damaged, or like no database, until the store compares its size.
        """
        try:
            self.store.verify()
        except StoreUnavailable as reason:
            return reason
        if isinstance(error, StoreUnavailable):
            return error
        raise error

    def _wait_for_database(self, error: StoreUnavailable) -> None:
        """Wait until it is time to try again.

        Reports of jobs are kept meanwhile; Ctrl-C and the time limit still end the run.
        """
        first, limit = self.outage.since is None, self.outage.limit
        pause = self.outage.failed(error, time.monotonic(), len(self.executor.running))
        if first:
            reason = because(Kind.DATABASE_AWAY, error=error.message, limit=limit, running=True)
            self.observer.notice(reason)
        end = time.monotonic() + pause
        while (left := end - time.monotonic()) > 0:
            self._gather(min(left, TICK_SECONDS) if self.observer.live else left)
            self._check_signals_and_time()
            if self.interrupts.count and not self.executor.running:
                raise error  # all is stopped; the next runner reads the ends from the exit files

    # -- the loop ----------------------------------------------------------------------------------

    def _turn(self) -> bool:
        """Take one step with all reports there are; return whether the runner leaves."""
        now = self.clock()
        self.store.verify()
        self.deadline.follow_clock(now, time.monotonic())
        self._check_signals_and_time(show=False)
        if self.gpus.update(self._pending, now):
            self.observer.unschedulable(self.summary.unschedulable(now))
        if self.membership.is_heartbeat_due():
            self.membership.send_heartbeat(now)
            self.machine_watch.write_if_due()
            self.membership.adopt_lost_jobs(now)
            self.events.put_notices(self.membership.watch_others(now))
        self._write_events()
        self._pending = self.signaled.hold_back(self.gpus.hold_back(self._pending, now))
        step = self.engine.step(self._pending, now)
        self._pending = []
        self._last_step = time.monotonic()
        self.gpus.follow_step()
        self.host_use.update()
        self.events.put_notices(step.notices)
        if step.events:
            self.observer.events(step.events, step.names)
        if not self.engine.shared.gone_reason:
            self.actions.follow(step.events, now)
        self.stop_requests.check_shared_state()
        over = step.is_complete or self.remaining.is_over(now, step.claimed)
        if over and not self.engine.state.stopping:
            self.actions.check_jobs(now)  # the runner that ended the last job may have been killed
        return over

    def _wait(self) -> None:
        """Wait until there are reports, others have written, or something is due."""
        every = LOOK_SECONDS if self.store.dialect == "sqlite" else NOTIFIED_LOOK_SECONDS
        if self.observer.live:
            every = min(every, TICK_SECONDS)
        while not self._pending:
            if (descriptor := self.engine.shared.news.descriptor) is not None:
                self.executor.watch(descriptor)
            self._gather(every)
            now = self.clock()
            if self.observer.live:
                self.observer.tick(now)
            if self._pending or self._is_turn_due(now):
                return

    def _is_turn_due(self, now: float) -> bool:
        """Return whether a step must be taken although there are no reports."""
        monotonic = time.monotonic()
        return (
            self.stop_requests.is_due(now)
            or bool(self.events)
            or self.actions.is_due()
            or self.membership.is_heartbeat_due()
            or self.gpus.has_news
            or self.signaled.is_due()
            or self.engine.state.prefetched.is_stale(now)
            or self.engine.state.backoff.is_due(monotonic)
            or self.engine.has_news()
            or self.engine.is_retry_due(now)
            or (self.remaining.is_idle and monotonic - self._last_step >= 1.0)
        )

    def _gather(self, timeout: float) -> None:
        """Take all reports there are; wait for the first. Start prefetched jobs meanwhile."""
        latest = reports = self.executor.wait(max(0.0, timeout))
        if reports:
            is_shared = self.engine.shared.runners > 1
            end = time.monotonic() + (GATHER_SECONDS_SHARED if is_shared else GATHER_SECONDS)
            while (
                self.engine.starter.start_prefetched(latest)
                and (left := end - time.monotonic()) > 0
                and len(reports) < GATHERED_REPORTS
            ):
                latest = self.executor.wait(left)
                reports = reports + latest
        self._pending += reports
        self._pending += [one for one in self.recovery.take() if one not in self._pending]

    def _check_signals_and_time(self, *, show: bool = True) -> None:
        now = self.clock()
        self.stop_requests.check_signals()
        self.stop_requests.check_time(now)
        if show and self.observer.live:
            self.observer.tick(now)

    def _write_events(self) -> None:
        """Write the events that belong to no step, and show them to the observer."""
        if self.engine.shared.gone_reason:
            self.events.clear()
        elif events := self.events.write(self.clock()):
            self.observer.events(events)

    # -- actions of the workflow -------------------------------------------------------------------

    def _run_actions(self, *triggers: str) -> None:
        if not self.engine.shared.gone_reason and self.interrupts.count < 2:
            self._retry_until_available(lambda: self.actions.run(*triggers, now=self.clock()))

    def _wait_for_scripts(self) -> None:
        """Wait until no command of the workflow runs.

        Ctrl-C, a cancellation and the end of the time stop the commands.
        """
        while self.scripts.busy:
            self._gather(0.02)
            self._retry_until_available(self._read_shared_state)
            self._check_signals_and_time()

    def _read_shared_state(self) -> None:
        """Send heartbeats and read what others write, without claiming or adopting jobs."""
        if self.membership.is_heartbeat_due():
            self.membership.send_heartbeat(self.clock())
        self.engine.read_shared_state()
        self.stop_requests.check_shared_state()

    def _report(self) -> RunReport:
        seconds = time.monotonic() - self._began
        report = self.summary.report(seconds, self.clock(), interrupted=bool(self.interrupts.count))
        report.failed_actions = self.actions.failures
        return report
