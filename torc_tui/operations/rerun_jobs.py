"""Rerun finished jobs from their first attempt, together with the jobs that used their output.

Input: an open store, ids of jobs, the actor. Output: the jobs that were changed, and a refusal for
each other job.

Invariants
* The run continues while jobs are pending or running, or a runner is active; otherwise a new run
  begins.
* A running job is never changed here: with ``stop``, its runner is asked to end the attempt, and
  resets the job when it records the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torc_tui.lifecycle.decide import RERUN
from torc_tui.operations.catalog import rerun_action
from torc_tui.operations.jobs import Done, ask_to_stop, end_orphans_of, on_jobs
from torc_tui.operations.retries import PutBack, plan_put_back
from torc_tui.reasons import Kind, because
from torc_tui.status import HELD, number_of
from torc_tui.store import (
    compute_nodes,
    dependency_counters,
    runner_liveness,
    sql,
    user_actions,
    workflows,
)
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.user_actions import JobState


def rerun_jobs(
    store: Store,
    job_ids: Iterable[int],
    *,
    alone: bool = False,
    stop: bool = False,
    actor: str | None = None,
) -> Done:
    """Make finished jobs run again, and the jobs that used their output unless ``alone``.

    With ``stop``, running jobs are ended first.
    """
    action = rerun_action(stop=stop)
    reason = because(Kind.RERUN_BY_USER, actor=actor).to_json()
    plan = PutBack()
    stopping: list[int] = []
    dependents = 0

    def check(conn: Connection, jobs: list[JobState]) -> dict[int, str]:
        nonlocal plan
        plan = plan_put_back(conn, action, jobs, alone=alone, stop=stop)
        return plan.refused

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        nonlocal dependents
        dependents += len(plan.followers)
        held = [job for job in jobs if job.status in HELD]
        stopped = [*held, *user_actions.job_states(conn, plan.held)]
        running = {job.id for job in stopped}
        stopping.extend(running)
        back = [one for one in [*plan.chosen, *plan.followers] if one not in running]
        rows = ask_to_stop(conn, stopped, RERUN)
        if not back:
            return rows
        return [*rows, *reset_jobs(conn, workflow_id, back, at, reason)]

    done = on_jobs(store, action, job_ids, act, actor, check)
    done.dependents = dependents
    end_orphans_of(store, stopping, because(Kind.RERUN_BY_USER, actor=actor))
    return done


def reset_jobs(
    conn: Connection, workflow_id: int, job_ids: list[int], at: float, reason: Any
) -> list[EventRow]:
    """Reset jobs that no runner holds, in this run or in a new one; return the events."""
    rows: list[EventRow] = []
    if is_at_work(conn, workflow_id):
        user_actions.reset(conn, job_ids)
        conn.execute(sql.SET_CANCELED, workflow_id=workflow_id, is_canceled=False)
        user_actions.rearm_actions(conn, workflow_id, job_ids)
    else:
        user_actions.begin_again(conn, job_ids)
        run_id = user_actions.next_partial_run(conn, workflow_id, job_ids)
        rows.append(("workflow_reset", None, {"run_id": run_id, "jobs": len(job_ids)}))
    put_back = user_actions.put_back(
        conn, workflow_id, job_ids, at, ("job_rerun", {"reason": reason})
    )
    return put_back + dependency_counters.hold_listed(conn, workflow_id, job_ids) + rows


def is_at_work(conn: Connection, workflow_id: int) -> bool:
    """Return whether jobs of a workflow are pending or running, or a runner waits for some."""
    if number_of(workflows.counts(conn, workflow_id), HELD):
        return True
    active = compute_nodes.active(conn, workflow_id)
    return len(runner_liveness.lost(active)) < len(active)
