"""Adopt the jobs of runners that are lost.

Input: rows of runners and of what they hold, exit files. Output: attempts in flight, which the
executor supervises from now on; rows and events.

Never: taking jobs from a runner that is only silent. Only jobs whose `on_lost` allows it are taken
from a runner whose lease has expired.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence, Set

from torc_tui.engine.allocation_watch import allocation_of
from torc_tui.engine.attempt_record import split_note
from torc_tui.engine.ended_files import left_files, remove_left
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.orders import OrderMaker, attempt_files
from torc_tui.executors.base import Adopted, Executor
from torc_tui.executors.exit_file import ExitFile, find_starts, is_being_started, read_exit_file
from torc_tui.lifecycle.decide import outlives_lease, reruns_left
from torc_tui.lifecycle.liveness import Proof
from torc_tui.model import Allocation, AttemptKey
from torc_tui.resources.usage_series import Series
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, scheduling, sql, usage_series
from torc_tui.store.compute_nodes import HeldAttempt, Node
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append

START_SECONDS = 3.0
"""Time that a process may need to become a shell after its runner was lost."""
NO_PROCESS = 0
"""Process id and start time of a job from before a reboot: other processes may have both now."""
EXPIRED = "expired"
"""What is recorded as the proof of a loss if `on_lost` decides after the end of a lease."""

Lost = Callable[[Sequence[Node]], list[tuple[Node, Proof]]]
"""Return those of the runners that are lost for certain, and the proofs."""
Loss = tuple[Node, str]
"""A lost runner, and the proof of its loss."""


class Adopter:
    """Adopt attempts for one runner."""

    def __init__(self, store: Store, maker: OrderMaker, node_id: int, executor: Executor) -> None:
        self._store = store
        self._maker = maker
        self._node_id = node_id
        self._executor = executor
        self._rows: list[EventRow] = []
        self._flights: list[InFlight] = []
        self._adopted: list[Adopted] = []
        self._suspended: dict[int | None, list[tuple[bool, float]]] | None = None

    def other_runners(self, conn: Connection) -> list[Node]:
        """Return the other runners that have not recorded their end."""
        active = compute_nodes.active(conn, self._maker.context.workflow_id)
        return [node for node in active if node.id != self._node_id]

    def take_over(
        self, here: compute_nodes.MachineProcess, now: float, lost: Lost
    ) -> list[InFlight]:
        """Adopt the jobs of lost runners: those that still run, and the ends of the others.

        A job that was claimed and never started becomes ready again: it has no exit file, which is
        made before the process. No job from before a reboot is adopted by its process id.
        """
        workflow_id = self._maker.context.workflow_id
        any_lost = self._wait_for_starts(lost)
        left = left_files(self._maker.log_location, workflow_id) if any_lost else {}
        with self._store.write() as conn:
            scheduling.lock(conn, workflow_id, here.location)
            self._begin()
            for node, proof in lost(self.other_runners(conn)):
                held = compute_nodes.held_attempts(conn, node.id)
                same_boot = proof is Proof.PROCESS_GONE
                self._take(conn, held, same_boot=same_boot, loss=(node, proof.value))
                self._transfer(conn, node, held, {one.job_id for one in held})
                self._rows.append(compute_nodes.leave(conn, node.id, now, lost=True))
            self._append_events(conn, now)
            rows = conn.rows(sql.ACTIVE_ATTEMPTS, workflow_id=workflow_id) if left else []
        active = [(row.job_id, row.attempt_id) for row in rows]
        remove_left(left, self._maker.context.run_id, active)
        return self._adopt_all()

    def take_expired(self, expired: Sequence[Node], now: float) -> list[InFlight]:
        """Take the jobs whose `on_lost` allows it from runners whose lease has expired.

        Their processes may still run elsewhere, so none is adopted: only the end that an exit file
        records is used. A claimed job that never began gets its next attempt.
        """
        workflow_id = self._maker.context.workflow_id
        with self._store.write() as conn:
            append(conn, workflow_id, [], at=now)
            self._begin()
            active = {node.id for node in compute_nodes.active(conn, workflow_id)}
            for node in expired:
                if node.id in active:
                    self._take_from(conn, node, now)
            self._append_events(conn, now)
        return self._adopt_all()

    def take_back(self, known: Collection[int], now: float) -> list[InFlight]:
        """Adopt the jobs that this runner holds in the database besides the ``known`` ones.

        The answer to a commit was lost: claimed jobs become ready again, others are adopted.
        """
        with self._store.write() as conn:
            self._begin()
            held = compute_nodes.held_attempts(conn, self._node_id)
            self._take(conn, [one for one in held if one.job_id not in known], same_boot=True)
            self._append_events(conn, now)
        return self._adopt_all()

    def _wait_for_starts(self, lost: Lost) -> bool:
        """Wait until the processes that lost runners were starting have become shells.

        Return whether there are lost runners.
        """
        with self._store.read() as conn:
            nodes = lost(self.other_runners(conn))
            held = [one for node, _ in nodes for one in compute_nodes.held_attempts(conn, node.id)]
        files = [self._paths(one)[2] for one in held if one.pid is None]
        deadline = time.monotonic() + START_SECONDS
        while any(map(is_being_started, files)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return bool(nodes)

    def _begin(self) -> None:
        self._rows, self._flights, self._adopted, self._suspended = [], [], [], None

    def _append_events(self, conn: Connection, now: float) -> None:
        if self._rows:
            append(conn, self._maker.context.workflow_id, self._rows, at=now)

    def _adopt_all(self) -> list[InFlight]:
        if self._adopted:
            self._executor.adopt(self._adopted)
        return self._flights

    def _take_from(self, conn: Connection, node: Node, now: float) -> None:
        """Take the jobs of a runner whose lease has expired; the runner has left if none remain."""
        held = compute_nodes.held_attempts(conn, node.id)
        taken = [one for one in held if not outlives_lease(self._maker.on_lost(one.options))]
        if held and not taken:
            return
        before = len(self._flights)
        self._take(conn, taken, same_boot=False, loss=(node, EXPIRED))
        adopted = {flight.key.job_id for flight in self._flights[before:]}
        self._transfer(conn, node, held, adopted)
        if len(taken) == len(held):
            self._rows.append(compute_nodes.leave(conn, node.id, now, lost=True))

    def _transfer(
        self, conn: Connection, node: Node, held: Sequence[HeldAttempt], taken: Set[int]
    ) -> None:
        """Let this runner hold the jobs; they still count for the allocation of the other one."""
        begun = sum(one.status == JobStatus.RUNNING and one.job_id in taken for one in held)
        conn.execute(sql.NOTE_STARTED, node_id=node.id, number=begun)
        conn.each(sql.TRANSFER_JOB, sorted(taken), compute_node_id=self._node_id)

    def _take(
        self,
        conn: Connection,
        attempts: Sequence[HeldAttempt],
        *,
        same_boot: bool,
        loss: Loss | None = None,
    ) -> None:
        """Give back the attempts whose command never began, and adopt the others.

        ``loss`` is set for the jobs of a lost runner: those whose end is not found are lost.
        """
        starts = find_starts([self._paths(held)[2] for held in attempts if held.pid is None])
        for held in attempts:
            start = starts.get(self._paths(held)[2])
            if held.pid is not None or start is not None:
                flight = self._adopt(held, start, same_boot=same_boot)
                if loss is not None:
                    self._prepare_loss(conn, flight, held, loss)
            elif loss is not None and loss[1] == EXPIRED:
                self._rows += compute_nodes.skip_attempts(conn, [held.job_id])
            else:
                self._rows += scheduling.unclaim(conn, [(held.job_id, held.attempt_id)])

    def _prepare_loss(
        self, conn: Connection, flight: InFlight, held: HeldAttempt, loss: Loss
    ) -> None:
        """Set what becomes of a job if the end of its attempt is not found."""
        flight.reruns = reruns_left(self._maker.on_lost(held.options), held.lost)
        node, proof = loss
        flight.last_seen = node.heartbeat_at
        flight.lost = compute_nodes.lost_on(conn, node, held.job_id, flight.key.run_id, proof)
        flight.lost_in_allocation = allocation_of(node) is not None

    def _adopt(self, held: HeldAttempt, start: ExitFile | None, *, same_boot: bool) -> InFlight:
        maker = self._maker
        stdout, stderr, exit_file = self._paths(held)
        pid, started = held.pid, held.process_started
        if start is not None:
            pid, started = start.pid, start.process_started
        flight = InFlight(
            key=self._key(held),
            job=held,
            allocation=self._allocation(held),
            allocation_text=held.allocation or "",
            output_dir=held.output_dir or maker.log_location,
            pid=held.pid,
            granted_at=held.started_at or 0.0,
            stop_requested=held.stop_requested,
            suspend_requested=held.suspended,
            suspended=held.suspended,
            require_written=maker.requires_written(held.options),
        )
        seconds = suspended_seconds(self._suspensions(held.job_id), held.started_at, time.time())
        note = (start or read_exit_file(exit_file)).note
        flight.outputs_before, flight.recorded = split_note(note)
        requirements = maker.context.requirements.get(held.requirement_id)
        self._flights.append(flight)
        self._adopted.append(
            Adopted(
                key=flight.key,
                name=held.name,
                pid=pid if same_boot else NO_PROCESS,
                process_started=started if same_boot else NO_PROCESS,
                started_at=held.started_at,
                exit_file=exit_file,
                stdout=stdout,
                stderr=stderr,
                limits=maker.limits(requirements, held.options),
                allocation=flight.allocation,
                suspended=None if seconds is None else held.suspended,
                suspended_seconds=seconds or 0.0,
                series=self._series(flight.key),
            )
        )
        return flight

    def _suspensions(self, job_id: int) -> list[tuple[bool, float]]:
        """Return when users have suspended and resumed a job."""
        if self._suspended is None:
            self._suspended = {}
            with self._store.read() as conn:
                rows = conn.rows(sql.SUSPENSIONS, workflow_id=self._maker.context.workflow_id)
            for row in rows:
                change = (row.kind == "job_suspended", row.timestamp)
                self._suspended.setdefault(row.job_id, []).append(change)
        return self._suspended.get(job_id, [])

    def _series(self, key: AttemptKey) -> Series | None:
        """Return what the other runner measured of a long attempt."""
        with self._store.read() as conn:
            found = usage_series.of_job(conn, key.job_id)
        same = (
            one.series
            for one in found
            if (one.run_id, one.attempt_id) == (key.run_id, key.attempt_id)
        )
        return next(same, None)

    def _key(self, held: HeldAttempt) -> AttemptKey:
        context = self._maker.context
        return context.attempt_key(held.job_id, held.attempt_id)

    def _paths(self, held: HeldAttempt) -> tuple[str | None, str | None, str]:
        """Return the standard output, the standard error and the exit file of an attempt."""
        output_dir = held.output_dir or self._maker.log_location
        execution = self._maker.context.execution
        return attempt_files(output_dir, self._key(held), held.stdio, execution)

    def _allocation(self, held: HeldAttempt) -> Allocation:
        """Return what an attempt holds.

        A prefetched job may have been started before its row had the allocation.
        """
        requested = self._maker.context.requirements.get(held.requirement_id)
        if held.allocation is None and requested is not None:
            return Allocation(requested.num_cpus, requested.planned_memory)
        return scheduling.decode_allocation(held.allocation)


def suspended_seconds(
    changes: Iterable[tuple[bool, float]], started_at: float | None, now: float
) -> float | None:
    """Return for how many seconds an attempt was suspended; None if it never was.

    ``changes`` are (suspended or resumed, time of day) of its job, in their order. Those before
    ``started_at`` belong to earlier attempts.
    """
    total, since, found = 0.0, None, False
    for suspended, at in changes:
        if started_at is None or at < started_at:
            continue
        found = True
        if suspended:
            since = at if since is None else since
        elif since is not None:
            total += max(0.0, at - since)
            since = None
    if since is not None:
        total += max(0.0, now - since)
    return total if found else None
