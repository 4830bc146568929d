"""Take the jobs from runners that are lost, or whose lease has expired.

A runner takes over from lost runners by itself. These actions are the way out where no runner is
wanted, and where nothing is proven: the runner is on another machine and sends no heartbeat.

Input: an open store, ids, who acts. Output: the runners that were dropped, with their jobs.

Invariants: a job that was asked to stop is canceled, every other job is ready again with its next
attempt. A runner that was dropped and is alive after all finds its row ended and stops its jobs.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from torc_tui.errors import NotFound, Refused
from torc_tui.lifecycle.liveness import Liveness
from torc_tui.operations.runners import job_process
from torc_tui.reasons import Kind, because
from torc_tui.store import compute_nodes, runner_liveness, user_actions, workflows
from torc_tui.store.compute_nodes import Node
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow, resettle
from torc_tui.store.events import append
from torc_tui.wording import count, duration


@dataclass(frozen=True, slots=True)
class Dropped:
    """A runner that was dropped; the jobs that are ready again, and those that were canceled."""

    node: Node
    ready: Sequence[int]
    canceled: Sequence[int]


def drop_runner(
    store: Store, node_id: int, *, force: bool = False, actor: str | None = None
) -> Dropped:
    """End the row of a runner and take its jobs from it.

    Refused while the runner is alive, and while processes of its jobs run on this machine; with
    ``force`` these processes are killed.
    """
    with store.read() as conn:
        workflow_id = compute_nodes.workflow_of(conn, node_id)
        found = [] if workflow_id is None else compute_nodes.active(conn, workflow_id)
    if workflow_id is None:
        raise NotFound(f"there is no runner {node_id}", hint="`torc compute-nodes list` shows them")
    node = next((node for node in found if node.id == node_id), None)
    if node is None:
        raise Refused(f"cannot drop runner {node_id}: it has already ended")
    if not force:
        _check(store, node)
    return _drop(store, node, actor)


def sync_status(
    store: Store, workflow_id: int, *, force: bool = False, actor: str | None = None
) -> list[Dropped]:
    """Drop the lost runners of a workflow; with ``force`` also those whose lease has expired.

    Jobs of a lost runner that still run are left for the next runner, which adopts them.
    """
    with store.read() as conn:
        active = compute_nodes.active(conn, workflow_id)
    lost = [node for node in runner_liveness.lost(active) if not _running(store, node)]
    expired = _without_heartbeat(store, _expired(active)) if force else []
    return [_drop(store, node, actor) for node in (*lost, *expired)]


def _expired(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if runner_liveness.verdict(node).liveness is Liveness.EXPIRED]


def _check(store: Store, node: Node) -> None:
    """Raise Refused unless the runner may be dropped without force."""
    known = runner_liveness.verdict(node)
    hint = f"stop it with `torc workflows stop {node.workflow_id}`, or drop it with --force"
    if known.is_lost:
        running = len(_running(store, node))
        if not running:
            return
        verb = "runs" if running == 1 else "run"
        reason = f"{count(running, 'job')} of it still {verb} on this machine"
        hint = f"`torc run {node.workflow_id}` adopts them; with --force they are killed"
    elif known.liveness is Liveness.EXPIRED and _without_heartbeat(store, [node]):
        return
    else:
        ago = duration(max(time.time() - node.heartbeat_at, 0.0))
        reason = f"it is {known.liveness.value}, its last heartbeat was {ago} ago"
        if known.liveness is Liveness.EXPIRED:
            reason = "it still sends heartbeats"
    raise Refused(f"cannot drop runner {node.id}: {reason}", hint=hint)


def _without_heartbeat(store: Store, nodes: Sequence[Node]) -> list[Node]:
    """Return the runners that send no heartbeat for a while. All are watched together."""
    if not nodes:
        return []
    before = {node.id: node.heartbeats for node in nodes}
    end = time.monotonic() + runner_liveness.WATCH_SECONDS
    quiet = list(nodes)
    while quiet and time.monotonic() < end:
        time.sleep(0.2)
        with store.read() as conn:
            now = {
                node.id: node.heartbeats
                for node in compute_nodes.active(conn, nodes[0].workflow_id)
            }
        quiet = [node for node in quiet if now.get(node.id) == before[node.id]]
    return quiet


def _running(store: Store, node: Node) -> list[tuple[int, int | None]]:
    """Return the processes of its jobs that run on this machine, with their start times."""
    if not runner_liveness.is_here(node):
        return []
    run_id = workflows.get_workflow(store, node.workflow_id).run_id
    with store.read() as conn:
        held = compute_nodes.held_attempts(conn, node.id)
    found = [job_process(node.workflow_id, run_id, one) for one in held]
    return [
        (pid, started)
        for pid, started in found
        if pid and runner_liveness.process_runs(pid, started)
    ]


def _drop(store: Store, node: Node, actor: str | None) -> Dropped:
    for pid, _ in _running(store, node):
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    now = time.time()
    reason = because(Kind.CANCELED_BY_USER, actor=None)
    with store.write() as conn:
        append(conn, node.workflow_id, [], at=now)
        held = compute_nodes.held_attempts(conn, node.id)
        canceled = [one.job_id for one in held if one.stop_requested]
        user_actions.end_held(conn, canceled, reason, now)
        rows: list[EventRow] = [
            ("job_canceled", job_id, {"reason": reason.to_json()}) for job_id in canceled
        ]
        ready = compute_nodes.lose_jobs(conn, node.id)
        rows += [("job_ready", job_id, {"attempt": attempt}) for job_id, attempt in ready]
        rows.append(compute_nodes.leave(conn, node.id, now, lost=True))
        if canceled:
            rows += resettle(conn, node.workflow_id, now)
        append(conn, node.workflow_id, rows, at=now, actor=actor)
    return Dropped(node, [job_id for job_id, _ in ready], canceled)
