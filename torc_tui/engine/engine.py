"""Run a workflow step by step: take reports, record them, claim jobs, and order their start.

Input: reports of the executor, and the time. Output: orders to the executor, and events in the
database. One step is one transaction; orders are sent after its commit.

Invariants
* Nothing is decided here that `lifecycle.decide` or `resources` can decide.
* A job starts only after the transaction that claimed it. Short jobs are claimed in advance (see
  `Prefetched`), so that the next job need not wait until the end of the last one is recorded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial

from torc_tui.engine.attempt_ends import AttemptEnds
from torc_tui.engine.core_binding import CoreBinding
from torc_tui.engine.ended_files import EndedFiles
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.orders import OrderMaker, attempt_files, deletes_on_success
from torc_tui.engine.outputs import DeclaredOutputs, GroupFiles, OutputCheck
from torc_tui.engine.placer import JobStarter, Placer
from torc_tui.engine.recording import CutOff, Recorder
from torc_tui.engine.recording_thread import RecordingThread
from torc_tui.engine.series_writer import SeriesWriter
from torc_tui.engine.shared_state import NodeIdentity, SharedState
from torc_tui.engine.state import STALE_SECONDS, EngineOptions, RunnerState
from torc_tui.engine.transaction import SortedReports, StepTransaction
from torc_tui.executors.base import Executor
from torc_tui.lifecycle.decide import CANCEL
from torc_tui.model import (
    AttemptKey,
    Cause,
    Event,
    Exited,
    Measured,
    NotStarted,
    Report,
    Started,
)
from torc_tui.operations.file_states import FileStates, hash_limit
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, field
from torc_tui.resources.gpu_claims import JobEnd
from torc_tui.resources.pool import Pool
from torc_tui.status import JobStatus
from torc_tui.store import fingerprints
from torc_tui.store.database import Store
from torc_tui.store.scheduling import EndedAttempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.engine.gpu_ledger import GpuLedger


RECORDING_SECONDS = 60.0
"""How long the end of a run waits for the hashes of large files."""


@dataclass(slots=True)
class StepResult:
    """What a step did; ``names`` are of jobs that its events are about."""

    events: list[Event] = field(default_factory=list)
    names: Mapping[int, str] = field(default_factory=dict)
    claimed: int = 0
    is_complete: bool = False
    notices: list[Reason] = field(default_factory=list)


class Engine:
    """One runner of one workflow."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        pool: Pool,
        maker: OrderMaker,
        node: NodeIdentity,
        options: EngineOptions | None = None,
    ) -> None:
        options = options or EngineOptions()
        self.executor = executor
        self.maker = maker
        self.node = node
        self.shared = SharedState(store, maker, pool, node, options.is_in_use)
        context = maker.context
        files = GroupFiles(store, context.directory)
        self.recording = RecordingThread(
            FileStates(context.directory, hash_limit(context.settings)),
            partial(_stays_completed, store, context.workflow_id),
            executor.wake,
        )
        self.state = RunnerState(
            store=store,
            maker=maker,
            pool=pool,
            node=node,
            options=options,
            shared=self.shared,
            recorder=Recorder(store, context, files, self.recording),
            cut_off=CutOff(store, context.workflow_id, self.recording),
            series=SeriesWriter(context),
            cores=CoreBinding(store.url),
        )
        outputs = DeclaredOutputs(files, context.directory)
        self.starter = JobStarter(self.state, executor, files, outputs)
        self.ended_files = EndedFiles(executor)
        self._ends = AttemptEnds(maker, outputs, pool)
        self._placer = Placer(self.state)

    @property
    def in_flight(self) -> Mapping[int, InFlight]:
        """The attempts that this runner holds, by the id of their job."""
        return self.state.in_flight

    def use_ledger(self, ledger: GpuLedger) -> None:
        """Share the GPUs with the other databases of this host."""
        self.state.ledger = self._placer.ledger = ledger

    def read_shared_state(self) -> None:
        """Read what others have written, between two steps."""
        if self.shared.is_outdated():
            with self.state.store.read():
                self.shared.update()

    def has_news(self) -> bool:
        """Return whether others have written, or this runner has something to record."""
        return (
            self.shared.has_changed()
            or (self.shared.news.has_ready_jobs and self._placer.has_room())
            or self.recording.is_due
            or self.state.cores.is_due()
        )

    def is_retry_due(self, now: float) -> bool:
        """Return whether a job that waits for its next attempt may start."""
        return self.state.next_retry is not None and now >= self.state.next_retry

    def adopt(self, flight: InFlight) -> None:
        """Take over an attempt that a dead runner has left; the executor watches it already."""
        self.state.in_flight[flight.key.job_id] = flight
        self.state.pool.hold(flight.allocation)
        self.shared.mark_outdated()  # the allocation was counted as held by another runner

    # -- the step ----------------------------------------------------------------------------------

    def step(self, reports: Sequence[Report], now: float) -> StepResult:
        """Record the reports, claim the jobs that fit, and order their start.

        If the database fails, nothing has happened: the same reports may be given again.
        """
        self.starter.start_prefetched(reports)
        known = self._sort(reports)
        notices = [*self._note_starts(known), *self._note_recording()]
        outputs = self._ends.check_outputs(known.exited, self.in_flight)
        known.exited = [one for one in known.exited if not self._is_recovering(one, outputs)]
        self._ends.read_logs(known.exited, self.in_flight)
        self.state.recorder.forget_looks()
        seen = {
            one.key: self.state.recorder.look(
                self.in_flight[one.key.job_id], outputs[one.key].found if one.key in outputs else {}
            )
            for one in known.exited
            if one.return_code == 0
        }
        self.shared.news.listen()
        began = self.state.options.monotonic()
        transaction = StepTransaction(self.state, self._ends, self._placer, known, now)
        try:
            with self.state.store.write(pipelined=True) as conn:
                transaction.run(conn, outputs, seen)
        except BaseException:
            transaction.undo()
            raise
        if self.shared.gone_reason:
            self._abandon(known.exited)
            return StepResult()
        self._follow_recording(transaction)
        self.shared.news.skip(transaction.last_seq)
        self.state.granted.clear()
        if transaction.prefetched is not None:
            self.starter.prepare(transaction.prefetched)
            self.state.prefetched.jobs = transaction.prefetched
            written = self.state.options.monotonic()
            self.state.prefetched.since = now + written - began
            self.state.prefetched.expires = written + STALE_SECONDS
        self._follow_commit(known, transaction)
        events, names, claimed = transaction.events, transaction.names, len(transaction.placed)
        return StepResult(events, names, claimed, transaction.is_complete, notices)

    def _follow_recording(self, transaction: StepTransaction) -> None:
        """Give the recording thread its next work, and forget what was written."""
        for _ in range(transaction.saved):
            self.recording.fingerprints.popleft()
        for record in transaction.records:
            self.recording.add(record)
        self.state.cut_off.committed(transaction.decided, transaction.undecided)

    def finish_recording(self) -> None:
        """Wait for the hashes of the last files, and write what is left to be recorded."""
        self.recording.finish(RECORDING_SECONDS)
        ready = list(self.recording.fingerprints)
        if ready and not self.shared.gone_reason:
            with self.state.store.write() as conn:
                fingerprints.save(conn, ready)
        self.recording.fingerprints.clear()

    def _follow_commit(self, reports: SortedReports, transaction: StepTransaction) -> None:
        """Do what had to wait for the commit, the start of the next jobs first."""
        for ended in transaction.ended:
            self._forget(ended)
        over: list[Report] = [*reports.exited, *reports.not_started]
        for report in over:
            self.state.release(report.key.job_id)
        for started in reports.started:
            if (flight := self.in_flight.get(started.key.job_id)) is not None:
                flight.pid = started.pid
        self.starter.start(transaction.placed)
        now = self.state.options.monotonic()
        self.ended_files.remove_some(now, started=bool(transaction.placed))
        self._send_stop_requests()
        self._send_suspensions()

    def _sort(self, reports: Sequence[Report]) -> SortedReports:
        """Sort the reports about attempts that this runner holds."""
        known = SortedReports()
        for report in reports:
            flight = self.in_flight.get(report.key.job_id)
            if flight is None or flight.key != report.key:
                continue
            if isinstance(report, Measured):
                known.measured.append(report)
            elif isinstance(report, Started):
                known.started.append(report)
            elif isinstance(report, NotStarted):
                known.not_started.append(report)
            elif report.cause is Cause.LAUNCH and self._is_directory_gone():
                known.not_started.append(NotStarted(report.key, self._directory_gone()))
            else:
                known.exited.append(report)
        return known

    def _is_directory_gone(self) -> bool:
        """Return whether the working directory was moved or deleted.

        No job can start without it, and no job has failed for that reason.
        """
        self.state.directory_is_gone = not os.path.isdir(self.state.context.directory)
        return self.state.directory_is_gone

    def _directory_gone(self) -> Reason:
        return because(Kind.DIRECTORY_GONE, directory=self.state.context.directory)

    def _is_recovering(self, exited: Exited, outputs: Mapping[AttemptKey, OutputCheck]) -> bool:
        """Start the recovery script of an attempt that will be retried; return whether it runs.

        The end of the attempt is reported again after it.
        """
        recovery = self.state.options.recovery
        if recovery is None or self.state.stopping:
            return False
        flight = self.in_flight[exited.key.job_id]
        verdict = self._ends.needs_script(self.state.store, flight, exited, outputs)
        return verdict is not None and recovery.start(flight, exited, verdict)

    def _note_starts(self, reports: SortedReports) -> list[Reason]:
        """Record successful and failed starts in the back-off; return notices."""
        backoff, now = self.state.backoff, self.state.options.monotonic()
        if reports.not_started and self.state.directory_is_gone:
            return [self._directory_gone()]
        running = len(self.executor.running)
        notices: list[Reason | None] = []
        if reports.started:
            backoff.started(now, running)
        if reports.not_started:
            notices.append(backoff.failed(reports.not_started[0].shortage, now, running))
        notices.append(backoff.ended(now))
        return [notice for notice in notices if notice is not None]

    def _note_recording(self) -> list[Reason]:
        """Return a notice about an error in the recording thread, which is a fault of torc."""
        error = self.recording.take_error()
        if error is None:
            return []
        return [because(Kind.RECORDING_FAILED, error=f"{type(error).__name__}: {error}")]

    def _forget(self, ended: EndedAttempt) -> None:
        """Forget an attempt that has ended."""
        flight = self.state.in_flight.pop(ended.exited.key.job_id)
        self.state.pool.give(flight.allocation, end=JobEnd(ended.exited.ended_at, flight.job.name))
        if flight.allocation.gpus:
            self.state.note_gpu_end(flight, ended)
        self.state.leave_ledger(flight.key, flight.allocation)
        self.state.prefetched.learn(ended.exited.ended_at - ended.exited.started_at)
        execution, stdio = self.state.context.execution, flight.job.stdio
        files = flight.files or attempt_files(flight.output_dir, flight.key, stdio, execution)
        succeeded = ended.outcome.status is JobStatus.COMPLETED
        delete = succeeded and deletes_on_success(stdio, execution)
        self.ended_files.add(*files, delete_logs=delete)

    def _abandon(self, exited: Sequence[Exited]) -> None:
        """Kill all jobs of a workflow that was deleted, reinitialized or taken from this runner."""
        self.state.stopping = Cause.CANCELED
        for report in exited:
            self.state.release(report.key.job_id)
        keys = [flight.key for flight in self.in_flight.values()]
        self.executor.stop(keys, Cause.CANCELED, grace=0.0)

    # -- stopping ----------------------------------------------------------------------------------

    def _send_stop_requests(self) -> None:
        """Send the executor, once, what users request: stop a job, or the whole workflow."""
        requested: list[AttemptKey] = []
        for flight in self.in_flight.values():
            request = flight.stop_requested or (CANCEL if self.shared.is_canceled else None)
            if request is not None and request != flight.stop_sent:
                flight.stop_sent = request
                requested.append(flight.key)
                if self.state.options.recovery is not None:
                    self.state.options.recovery.stop(flight.key)
        if requested:
            self.executor.stop(requested, Cause.CANCELED)

    def _send_suspensions(self) -> None:
        """Send the executor, once, which jobs users want suspended, and which continued."""
        changed = [one for one in self.in_flight.values() if one.suspend_requested != one.suspended]
        for flight in changed:
            flight.suspended = flight.suspend_requested
        if changed:
            self.executor.suspend([one.key for one in changed if one.suspended])
            self.executor.resume([one.key for one in changed if not one.suspended])

    def stop(self, *, hard: bool = False, cause: Cause = Cause.STOPPED) -> None:
        """Start no more jobs, and stop the running ones: with a grace period, or at once."""
        self.state.stopping = cause
        keys = [flight.key for flight in self.in_flight.values()]
        self.executor.stop(keys, cause, grace=0.0 if hard else None)


def _stays_completed(store: Store, workflow_id: int, job_id: int) -> bool:
    """Decide about a job that may be kept; most runs have none and need not load the rules."""
    from torc_tui.operations.rerun import stays_completed

    return stays_completed(store, workflow_id, job_id)
