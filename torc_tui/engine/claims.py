"""Claim jobs in the transaction of a step: those that fit, and some in advance.

Input: the state of the runner, the attempts that end in the step. Output: rows with their events,
and the jobs that may start after the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.engine.placer import BATCH, Placed, Placer
from torc_tui.engine.state import STALE_SECONDS, RunnerState
from torc_tui.lifecycle.decide import RERUN, StatusChange
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.store import dependency_counters, ready_jobs, scheduling, sql
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.ready_jobs import ReadyOf
from torc_tui.store.scheduling import EndedAttempt, HeldJob, ReadyJob


class JobClaims:
    """The claims of one step; ``ended`` are the attempts that end in it, ``held`` its jobs."""

    def __init__(
        self,
        state: RunnerState,
        placer: Placer,
        ended: Sequence[EndedAttempt],
        held: Mapping[int, HeldJob],
        now: float,
    ) -> None:
        self.rows: list[EventRow] = []
        self.placed: list[Placed] = []
        self.prefetched: list[ReadyJob] | None = None
        """The prefetched jobs after the commit; None when they stay as they are."""
        self._state = state
        self._placer = placer
        self._ended = ended
        self._held = held
        self._now = now

    def unclaim_prefetched(self, conn: Connection) -> None:
        """Make prefetched jobs ready again when other jobs or runners may need the resources.

        Those that a user wants stopped are canceled.
        """
        jobs = self._state.prefetched.jobs
        if not jobs or self._may_keep_prefetched():
            return
        held = [job for job in jobs if job.id in self._held]
        unwanted = [
            job.id for job in held if self._held[job.id].stop_requested not in (None, RERUN)
        ]
        free = [(job.id, job.attempt_id) for job in held if job.id not in unwanted]
        self.rows += scheduling.unclaim(conn, free)
        self._cancel(conn, unwanted)
        self.prefetched = []

    def _may_keep_prefetched(self) -> bool:
        state = self._state
        frees_resources = any(
            not state.in_flight[one.exited.key.job_id].is_replaced for one in self._ended
        )
        return (
            state.may_prefetch()
            and not frees_resources
            and not state.prefetched.is_stale(self._now)
        )

    def _cancel(self, conn: Connection, job_ids: Sequence[int]) -> None:
        reason = because(Kind.CANCELED_BY_USER)
        changes = [StatusChange(job_id, JobStatus.CANCELED, reason) for job_id in job_ids]
        self.rows += dependency_counters.apply_changes(conn, changes, self._now)
        self.rows += dependency_counters.settle_ended(
            conn, [(job_id, JobStatus.CANCELED) for job_id in job_ids], self._now
        )

    def claim(self, conn: Connection) -> None:
        """Claim ready jobs that fit beside those that still run.

        The resources of the attempts that end here may be used for them, but are given back to the
        pool only after the commit.
        """
        state = self._state
        if not state.may_claim():
            return
        flights = [state.in_flight[one.exited.key.job_id] for one in self._ended]
        ending = [state.pool.reusable(flight.allocation) for flight in flights]
        for allocation in ending:
            state.pool.give(allocation)
        try:
            limit = self._claim_limit(len(state.in_flight) - len(ending))
            self.placed += self._placer.place(conn, self._now, limit)
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

    def prefetch(self, conn: Connection) -> None:
        """Claim some jobs in advance, where jobs are short and all request the same."""
        state = self._state
        number = len(state.in_flight) - len(self._ended) + len(self.placed)
        wanted = state.prefetched.wanted(number)
        if not self._is_prefetch_useful(wanted):
            return
        of = self._placer.ready_of(conn, self._now)
        classes = self._placer.classes
        if classes is None:
            classes = self._placer.ready_classes(conn, of)
        if len(classes) != 1:
            return
        ended = {one.exited.key.job_id for one in self._ended}
        running = {
            flight.job.requirement_id
            for job_id, flight in state.in_flight.items()
            if job_id not in ended
        }
        running |= {placed.job.requirement_id for placed in self.placed}
        ready = ready_jobs.ready_jobs(conn, of, classes[0], self._share(conn, of, wanted))
        alike = [
            job
            for job in ready
            if job.requirement_id in running
            and not self._placer.binds(job)
            and state.ends_in_time(job, self._now + STALE_SECONDS)
        ]
        if alike:
            self._record_claims(conn, [(job, None) for job in alike])
            self.prefetched = [*state.prefetched.jobs, *alike]

    def _share(self, conn: Connection, of: ReadyOf, wanted: int) -> int:
        """Return how many of the ready jobs to prefetch, so that other runners get jobs, too."""
        runners = self._state.shared.runners
        if runners == 1:
            return wanted
        return -(-ready_jobs.number(conn, of, wanted * runners) // runners)

    def _is_prefetch_useful(self, wanted: int) -> bool:
        state = self._state
        return (
            self.prefetched is None
            and len(state.prefetched.jobs) < (wanted + 1) // 2
            and state.may_prefetch()
        )

    def _record_claims(
        self, conn: Connection, claimed: Sequence[tuple[ReadyJob, str | None]]
    ) -> None:
        state = self._state
        self.rows += scheduling.claim(
            conn, state.node.node_id, state.context.run_id, state.maker.log_location, claimed
        )

    def read_next_retry(self, conn: Connection, *, was_outdated: bool) -> None:
        """Read when the next delayed attempt may start, if that may have changed."""
        state = self._state
        is_delayed = any(one.not_before is not None for one in self._ended)
        if was_outdated or is_delayed or state.next_retry is not None:
            state.next_retry = conn.value(
                sql.NEXT_RETRY, workflow_id=state.context.workflow_id, now=self._now
            )
