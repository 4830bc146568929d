"""Correct the resource requirements of a workflow by what its jobs used.

Input: a database, a workflow, rules. Output: the adjustments. The rules are in
`views.resource_correction`; here they are applied in one transaction, with their events.
"""

from __future__ import annotations

import time

from torc_tui.operations import catalog
from torc_tui.operations.user_action import check_workflow
from torc_tui.records import dataclass
from torc_tui.store import additions, job_definitions, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append
from torc_tui.store.job_use import read_use
from torc_tui.views.resource_correction import USUAL, Adjustment, Rules, exceeded, plan_correction


@dataclass(frozen=True, slots=True)
class Correction:
    """The adjustments, and how many jobs exceeded what they requested."""

    adjustments: list[Adjustment]
    exceeding: int


def correct_resources(
    store: Store,
    workflow_id: int,
    rules: Rules = USUAL,
    *,
    dry_run: bool = False,
    actor: str | None = None,
) -> Correction:
    """Change the requirements of a workflow to what its jobs need.

    An entry is changed for all jobs that use it, or for the job groups that need something else, if
    the rules split it. Running jobs keep what they have.
    """
    now = time.time()
    with store.read() if dry_run else store.write() as conn:
        if not dry_run:
            append(conn, workflow_id, [], at=now)
        check_workflow(catalog.CORRECT_RESOURCES, workflows.read_workflow(conn, workflow_id))
        use = read_use(conn, workflow_id)
        adjustments = plan_correction(use.jobs, use.requirements, rules)
        over = exceeded(use.jobs, use.requirements)
        if adjustments and not dry_run:
            rows = [_apply(conn, workflow_id, one) for one in adjustments]
            additions.classify(conn, workflow_id)
            append(conn, workflow_id, rows, at=now, actor=actor)
    return Correction(adjustments, sum(not rules.only or job_id in rules.only for job_id in over))


def _apply(conn: Connection, workflow_id: int, one: Adjustment) -> EventRow:
    after = one.after
    number = one.requirement_id
    if one.is_own:
        number = additions.requirement(conn, workflow_id, after)
        changes = {job_id: {"requirement_id": number} for job_id in one.members}
        job_definitions.change(conn, job_definitions.edited(conn, changes))
    else:
        additions.change_requirements(conn, number, after)
    data = {
        "requirement_id": number,
        "name": one.before.name,
        "jobs": len(one.members),
        "num_cpus": after.num_cpus,
        "memory": after.memory,
        "runtime": after.runtime,
    }
    return "requirements_updated", None, data
