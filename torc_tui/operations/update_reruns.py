"""Find the jobs that run again after an update: those whose result is of an old version.

Input: a comparison. Output: its changes with the jobs that run again. Nothing is written here.
"""

from __future__ import annotations

from typing import Any

from torc_tui.lifecycle.freshness import Aspect
from torc_tui.lifecycle.update_effect import Effect
from torc_tui.operations.workflow_comparison import WorkflowComparison
from torc_tui.status import HAS_RESULT, HELD
from torc_tui.store import user_actions
from torc_tui.store.connection import Connection


def find_reruns(conn: Connection, compared: WorkflowComparison, *, keep: bool = False) -> None:
    """Find the jobs that run again: changed, with new dependencies or data, or after such jobs.

    A job with a running dependent keeps its result and is stale; with ``keep``, every job does.
    """
    changes = compared.changes
    stale = [one.id for one in changes.jobs_changed if one.effect is Effect.RERUN]
    gained = [one for one in compared.gained_dependencies() if _has_result(compared, one)]
    stale = list(dict.fromkeys([*stale, *gained, *_consumers(compared)]))
    used = set(stale) if keep else _used(conn, stale)
    free = [one for one in stale if one not in used]
    why = Effect.STALE_KEPT if keep else Effect.STALE
    changes.jobs_changed = [
        one._replace(effect=why) if one.id in used else one for one in changes.jobs_changed
    ]
    changes.stale = {one: compared.jobs[one].name for one in used}
    named = {one: compared.jobs[one].name for one in free}
    named |= {one.id: one.name for one in user_actions.followers(conn, free)} if free else {}
    gone = {one.id for one in changes.jobs_removed}
    changes.rerun = {one: name for one, name in named.items() if one not in gone}


def _used(conn: Connection, job_ids: list[int]) -> set[int]:
    """Return the jobs with a running dependent."""
    if not _is_used(conn, *job_ids):
        return set()
    return {one for one in job_ids if _is_used(conn, one)}


def _is_used(conn: Connection, *job_ids: int) -> bool:
    """Return whether a dependent of one of these jobs is running."""
    found = user_actions.followers(conn, job_ids) if job_ids else []
    return any(one.status in HELD for one in found)


def _consumers(compared: WorkflowComparison) -> list[int]:
    """Return the jobs with a result that read a record whose value in the file has changed."""
    changed = new_values(compared)
    plan, ids = compared.plan, compared.ids
    names = [one.name for one in plan.user_data]
    reading = {
        group
        for group, members in enumerate(plan.user_data_groups)
        if any(names[one] in changed for one in members)
    }
    return [
        ids.job[place]
        for place, job in enumerate(plan.jobs)
        if job.input_user_data in reading
        and _has_result(compared, ids.job[place])
        and Aspect.DATA in compared.rerun_on(place)
    ]


def _has_result(compared: WorkflowComparison, job_id: int) -> bool:
    row = compared.jobs.get(job_id)
    return row is not None and row.status in HAS_RESULT


def new_values(compared: WorkflowComparison) -> dict[str, Any]:
    """Return the records whose value the file changes: those that no job writes."""
    plan = compared.plan
    groups = {job.output_user_data for job in plan.jobs} - {None}
    written = {one for group in groups if group is not None for one in plan.user_data_groups[group]}
    changed = compared.changes.sections["user_data"].changed
    return {
        one.name: one.data
        for place, one in enumerate(plan.user_data)
        if place not in written and "file_data" in changed.get(one.name, ())
    }
