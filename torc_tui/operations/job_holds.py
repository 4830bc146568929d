"""Hold and release jobs, or what depends on them; suspend and resume running jobs.

Input and output are those of `torc_tui.operations.jobs`. Flags of rows are set here: runners do not
start jobs that are held, and send the signals that suspend jobs and let them continue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torc_tui.operations import catalog
from torc_tui.operations.jobs import Done, on_jobs, set_values
from torc_tui.operations.user_action import UserAction
from torc_tui.reasons import Kind, because
from torc_tui.status import CANCELABLE
from torc_tui.store import sql, user_actions
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.user_actions import JobState


def hold_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Keep jobs from starting until they are released."""
    values: dict[str, Any] = {"held": True, "hold_reason": None}
    return set_values(store, catalog.HOLD, job_ids, actor, sql.SET_HELD, None, **values)


def release_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Let held jobs start again."""
    values: dict[str, Any] = {"held": False, "hold_reason": None}
    return set_values(store, catalog.RELEASE, job_ids, actor, sql.SET_HELD, None, **values)


def hold_after(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Keep the direct dependents of jobs from starting until they are released."""
    return _on_dependents(
        store, catalog.HOLD_AFTER, job_ids, actor, "no job that depends on it can still be held"
    )


def release_after(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Let held direct dependents of jobs start again."""
    return _on_dependents(
        store, catalog.RELEASE_AFTER, job_ids, actor, "no job that depends on it is held"
    )


def _on_dependents(
    store: Store, action: UserAction, job_ids: Iterable[int], actor: str | None, none: str
) -> Done:
    """Hold or release the direct dependents; refuse jobs without such dependents."""
    holds = action is catalog.HOLD_AFTER
    by_job: dict[int, list[int]] = {}

    def check(conn: Connection, jobs: list[JobState]) -> dict[int, str]:
        for job in jobs:
            rows = conn.rows(sql.DEPENDENTS, job_id=job.id)
            after = user_actions.job_states(conn, dict.fromkeys(row.job_id for row in rows))
            by_job[job.id] = [
                one.id for one in after if one.status in CANCELABLE and one.held is not holds
            ]
        return {
            job.id: f"cannot {action.verb} {job.name}: {none}" for job in jobs if not by_job[job.id]
        }

    def act(conn: Connection, workflow_id: int, jobs: list[JobState], at: float) -> list[EventRow]:
        rows: list[EventRow] = []
        for job in jobs:
            reason = because(Kind.HELD, after=job.name) if holds else None
            text = reason.encode() if reason else None
            conn.each(sql.SET_HELD, by_job[job.id], held=holds, hold_reason=text)
            data = {"reason": reason.to_json()} if reason else None
            rows += [(action.events[0], one, data) for one in by_job[job.id]]
        return rows

    return on_jobs(store, action, job_ids, act, actor, check)


def suspend_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Have the runners of running jobs stop their processes, which keep their resources."""
    return set_values(store, catalog.SUSPEND, job_ids, actor, sql.SET_SUSPENDED, suspended=True)


def resume_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Have the runners of suspended jobs let their processes continue."""
    statement = sql.SET_SUSPENDED
    return set_values(store, catalog.RESUME_JOBS, job_ids, actor, statement, suspended=False)
