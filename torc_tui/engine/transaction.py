"""Write what one step decides: the transaction in which a runner records ends and claims jobs.

Input: reports of the executor. Output: rows with their events, and the jobs that may start after
the commit. Nothing is sent to the executor here. `EventQueue` holds events that belong to no step.

Invariants
* A report about an attempt that this runner does not hold is dropped.
* What others wrote is read inside the transaction that depends on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from torc_tui.engine.attempt_ends import AttemptEnds
from torc_tui.engine.attempt_record import Record, Seen
from torc_tui.engine.claims import JobClaims
from torc_tui.engine.outputs import OutputCheck
from torc_tui.engine.placer import Placed, Placer
from torc_tui.engine.state import RunnerState
from torc_tui.lifecycle.decide import CANCEL
from torc_tui.lifecycle.fingerprint import Fingerprint
from torc_tui.model import AttemptKey, Cause, Event, Exited, Measured, NotStarted, Started
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.records import dataclass, field, replace
from torc_tui.status import TROUBLED, JobStatus
from torc_tui.store import fingerprints, run_context, scheduling, sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow, follow_canaries
from torc_tui.store.event_log import append
from torc_tui.store.scheduling import HeldJob, ReadyJob

_NO_OUTPUTS = OutputCheck()


@dataclass(slots=True)
class SortedReports:
    """The reports of a step about attempts that this runner holds."""

    started: list[Started] = field(default_factory=list)
    exited: list[Exited] = field(default_factory=list)
    not_started: list[NotStarted] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)


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
        self.ended: list[scheduling.EndedAttempt] = []
        self.placed: list[Placed] = []
        self.prefetched: list[ReadyJob] | None = None
        """The prefetched jobs after the commit; None when they stay as they are."""
        self.events: list[Event] = []
        self.last_seq = 0
        """The number of the last event of the workflow after the commit."""
        self.names: dict[int, str] = {}
        """The names of the jobs in flight that the events are about, by id."""
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
        self._was_outdated = True
        self._held: dict[int, HeldJob] = {}
        self._seen: Mapping[AttemptKey, Seen | None] = {}
        self._fingerprints: list[tuple[int, Fingerprint]] = []
        self._rows: list[EventRow] = []

    def run(
        self,
        conn: Connection,
        outputs: Mapping[AttemptKey, OutputCheck],
        seen: Mapping[AttemptKey, Seen | None],
    ) -> None:
        """Record the reports, then claim jobs with the resources that have become free."""
        self._seen = seen
        state = self._state
        scheduling.lock(conn, state.context.workflow_id, state.node.location)
        state.shared.update()
        if state.shared.gone_reason:
            return
        state.last_seq = self.last_seq = state.shared.last_seq(conn)
        self._read_held_jobs(conn)
        self._record_starts(conn)
        self._record_ends(conn, outputs)
        self._record_series(conn)
        self._unclaim_not_started(conn)
        self._was_outdated = state.shared.has_news
        self._resume_interrupted(conn)
        self._write_decisions(conn)
        self._follow_canaries(conn)
        self._claim(conn)
        self._append_events(conn)
        self._save_fingerprints(conn)

    def undo(self) -> None:
        """Give back what was taken from the pool, after the transaction has failed."""
        for placed in self.placed:
            self._state.pool.give(placed.allocation)
            key = self._state.context.attempt_key(placed.job.id, placed.job.attempt_id)
            self._state.leave_ledger(key, placed.allocation)

    def _read_held_jobs(self, conn: Connection) -> None:
        """Read which jobs this runner holds, and which of them are to be stopped.

        A job that was taken from this runner, whose lease had expired, is stopped, too.
        """
        rows = conn.rows(sql.HELD_JOBS, node_id=self._state.node.node_id)
        self._held = {row.id: row for row in rows}
        for job_id, flight in self._state.in_flight.items():
            if (row := self._held.get(job_id)) is not None:
                flight.stop_requested = row.stop_requested or flight.stop_requested
                flight.suspend_requested = row.suspended
                flight.planned = row.planned is not None
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
        ended = {key.job_id for key in ending}  # they hold nothing afterwards
        granted = [one for one in self._state.granted if one["job_id"] not in ended]
        conn.many(sql.GRANT, granted)  # while the jobs are still pending
        self._rows += scheduling.start(conn, node_id, running)
        self._rows += [
            scheduling.started_event(node_id, report) for report in started if report.key in ending
        ]

    def _record_ends(self, conn: Connection, outputs: Mapping[AttemptKey, OutputCheck]) -> None:
        """Record the ends, and everything that follows from them."""
        state = self._state
        self.ended = [
            self._ends.judge(
                conn,
                state.in_flight[report.key.job_id],
                self._with_cancellation(report),
                outputs.get(report.key, _NO_OUTPUTS),
                is_ending=state.stopping is not None,
            )
            for report in self._reports.exited
            if self._is_held(report.key)
        ]
        if not self.ended:
            return
        may = state.context.may_have_children
        self._rows += scheduling.end(conn, state.node.node_id, self.ended, may_have_children=may)
        state.options.source.failed(
            one.exited.key.job_id
            for one in self.ended
            if one.outcome.status in TROUBLED and one.outcome.is_final
        )
        # The next claim needs the new requests and labels.
        if any(one.outcome.grown or one.planned for one in self.ended):
            state.maker.follow(run_context.read(conn, state.context.workflow_id))
        done = [one.exited for one in self.ended if one.outcome.status is JobStatus.COMPLETED]
        for exited in done:
            self._record(conn, exited, self._seen.get(exited.key))
        checks = (outputs.get(exited.key, _NO_OUTPUTS) for exited in done)
        scheduling.set_file_times(conn, [one for check in checks for one in check.times])

    def _with_cancellation(self, report: Exited) -> Exited:
        """Return the end of a job of a canceled workflow, whose runner may be stopped for that."""
        if report.cause is Cause.STOPPED and self._state.shared.is_canceled:
            return replace(report, cause=Cause.CANCELED)
        return report

    def _record_series(self, conn: Connection) -> None:
        """Record the measures over time of attempts that have ended, and of some that run."""
        found = [(report.key, report.series) for report in self._reports.measured]
        found += [(one.exited.key, one.exited.series) for one in self.ended if one.exited.series]
        self._state.series.write(conn, found)

    def _record(self, conn: Connection, exited: Exited, seen: Seen | None) -> None:
        """Record what the job has read and written, for the thread to complete if necessary."""
        if seen is None:
            return
        state = self._state
        flight = state.in_flight[exited.key.job_id]
        record = state.recorder.end(conn, flight, exited, seen, state.last_seq)
        if not seen.is_complete:
            self.records.append(record)
        # Also without hashes, in case the runner is killed before these are known.
        self._fingerprints.append((record.job_id, record.fingerprint))

    def _write_decisions(self, conn: Connection) -> None:
        """Write which jobs that followed others stay completed."""
        if self._state.may_claim():
            cut_off = self._state.cut_off
            self.decided = cut_off.decisions
            rows, self.undecided = cut_off.apply(conn, self.decided, self._now)
            self._rows += rows

    def _follow_canaries(self, conn: Connection) -> None:
        """Release the jobs behind canaries, or say once why they stay held."""
        context = self._state.context
        if not context.has_canaries or not (self.ended or self.decided):
            return
        rows = follow_canaries(conn, context.workflow_id)
        self._rows += rows
        held = [decode(data["reason"]) for kind, _, data in rows if kind == "job_held" and data]
        failed = Counter(one for one in held if one and one.kind is Kind.CANARY_FAILED)
        for reason, number in failed.items():
            notice = because(Kind.JOBS_HELD, number=number, reason=reason)
            self._rows.append(_notice(self._state.node.node_id, notice))

    def _save_fingerprints(self, conn: Connection) -> None:
        ready = list(self._state.recorder.thread.fingerprints)
        fingerprints.save(conn, [*ready, *self._fingerprints])
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
        """Make jobs ready again that were stopped with another runner, or lost."""
        interrupted = any(ended.outcome.interrupted for ended in self.ended)
        if (interrupted or self._state.shared.has_news) and self._state.may_claim():
            workflow_id = self._state.context.workflow_id
            self._rows += workflows.resume_interrupted(conn, workflow_id)
        self._state.shared.has_news = False

    def _claim(self, conn: Connection) -> None:
        """Claim jobs with the resources that are free, or that become free in this step."""
        claims = JobClaims(self._state, self._placer, self.ended, self._held, self._now)
        self.placed = claims.placed
        claims.unclaim_prefetched(conn)
        claims.claim(conn)
        claims.prefetch(conn)
        self.prefetched = claims.prefetched
        self._rows += claims.rows
        claims.read_next_retry(conn, was_outdated=self._was_outdated)

    def _append_events(self, conn: Connection) -> None:
        """Append the events of the step, and the end of the workflow if it is complete."""
        state = self._state
        workflow_id = state.context.workflow_id
        moved = self.ended or self.decided
        is_open = state.options.source.is_open
        if moved and not is_open and not self.placed and len(state.in_flight) == len(self.ended):
            self.is_complete = not scheduling.unsettled(conn, workflow_id)
        if self.is_complete:
            counts = {
                status.word: number
                for status, number in workflows.counts(conn, workflow_id).items()
            }
            data = {"counts": counts, "run_id": state.context.run_id}
            self._rows.append(("workflow_completed", None, data))
        if self._rows:
            self.events = append_events(conn, workflow_id, self._rows, self._now)
            self.last_seq = self.events[-1].seq
            flights = ((one.job_id, state.in_flight.get(one.job_id or 0)) for one in self.events)
            self.names = {job_id: held.job.name for job_id, held in flights if job_id and held}
        self._notify_neighbors(conn)

    def _notify_neighbors(self, conn: Connection) -> None:
        """Wake the runners that share the location when resources become free there."""
        state = self._state
        if self.ended and state.shared.news.has_neighbors and conn.dialect == "postgresql":
            conn.send(sql.NOTIFY_RUNNERS, payload=state.node.location)


def _notice(node_id: int, reason: Reason) -> EventRow:
    return "node_notice", None, {"node": node_id, "message": reason.to_json()}


def append_events(
    conn: Connection, workflow_id: int, rows: Sequence[EventRow], now: float
) -> list[Event]:
    """Append events, and return them as readers see them."""
    last = append(conn, workflow_id, rows, at=now)
    return [
        Event(workflow_id, seq, now, kind, job_id, data or {})
        for seq, (kind, job_id, data) in enumerate(rows, last - len(rows) + 1)
    ]


class EventQueue:
    """The events of one runner that wait to be written."""

    def __init__(
        self, store: Store, workflow_id: int, node_id: int, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._node_id = node_id
        self._wake = wake
        self._rows: list[EventRow] = []

    def __bool__(self) -> bool:
        return bool(self._rows)

    def put(self, row: EventRow) -> None:
        """Have an event written, from any thread."""
        self._rows.append(row)
        self._wake()

    def put_notices(self, reasons: Iterable[Reason]) -> None:
        """Have notices about this runner written."""
        self._rows += [_notice(self._node_id, reason) for reason in reasons]

    def write(self, now: float) -> list[Event]:
        """Write the events, and return them; they stay in the queue if that fails."""
        rows = self._rows[:]
        if not rows:
            return []
        with self._store.write() as conn:
            for kind, _, data in rows:
                if kind == "action_failed" and data:
                    end = {"action_id": data["action"], "return_code": data["return_code"]}
                    conn.execute(sql.SET_ACTION_END, **end)
            events = append_events(conn, self._workflow_id, rows, now)
        del self._rows[: len(rows)]
        return events

    def clear(self) -> None:
        """Drop the events of a workflow that this runner may not write to any more."""
        self._rows.clear()
