"""A run, from joining to leaving: the loop around `Engine.step`, with its clock, its signals and
its reasons to stop.

What comes in: a store, the id of an initialized workflow, options. What goes out: a RunReport,
whose exit code tells the truth. Waiting happens in `Executor.wait` and nowhere else; a signal
handler only sets a flag and wakes it.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from torc_tui.engine import membership
from torc_tui.engine.database_retry import MINUTES, Outage
from torc_tui.engine.deadline import Deadline
from torc_tui.engine.engine import Engine
from torc_tui.engine.gpu_readings import GpuWatch
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.interrupts import Interrupts
from torc_tui.engine.orders import OrderMaker
from torc_tui.engine.report import EXIT_UNSUCCESSFUL, NullObserver, Observer, RunOptions, RunReport
from torc_tui.engine.run_summary import Reckoning
from torc_tui.engine.scripts import Actions, ScriptEnd, Scripts
from torc_tui.engine.shared_state import NodeIdentity
from torc_tui.engine.state import EngineOptions
from torc_tui.errors import StoreError, StoreUnavailable, UsageError
from torc_tui.executors.base import Executor
from torc_tui.model import AttemptKey, Cause, Event, Exited, Json, Machine, Report
from torc_tui.reasons import Kind, because
from torc_tui.resources.gpus import gpu_need
from torc_tui.resources.nvml import GpuMonitor
from torc_tui.resources.pool import Pool
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, run_context, runner_liveness, workflow_progress
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.events import append
from torc_tui.store.log_files import output_folder
from torc_tui.store.log_ownership import log_location
from torc_tui.wording import duration

T = TypeVar("T")

LOOK_EVERY = 0.05
"""Seconds between two looks at what others wrote, on SQLite, where a look costs microseconds."""
GATHER = 0.01
"""Seconds that a fresh start waits for company, so that it is written together with the end of a
short job."""
COMPANY = 32
"""So many reports are enough company."""
IDLE_EXIT = 90.0
"""Seconds after which a runner leaves when only held jobs are left."""


def _check_folders(directory: Path, output: Path) -> None:
    """Without the folder of the workflow, or where no output can be written, every job would fail:
    said before any is tried.
    """
    if not directory.is_dir():
        raise UsageError(
            f"the folder of the workflow is gone: {directory}",
            hint="make it again, with what jobs need",
        )
    try:
        (output / "job_stdio").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"no output can be written to {output}: {error.strerror}",
            hint="name another folder with --output-dir",
        ) from error


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
    """Run what is ready of an initialized workflow, until nothing is left that can run here."""
    from torc_tui.resources.detect import detect_machine

    monitor = None
    if machine is None:
        monitor = GpuMonitor(options.num_gpus)
        machine = detect_machine(
            num_cpus=options.num_cpus, memory_gb=options.memory_gb, monitor=monitor
        )
    if executor is None:
        from torc_tui.executors.local import LocalExecutor

        executor = LocalExecutor(
            gpu_usage=monitor.gpu_usage_by_pid if _real(machine) and monitor else None
        )
    try:
        return Runner(
            store,
            workflow_id,
            options,
            observer or NullObserver(),
            executor,
            machine,
            clock,
            monitor,
        ).run()
    finally:
        executor.close()


def _real(machine: Machine) -> bool:
    """Whether there are GPUs to be asked about."""
    return any(not gpu.virtual for gpu in machine.gpus)


class Runner:
    """The state of one run. Use `run`."""

    def __init__(
        self,
        store: Store,
        workflow_id: int,
        options: RunOptions,
        observer: Observer,
        executor: Executor,
        machine: Machine,
        clock: Callable[[], float],
        monitor: GpuMonitor | None = None,
    ) -> None:
        self.store = store
        self.workflow_id = workflow_id
        self.options = options
        self.observer = observer
        self.executor = executor
        self.machine = machine
        self.clock = clock
        self.monitor = monitor
        self.watch: GpuWatch | None = None
        self.interrupts = Interrupts(executor.wake)
        self._pending: list[Report] = []
        self._recovered: queue.SimpleQueue[Exited] = queue.SimpleQueue()
        self._recovering: set[AttemptKey] = set()
        self._said: queue.SimpleQueue[EventRow] = queue.SimpleQueue()
        self._unsaid: list[EventRow] = []
        self._look_at_jobs = False
        self._hung_up = False
        self._unwanted = False
        self._asked: str | None = None
        self._recovery_done: set[AttemptKey] = set()
        self._idle_since: float | None = None
        self._last_beat = 0.0
        self._last_step = 0.0
        self._heeded = 0

    def run(self) -> RunReport:
        """Join, loop, leave."""
        began = self.clock()
        options = self.options
        with self.store.read() as conn:
            context = run_context.read(conn, self.workflow_id)
        output_dir = options.output_dir or output_folder(context.directory)
        _check_folders(Path(context.directory), Path(output_dir))
        location = log_location(self.store, output_dir)
        self._began_steady = time.monotonic()
        self.deadline = self._deadline(context.settings, began)
        here = compute_nodes.this_process(self.machine.hostname)
        stored: Mapping[str, Any] = {
            "max_parallel_jobs": options.max_parallel_jobs,
            "output_dir": output_dir,
            "log_location": location,
            "end_time": self.deadline.end_time,
            "limit_resources": options.limit_resources,
            "gpu_foreign": options.gpu_foreign,
        }
        self.maker = OrderMaker(
            context,
            store_url=self.store.url,
            output_dir=output_dir,
            log_location=location,
            gpus=self.machine.gpus,
            limit_resources=options.limit_resources,
            grace=options.grace,
            gpus_by_index=options.gpus_by_index,
        )
        with self.store.read() as conn:
            self.maker.check(run_context.environments_with_references(conn, self.workflow_id))
        self.node_id = membership.join(
            self.store, self.workflow_id, context.run_id, here, self.machine, stored, began
        )
        self._last_beat = time.monotonic()
        self.here = here
        self.others = membership.OtherRunners(self.workflow_id, self.node_id)
        self.scripts = Scripts(context.directory, output_dir, self.maker.base)
        self.actions = (
            Actions(self.store, context, self.scripts, self._say) if context.actions else None
        )
        minutes = context.settings.get("compute_node_wait_for_healthy_database_minutes", MINUTES)
        self.outage = Outage(float(minutes) * 60)
        self.engine = Engine(
            self.store,
            self.executor,
            Pool(
                self.machine,
                foreign="ignore" if options.gpu_foreign == "ignore" else "avoid",
                distances=self.monitor.distances()
                if self.monitor and _real(self.machine)
                else None,
            ),
            self.maker,
            NodeIdentity(node_id=self.node_id, location=here.location),
            EngineOptions(
                deadline=self.deadline,
                recover=self._recover,
                is_in_use=runner_liveness.is_in_use,
            ),
        )
        self.reckoning = Reckoning(self.store, self.engine, self.machine, self.deadline)
        wanted = self.monitor is not None and any(
            gpu_need(one) for one in context.requirements.values()
        )
        if wanted and self.monitor and _real(self.machine):
            self.watch = GpuWatch(self.monitor, self.executor.wake)
        try:
            with self.interrupts.installed():
                self._retry_until_available(lambda: self._adopt(self.clock()))
                self.observer.began(
                    context.run_id,
                    self.machine,
                    self._retry_until_available(lambda: self.reckoning.never(self.clock())),
                )
                self._carry_out("on_workflow_start", "on_worker_start")
                self._attend_scripts()
                if wanted and self.monitor and self.watch is None:
                    self._unsaid += self._notices(self.monitor.notices)
                while not self._retry_until_available(self._turn):
                    self._retry_until_available(self._wait)
                self._attend_scripts()
                self._carry_out("on_worker_complete")
                if self.actions and self._retry_until_available(self._complete):
                    self._carry_out("on_workflow_complete")
                self._attend_scripts()
                self._retry_until_available(self._tell)
                return self._retry_until_available(self._report)
        finally:
            if self.watch is not None:
                self.watch.close()
            self.scripts.stop(hard=True)
            self._leave()

    def _deadline(self, settings: Mapping[str, Json], began: float) -> Deadline:
        """Return when the run ends, so that the ends of its jobs are recorded in time."""
        end_time = self.options.end_time
        if self.options.time_limit is not None:
            end_time = min(began + self.options.time_limit, end_time or float("inf"))
        if end_time is not None:
            end_time -= float(settings.get("compute_node_expiration_buffer_seconds") or 0)
        return Deadline(end_time, began, self._began_steady)

    # -- the loop ----------------------------------------------------------------------------------

    def _retry_until_available(self, act: Callable[[], T]) -> T:
        """Do it as soon as the store can be used. StoreUnavailable when that is too long in
        coming.
        """
        while True:
            try:
                if self.outage.since is not None:
                    self._take_back()
                result = act()
            except StoreUnavailable as error:
                self._outlast(error)
                continue
            if self.outage.since is not None:
                text = self.outage.ended(time.monotonic())
                self._unsaid += self._notices([text])
            return result

    def _outlast(self, error: StoreUnavailable) -> None:
        """Wait until the database is available again.

        Reports of jobs are kept meanwhile; Ctrl-C and the time limit still end the run.
        """
        first = self.outage.since is None
        pause = self.outage.failed(error, time.monotonic(), len(self.executor.running))
        if first:
            self.observer.notice(
                f"{error.message}: what runs goes on, trying for {duration(self.outage.limit)}"
            )
        end = time.monotonic() + pause
        while (left := end - time.monotonic()) > 0:
            self._gather(min(left, 0.1 if self.observer.live else left))
            self._heed_interrupts()
            self._heed_time(self.clock())
            if self.observer.live:
                self.observer.tick(self.clock())
            if self.interrupts.count and not self.executor.running:
                raise error  # all is stopped; the next runner reads the ends from the exit files

    def _take_back(self) -> None:
        """Whether a transaction was committed is not always known when a server goes away: what
        this node holds without knowing it is given back, or followed.
        """
        known = set(self.engine.in_flight)
        self.engine.state.prefetched.jobs = []  # they are among those that are given back
        for flight in membership.take_back(
            self.store, self.maker, self.node_id, self.executor, self.clock(), known
        ):
            self.engine.adopt(flight)

    def _turn(self) -> bool:
        """One step with all that is known; True when nothing is left to do here."""
        now = self.clock()
        self.store.verify()
        self._heed_interrupts()
        self.deadline.follow_clock(now, time.monotonic())
        self._heed_time(now)
        self._update_gpus(now)
        if self._beat_is_due():
            self._beat(now)
            self._adopt(now)
            self._unsaid += self._notices(self.others.news(self.store))
        self._tell()
        step = self.engine.step(self._pending, now)
        self._pending = []
        if self.watch is not None:
            self.watch.know(self.engine.own_pids)
        self._last_step = time.monotonic()
        self._unsaid += self._notices(step.notices)
        if step.events:
            self.observer.events(step.events)
            self._look_at_jobs = True
        if self.actions and self._look_at_jobs and not self.engine.shared.gone_reason:
            self.actions.look_at_jobs(now)
        self._look_at_jobs = False
        self._heed_others()
        done = step.is_complete or self._done(now, step.claimed)
        if done and self.actions and not self.engine.state.stopping:
            self.actions.look_at_jobs(
                now
            )  # whoever ended the last may have been killed before it looked
        return done

    def _gather(self, timeout: float) -> None:
        """Take the reports there are, once each; waits for the first."""
        reports = self.executor.wait(max(0.0, timeout))
        if reports:
            end = time.monotonic() + GATHER
            while (
                self.engine.starter.start_prefetched(reports)
                and (left := end - time.monotonic()) > 0
                and len(reports) < COMPANY
            ):
                reports += self.executor.wait(left)
        self._pending += reports
        while not self._recovered.empty():
            exited = self._recovered.get()
            self._recovering.discard(exited.key)
            self._recovery_done.add(exited.key)
            if exited not in self._pending:
                self._pending.append(exited)

    def _wait(self) -> None:
        """Until something is to be done: reports, others' writes, a moment that has come."""
        while True:
            if not self._pending:
                now = self.clock()
                self._gather(min(self._next_moment() - now, 0.1 if self.observer.live else 5.0))
            if self._pending:
                return
            now = self.clock()
            if self.observer.live:
                self.observer.tick(now)
            if (
                self.interrupts.count != self._heeded
                or self._time_is_over(now)
                or not self._said.empty()
            ):
                return
            if self.interrupts.hung_up and not self._hung_up:
                return
            if self._beat_is_due():
                return
            if self.watch is not None and self.watch.news:
                return
            if (
                self.engine.state.prefetched.is_stale(now)
                or self.engine.state.backoff.is_due(time.monotonic())
                or self.engine.shared.has_changed()
                or (self._idle_since is not None and time.monotonic() - self._last_step >= 1.0)
            ):
                return

    def _next_moment(self) -> float:
        """When to look up from waiting."""
        every = LOOK_EVERY if self.store.dialect == "sqlite" else LOOK_EVERY * 4
        return self.clock() + every

    def _beat(self, now: float) -> None:
        """Show that this runner is alive."""
        with self.store.write() as conn:
            compute_nodes.beat(conn, self.node_id, now)
        self.engine.shared.mark_outdated()
        self._last_beat = time.monotonic()

    def _beat_is_due(self) -> bool:
        """On a clock that nobody can set: the other one may be put back by hours."""
        return time.monotonic() - self._last_beat >= membership.HEARTBEAT

    def _adopt(self, now: float) -> None:
        """Take over from runners that are not alive."""
        flights = membership.take_over(
            self.store, self.maker, self.node_id, self.here, self.executor, now
        )
        for flight in flights:
            self.engine.adopt(flight)

    # -- commands of the workflow ------------------------------------------------------------------

    def _recover(self, flight: InFlight, exited: Exited, script: str) -> bool:
        """Run a recovery script beside the loop; the end of its attempt is reported again when it
        is done. False when that has been.
        """
        key = exited.key
        if key in self._recovery_done:
            return False
        if key in self._recovering:
            return True
        self._recovering.add(key)

        def done(end: ScriptEnd) -> None:
            if end.return_code != 0:
                said = because(
                    Kind.SCRIPT_FAILED, code=end.return_code, log=end.log, error=end.detail
                )
                data: dict[str, Json] = {
                    "message": said.to_json(),
                    "attempt": key.attempt_id,
                    "return_code": end.return_code,
                }
                self._said.put(("job_warning", key.job_id, data))
            self._recovered.put(exited)
            self.executor.wake()

        extra = {
            "TORC_JOB_ID": str(key.job_id),
            "TORC_JOB_NAME": flight.job.name,
            "TORC_ATTEMPT_ID": str(key.attempt_id),
            "TORC_RETURN_CODE": str(exited.return_code),
        }
        self.scripts.start([script], f"recovery_j{key.job_id}_a{key.attempt_id}", done, extra)
        return True

    def _carry_out(self, *triggers: str) -> None:
        if self.actions and not self.engine.shared.gone_reason and self.interrupts.count < 2:
            actions = self.actions
            self._retry_until_available(lambda: actions.happened(*triggers, now=self.clock()))

    def _attend_scripts(self) -> None:
        """Wait until no command of the workflow runs. Ctrl-C, a cancellation, or the end of the
        time ends them.
        """
        while self.scripts.busy:
            self._gather(0.02)
            self._retry_until_available(self._glance)
            self._heed_interrupts()
            self._heed_time(self.clock())
            if self.observer.live:
                self.observer.tick(self.clock())

    def _glance(self) -> None:
        """Live, and see what others write, without a step: nothing is claimed, and nobody's jobs
        are taken over.
        """
        now = self.clock()
        if self._beat_is_due():
            self._beat(now)
        self.engine.read_shared_state()
        self._heed_others()

    def _say(self, row: EventRow) -> None:
        """Have an event written, from any thread."""
        self._said.put(row)
        self.executor.wake()

    def _notices(self, texts: Sequence[str]) -> list[EventRow]:
        return [("node_notice", None, {"node": self.node_id, "message": text}) for text in texts]

    def _tell(self) -> None:
        """Write what is to be said: to those who watch this run, and to those who read its
        events.
        """
        while not self._said.empty():
            self._unsaid.append(self._said.get())
        if not self._unsaid or self.engine.shared.gone_reason:
            return
        now = self.clock()
        with self.store.write() as conn:
            last = append(conn, self.workflow_id, self._unsaid, at=now)
        rows, self._unsaid = self._unsaid, []
        first = last - len(rows) + 1
        self.observer.events(
            [
                Event(self.workflow_id, seq, now, kind, job_id, data or {})
                for seq, (kind, job_id, data) in enumerate(rows, first)
            ]
        )

    # -- reasons to stop ---------------------------------------------------------------------------

    def _heed_interrupts(self) -> None:
        """The first Ctrl-C stops gently; another one at once."""
        if self.interrupts.hung_up and not self._hung_up:
            self._hung_up = True
            self.observer.hung_up()
        count = self.interrupts.count
        if count != self._heeded:
            self._heeded = count
            hard = count > 1
            self.engine.stop(hard=hard)
            self.scripts.stop(hard=hard)
            self.observer.stopping(len(self.engine.in_flight), 0.0 if hard else self.maker.grace)

    def _heed_others(self) -> None:
        """What others have written, as far as the last look has shown it."""
        asked = self.engine.shared.stop_requested
        if asked and asked != self._asked:
            if asked == "hard" or not self.engine.state.stopping:
                self.engine.stop(hard=asked == "hard")
            self._asked = asked
        gone = bool(self.engine.shared.gone_reason)
        unwanted = gone or self.engine.shared.is_canceled or bool(asked)
        if unwanted and not self._unwanted:
            self.scripts.stop(hard=gone)
        self._unwanted = unwanted

    def _time_is_over(self, now: float) -> bool:
        return self.deadline.is_over(now) and not self.engine.state.stopping

    def _heed_time(self, now: float) -> None:
        if self._time_is_over(now):
            self.engine.stop(cause=Cause.TIME_LIMIT)
            self.scripts.stop()

    def _update_gpus(self, now: float) -> None:
        """Give the pool what the GPUs say now, and tell once what the driver complains of."""
        if self.watch is None:
            return
        gpus = self.watch.take()
        if gpus is not None:
            self.engine.state.pool.update(gpus)
        if any(isinstance(report, Exited) for report in self._pending):
            self.watch.refresh()
        self._unsaid += self._notices(self.watch.notices())

    def _done(self, now: float, claimed: int) -> bool:
        """Whether nothing is left that this runner could do."""
        engine = self.engine
        if claimed or engine.in_flight or engine.state.prefetched.jobs:
            self._idle_since = None
            return False
        if (
            engine.state.stopping
            or engine.shared.gone_reason
            or self.interrupts.count
            or engine.shared.stop_requested
        ):
            return True
        if engine.state.directory_is_gone or engine.state.backoff.given_up(time.monotonic()):
            return True
        with self.store.read() as conn:
            left = workflow_progress.left(conn, self.workflow_id)
            elsewhere = workflow_progress.active_elsewhere(conn, self.workflow_id, self.node_id)
            interrupted = workflow_progress.interrupted(conn, self.workflow_id)
        if engine.shared.is_canceled:
            return True
        if interrupted and not engine.shared.is_paused:
            engine.shared.mark_outdated()
            return False
        if elsewhere:
            return False
        if self.watch is not None and (gpus := self.watch.present()) is not None:
            self.reckoning.machine = replace(self.machine, gpus=gpus)
        ready = [one for one in left if one.status == JobStatus.READY]
        possible = [
            one for one in ready if not self.reckoning.never_reason(one.requirement_id, now)
        ]
        if not possible:
            return True
        if any(not one.held for one in possible) and not engine.shared.is_paused:
            return False
        return self._idle_for_long()

    def _idle_for_long(self) -> bool:
        """Only jobs that somebody holds back are left: wait for a while."""
        if self._idle_since is None:
            self._idle_since = time.monotonic()
        seconds = self.engine.state.context.settings.get(
            "compute_node_wait_for_new_jobs_seconds", IDLE_EXIT
        )
        return bool(seconds) and time.monotonic() - self._idle_since >= float(seconds)

    def _complete(self) -> bool:
        from torc_tui.store.scheduling import unsettled

        with self.store.read() as conn:
            return not unsettled(conn, self.workflow_id)

    # -- the end -----------------------------------------------------------------------------------

    def _leave(self) -> None:
        if self.engine.in_flight and not self.engine.shared.gone_reason:
            return  # something went wrong: who leaves like this is found dead, and its jobs are adopted
        now = self.clock()
        try:
            with self.store.write() as conn:
                event = compute_nodes.leave(conn, self.node_id, now)
                append(conn, self.workflow_id, [event], at=now)
        except StoreError:
            return  # gone with its workflow; or away, and then the next runner sees that this process is gone

    def _report(self) -> RunReport:
        report = RunReport(workflow_id=self.workflow_id, run_id=self.engine.state.context.run_id)
        report.exec_time = time.monotonic() - self._began_steady
        report.interrupted = bool(self.interrupts.count)
        if self.engine.shared.gone_reason:
            report.exit_code = EXIT_UNSUCCESSFUL
            report.message = f"workflow {self.workflow_id} was {self.engine.shared.gone_reason} while it ran: its jobs were ended"
            return report
        if self.engine.shared.is_archived:
            report.message = (
                f"workflow {self.workflow_id} was archived while it ran: the runner has stopped"
            )
        elif self.engine.state.directory_is_gone:
            report.message = (
                f"the working directory is gone: {self.engine.state.context.directory}; put it back,"
                " then `torc run` goes on"
            )
        elif text := self.engine.state.backoff.given_up(time.monotonic()):
            report.message = text
        elif self.engine.shared.stop_requested:
            report.message = "the runner was asked to stop; `torc run` goes on"
        return self.reckoning.close(report, self.maker.log_location, self.clock())
