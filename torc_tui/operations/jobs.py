"""Change jobs for a user: cancel, terminate, retry, prioritize, disable, enable.

Input: an open store, ids of jobs, the actor. Output: the jobs that were changed, and a refusal for
each other job. `torc_tui.operations.catalog` says in which statuses an action is legal.

Invariants: all jobs exist, or nothing is changed. One transaction per workflow changes the rows and
appends their events. A running job is changed by its runner, on request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torc_tui.errors import NotFound
from torc_tui.model import Json, ResourceRequirements
from torc_tui.operations import catalog
from torc_tui.operations.job_changes import JobChanges, PlannedChanges, apply_changes, plan_changes
from torc_tui.operations.lost_attempts import end_orphans
from torc_tui.operations.lost_runners import free_lost_jobs
from torc_tui.operations.retries import PutBack, plan_put_back
from torc_tui.operations.user_action import ActionSelection, UserAction, narrow
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.records import dataclass, field
from torc_tui.status import CANCELABLE, HELD, RETRYABLE, JobStatus
from torc_tui.store import dependency_counters, growth, job_definitions, sql, user_actions
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append
from torc_tui.store.user_actions import JobState


@dataclass(slots=True)
class Done:
    """The ids of the changed jobs, refusals by id, and the number of changed dependents."""

    moved: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    dependents: int = 0


def select(
    store: Store,
    action: UserAction,
    job_ids: Iterable[int],
    *,
    alone: bool = False,
    stop: bool = False,
    actor: str | None = None,
) -> ActionSelection[JobState]:
    """Return the jobs to which an action applies. NotFound for an unknown id.

    ``alone`` and ``stop`` are those of a rerun. Nothing is changed, but for jobs of lost runners:
    they are taken from these first.
    """
    jobs, refused = narrow(action, _free(store, action, job_ids, actor))
    names: dict[int, str] = {}
    with store.read() as conn:
        if action is catalog.CANCEL:
            names = user_actions.doomed(conn, [job.id for job in jobs])
        elif action.id in (catalog.RETRY.id, catalog.RERUN.id):
            plan = plan_put_back(conn, action, jobs, alone=alone, stop=stop)
            refused |= plan.refused
            jobs = [job for job in jobs if job.id not in plan.refused]
            names = plan.followers
    return ActionSelection(jobs, refused, list(names.values()))


def _free(
    store: Store, action: UserAction, job_ids: Iterable[int], actor: str | None
) -> list[JobState]:
    """Return the jobs with these ids, after they were taken from lost runners if necessary."""
    found = _existing(store, job_ids)
    held = [job.workflow_id for job in found if job.status in HELD]
    if held and free_lost_jobs(store, action, held, actor):
        found = _existing(store, [job.id for job in found])
    return found


def cancel_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Cancel waiting jobs at once, with their dependents; ask the runners of the running ones."""
    reason = because(Kind.CANCELED_BY_USER, actor=actor)

    dependents = 0

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        nonlocal dependents
        dependents += len(user_actions.doomed(conn, [job.id for job in jobs]))
        waiting = [job.id for job in jobs if job.status in CANCELABLE]
        conn.each(sql.CANCEL_JOB, waiting, reason=reason.encode(), ended_at=at)
        rows: list[EventRow] = [
            ("job_canceled", job_id, {"reason": reason.to_json()}) for job_id in waiting
        ]
        rows += ask_to_stop(conn, jobs, "canceled")
        return rows + (dependency_counters.resettle(conn, workflow_id, at) if waiting else [])

    done = on_jobs(store, catalog.CANCEL, job_ids, act, actor)
    done.dependents = dependents
    end_orphans_of(store, done.moved, reason)
    return done


def terminate_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Ask the runners of running jobs to end them: SIGTERM, then SIGKILL."""

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        return ask_to_stop(conn, jobs, "terminated")

    done = on_jobs(store, catalog.TERMINATE, job_ids, act, actor)
    end_orphans_of(store, done.moved, because(Kind.TERMINATED_BY_USER, actor=actor))
    return done


def update_jobs(
    store: Store,
    job_ids: Iterable[int],
    *,
    changes: JobChanges,
    when_done: bool = False,
    actor: str | None = None,
) -> Done:
    """Change what jobs are; with ``when_done``, running jobs change after their attempt."""
    planned = PlannedChanges()

    def check(conn: Connection, jobs: list[JobState]) -> dict[int, str]:
        nonlocal planned
        planned = plan_changes(conn, jobs[0].workflow_id, jobs, changes)
        return planned.refused

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        return apply_changes(conn, workflow_id, jobs, planned)

    return on_jobs(store, catalog.update_action(when_done=when_done), job_ids, act, actor, check)


def retry_jobs(
    store: Store,
    job_ids: Iterable[int],
    *,
    changes: JobChanges | None = None,
    grown: Mapping[int, ResourceRequirements] | None = None,
    actor: str | None = None,
) -> Done:
    """Give jobs that did not succeed another attempt; put back the jobs that followed from them.

    Changes, and larger requests by the id of the job, are made in the same transaction, so that no
    runner starts the job as it was.
    """
    reason = because(Kind.RETRIED_BY_USER, actor=actor).to_json()
    retry, planned = PutBack(), PlannedChanges()
    dependents = 0

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        nonlocal dependents
        dependents += len(retry.followers)
        put_back = [*retry.chosen, *retry.followers]
        changed = apply_changes(conn, workflow_id, jobs, planned) if changes else []
        more = {job.id: grown[job.id] for job in jobs if grown and job.id in grown}
        changed += growth.grow_updated(conn, workflow_id, more) if more else []
        user_actions.reset(conn, put_back)
        conn.execute(sql.SET_CANCELED, workflow_id=workflow_id, is_canceled=False)
        user_actions.rearm_actions(conn, workflow_id, put_back)
        event = ("job_retried", {"reason": reason, "not_before": None})
        return changed + user_actions.put_back(conn, workflow_id, put_back, at, event)

    def check(conn: Connection, jobs: list[JobState]) -> dict[int, str]:
        nonlocal retry, planned
        if changes and jobs:
            planned = plan_changes(conn, jobs[0].workflow_id, jobs, changes)
        left = [job for job in jobs if job.id not in planned.refused]
        retry = plan_put_back(conn, catalog.RETRY, left)
        return planned.refused | retry.refused

    done = on_jobs(store, catalog.RETRY, job_ids, act, actor, check)
    done.dependents = dependents
    return done


def fail_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Let jobs that wait for a decision count as failed, and settle the jobs behind them."""

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        conn.each(sql.FAIL_JOB, [job.id for job in jobs])
        rows: list[EventRow] = [("job_failed", job.id, _end_of(conn, job.id)) for job in jobs]
        return rows + dependency_counters.resettle(conn, workflow_id, at)

    return on_jobs(store, catalog.FAIL, job_ids, act, actor)


def _end_of(conn: Connection, job_id: int) -> dict[str, Json]:
    """Return how the last attempt of a job ended, as the event of its end tells it."""
    end = conn.one(sql.JOB_END, job_id=job_id)
    assert end is not None, f"job {job_id} has no result"
    reason = decode(end.reason)
    return {
        "attempt": end.attempt_id,
        "return_code": end.return_code,
        "started_at": end.started_at,
        "ended_at": end.ended_at,
        "reason": reason and reason.to_json(),
    }


def set_priority(
    store: Store, job_ids: Iterable[int], priority: int, *, actor: str | None = None
) -> Done:
    """Set the priority of jobs: higher ones start first, the default is 0."""

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        changes = {job.id: {"priority": priority} for job in jobs}
        job_definitions.change(conn, job_definitions.edited(conn, changes))
        return [("job_priority", job.id, {"priority": priority}) for job in jobs]

    return on_jobs(store, catalog.PRIORITY, job_ids, act, actor)


def set_values(
    store: Store,
    action: UserAction,
    job_ids: Iterable[int],
    actor: str | None,
    statement: Any,
    data: dict[str, Json] | None = None,
    **values: Any,
) -> Done:
    """Execute a statement with the same values for each job; ``data`` are those of the events."""

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        conn.each(statement, [job.id for job in jobs], **values)
        return [(action.events[0], job.id, data) for job in jobs]

    return on_jobs(store, action, job_ids, act, actor)


def disable_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Leave jobs out: they do not run, and their dependents do not wait for them.

    Dependents that were canceled because of one of the jobs wait again, or start.
    """
    reason = because(Kind.DISABLED_BY_USER, actor=actor)

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        freed = _canceled_followers(conn, jobs)
        conn.each(sql.DISABLE_JOB, [job.id for job in jobs], reason=reason.encode())
        user_actions.reset(conn, freed)
        rows: list[EventRow] = [
            ("job_disabled", job.id, {"reason": reason.to_json()}) for job in jobs
        ]
        return rows + user_actions.put_back(conn, workflow_id, freed, at)

    done = on_jobs(store, catalog.DISABLE, job_ids, act, actor)
    done.dependents = 0  # they are freed, not disabled
    return done


def enable_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Let disabled jobs take part again; jobs behind them that have not started wait for them."""

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        chosen = [job.id for job in jobs]
        after = user_actions.followers(conn, chosen)
        chosen += [one.id for one in after if one.status is JobStatus.READY]
        user_actions.reset(conn, chosen)
        return user_actions.put_back(conn, workflow_id, chosen, at)

    done = on_jobs(store, catalog.ENABLE, job_ids, act, actor)
    done.dependents = 0  # they wait again
    return done


def _canceled_followers(conn: Connection, jobs: Sequence[JobState]) -> list[int]:
    """Return the jobs that were canceled because one of these did not succeed."""
    failed = [job.id for job in jobs if job.status in RETRYABLE]
    found = user_actions.followers(conn, failed)
    canceled = [one.id for one in found if one.status is JobStatus.CANCELED]
    return [job_id for job_id in canceled if job_id not in failed]


Act = Callable[[Any, int, list[JobState], float], list[EventRow]]
"""Changes jobs to which the action applies; gets connection, workflow, jobs, time."""


Check = Callable[[Any, list[JobState]], dict[int, str]]
"""Returns refusals by id that follow from other jobs; gets connection and jobs."""


def on_jobs(
    store: Store,
    action: UserAction,
    job_ids: Iterable[int],
    act: Act,
    actor: str | None,
    check: Check = lambda conn, jobs: {},
) -> Done:
    """Change the jobs to which the action applies, in one transaction per workflow."""
    found = _free(store, action, job_ids, actor)
    done = Done()
    for workflow_id in dict.fromkeys(job.workflow_id for job in found):
        ids = [job.id for job in found if job.workflow_id == workflow_id]
        now = time.time()
        with store.write() as conn:
            append(conn, workflow_id, [], at=now)
            chosen, refused = narrow(action, user_actions.job_states(conn, ids))
            refused |= check(conn, chosen) if chosen else {}
            chosen = [job for job in chosen if job.id not in refused]
            done.refused |= refused
            if not chosen:
                continue
            rows = act(conn, workflow_id, chosen, now)
            append(conn, workflow_id, rows, at=now, actor=actor)
        done.moved += [job.id for job in chosen]
    return done


def _existing(store: Store, job_ids: Iterable[int]) -> list[JobState]:
    """Return the jobs with these ids, each once. NotFound if one does not exist."""
    wanted = list(dict.fromkeys(job_ids))
    with store.read() as conn:
        found = user_actions.job_states(conn, wanted)
    missing = set(wanted) - {job.id for job in found}
    if missing:
        raise NotFound(
            f"there is no job {min(missing)}", hint="`torc jobs list WORKFLOW` shows the ids"
        )
    return found


def ask_to_stop(conn: Connection, jobs: Sequence[JobState], cause: str) -> list[EventRow]:
    """Ask the runners of the running jobs among these to end them."""
    running = [job.id for job in jobs if job.status in HELD]
    conn.each(sql.ASK_JOB_TO_STOP, running, stop_requested=cause)
    return [("job_stop_requested", job_id, {"cause": cause}) for job_id in running]


def end_orphans_of(store: Store, job_ids: Sequence[int], reason: Reason) -> None:
    """End those of the changed jobs whose runner is dead: no runner is left to do it."""
    with store.read() as conn:
        jobs = user_actions.job_states(conn, job_ids)
    for workflow_id in dict.fromkeys(job.workflow_id for job in jobs):
        end_orphans(store, workflow_id, reason, only=set(job_ids))
