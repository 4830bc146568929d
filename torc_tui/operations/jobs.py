"""Acts on single jobs: cancel, terminate, retry, hold, release, priority, disable, enable.

What comes in: an open store, job ids, who acts. What goes out: the ids that were moved, and those
that could not be, with the reason. One transaction per workflow; jobs that a runner holds are asked
for, not moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torc_tui.errors import NotFound
from torc_tui.operations.runners import end_orphans
from torc_tui.status import HELD, JobStatus
from torc_tui.store import dependency_counters, user_actions
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.events import append
from torc_tui.store.user_actions import JobState

IDLE = frozenset(
    {JobStatus.UNINITIALIZED, JobStatus.BLOCKED, JobStatus.READY, JobStatus.PENDING_FAILED}
)
RETRIED = frozenset(
    {JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED}
)


@dataclass(slots=True)
class Done:
    """What an act on jobs came to. ``refused`` has a sentence for each job that it did not apply
    to."""

    moved: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def cancel_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Waiting jobs are canceled at once, with what depends on them; running ones are ended by their
    runner."""
    reason = f"canceled by {actor}" if actor else "canceled by a user"

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        idle = _choose(jobs, IDLE | HELD, done, "has ended already")
        waiting = [job.id for job in idle if job.status in IDLE]
        user_actions.cancel_idle(conn, waiting, reason, at)
        active = [job.id for job in idle if job.status in HELD]
        user_actions.ask_to_stop(conn, active, "canceled")
        rows: list[EventRow] = [("job_canceled", job_id, {"reason": reason}) for job_id in waiting]
        rows += [("job_stop_requested", job_id, {"cause": "canceled"}) for job_id in active]
        return rows + (dependency_counters.resettle(conn, workflow_id, at) if waiting else [])

    done = _on_jobs(store, job_ids, act, actor)
    for workflow_id in _workflows(store, done.moved):
        end_orphans(store, workflow_id, reason, only=set(done.moved))
    return done


def terminate_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """End running jobs: SIGTERM, then SIGKILL, by their runner."""

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        active = _choose(jobs, HELD, done, "is not running")
        user_actions.ask_to_stop(conn, [job.id for job in active], "terminated")
        return [("job_stop_requested", job.id, {"cause": "terminated"}) for job in active]

    done = _on_jobs(store, job_ids, act, actor)
    for workflow_id in _workflows(store, done.moved):
        end_orphans(store, workflow_id, "terminated by a user", only=set(done.moved))
    return done


def retry_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Another attempt for jobs that did not come to a good end; what was canceled because of them
    waits again."""

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        chosen = [job.id for job in _choose(jobs, RETRIED, done, "did not fail")]
        if not chosen:
            return []
        below = [
            job_id
            for job_id in user_actions.canceled_below(conn, chosen)
            if job_id not in set(chosen)
        ]
        user_actions.again(conn, [*chosen, *below])
        user_actions.uncancel(conn, workflow_id)
        rows = dependency_counters.resettle(conn, workflow_id, at)
        reason = f"retried by {actor}" if actor else "retried by a user"
        for job in user_actions.job_states(conn, [*chosen, *below]):
            if job.status is JobStatus.READY:
                rows.append(("job_retried", job.id, {"reason": reason, "not_before": None}))
            elif job.status is JobStatus.BLOCKED:
                rows.append(("job_blocked", job.id, None))
        return rows

    return _on_jobs(store, job_ids, act, actor)


def hold_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Do not start these until they are released."""

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        chosen = _choose(jobs, IDLE, done, "runs or has ended already")
        user_actions.set_held(conn, [job.id for job in chosen], True)
        return [("job_held", job.id, None) for job in chosen]

    return _on_jobs(store, job_ids, act, actor)


def release_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Let held jobs start again."""

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        for job in jobs:
            if not job.held:
                done.refused[job.id] = f"{job.name} is not held"
        chosen = [job for job in jobs if job.held]
        done.moved += [job.id for job in chosen]
        user_actions.set_held(conn, [job.id for job in chosen], False)
        return [("job_released", job.id, None) for job in chosen]

    return _on_jobs(store, job_ids, act, actor)


def set_priority(
    store: Store, job_ids: Iterable[int], priority: int, *, actor: str | None = None
) -> Done:
    """Higher first; the default is 0."""

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        chosen = _choose(jobs, IDLE, done, "runs or has ended already")
        user_actions.set_priority(conn, [job.id for job in chosen], priority)
        return [("job_priority", job.id, {"priority": priority}) for job in chosen]

    return _on_jobs(store, job_ids, act, actor)


def disable_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Leave jobs out: they do not run, and what depends on them goes on without."""
    reason = f"disabled by {actor}" if actor else "disabled by a user"

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        allowed = IDLE | RETRIED
        chosen = [job.id for job in _choose(jobs, allowed, done, "runs or has completed already")]
        user_actions.disable(conn, chosen, reason)
        rows: list[EventRow] = [("job_disabled", job_id, {"reason": reason}) for job_id in chosen]
        placed = any(job.status is not JobStatus.UNINITIALIZED for job in jobs)
        return rows + (dependency_counters.resettle(conn, workflow_id, at) if placed else [])

    return _on_jobs(store, job_ids, act, actor)


def enable_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Take disabled jobs in again."""

    def act(
        conn: Any, workflow_id: int, jobs: list[JobState], at: float, done: Done
    ) -> list[EventRow]:
        chosen = [
            job.id
            for job in _choose(jobs, frozenset({JobStatus.DISABLED}), done, "is not disabled")
        ]
        user_actions.again(conn, chosen)
        rows = dependency_counters.resettle(conn, workflow_id, at)
        names = {JobStatus.READY: "job_ready", JobStatus.BLOCKED: "job_blocked"}
        for job in user_actions.job_states(conn, chosen):
            if job.status in names:
                rows.append((names[job.status], job.id, None))
        return rows

    return _on_jobs(store, job_ids, act, actor)


Act = Callable[[Any, int, list[JobState], float, Done], list[EventRow]]


def _on_jobs(store: Store, job_ids: Iterable[int], act: Act, actor: str | None) -> Done:
    """Do it in each workflow that has some of these jobs. NotFound, and nothing done, when one does
    not exist."""
    wanted = list(dict.fromkeys(job_ids))
    done = Done()
    with store.read() as conn:
        found = user_actions.job_states(conn, wanted)
    missing = set(wanted) - {job.id for job in found}
    if missing:
        number = min(missing)
        raise NotFound(f"there is no job {number}", hint="`torc jobs list WORKFLOW` shows the ids")
    for workflow_id in dict.fromkeys(job.workflow_id for job in found):
        now = time.time()
        with store.write() as conn:
            append(conn, workflow_id, [], at=now)
            jobs = user_actions.job_states(
                conn, [job.id for job in found if job.workflow_id == workflow_id]
            )
            rows = act(conn, workflow_id, jobs, now, done)
            if rows:
                append(conn, workflow_id, rows, at=now, actor=actor)
    return done


def _choose(
    jobs: Sequence[JobState], allowed: frozenset[JobStatus], done: Done, otherwise: str
) -> list[JobState]:
    chosen = [job for job in jobs if job.status in allowed]
    done.moved += [job.id for job in chosen]
    for job in jobs:
        if job.status not in allowed:
            done.refused[job.id] = f"{job.name} {otherwise} ({job.status.word})"
    return chosen


def _workflows(store: Store, job_ids: Sequence[int]) -> list[int]:
    with store.read() as conn:
        return list(
            dict.fromkeys(job.workflow_id for job in user_actions.job_states(conn, job_ids))
        )
