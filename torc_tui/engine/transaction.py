"""Write what one step decides: the transaction in which a runner records ends and claims jobs.

Input: reports of the executor. Output: rows with their events, and the jobs that may start after
the commit. Nothing is sent to the executor here.

Invariants
* A report about an attempt that this runner does not hold is dropped.
* What others wrote is read inside the transaction that depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torc_tui.engine.attempt_ends import AttemptEnds
from torc_tui.engine.attempt_record import Record
from torc_tui.engine.outputs import OutputCheck
from torc_tui.engine.placer import BATCH, Placed, Placer
from torc_tui.engine.prefetch import PREFETCHED_JOBS
from torc_tui.engine.state import RunnerState
from torc_tui.lifecycle.decide import CANCEL, Change
from torc_tui.model import AttemptKey, Event, Exited, NotStarted, Started
from torc_tui.operations.freshness_facts import last_event
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.store import dependency_counters, fingerprints, scheduling, workflow_progress
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.events import append
from torc_tui.store.scheduling import HeldJob, ReadyJob

_NO_OUTPUTS = OutputCheck()


@dataclass(slots=True)
class SortedReports:
    """The reports of a step about attempts that this runner holds."""

    started: list[Started] = field(default_factory=list)
    exited: list[Exited] = field(default_factory=list)
    not_started: list[NotStarted] = field(default_factory=list)


class StepTransaction:
    """The transaction of one step. `run` may be called once."""

    def __init__(
        self,
        state: RunnerState,
        ends: AttemptEnds,
        placer: Placer,
        reports: SortedReports,
        now: float,
    ) -> None:
        self.ended: list[scheduling.Ended] = []
        self.placed: list[Placed] = []
        self.prefetched: list[ReadyJob] | None = None
        """The prefetched jobs after the commit; None when they stay as they are."""
        self.events: list[Event] = []
        self.records: list[Record] = []
        """What the recording thread completes after the commit."""
        self.undecided: list[int] = []
        """Jobs of which the thread decides after the commit whether they stay completed."""
        self.decided = 0
        """How many decisions were written."""
        self.saved = 0
        """How many fingerprints were written."""
        self.is_complete = False
        """Whether the workflow has no jobs left to run."""
        self._state = state
        self._ends = ends
        self._placer = placer
        self._reports = reports
        self._now = now
        self._held: dict[int, HeldJob] = {}
        self._rows: list[EventRow] = []

    def run(self, conn: Connection, outputs: Mapping[AttemptKey, OutputCheck]) -> None:
        """Record the reports, then claim jobs with the resources that have become free."""
        state = self._state
        scheduling.lock(conn, state.context.workflow_id, state.node.location)
        state.shared.update()
        if state.shared.gone_reason:
            return
        state.last_seq = last_event(conn, state.context.workflow_id)
        self._read_held_jobs(conn)
        self._record_starts(conn)
        self._record_ends(conn, outputs)
        self._unclaim_not_started(conn)
        self._resume_interrupted(conn)
        self._write_decisions(conn)
        self._unclaim_prefetched(conn)
        self._claim(conn)
        self._prefetch(conn)
        self._append_events(conn)
        self._save_fingerprints(conn)

    def undo(self) -> None:
        """Give back what was taken from the pool, after the transaction has failed."""
        for placed in self.placed:
            self._state.pool.give(placed.allocation)

    def _read_held_jobs(self, conn: Connection) -> None:
        """Read which jobs this runner holds, and which of them are to be stopped.

        A job that was taken from this runner, whose lease had expired, is stopped, too.
        """
        self._held = scheduling.held_jobs(conn, self._state.node.node_id)
        for job_id, row in self._held.items():
            if row.stop_requested and job_id in self._state.in_flight:
                self._state.in_flight[job_id].stop_requested = row.stop_requested
        for flight in self._state.in_flight.values():
            if not self._is_held(flight.key):
                flight.stop_requested = CANCEL

    def _is_held(self, key: AttemptKey) -> bool:
        row = self._held.get(key.job_id)
        return row is not None and row.attempt_id == key.attempt_id

    def _record_starts(self, conn: Connection) -> None:
        """Record the starts. An attempt that has ended, too, gets only the event of its start."""
        node_id = self._state.node.node_id
        started = [report for report in self._reports.started if self._is_held(report.key)]
        ending = {report.key for report in self._reports.exited}
        running = [report for report in started if report.key not in ending]
        self._rows += scheduling.start(conn, node_id, running)
        self._rows += [
            scheduling.started_event(node_id, report) for report in started if report.key in ending
        ]
        scheduling.grant(conn, self._state.granted)

    def _record_ends(self, conn: Connection, outputs: Mapping[AttemptKey, OutputCheck]) -> None:
        """Record the ends, and everything that follows from them."""
        state = self._state
        self.ended = [
            self._ends.judge(
                conn,
                state.in_flight[report.key.job_id],
                report,
                outputs.get(report.key, _NO_OUTPUTS),
                may_retry=not state.stopping,
            )
            for report in self._reports.exited
            if self._is_held(report.key)
        ]
        if not self.ended:
            return
        self._rows += scheduling.end(conn, state.node.node_id, self.ended)
        for one in self.ended:
            if one.outcome.status is JobStatus.COMPLETED:
                check = outputs.get(one.exited.key, _NO_OUTPUTS)
                scheduling.set_file_times(conn, check.times)
                self._record(conn, one.exited, check)

    def _record(self, conn: Connection, exited: Exited, outputs: OutputCheck) -> None:
        """Record what the job has read and written, for the thread to complete."""
        state = self._state
        flight = state.in_flight[exited.key.job_id]
        record = state.recorder.end(conn, flight, exited, outputs.found, state.last_seq)
        if record is None:
            return
        self.records.append(record)
        if state.cut_off.is_possible:  # the jobs behind this one are judged soon
            fingerprints.save(conn, [(record.job_id, record.fingerprint)])

    def _write_decisions(self, conn: Connection) -> None:
        """Write which jobs that followed others stay completed."""
        if self._state.may_claim():
            cut_off = self._state.cut_off
            self.decided = cut_off.decisions
            rows, self.undecided = cut_off.apply(conn, self.decided, self._now)
            self._rows += rows

    def _save_fingerprints(self, conn: Connection) -> None:
        ready = list(self._state.recorder.thread.fingerprints)
        fingerprints.save(conn, ready)
        self.saved = len(ready)

    def _unclaim_not_started(self, conn: Connection) -> None:
        """Make the jobs ready again that could not be started now."""
        attempts = [
            (report.key.job_id, report.key.attempt_id)
            for report in self._reports.not_started
            if self._is_held(report.key)
        ]
        self._rows += scheduling.unclaim(conn, attempts)

    def _resume_interrupted(self, conn: Connection) -> None:
        """Make jobs ready again that were stopped with another runner of the workflow."""
        if self._state.shared.has_news and self._state.may_claim():
            workflow_id = self._state.context.workflow_id
            self._rows += workflow_progress.resume_interrupted(conn, workflow_id)
        self._state.shared.has_news = False

    def _unclaim_prefetched(self, conn: Connection) -> None:
        """Make prefetched jobs ready again when other jobs or runners may need the resources.

        Those that a user wants stopped are canceled.
        """
        jobs = self._state.prefetched.jobs
        if not jobs or self._may_keep_prefetched():
            return
        held = [job for job in jobs if job.id in self._held]
        unwanted = [job.id for job in held if self._held[job.id].stop_requested]
        free = [(job.id, job.attempt_id) for job in held if job.id not in unwanted]
        self._rows += scheduling.unclaim(conn, free)
        self._cancel(conn, unwanted)
        self.prefetched = []

    def _may_keep_prefetched(self) -> bool:
        state = self._state
        frees_resources = any(
            not state.in_flight[one.exited.key.job_id].is_replaced for one in self.ended
        )
        return (
            state.may_prefetch()
            and state.shared.is_only_runner
            and not frees_resources
            and not state.prefetched.is_stale(self._now)
        )

    def _cancel(self, conn: Connection, job_ids: Sequence[int]) -> None:
        reason = because(Kind.CANCELED_BY_USER)
        changes = [Change(job_id, JobStatus.CANCELED, reason) for job_id in job_ids]
        self._rows += dependency_counters.apply_changes(conn, changes, self._now)
        self._rows += dependency_counters.settle_ended(
            conn, [(job_id, JobStatus.CANCELED) for job_id in job_ids], self._now
        )

    def _claim(self, conn: Connection) -> None:
        """Claim ready jobs that fit beside those that still run.

        The resources of the attempts that end here may be used for them, but are given back to the
        pool only after the commit.
        """
        state = self._state
        if not state.may_claim():
            return
        ending = [state.in_flight[one.exited.key.job_id].allocation for one in self.ended]
        for allocation in ending:
            state.pool.give(allocation)
        try:
            limit = self._claim_limit(len(state.in_flight) - len(ending))
            self.placed = self._placer.place(conn, self._now, limit)
            self._record_claims(
                conn, [(placed.job, placed.allocation_text) for placed in self.placed]
            )
            if not self.placed:
                state.backoff.postpone(state.options.monotonic())
        finally:
            for allocation in ending:
                state.pool.hold(allocation)

    def _claim_limit(self, running: int) -> int:
        """Return how many jobs may be claimed while that many run."""
        most = self._state.shared.max_parallel_jobs
        startable = self._state.backoff.room(self._state.options.monotonic(), running)
        limit = BATCH if most is None else most - running
        return limit if startable is None else min(limit, startable)

    def _prefetch(self, conn: Connection) -> None:
        """Claim some jobs in advance, where jobs are short and all request the same."""
        state = self._state
        if not self._is_prefetch_useful():
            return
        workflow_id = state.context.workflow_id
        classes = scheduling.ready_classes(conn, workflow_id)
        if len(classes) != 1:
            return
        ended = {one.exited.key.job_id for one in self.ended}
        running = {
            flight.job.requirement_id
            for job_id, flight in state.in_flight.items()
            if job_id not in ended
        }
        running |= {placed.job.requirement_id for placed in self.placed}
        ready = scheduling.ready_jobs(conn, workflow_id, classes[0], self._now, PREFETCHED_JOBS)
        alike = [job for job in ready if job.requirement_id in running]
        if alike:
            self._record_claims(conn, [(job, None) for job in alike])
            self.prefetched = [*state.prefetched.jobs, *alike]

    def _is_prefetch_useful(self) -> bool:
        state = self._state
        return (
            self.prefetched is None
            and len(state.prefetched.jobs) < PREFETCHED_JOBS // 2
            and state.prefetched.worthwhile
            and state.shared.is_only_runner
            and state.may_prefetch()
            and state.options.deadline.end_time is None
        )

    def _record_claims(
        self, conn: Connection, claimed: Sequence[tuple[ReadyJob, str | None]]
    ) -> None:
        state = self._state
        self._rows += scheduling.claim(
            conn, state.node.node_id, state.context.run_id, state.maker.log_location, claimed
        )

    def _append_events(self, conn: Connection) -> None:
        """Append the events of the step, and the end of the workflow if it is complete."""
        state = self._state
        workflow_id = state.context.workflow_id
        moved = self.ended or self.decided
        if moved and not self.placed and len(state.in_flight) == len(self.ended):
            self.is_complete = not scheduling.unsettled(conn, workflow_id)
        if self.is_complete:
            counts = {
                status.word: number
                for status, number in workflow_progress.counts(conn, workflow_id).items()
            }
            data = {"counts": counts, "run_id": state.context.run_id}
            self._rows.append(("workflow_completed", None, data))
        if self._rows:
            self.events = append_events(conn, workflow_id, self._rows, self._now)


def append_events(
    conn: Connection, workflow_id: int, rows: Sequence[EventRow], now: float
) -> list[Event]:
    """Append events, and return them as readers see them."""
    last = append(conn, workflow_id, rows, at=now)
    return [
        Event(workflow_id, seq, now, kind, job_id, data or {})
        for seq, (kind, job_id, data) in enumerate(rows, last - len(rows) + 1)
    ]
