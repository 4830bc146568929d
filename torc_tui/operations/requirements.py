"""Create, change and delete the resource requirements of a workflow.

Input: an open store, ids, values, the actor. Output: records of the changes. An entry is shared by
the jobs that name it; `only` creates a separate entry for some of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.errors import Refused, UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.operations.job_changes import Amount, Refusal, new_requirements
from torc_tui.records import dataclass, replace
from torc_tui.status import HELD, JobStatus, number_of
from torc_tui.store import additions, job_definitions, queries, sql, user_actions, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.creation import insert_requirements
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append
from torc_tui.wording import count


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRequirements:
    """An entry after a change, the jobs that use it, and how many of them run with the old one."""

    id: int
    workflow_id: int
    name: str
    jobs: int
    running: int


def create_requirements(
    store: Store, workflow_id: int, wanted: ResourceRequirements, *, actor: str | None = None
) -> int:
    """Add an entry to a workflow and return its id; UsageError if the name is taken."""
    now = time.time()
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        _check_name(conn, workflow_id, wanted.name)
        number = conn.allocate("resource_requirements")
        insert_requirements(conn, workflow_id, [number], [wanted])
        additions.classify(conn, workflow_id)
        append(conn, workflow_id, [_event(number, wanted, 0)], at=now, actor=actor)
    return number


def update_requirements(
    store: Store,
    requirement_id: int,
    amounts: Mapping[str, Amount],
    others: Mapping[str, Any],
    *,
    only: Sequence[int] = (),
    actor: str | None = None,
) -> ChangedRequirements:
    """Change an entry for all jobs that use it, or give ``only`` some jobs one of their own.

    ``others`` are new values of fields that are no amounts.
    """
    now = time.time()
    workflow_id = queries.get_requirements(store, requirement_id)["workflow_id"]
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        before = workflows.read_requirements(conn, workflow_id)[requirement_id]
        try:
            wanted = replace(new_requirements(before, amounts), **others)
        except Refusal as refusal:
            raise UsageError(f"cannot change {before.name}: {refusal}") from None
        if wanted.name != before.name:
            _check_name(conn, workflow_id, wanted.name)
        number = requirement_id
        if only:
            number = _give(conn, workflow_id, requirement_id, wanted, only)
        else:
            additions.change_requirements(conn, requirement_id, wanted)
        additions.classify(conn, workflow_id)
        used = _use(conn, workflow_id, number)
        jobs = sum(used.values())
        append(conn, workflow_id, [_event(number, wanted, jobs)], at=now, actor=actor)
        name = workflows.read_requirements(conn, workflow_id)[number].name
    return ChangedRequirements(
        id=number, workflow_id=workflow_id, name=name, jobs=jobs, running=number_of(used, HELD)
    )


def delete_requirements(store: Store, requirement_id: int, *, actor: str | None = None) -> str:
    """Delete an entry that no job uses, and return its name."""
    now = time.time()
    workflow_id = queries.get_requirements(store, requirement_id)["workflow_id"]
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        known = workflows.read_requirements(conn, workflow_id)[requirement_id]
        jobs = sum(_use(conn, workflow_id, requirement_id).values())
        if jobs:
            raise Refused(
                f"cannot delete resource requirements {requirement_id} ({known.name}):"
                f" {count(jobs, 'job uses them', 'jobs use them')}",
                hint="give these others: `torc jobs update JOBS --resource-requirements-id ID`",
            )
        conn.execute(sql.DELETE_REQUIREMENTS, requirement_id=requirement_id)
        event: EventRow = ("requirements_deleted", None, {"name": known.name})
        append(conn, workflow_id, [event], at=now, actor=actor)
    return known.name


def _check_name(conn: Connection, workflow_id: int, name: str) -> None:
    if name in {one.name for one in workflows.read_requirements(conn, workflow_id).values()}:
        raise UsageError(
            f"workflow {workflow_id} already has resource requirements {name!r}",
            hint="use another name",
        )


def _give(
    conn: Connection,
    workflow_id: int,
    requirement_id: int,
    wanted: ResourceRequirements,
    only: Sequence[int],
) -> int:
    """Give jobs that use an entry one of their own; return its id."""
    jobs = user_actions.job_states(conn, only)
    used = job_definitions.definitions(conn, only)
    for job in jobs:
        if used[job.id].requirement_id != requirement_id:
            raise UsageError(f"job {job.id} ({job.name}) does not use these resource requirements")
        if job.status in HELD:
            raise Refused(f"cannot change job {job.id} ({job.name}): it is {job.status.word}")
    number = additions.requirement(conn, workflow_id, wanted)
    changes = {job.id: {"requirement_id": number} for job in jobs}
    job_definitions.change(conn, job_definitions.edited(conn, changes))
    return number


def _use(conn: Connection, workflow_id: int, requirement_id: int) -> dict[JobStatus, int]:
    rows = conn.rows(
        sql.JOBS_WITH_REQUIREMENTS, workflow_id=workflow_id, requirement_id=requirement_id
    )
    return {row.status: row.number for row in rows}


def _event(number: int, wanted: ResourceRequirements, jobs: int) -> EventRow:
    data = {
        "requirement_id": number,
        "name": wanted.name,
        "jobs": jobs,
        "num_cpus": wanted.num_cpus,
        "memory": wanted.memory,
        "num_gpus": wanted.num_gpus,
        "runtime": wanted.runtime,
    }
    return "requirements_updated", None, data
