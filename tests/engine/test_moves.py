"""Every move of a runner from every status: legal moves change the row, all others change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.lifecycle.decide import Outcome, StatusChange
from torc_tui.model import AttemptKey, Cause, Exited, FailureRule, Started
from torc_tui.status import HELD, JobStatus, is_legal
from torc_tui.store import compute_nodes, dependency_counters, ready_jobs, scheduling, workflows

S = JobStatus
Move = Callable[[Any, Any], object]


def end(status: S, *, retry: bool = False) -> Move:
    def move(it: Any, conn: Any) -> object:
        key = AttemptKey(it.workflow_id, it.ids["a"], 1, 1)
        exited = Exited(key=key, return_code=1, started_at=1.0, ended_at=2.0)
        rule = FailureRule() if retry else None
        outcome = Outcome(status, 1, Cause.EXIT, retry=rule, releases=False)
        ended = scheduling.EndedAttempt(exited, outcome, 0, "", "out")
        return scheduling.end(conn, it.engine.node.node_id, [ended])

    return move


def claim(it: Any, conn: Any) -> object:
    return scheduling.claim(conn, it.engine.node.node_id, 1, "out", [(it.ready, None)])


def start(it: Any, conn: Any) -> object:
    key = AttemptKey(it.workflow_id, it.ids["a"], 1, 1)
    return scheduling.start(conn, it.engine.node.node_id, [Started(key, 1, 1, 1.0)])


def unclaim(it: Any, conn: Any) -> object:
    return scheduling.unclaim(conn, [(it.ids["a"], 1)])


def resume(it: Any, conn: Any) -> object:
    execute(conn, "UPDATE job SET stop_requested = 'stopped'")
    return workflows.resume_interrupted(conn, it.workflow_id)


def skip(it: Any, conn: Any) -> object:
    return compute_nodes.skip_attempts(conn, [it.ids["a"]])


def settle(status: S) -> Move:
    def move(it: Any, conn: Any) -> object:
        return dependency_counters.apply_changes(conn, [StatusChange(it.ids["a"], status)], 1.0)

    return move


MOVES: dict[str, tuple[Move, frozenset[S], S]] = {
    "claim": (claim, frozenset({S.READY}), S.PENDING),
    "start": (start, frozenset({S.PENDING}), S.RUNNING),
    "unclaim": (unclaim, frozenset({S.PENDING}), S.READY),
    "skip": (skip, frozenset({S.PENDING}), S.READY),
    "resume": (resume, frozenset({S.TERMINATED}), S.READY),
    "complete": (end(S.COMPLETED), HELD, S.COMPLETED),
    "fail": (end(S.FAILED), HELD, S.FAILED),
    "terminate": (end(S.TERMINATED), HELD, S.TERMINATED),
    "cancel": (end(S.CANCELED), HELD, S.CANCELED),
    "pend": (end(S.PENDING_FAILED), HELD, S.PENDING_FAILED),
    "retry": (end(S.FAILED, retry=True), HELD, S.READY),
    "release": (settle(S.READY), frozenset({S.UNINITIALIZED, S.BLOCKED, S.PENDING}), S.READY),
    "doom": (
        settle(S.CANCELED),
        frozenset({S.UNINITIALIZED, S.BLOCKED, S.READY, S.PENDING}),
        S.CANCELED,
    ),
}


@pytest.mark.parametrize("name", MOVES)
def test_engine_moves(bench: Callable[..., Any], name: str) -> None:
    move, sources, target = MOVES[name]
    it = bench("name: x\njobs: [{name: a, command: x}]\n")
    with it.store.read() as conn:
        of = ready_jobs.ReadyOf(it.workflow_id, now=1.0)
        (kind,) = ready_jobs.ready_classes(conn, of)
        (it.ready,) = ready_jobs.ready_jobs(conn, of, kind, 1)
    for status in JobStatus:
        with it.store.write() as conn:
            execute(
                conn,
                f"UPDATE job SET status = {int(status)}, attempt_id = 1, stop_requested = NULL,"
                f" compute_node_id = {it.engine.node.node_id}",
            )
            execute(conn, "DELETE FROM result")
            move(it, conn)
        (job,) = it.jobs()
        if status in sources:
            assert job.status is target, status
            assert is_legal(status, target), status
        else:
            assert job.status is status, status
