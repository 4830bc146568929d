"""Keep jobs completed that follow others only through files and data, if these are equal.

Such jobs were reset when a new run of stale jobs began. As soon as the jobs before them have ended,
the recording thread compares what they read; the next step writes what it has found.

Invariant: a decision changes a job only if it still waits for that decision.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.engine.recording_thread import RecordingThread
from torc_tui.lifecycle.decide import Change
from torc_tui.status import JobStatus
from torc_tui.store import dependency_counters, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow


class CutOff:
    """The jobs of one workflow that may be kept in its present run."""

    def __init__(self, store: Store, workflow_id: int, thread: RecordingThread) -> None:
        with store.read() as conn:
            self.is_possible = conn.one(sql.ANY_MAY_BE_KEPT, workflow_id=workflow_id) is not None
        self._workflow_id = workflow_id
        self._thread = thread
        self._asked: set[int] = set()

    @property
    def is_busy(self) -> bool:
        """Return whether a decision is missing or not written yet."""
        return bool(self._asked)

    @property
    def decisions(self) -> int:
        """Return how many decisions can be written."""
        return len(self._thread.decisions)

    def apply(self, conn: Connection, number: int, now: float) -> tuple[list[EventRow], list[int]]:
        """Write the first decisions; return their events, and the jobs that wait for one."""
        events: list[EventRow] = []
        if not self.is_possible:
            return events, []
        waiting = self._undecided(conn)
        for job_id, stays in list(self._thread.decisions)[:number]:
            if stays:
                events += self._keep(conn, job_id, now)
            elif job_id in waiting:
                events += _run(conn, job_id, now)
        left = self._undecided(conn) if events else waiting
        return events, [job_id for job_id in left if job_id not in self._asked]

    def committed(self, decided: int, waiting: Iterable[int]) -> None:
        """Forget the decisions that were written, and request those on other jobs."""
        for _ in range(decided):
            self._asked.discard(self._thread.decisions.popleft()[0])
        for job_id in waiting:
            self._asked.add(job_id)
            self._thread.decide(job_id)

    def _keep(self, conn: Connection, job_id: int, now: float) -> list[EventRow]:
        last = conn.one(sql.LAST_SUCCESS, job_id=job_id)
        if last is None:
            return _run(conn, job_id, now)
        times = {"started_at": last.started_at, "ended_at": last.ended_at}
        kept = conn.execute(
            sql.KEEP_JOB,
            job_id=job_id,
            compute_node_id=last.compute_node_id,
            output_dir=last.output_dir,
            **times,
        )
        if not kept:
            return []
        data = {"attempt": last.attempt_id, "return_code": 0, "kept": True, **times}
        ended = dependency_counters.settle_ended(conn, [(job_id, JobStatus.COMPLETED)], now)
        return [("job_completed", job_id, data), *ended]

    def _undecided(self, conn: Connection) -> dict[int, None]:
        """Return the jobs that wait for a decision, in their order."""
        rows = conn.rows(sql.UNDECIDED, workflow_id=self._workflow_id)
        return dict.fromkeys(row.id for row in rows)


def _run(conn: Connection, job_id: int, now: float) -> list[EventRow]:
    return dependency_counters.apply_changes(conn, [Change(job_id, JobStatus.READY)], now)
