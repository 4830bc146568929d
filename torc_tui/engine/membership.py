"""Who runs what: a runner says that it is there, and takes over from those that are gone.

What comes in: the store, this process, an executor. What goes out: rows of compute nodes, adopted attempts. A runner is
gone when its process is gone from this host; of other hosts only its silence is known, and silence adopts nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from torc_tui.engine.engine import InFlight
from torc_tui.engine.orders import OrderMaker, attempt_files
from torc_tui.executors.base import Adopted, Executor
from torc_tui.executors.wrapper import read_exit_file
from torc_tui.model import AttemptKey, Json, Machine
from torc_tui.resources.detect import boot_id, process_started
from torc_tui.store import nodes, outlook
from torc_tui.store.counters import EventRow
from torc_tui.store.database import Store
from torc_tui.store.events import append
from torc_tui.store.scheduling import decode_allocation, unclaim

HEARTBEAT = 5.0
"""Seconds between two signs of life."""


def this_process(hostname: str) -> nodes.Process:
    """This runner as a process that others can look for."""
    pid = os.getpid()
    return nodes.Process(hostname=hostname, boot_id=boot_id(), pid=pid, started=process_started(pid) or 0)


def is_alive(node: nodes.Node, here: nodes.Process) -> bool:
    """Whether the process of a runner is there. Of another host that cannot be seen: it is believed."""
    if node.hostname != here.hostname:
        return True
    return node.boot_id == here.boot_id and process_started(node.pid) == node.process_started


def join(
    store: Store,
    workflow_id: int,
    run_id: int,
    here: nodes.Process,
    machine: Machine,
    options: Mapping[str, Json],
    now: float,
) -> int:
    """Register this runner, and take up again what an earlier stop has interrupted; the id of the node."""
    with store.write() as conn:
        node_id, event = nodes.register(conn, workflow_id, run_id, here, machine, options, now)
        rows: list[EventRow] = [event]
        for job_id, attempt_id in outlook.take_up_interrupted(conn, workflow_id):
            rows.append(("job_retried", job_id, {"attempt": attempt_id, "reason": "taken up after a stop"}))
        append(conn, workflow_id, rows, at=now)
    return node_id


def take_over(
    store: Store,
    maker: OrderMaker,
    node_id: int,
    here: nodes.Process,
    executor: Executor,
    now: float,
    *,
    alive: Callable[[nodes.Node, nodes.Process], bool] = is_alive,
) -> list[InFlight]:
    """Adopt what dead runners of this host have left: their jobs that still run, and the ends of those that do not.

    A job that was claimed and never started goes back to ready.
    """
    workflow_id = maker.context.workflow_id
    flights: list[InFlight] = []
    adopted: list[Adopted] = []
    with store.write() as conn:
        dead = [node for node in nodes.active(conn, workflow_id) if node.id != node_id and not alive(node, here)]
        rows: list[EventRow] = []
        for node in dead:
            for held in nodes.held_attempts(conn, node.id):
                flight = _flight(maker, held)
                adoption = _adoption(maker, held, flight, now)
                if adoption is None:
                    rows += unclaim(conn, [(held.job_id, held.attempt_id)])
                else:
                    flights.append(flight)
                    adopted.append(adoption)
            nodes.transfer(conn, node.id, node_id)
            rows.append(nodes.leave(conn, node.id, now, lost=True))
        if rows:
            append(conn, workflow_id, rows, at=now)
    if adopted:
        executor.adopt(adopted)
    return flights


def _flight(maker: OrderMaker, held: nodes.HeldAttempt) -> InFlight:
    return InFlight(
        key=AttemptKey(maker.context.workflow_id, held.job_id, maker.context.run_id, held.attempt_id),
        name=held.name,
        allocation=decode_allocation(held.allocation),
        allocation_text=held.allocation or "",
        output_dir=held.output_dir or maker.output_dir,
        retries=held.retries,
        requirement_id=held.requirement_id,
        failure_handler_id=held.failure_handler_id,
        output_files=held.output_files,
        output_user_data=held.output_user_data,
        require_user_data=held.require_user_data,
        stdio=held.stdio,
        pid=held.pid,
        stop=held.stop_requested,
    )


def _adoption(maker: OrderMaker, held: nodes.HeldAttempt, flight: InFlight, now: float) -> Adopted | None:
    """How to watch it on; None when no process was ever started for it."""
    stdout, stderr, exit_file = attempt_files(flight.output_dir, flight.key, held.stdio, maker.context.execution)
    if held.pid is None:
        left = read_exit_file(exit_file)
        if left.pid is None and left.code is None:
            return None
    return Adopted(
        key=flight.key,
        name=held.name,
        pid=held.pid,
        process_started=held.process_started,
        started_at=held.started_at or now,
        exit_file=exit_file,
        stdout=stdout,
        stderr=stderr,
        limits=maker.limits(maker.context.requirements.get(held.requirement_id)),
        allocation=flight.allocation,
    )
