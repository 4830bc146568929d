"""The only loop's body: one step takes reports, decides, claims, and hands out orders.

What comes in: reports of the executor, the time. What goes out: orders to the executor, events in
the store. One step is one transaction; orders leave after its commit, through `_submit`, and
nothing else touches the executor in between.

Laws
* Nothing is decided here that `lifecycle.decide` or `resources` can decide.
* A report speaks of an attempt that this node holds, or it is dropped.
* What others wrote is looked at inside the transaction that depends on it.
* A job starts only after the transaction that claimed it; short jobs are claimed ahead (see
  `ahead`), so that the next one need not wait for the end of the last to be written down.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from signal import SIGKILL
from typing import Any

from torc_tui.engine.leftover_files import after_end
from torc_tui.engine.orders import OrderMaker, attempt_files, deletes_on_success
from torc_tui.engine.outputs import DeclaredOutputs, OutputCheck
from torc_tui.engine.prefetch import MOST, Ahead
from torc_tui.engine.start_backoff import StartBackoff
from torc_tui.errors import StoreUnavailable
from torc_tui.executors.base import Executor
from torc_tui.executors.session_signals import signal_number
from torc_tui.lifecycle.decide import AttemptFacts, Change, Outcome, outcome
from torc_tui.model import (
    Allocation,
    AttemptKey,
    Cause,
    Event,
    Exited,
    FailureRule,
    NotStarted,
    Order,
    Report,
    ResourceRequirements,
    Started,
    Usage,
)
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.placement import DEFAULT_METHOD, Candidate, place
from torc_tui.resources.pool import Pool
from torc_tui.status import JobStatus
from torc_tui.store import (
    compute_nodes,
    dependency_counters,
    run_context,
    scheduling,
    workflow_progress,
)
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.events import append
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import HeldElsewhere, ReadyJob

BATCH = 256
"""At most so many jobs are claimed in one step: the others of the machine get their turn."""
FEW_KINDS = 20
"""So many kinds of requests are tried against the pool before the store is asked for ready jobs."""


@dataclass(slots=True)
class InFlight:
    """An attempt between its claim and its end."""

    key: AttemptKey
    name: str
    allocation: Allocation
    allocation_text: str
    output_dir: str
    retries: int
    requirement_id: int
    failure_handler_id: int | None
    output_files: int | None
    output_user_data: int | None
    require_user_data: bool | None
    stdio: str | None
    note: str = ""
    """The state of the output files before the start."""
    require_written: bool = False
    pid: int | None = None
    stop: str | None = None
    told: str | None = None
    """What of ``stop`` was passed on: a job hears of it once."""
    reruns: int = 0
    """How often it may still be run again after a loss."""
    places: Sequence[str] = ()
    """Where it is lost, if no end of it is found."""
    passed_on: bool = False
    """Another job has taken its place already."""


@dataclass(slots=True)
class Step:
    """What a step did."""

    events: list[Event] = field(default_factory=list)
    claimed: int = 0
    complete: bool = False
    notices: list[str] = field(default_factory=list)


CANCEL, TERMINATE = "canceled", "terminated"
"""What a user asks of a running job, as ``job.stop_requested`` holds it."""
REQUESTED: Mapping[str | None, JobStatus] = {
    CANCEL: JobStatus.CANCELED,
    TERMINATE: JobStatus.TERMINATED,
}
FULL = 1 << 20
"""A disk with less than this left counts as full, in bytes."""


@dataclass(slots=True)
class _Work:
    """What one transaction is about to do."""

    rows: list[EventRow] = field(default_factory=list)
    ended: list[scheduling.Ended] = field(default_factory=list)
    placed: list[tuple[ReadyJob, Allocation, str]] = field(default_factory=list)
    held: Mapping[int, scheduling.HeldJob] = field(default_factory=dict)
    ahead: list[ReadyJob] | None = None
    """The jobs ahead after the commit, where that changes."""
    events: list[Event] = field(default_factory=list)
    complete: bool = False


def resume_interrupted(conn: Any, workflow_id: int) -> list[EventRow]:
    """Make jobs ready again that were stopped with their runner; they use no retry."""
    reason = because(Kind.RESUMED).to_json()
    return [
        ("job_retried", job_id, {"attempt": attempt_id, "reason": reason})
        for job_id, attempt_id in workflow_progress.take_up_interrupted(conn, workflow_id)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """This runner, as others see it."""

    node_id: int
    location: str
    output_dir: str


class Engine:
    """One runner of one workflow."""

    def __init__(
        self,
        store: Store,
        context: RunContext,
        node: NodeIdentity,
        executor: Executor,
        pool: Pool,
        maker: OrderMaker,
        *,
        max_parallel_jobs: int | None = None,
        end_time: float | None = None,
        recover: Callable[[InFlight, Exited, str], bool] | None = None,
        is_there: Callable[[HeldElsewhere], bool] = lambda held: True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``is_there`` tells whether a process is behind what another runner holds: a runner that
        was killed cannot give back what its jobs held.
        """
        self.store = store
        self.context = context
        self.node = node
        self.executor = executor
        self.pool = pool
        self.maker = maker
        self.max_parallel_jobs = max_parallel_jobs
        self.end_time = end_time
        self.in_flight: dict[int, InFlight] = {}
        self.paused = False
        self.canceled = False
        self.gone = False
        self.gone_why = ""
        self.archived = False
        self.stopping: Cause | None = None
        self.stop_requested: str | None = None
        self._recover = recover
        self._requirement_of_class: dict[int, ResourceRequirements] = {}
        self._is_there = is_there
        self._held_by_others: list[HeldElsewhere] = []
        self._others: list[Allocation] = []
        self._marker: tuple[int, ...] | None = None
        self._has_looked = False
        self._looked = False
        self.outputs = DeclaredOutputs(store, context.directory)
        self.ahead = Ahead()
        self.backoff = StartBackoff()
        self.directory_is_gone = False
        self.monotonic = monotonic
        self._alone = False
        self._taken_over: list[tuple[str, int, int]] = []
        stop_signal = signal_number(context.execution.termination_signal)
        self._stop_codes = frozenset({None, 128 + SIGKILL, 128 + stop_signal})

    # -- what others wrote -------------------------------------------------------------------------

    def disturbed(self) -> bool:
        """Whether others have written since the last step. Costs microseconds on SQLite."""
        return compute_nodes.marker(self.store) != self._marker

    def look_again(self) -> None:
        """Have the next step look around, whether or not anybody has written: processes end without
        writing.
        """
        self._looked = False

    def _look(self) -> None:
        """Take in what others may have changed: flags, orders to this node, holdings of other
        runners.
        """
        connection = self.store.connection()
        flags = scheduling.flags(connection, self.context.workflow_id)
        orders = compute_nodes.orders(connection, self.node.node_id)
        if flags is None or orders is None or flags.run_id != self.context.run_id:
            self.gone = True
            self.gone_why = "deleted" if flags is None else "initialized anew"
            return
        if not orders.is_active:
            self.gone = True
            self.gone_why = "taken from this runner"
            return
        self.context = self.maker.context = run_context.read(connection, self.context.workflow_id)
        self.paused = flags.is_paused
        self.canceled = flags.is_canceled
        self.archived = flags.is_archived
        self.stop_requested = orders.stop_requested or ("graceful" if self.archived else None)
        self.pool.resize(num_cpus=orders.num_cpus, memory=orders.memory)
        limit = orders.options.get("max_parallel_jobs", self.max_parallel_jobs)
        self.max_parallel_jobs = limit
        held = scheduling.held_by_others(connection, self.node.node_id, self.node.location)
        held = [one for one in held if self._is_there(one)]
        if held != self._held_by_others:
            for allocation in self._others:
                self.pool.give(allocation)
            self._held_by_others = held
            self._others = [scheduling.decode_allocation(one.allocation) for one in held]
            for allocation in self._others:
                self.pool.hold(allocation)
        self._requirement_of_class.clear()
        self._alone = len(compute_nodes.active(connection, self.context.workflow_id)) <= 1

    @property
    def own_pids(self) -> frozenset[int]:
        """The processes of attempts that runners of this store hold on this host."""
        mine = [flight.pid for flight in self.in_flight.values()]
        return frozenset(pid for pid in [*mine, *(one.pid for one in self._held_by_others)] if pid)

    # -- the step ----------------------------------------------------------------------------------

    def step(self, reports: Sequence[Report], now: float) -> Step:
        """Record the reports, let go whom they free, claim what fits, submit it. One transaction.
        When the store fails, nothing has happened: the same reports may be given again.
        """
        self.hand_on(reports)
        started, exited, declined = self._sort(reports)
        notices = self._note_starts(started, declined)
        checked = self._check_outputs(exited)
        work = _Work()
        try:
            with self.store.write() as conn:
                scheduling.lock(conn, self.context.workflow_id, self.node.location)
                self._take_in()
                if not self.gone:
                    self._record(conn, started, exited, checked, work)
                    self._give_back(conn, declined, work)
                    self._resume(conn, work)
                    self._recall(conn, work, now)
                    self._claim(conn, work, now)
                    self._claim_ahead(conn, work, now)
                    self._tell(conn, work, now)
        except BaseException:
            for _, allocation, _ in work.placed:
                self.pool.give(allocation)
            raise
        if self.gone:
            return self._abandon(exited)
        if self.store.dialect == "postgresql":
            self._mark()
        self._taken_over.clear()
        if work.ahead is not None:
            self.ahead.jobs, self.ahead.since = work.ahead, now
        useless = [path for one in work.ended for path in self._forget(one)]
        done = [report.key.job_id for report in exited]  # ended by somebody else
        for job_id in (*done, *(report.key.job_id for report in declined)):
            if (flight := self.in_flight.pop(job_id, None)) is not None:
                self.pool.give(flight.allocation)
        for begun in started:
            if begun.key.job_id in self.in_flight:
                self.in_flight[begun.key.job_id].pid = begun.pid
        self._submit(work.placed)
        for path in useless:  # only now: what comes next should not wait for it
            with suppress(OSError):
                os.unlink(path)
        self._stop_whom_asked()
        return Step(work.events, len(work.placed), work.complete, notices)

    def _mark(self) -> None:
        """Remember how the store stands after the commit. When it fails now, the step has happened
        all the same.
        """
        try:
            self._marker = compute_nodes.marker(self.store)
        except StoreUnavailable:
            self._marker = None

    def look(self) -> None:
        """See what others have written, between two steps."""
        if self._looked and not self.disturbed():
            return
        with self.store.read():
            self._take_in()

    def _take_in(self) -> None:
        """See what others have written since the last step, if anybody has."""
        marker = compute_nodes.marker(self.store)
        if marker != self._marker or not self._looked:
            self._look()
            self._marker, self._looked, self._has_looked = marker, True, True

    def _record(
        self,
        conn: Any,
        started: Sequence[Started],
        exited: Sequence[Exited],
        checked: Mapping[AttemptKey, OutputCheck],
        work: _Work,
    ) -> None:
        """Write the starts and ends of attempts that this node still holds, and all that follows
        from them.
        """
        node_id = self.node.node_id
        held = scheduling.held_jobs(conn, node_id)
        for job_id, row in held.items():
            if row.stop_requested and job_id in self.in_flight:
                self.in_flight[job_id].stop = row.stop_requested
        current = {job_id: row.attempt_id for job_id, row in held.items()}
        started = [r for r in started if current.get(r.key.job_id) == r.key.attempt_id]
        exited = [r for r in exited if current.get(r.key.job_id) == r.key.attempt_id]
        ending = {report.key for report in exited}
        work.rows += scheduling.start(conn, node_id, [r for r in started if r.key not in ending])
        work.rows += [scheduling.started_event(node_id, r) for r in started if r.key in ending]
        scheduling.grant(conn, self._taken_over)
        work.held = held
        if exited:
            nothing = OutputCheck()
            work.ended = [self._ended(one, checked.get(one.key, nothing)) for one in exited]
            work.rows += scheduling.end(conn, node_id, work.ended)
            for one in work.ended:
                if one.outcome.status is JobStatus.COMPLETED and one.exited.key in checked:
                    scheduling.set_file_times(conn, checked[one.exited.key].times)

    def _note_starts(self, started: Sequence[Started], declined: Sequence[NotStarted]) -> list[str]:
        """Tell the back-off of starts that succeeded or failed; return what to tell everybody."""
        now, running = self.monotonic(), len(self.executor.running)
        if declined and self.directory_is_gone:
            return [f"the working directory is gone: {self.context.directory}"]
        said: list[str | None] = []
        if started:
            self.backoff.started(now, running)
        if declined:
            said.append(self.backoff.failed(declined[0].shortage, now, running))
        said.append(self.backoff.ended(now))
        return [text for text in said if text is not None]

    def _resume(self, conn: Any, work: _Work) -> None:
        """Make jobs ready again that were stopped with another runner of the workflow."""
        if self._has_looked and self._may_claim():
            work.rows += resume_interrupted(conn, self.context.workflow_id)
        self._has_looked = False

    def _give_back(self, conn: Any, declined: Sequence[NotStarted], work: _Work) -> None:
        """Make the jobs ready again that could not be started now."""
        attempts = [
            (one.key.job_id, one.key.attempt_id)
            for one in declined
            if (held := work.held.get(one.key.job_id)) and held.attempt_id == one.key.attempt_id
        ]
        work.rows += scheduling.unclaim(conn, attempts)

    # -- short jobs --------------------------------------------------------------------------------

    def hand_on(self, reports: Sequence[Report]) -> bool:
        """Start jobs that were claimed ahead in the places of attempts that have ended: the ends
        are written down afterwards, by the next step. Whether every place has its job, so that this
        may wait for more to write.
        """
        ended = [report for report in reports if isinstance(report, Exited)]
        if not self.ahead.jobs or not self._may_claim_ahead() or self.disturbed():
            return not ended
        orders: list[Order] = []
        for report in ended:
            flight = self.in_flight.get(report.key.job_id)
            if flight is None or flight.key != report.key or flight.passed_on:
                continue
            plain = (
                report.cause is None
                and not flight.failure_handler_id
                and not flight.allocation.gpus
            )
            if not plain or (job := self.ahead.take(flight.requirement_id)) is None:
                continue
            flight.passed_on = True
            orders.append(self._order(job, flight.allocation, flight.allocation_text))
            flight.allocation = Allocation()
            self._taken_over.append((flight.allocation_text, job.id, job.attempt_id))
        if orders:
            self.executor.submit(orders)
        return all(
            (flight := self.in_flight.get(one.key.job_id)) is not None and flight.passed_on
            for one in ended
        )

    def _recall(self, conn: Any, work: _Work, now: float) -> None:
        """Give back jobs that were claimed ahead as soon as anything else may be better for them;
        those that somebody wants stopped are canceled.
        """
        jobs = self.ahead.jobs
        room = any(not self.in_flight[one.exited.key.job_id].passed_on for one in work.ended)
        if not jobs or (
            self._may_claim_ahead() and self._alone and not room and not self.ahead.is_stale(now)
        ):
            return
        unwanted = [
            job.id for job in jobs if job.id in work.held and work.held[job.id].stop_requested
        ]
        free = [
            (job.id, job.attempt_id)
            for job in jobs
            if job.id in work.held and job.id not in unwanted
        ]
        work.rows += scheduling.unclaim(conn, free)
        reason = because(Kind.CANCELED_BY_USER)
        changes = [Change(job_id, JobStatus.CANCELED, reason) for job_id in unwanted]
        work.rows += dependency_counters.apply_changes(conn, changes, now)
        work.rows += dependency_counters.settle_ended(
            conn, [(job_id, JobStatus.CANCELED) for job_id in unwanted], now
        )
        work.ahead = []

    def _claim_ahead(self, conn: Any, work: _Work, now: float) -> None:
        """Take a few more jobs than fit, where they are short and all alike, and no other runner
        wants them.
        """
        few = work.ahead is None and len(self.ahead.jobs) < MOST // 2
        if (
            not (few and self.ahead.worthwhile and self._alone and self._may_claim_ahead())
            or self.end_time is not None
        ):
            return
        classes = scheduling.ready_classes(conn, self.context.workflow_id)
        if len(classes) != 1:
            return
        ready = scheduling.ready_jobs(conn, self.context.workflow_id, classes[0], now, MOST)
        ending = {one.exited.key.job_id for one in work.ended}
        running = {
            flight.requirement_id
            for job_id, flight in self.in_flight.items()
            if job_id not in ending
        }
        running |= {job.requirement_id for job, _, _ in work.placed}
        ready = [job for job in ready if job.requirement_id in running]
        if not ready:
            return
        run_id, output_dir = self.context.run_id, self.node.output_dir
        work.rows += scheduling.claim(
            conn, self.node.node_id, run_id, output_dir, [(job, None) for job in ready]
        )
        work.ahead = [*self.ahead.jobs, *ready]

    def _claim(self, conn: Any, work: _Work, now: float) -> None:
        """Take ready jobs that fit, beside what ends in this very step."""
        ending = [self.in_flight[one.exited.key.job_id].allocation for one in work.ended]
        for allocation in ending:
            self.pool.give(allocation)
        try:
            if self._may_claim():
                work.placed = self._place(now, len(self.in_flight) - len(ending))
                claimed = [(job, text) for job, _, text in work.placed]
                run_id, output_dir = self.context.run_id, self.node.output_dir
                work.rows += scheduling.claim(conn, self.node.node_id, run_id, output_dir, claimed)
                if not work.placed:
                    self.backoff.postpone(self.monotonic())
        finally:
            for allocation in ending:  # until the commit they count; `_forget` gives them back
                self.pool.hold(allocation)

    def _tell(self, conn: Any, work: _Work, now: float) -> None:
        """Append the events of all this, and that the workflow is complete, where it is."""
        workflow_id = self.context.workflow_id
        if work.ended and not work.placed and len(self.in_flight) == len(work.ended):
            work.complete = not scheduling.unsettled(conn, workflow_id)
        if work.complete:
            totals = {
                status.word: number
                for status, number in workflow_progress.counts(conn, workflow_id).items()
            }
            work.rows.append(
                ("workflow_completed", None, {"counts": totals, "run_id": self.context.run_id})
            )
        if work.rows:
            last = append(conn, workflow_id, work.rows, at=now)
            work.events = [
                Event(workflow_id, seq, now, kind, job_id, data or {})
                for seq, (kind, job_id, data) in enumerate(work.rows, last - len(work.rows) + 1)
            ]

    def _sort(
        self, reports: Sequence[Report]
    ) -> tuple[list[Started], list[Exited], list[NotStarted]]:
        """Return starts and ends of our attempts, and the attempts that could not be started now.

        An end whose recovery script must run first is put aside.
        """
        started: list[Started] = []
        exited: list[Exited] = []
        declined: list[NotStarted] = []
        for report in reports:
            flight = self.in_flight.get(report.key.job_id)
            if flight is None or flight.key != report.key:
                continue
            if isinstance(report, Started):
                started.append(report)
            elif isinstance(report, NotStarted):
                declined.append(report)
            elif report.cause is Cause.LAUNCH and self._directory_went_away():
                declined.append(NotStarted(report.key, ""))
            elif not self._recovering(flight, report):
                exited.append(report)
        return started, exited, declined

    def _directory_went_away(self) -> bool:
        """Return whether the working directory was moved or deleted: no job can start without it,
        and none is to blame.
        """
        self.directory_is_gone = not os.path.isdir(self.context.directory)
        return self.directory_is_gone

    def _recovering(self, flight: InFlight, exited: Exited) -> bool:
        """Start the recovery script of an attempt that will be retried; the end is reported again
        after it.
        """
        if self._recover is None or self.stopping or not flight.failure_handler_id:
            return False
        verdict = outcome(exited, self._facts(flight, OutputCheck(), ()))
        if verdict.retry is None or not verdict.retry.recovery_script:
            return False
        return self._recover(flight, exited, verdict.retry.recovery_script)

    def adopt(self, flight: InFlight) -> None:
        """Take over an attempt that a dead runner has left; the executor watches it already."""
        self.in_flight[flight.key.job_id] = flight
        self.pool.hold(flight.allocation)
        self._looked = False  # what it holds was counted among the others'

    # -- ends --------------------------------------------------------------------------------------

    def _check_outputs(self, exited: Iterable[Exited]) -> dict[AttemptKey, OutputCheck]:
        """Look at the declared output files of the attempts that succeeded."""
        checked = {}
        for report in exited:
            flight = self.in_flight[report.key.job_id]
            if report.return_code == 0 and flight.output_files is not None:
                checked[report.key] = self.outputs.check(flight.output_files, flight.note)
        return checked

    def _ended(self, exited: Exited, outputs: OutputCheck) -> scheduling.Ended:
        flight = self.in_flight[exited.key.job_id]
        if not self._monitored():
            exited = replace(exited, usage=Usage())
        empty: Sequence[str] = ()
        if exited.return_code == 0 and flight.output_user_data is not None:
            empty = scheduling.empty_output_data(self.store.connection(), flight.output_user_data)
        if flight.stop and exited.cause is None and exited.return_code != 0:
            exited = replace(exited, cause=Cause.CANCELED)
        verdict = self._judge(exited, self._facts(flight, outputs, empty))
        if verdict.reason is not None and verdict.reason.kind is Kind.EXIT:
            verdict = replace(verdict, reason=_with_disk(verdict.reason, flight.output_dir))
        warnings = [*exited.warnings, *self._overuse(flight, exited)]
        return scheduling.Ended(
            exited,
            verdict,
            flight.retries,
            flight.allocation_text,
            flight.output_dir,
            warnings=warnings,
        )

    def _monitored(self) -> bool:
        """Whether what jobs used is written down. Their limits are watched over in any case."""
        monitor = self.context.settings.get("resource_monitor") or {}
        return monitor.get("enabled", True) is not False

    def _overuse(self, flight: InFlight, exited: Exited) -> list[Reason]:
        """Return what the attempt used beyond its request without being stopped for it."""
        found = []
        asked = self.context.requirements.get(flight.requirement_id)
        usage = exited.usage
        memory = asked.memory if asked else None
        if memory and usage.peak_memory and usage.peak_memory > memory:
            used = usage.peak_memory
            found.append(because(Kind.MEMORY_EXCEEDED, used=used, requested=memory))
        reserved = sum(grant.memory for grant in flight.allocation.gpus)
        if reserved and usage.peak_gpu_memory and usage.peak_gpu_memory > reserved:
            used = usage.peak_gpu_memory
            found.append(because(Kind.GPU_MEMORY_EXCEEDED, used=used, requested=reserved))
        return found

    def _judge(self, exited: Exited, facts: AttemptFacts) -> Outcome:
        verdict = outcome(exited, facts)
        if self.stopping and verdict.retry:
            return replace(verdict, retry=None)
        return verdict

    def _facts(
        self,
        flight: InFlight,
        outputs: OutputCheck,
        empty_data: Sequence[str],
    ) -> AttemptFacts:
        context = self.context
        asked = context.requirements.get(flight.requirement_id)
        rules: Sequence[FailureRule] = context.rules.get(flight.failure_handler_id or 0, ())
        require = (
            context.require_user_data
            if flight.require_user_data is None
            else flight.require_user_data
        )
        return AttemptFacts(
            rules=rules,
            retries=flight.retries,
            missing_files=outputs.missing,
            unwritten_files=outputs.unwritten,
            require_written=flight.require_written,
            missing_user_data=empty_data,
            require_user_data=bool(require),
            use_pending_failed=context.use_pending_failed,
            requested=REQUESTED.get(flight.stop, JobStatus.CANCELED),
            runtime=asked.runtime if asked is not None else None,
            stop_codes=self._stop_codes,
            timeout_exit_code=context.execution.timeout_exit_code,
            oom_exit_code=context.execution.oom_exit_code,
            reruns=0 if flight.stop else flight.reruns,
            places=flight.places,
        )

    def _forget(self, one: scheduling.Ended) -> list[str]:
        """Forget an attempt that is over; return the files of it that nobody needs any more."""
        flight = self.in_flight.pop(one.exited.key.job_id)
        self.pool.give(flight.allocation)
        self.ahead.learn(one.exited.ended_at - one.exited.started_at)
        stdout, stderr, exit_file = attempt_files(
            flight.output_dir, flight.key, flight.stdio, self.context.execution
        )
        succeeded = one.outcome.status is JobStatus.COMPLETED
        delete = succeeded and deletes_on_success(flight.stdio, self.context.execution)
        return after_end(stdout, stderr, exit_file, delete_logs=delete)

    # -- claims ------------------------------------------------------------------------------------

    def _may_claim(self) -> bool:
        return not (
            self.paused
            or self.canceled
            or self.stopping
            or self.stop_requested
            or self.directory_is_gone
        )

    def _may_claim_ahead(self) -> bool:
        return self._may_claim() and self.backoff.cap is None

    def _place(self, now: float, running: int) -> list[tuple[ReadyJob, Allocation, str]]:
        """Take from the pool for the ready jobs that fit; (job, allocation, allocation as text)."""
        room = BATCH if self.max_parallel_jobs is None else self.max_parallel_jobs - running
        startable = self.backoff.room(self.monotonic(), running)
        if startable is not None:
            room = min(room, startable)
        if room <= 0 or not self._anything_fits():
            return []
        connection = self.store.connection()
        jobs: dict[int, ReadyJob] = {}
        candidates: list[Candidate] = []
        for resource_class in scheduling.ready_classes(connection, self.context.workflow_id):
            requirements = self._requirement_of_class.get(resource_class)
            limit = 1 if requirements is None else self._how_many(requirements, room)
            if limit == 0:
                continue
            ready = scheduling.ready_jobs(
                connection, self.context.workflow_id, resource_class, now, limit
            )
            if requirements is None and ready:
                requirements = self.context.requirements[ready[0].requirement_id]
                self._requirement_of_class[resource_class] = requirements
                limit = self._how_many(requirements, room)
                if limit > 1:
                    ready = scheduling.ready_jobs(
                        connection, self.context.workflow_id, resource_class, now, limit
                    )
            for job in ready:
                jobs[job.id] = job
                candidates.append(
                    Candidate(job.id, job.priority, self.context.requirements[job.requirement_id])
                )
        candidates = [c for c in candidates if self._in_time(c.requirements, now)]
        method = str(self.context.settings.get("jobs_sort_method") or DEFAULT_METHOD)
        placed = place(candidates, self.pool, min(room, BATCH), method=method)
        return [
            (jobs[job_id], given, scheduling.encode_allocation(given)) for job_id, given in placed
        ]

    def _anything_fits(self) -> bool:
        """Whether it is worth asking for ready jobs at all."""
        kinds = self.context.requirements.values()
        return len(kinds) > FEW_KINDS or any(self.pool.fits(requirements) for requirements in kinds)

    def _how_many(self, requirements: ResourceRequirements, room: int) -> int:
        """An upper limit of how many such jobs could start now."""
        if not self.pool.fits(requirements):
            return 0
        by_cpus = self.pool.free_cpus // requirements.num_cpus if requirements.num_cpus else BATCH
        return max(1, min(room, by_cpus, BATCH))

    def _in_time(self, requirements: ResourceRequirements, now: float) -> bool:
        return (
            self.end_time is None
            or requirements.runtime is None
            or now + requirements.runtime <= self.end_time
        )

    def _submit(self, placed: Sequence[tuple[ReadyJob, Allocation, str]]) -> None:
        orders = [self._order(job, allocation, text) for job, allocation, text in placed]
        if orders:
            self.executor.submit(orders)

    def _order(self, job: ReadyJob, allocation: Allocation, text: str) -> Order:
        """The order for a claimed job, which is in flight from here."""
        order = self.maker.make(job, allocation)
        if job.output_files is not None:
            directories, note = self.outputs.before(job.output_files)
            order = replace(order, output_directories=directories, note=note)
        self.in_flight[job.id] = InFlight(
            key=order.key,
            name=job.name,
            allocation=allocation,
            allocation_text=text,
            output_dir=self.node.output_dir,
            retries=job.retries,
            requirement_id=job.requirement_id,
            failure_handler_id=job.failure_handler_id,
            output_files=job.output_files,
            output_user_data=job.output_user_data,
            require_user_data=job.require_user_data,
            stdio=job.stdio,
            note=order.note,
            require_written=self.maker.requires_written(job.options),
        )
        return order

    # -- stopping ----------------------------------------------------------------------------------

    def _stop_whom_asked(self) -> None:
        """Pass on, once, what users asked of single jobs, and the cancellation of the whole
        workflow.
        """
        asked: list[AttemptKey] = []
        for flight in self.in_flight.values():
            wanted = flight.stop or (CANCEL if self.canceled else None)
            if wanted != flight.told and wanted is not None:
                flight.told = wanted
                asked.append(flight.key)
        if asked:
            self.executor.stop(asked, Cause.CANCELED)

    def stop(self, *, hard: bool = False, cause: Cause = Cause.STOPPED) -> None:
        """Start no more jobs, and stop the running ones: with a grace period, or at once."""
        self.stopping = cause
        keys = [flight.key for flight in self.in_flight.values()]
        self.executor.stop(keys, cause, grace=0.0 if hard else None)

    def _abandon(self, exited: Sequence[Exited]) -> Step:
        """The workflow was deleted, or initialized anew, under this runner: nobody wants its jobs
        any more.
        """
        self.stopping = Cause.CANCELED
        for report in exited:
            if (flight := self.in_flight.pop(report.key.job_id, None)) is not None:
                self.pool.give(flight.allocation)
        self.executor.stop(
            [flight.key for flight in self.in_flight.values()], Cause.CANCELED, grace=0.0
        )
        return Step()


def _with_disk(reason: Reason, folder: str) -> Reason:
    """Add to the reason of a failure that the disk of its output is full, which the job itself could
    not write there.
    """
    try:
        disk = os.statvfs(folder.partition("//")[0])
    except OSError:
        return reason
    left = disk.f_bavail * disk.f_frsize
    if left >= FULL:
        return reason
    return because(Kind.EXIT, code=reason["code"], disk=folder, disk_free=left)
