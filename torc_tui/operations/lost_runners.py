"""Take the jobs from runners that are lost, or whose lease has expired.

A new runner takes over from lost runners automatically. These actions are for users who want no new
runner, and for runners that are not proven to be lost: they are on another machine and send no
heartbeat.

Input: an open store, ids, the actor. Output: the runners that were dropped, with their jobs.

Invariants: a job that was asked to stop is canceled; every other job is lost, and runs again or
fails according to `on_lost` of the workflow file. Each attempt that began leaves a result. A
dropped runner that turns out to be alive finds its row ended and stops its jobs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence, Set

from torc_tui.errors import NotFound, Refused
from torc_tui.executors.exit_file import ExitFile
from torc_tui.lifecycle.liveness import Liveness
from torc_tui.operations.lost_attempts import EndedJobs, end_attempts, exit_record, kill, running
from torc_tui.operations.user_action import UserAction
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass
from torc_tui.status import HELD
from torc_tui.store import compute_nodes, runner_liveness, sql
from torc_tui.store.compute_nodes import HeldAttempt, Node
from torc_tui.store.database import Store
from torc_tui.store.event_log import append
from torc_tui.tuples import NamedTuple
from torc_tui.wording import count, duration


@dataclass(frozen=True, slots=True)
class Dropped:
    """A runner and what became of the jobs that it held.

    It was dropped, unless jobs are ``left`` for the next runner.
    """

    node: Node
    jobs: EndedJobs
    left: Set[int]


def drop_runner(
    store: Store, node_id: int, *, force: bool = False, actor: str | None = None
) -> Dropped:
    """End the row of a runner and take its jobs from it.

    Refused while the runner is alive, and while processes of its jobs run on this machine; with
    ``force`` these processes are killed.
    """
    with store.read() as conn:
        workflow_id = conn.value(sql.WORKFLOW_OF_NODE, node_id=node_id)
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
    store: Store,
    workflow_id: int,
    *,
    force: bool = False,
    keep_ends: bool = True,
    actor: str | None = None,
) -> list[Dropped]:
    """Take the jobs from lost runners; with ``force`` also from those whose lease has expired.

    Jobs of a lost runner that still run are left for the next runner, which adopts them, and with
    ``keep_ends`` those that have recorded their end.
    """
    with store.read() as conn:
        active = compute_nodes.active(conn, workflow_id)
    expired = _without_heartbeat(store, _expired(active)) if force else []
    dropped = [_drop(store, node, actor) for node in expired]
    for node in runner_liveness.lost(active):
        left = _for_next_runner(store, node, keep_ends=keep_ends)
        one = _drop(store, node, actor, left=left)
        if one.jobs.rows or not left:
            dropped.append(one)
    return dropped


class LostJobs(NamedTuple):
    """The jobs that would be taken from a runner, and the jobs left for the next runner."""

    node: Node
    taken: Set[int]
    left: Set[int]


def lost_jobs(store: Store, workflow_id: int, *, force: bool = False) -> list[LostJobs]:
    """Return the jobs that `sync_status` would free, without any change."""
    with store.read() as conn:
        active = compute_nodes.active(conn, workflow_id)
    expired = _without_heartbeat(store, _expired(active)) if force else []
    found = [LostJobs(node, _records(store, node).keys(), frozenset()) for node in expired]
    for node in runner_liveness.lost(active):
        left = _for_next_runner(store, node)
        found.append(LostJobs(node, _records(store, node).keys() - left, left))
    return [one for one in found if one.taken or not one.left]


def free_lost_jobs(
    store: Store, action: UserAction, workflow_ids: Iterable[int], actor: str | None = None
) -> bool:
    """Take the jobs from lost runners before an action that does not apply to held jobs.

    Return whether there were any.
    """
    if not action.legal.isdisjoint(HELD):
        return False
    freed = [sync_status(store, one, actor=actor) for one in dict.fromkeys(workflow_ids)]
    return any(freed)


def _expired(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if runner_liveness.verdict(node).liveness is Liveness.EXPIRED]


def _check(store: Store, node: Node) -> None:
    """Raise Refused unless the runner may be dropped without force."""
    known = runner_liveness.verdict(node)
    hint = f"stop it with `torc workflows stop {node.workflow_id}`, or drop it with --force"
    if known.is_lost:
        left = len(_for_next_runner(store, node))
        if not left:
            return
        jobs = count(left, "of its jobs still runs or has", "of its jobs still run or have")
        reason = f"{jobs} recorded an end"
        hint = f"`torc run {node.workflow_id}` takes over; with --force, running jobs are killed"
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


def _records(store: Store, node: Node) -> dict[int, ExitFile]:
    """Return what is known of the processes of the attempts that a runner holds, by job."""
    with store.read() as conn:
        run_id = conn.value(sql.RUN_OF_WORKFLOW, workflow_id=node.workflow_id)
        held = compute_nodes.held_attempts(conn, node.id)
    return {one.job_id: exit_record(node.workflow_id, run_id, one) for one in held}


def _for_next_runner(store: Store, node: Node, *, keep_ends: bool = True) -> set[int]:
    """Return the jobs of a lost runner that still run or, with ``keep_ends``, recorded an end."""
    return {
        job_id
        for job_id, record in _records(store, node).items()
        if running(node, record) or (keep_ends and record.code is not None)
    }


def _drop(store: Store, node: Node, actor: str | None, left: Set[int] = frozenset()) -> Dropped:
    """Take the jobs from a runner, but for those ``left``; without these, end its row."""
    records = _records(store, node)
    kill(node, [record for job_id, record in records.items() if job_id not in left])
    now = time.time()
    proof = runner_liveness.verdict(node).proof
    how, who = (proof.value, None) if proof else ("dropped", actor)
    with store.write() as conn:
        append(conn, node.workflow_id, [], at=now)
        run_id = conn.value(sql.RUN_OF_WORKFLOW, workflow_id=node.workflow_id)

        def loss(held: HeldAttempt) -> Reason:
            return compute_nodes.lost_on(conn, node, held.job_id, run_id, how, who)

        held = [one for one in compute_nodes.held_attempts(conn, node.id) if one.job_id not in left]
        stop = because(Kind.CANCELED_BY_USER)
        done = end_attempts(conn, node, held, now, stop=stop, loss=loss)
        if not left:
            done.rows.append(compute_nodes.leave(conn, node.id, now, lost=True))
        append(conn, node.workflow_id, done.rows, at=now, actor=actor)
    return Dropped(node, done, left)
