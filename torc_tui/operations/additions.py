"""Add jobs to a workflow.

Input: an open store, ids, the actor. Output: ids. Each action is one transaction that changes rows
and appends its event.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from torc_tui.errors import Refused
from torc_tui.model import EdgeKind, ResourceRequirements
from torc_tui.status import UNTOUCHED
from torc_tui.store import additions, dependency_counters, sql, workflows
from torc_tui.store.creation import insert_edges
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append
from torc_tui.tuples import NamedTuple


class StartConditions(NamedTuple):
    """When new jobs start: after the jobs with these ids, and after a delay in seconds."""

    after: Sequence[int] = ()
    delay: float = 0.0


AT_ONCE = StartConditions()


def add_jobs(
    store: Store,
    workflow_id: int,
    commands: Sequence[str],
    requirements: ResourceRequirements,
    conditions: StartConditions = AT_ONCE,
    *,
    actor: str | None = None,
) -> list[int]:
    """Add a job for each command and return the ids.

    In an initialized workflow, the jobs wait only for ``conditions``. Refused for an archived or
    canceled workflow.
    """
    check_open(store, workflow_id)
    now = time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        placed = any(state not in UNTOUCHED for state in workflows.counts(conn, workflow_id))
        requirement_id = additions.requirement(conn, workflow_id, requirements)
        ids = additions.add_jobs(conn, workflow_id, commands, requirement_id)
        if conditions.delay:
            until = now + conditions.delay
            conn.many(sql.SET_NOT_BEFORE, [{"job_id": one, "not_before": until} for one in ids])
        after = sorted(set(conditions.after))
        kind = int(EdgeKind.EXPLICIT)
        insert_edges(conn, workflow_id, [(on, one, kind, None) for on in after for one in ids])
        rows: list[EventRow] = (
            dependency_counters.resettle(conn, workflow_id, now) if placed else []
        )
        append(
            conn,
            workflow_id,
            [("jobs_created", None, {"jobs": len(ids)}), *rows],
            at=now,
            actor=actor,
        )
    return ids


def check_open(store: Store, workflow_id: int) -> None:
    """Raise Refused for a workflow to which no jobs can be added."""
    workflow = workflows.get_workflow(store, workflow_id)
    if workflow.is_archived or workflow.is_canceled:
        state = "archived" if workflow.is_archived else "canceled"
        raise Refused(f"workflow {workflow_id} is {state}: no jobs can be added")
