"""Adopt the jobs of runners that are lost for certain.

Input: the store, this process, an executor. Output: adopted attempts.

Never: a take-over from a runner that is only silent. From one whose lease has expired, only jobs
are taken whose `on_lost` says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from torc_tui.engine.attempt_record import split_note
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.leftover_files import exit_files, without_attempt
from torc_tui.engine.orders import OrderMaker, attempt_files
from torc_tui.executors.base import Adopted, Executor
from torc_tui.executors.exit_file import (
    ExitFile,
    find_starts,
    is_being_started,
    read_exit_file,
)
from torc_tui.lifecycle.decide import outlives_lease, reruns_left
from torc_tui.lifecycle.liveness import Proof
from torc_tui.model import Allocation, AttemptKey
from torc_tui.store import (
    compute_nodes,
    run_context,
    runner_liveness,
    scheduling,
)
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.events import append
from torc_tui.store.scheduling import decode_allocation, unclaim

START = 3.0
"""Seconds that a process may need to become a shell while its runner is gone."""
NOBODY = 0
"""Process id and start time of a job from before a reboot: ids and clock ticks of then may be
anybody's now."""


EXPIRED = "expired"
"""The proof of a loss that no proof but `on_lost` decides: the lease of the runner has expired."""
Lost = Callable[[Sequence[compute_nodes.Node]], list[compute_nodes.Node]]
"""Return those of the runners that are lost for certain."""


def take_over(
    store: Store,
    maker: OrderMaker,
    node_id: int,
    here: compute_nodes.Process,
    executor: Executor,
    now: float,
    *,
    lost: Lost = runner_liveness.lost,
) -> list[InFlight]:
    """Adopt what lost runners have left: their jobs that still run, and the ends of
    those that do not.

    A job that was claimed and never started goes back to ready: that is known by its exit file,
    which is made before its process. Nothing from before a reboot is adopted by its process id.
    """
    workflow_id = maker.context.workflow_id
    any_dead = _await_starts(store, maker, node_id, lost)
    left = exit_files(maker.log_location, workflow_id) if any_dead else {}
    found = _Found(maker, now)
    with store.write() as conn:
        scheduling.lock(conn, workflow_id, here.location)
        dead = lost(other_runners(conn, workflow_id, node_id))
        for node in dead:
            held = compute_nodes.held_attempts(conn, node.id)
            same_boot = node.boot_id == here.boot_id
            proof = Proof.PROCESS_GONE if same_boot else Proof.REBOOTED
            found.sort(conn, held, same_boot=same_boot, lost=(node, proof.value))
            compute_nodes.transfer(conn, [one.job_id for one in held], node_id)
            found.rows.append(compute_nodes.leave(conn, node.id, now, lost=True))
        if found.rows:
            append(conn, workflow_id, found.rows, at=now)
        active = run_context.active_attempts(conn, workflow_id) if left else []
    for path in without_attempt(left, maker.context.run_id, active):
        with suppress(OSError):
            os.unlink(path)
    if found.adopted:
        executor.adopt(found.adopted)
    return found.flights


def take_expired(
    store: Store,
    maker: OrderMaker,
    node_id: int,
    executor: Executor,
    now: float,
    expired: Sequence[compute_nodes.Node],
) -> list[InFlight]:
    """Take the jobs whose `on_lost` says so from runners whose lease has expired.

    Their processes may still run elsewhere, so none is adopted: only the end that an exit file
    records is used. A claimed job that never began gets its next attempt.
    """
    workflow_id, found = maker.context.workflow_id, _Found(maker, now)
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        active = {node.id for node in compute_nodes.active(conn, workflow_id)}
        for node in expired:
            held = compute_nodes.held_attempts(conn, node.id)
            taken = [one for one in held if not outlives_lease(maker.on_lost(one.options))]
            if node.id not in active or (held and not taken):
                continue
            before = len(found.flights)
            found.sort(conn, taken, same_boot=False, lost=(node, EXPIRED))
            adopted = [flight.key.job_id for flight in found.flights[before:]]
            compute_nodes.transfer(conn, adopted, node_id)
            if len(taken) == len(held):
                found.rows.append(compute_nodes.leave(conn, node.id, now, lost=True))
        if found.rows:
            append(conn, workflow_id, found.rows, at=now)
    if found.adopted:
        executor.adopt(found.adopted)
    return found.flights


def take_back(
    store: Store,
    maker: OrderMaker,
    node_id: int,
    executor: Executor,
    now: float,
    known: Collection[int],
) -> list[InFlight]:
    """What this node holds in the store without knowing it (``known`` are the jobs it knows): a
    commit of which the answer was lost. Claims go back to ready, adoptions are done.
    """
    found = _Found(maker, now)
    with store.write() as conn:
        held = compute_nodes.held_attempts(conn, node_id)
        found.sort(conn, [one for one in held if one.job_id not in known], same_boot=True)
        if found.rows:
            append(conn, maker.context.workflow_id, found.rows, at=now)
    if found.adopted:
        executor.adopt(found.adopted)
    return found.flights


def other_runners(conn: Connection, workflow_id: int, node_id: int) -> list[compute_nodes.Node]:
    """Return the other runners that have not recorded their end."""
    return [node for node in compute_nodes.active(conn, workflow_id) if node.id != node_id]


def _await_starts(
    store: Store,
    maker: OrderMaker,
    node_id: int,
    lost: Lost,
) -> bool:
    """Wait until the processes that dead runners were about to start have become shells; return
    whether there are dead runners.
    """
    with store.read() as conn:
        dead = lost(other_runners(conn, maker.context.workflow_id, node_id))
        held = [
            one
            for node in dead
            for one in compute_nodes.held_attempts(conn, node.id)
            if one.pid is None
        ]
    files = [_paths(maker, one)[2] for one in held]
    deadline = time.monotonic() + START
    while any(is_being_started(file) for file in files) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(dead)


class _Found:
    """What was left, sorted into what is watched on and what goes back to ready."""

    def __init__(self, maker: OrderMaker, now: float) -> None:
        self.maker = maker
        self.now = now
        self.flights: list[InFlight] = []
        self.adopted: list[Adopted] = []
        self.rows: list[EventRow] = []

    def sort(
        self,
        conn: Any,
        attempts: Sequence[compute_nodes.HeldAttempt],
        *,
        same_boot: bool,
        lost: tuple[compute_nodes.Node, str] | None = None,
    ) -> None:
        """Give back the attempts whose command never began, and adopt the others.

        ``lost`` is a runner and the proof of its loss: jobs of it that are not found are lost.
        """
        run_id = self.maker.context.run_id
        unknown = [_paths(self.maker, held)[2] for held in attempts if held.pid is None]
        starts = find_starts(unknown)
        for held in attempts:
            exit_file = _paths(self.maker, held)[2]
            if held.pid is None and exit_file not in starts:
                if lost is not None and lost[1] == EXPIRED:
                    self.rows += compute_nodes.skip_attempts(conn, [held.job_id])
                else:
                    self.rows += unclaim(conn, [(held.job_id, held.attempt_id)])
            else:
                self._adopt(held, starts.get(exit_file), same_boot=same_boot)
                if lost is not None:
                    flight, (node, proof) = self.flights[-1], lost
                    flight.reruns = reruns_left(self.maker.on_lost(held.options), held.lost)
                    flight.lost = compute_nodes.lost_on(conn, node, held.job_id, run_id, proof)

    def _adopt(
        self, held: compute_nodes.HeldAttempt, told: ExitFile | None, *, same_boot: bool
    ) -> None:
        stdout, stderr, exit_file = _paths(self.maker, held)
        flight = _flight(self.maker, held)
        note = read_exit_file(exit_file).note if told is None else told.note
        flight.outputs_before, flight.recorded = split_note(note)
        pid, started = held.pid, held.process_started
        if told is not None:
            pid, started = told.pid, told.process_started
        self.flights.append(flight)
        self.adopted.append(
            Adopted(
                key=flight.key,
                name=held.name,
                pid=pid if same_boot else NOBODY,
                process_started=started if same_boot else NOBODY,
                started_at=held.started_at,
                exit_file=exit_file,
                stdout=stdout,
                stderr=stderr,
                limits=self.maker.limits(
                    self.maker.context.requirements.get(held.requirement_id), held.options
                ),
                allocation=flight.allocation,
            )
        )


def _paths(
    maker: OrderMaker, held: compute_nodes.HeldAttempt
) -> tuple[str | None, str | None, str]:
    """Standard output, standard error and the exit file of an attempt."""
    context = maker.context
    key = AttemptKey(context.workflow_id, held.job_id, context.run_id, held.attempt_id)
    return attempt_files(held.output_dir or maker.log_location, key, held.stdio, context.execution)


def _allocation(maker: OrderMaker, held: compute_nodes.HeldAttempt) -> Allocation:
    """What it holds. A job that was claimed ahead may have been started without its row knowing
    what it got.
    """
    asked = maker.context.requirements.get(held.requirement_id)
    if held.allocation is None and asked is not None:
        return Allocation(asked.num_cpus, asked.planned_memory)
    return decode_allocation(held.allocation)


def _flight(maker: OrderMaker, held: compute_nodes.HeldAttempt) -> InFlight:
    return InFlight(
        key=AttemptKey(
            maker.context.workflow_id, held.job_id, maker.context.run_id, held.attempt_id
        ),
        job=held,
        allocation=_allocation(maker, held),
        allocation_text=held.allocation or "",
        output_dir=held.output_dir or maker.log_location,
        pid=held.pid,
        stop_requested=held.stop_requested,
        require_written=maker.requires_written(held.options),
    )
