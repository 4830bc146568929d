"""Add jobs and resource requirements to a stored workflow.

Input: a connection inside a write transaction, whose caller holds the workflow's row. Output: ids.

Invariant: ``resource_class`` ranks the requirements of a workflow against each other, so it is
recomputed for all jobs when the requirements change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.lazy_regex import regex
from torc_tui.model import FailureHandler, ResourceRequirements
from torc_tui.records import replace
from torc_tui.resources.ranking import rank
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.creation import insert_requirements
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.plan_rows import ADDED, REQUIREMENT_FIELDS, encode_rules
from torc_tui.store.workflows import read_requirements

_NUMBERED = regex(r"job(\d{1,9})")


def add_jobs(
    conn: Connection, workflow_id: int, commands: Sequence[str], requirement_id: int
) -> list[int]:
    """Add a job for each command, named ``job1``, ``job2`` … after existing ones; return the ids.

    The jobs are uninitialized and wait for nothing.
    """
    number = last_number(conn, workflow_id) + 1
    first = conn.allocate("job", len(commands))
    new = [f"job{number + i}" for i in range(len(commands))]
    ids = range(first, first + len(commands))
    conn.insert(
        sql.INSERT_JOBS,
        id=ids,
        workflow_id=workflow_id,
        name=new,
        group=new,
        command=commands,
        priority=0,
        resource_class=0,
        cancel_on_blocking_job_failure=True,
        requirement_id=requirement_id,
    )
    conn.many(sql.SET_EDITED, [{"id": job_id, "edited": ADDED} for job_id in ids])
    classify(conn, workflow_id)
    return list(ids)


def last_number(conn: Connection, workflow_id: int) -> int:
    """Return the largest number of the jobs named ``job1``, ``job2`` …; 0 without any."""
    names = (row.name for row in conn.rows(sql.NUMBERED_JOBS, workflow_id=workflow_id))
    return max((int(match[1]) for name in names if (match := _NUMBERED.fullmatch(name))), default=0)


def failure_handler(conn: Connection, workflow_id: int, wanted: FailureHandler) -> int:
    """Return the id of a failure handler with these rules; create it if necessary."""
    rules = encode_rules(wanted.rules)
    for row in conn.rows(sql.FAILURE_HANDLERS, workflow_id=workflow_id):
        if row.rules == rules:
            return row.id
    number = conn.allocate("failure_handler")
    conn.insert(
        sql.INSERT_FAILURE_HANDLERS,
        id=number,
        workflow_id=workflow_id,
        name=wanted.name,
        rules=rules,
    )
    return number


def requirement(conn: Connection, workflow_id: int, wanted: ResourceRequirements) -> int:
    """Return the id of requirements that are equal but for their name; create them if necessary."""
    known = read_requirements(conn, workflow_id)
    for requirement_id, found in known.items():
        if replace(found, name=wanted.name) == replace(wanted, source=found.source):
            return requirement_id
    names = {found.name for found in known.values()}
    name, count = wanted.name, 1
    while name in names:
        count += 1
        name = f"{wanted.name}_{count}"
    requirement_id = conn.allocate("resource_requirements")
    insert_requirements(conn, workflow_id, [requirement_id], [replace(wanted, name=name)])
    return requirement_id


def change_requirements(
    conn: Connection, requirement_id: int, wanted: ResourceRequirements
) -> None:
    """Change an entry for all jobs that use it, as a user does; the caller calls `classify`."""
    row = conn.one(sql.REQUIREMENT, requirement_id=requirement_id)
    assert row is not None, f"there are no requirements {requirement_id}"
    present = row._asdict()
    values = {name: getattr(wanted, name) for name in REQUIREMENT_FIELDS}
    changed = {name: value for name, value in values.items() if value != present[name]}
    text = edited_text(row.edited, present, changed)
    conn.execute(sql.UPDATE_REQUIREMENTS, requirement_id=requirement_id, **values, edited=text)


def edited_text(
    before: str | None, present: Mapping[str, Any], changes: Mapping[str, Any]
) -> str | None:
    """Return the values of the workflow file that edits have replaced, after some more edits.

    ``before`` is what was replaced so far, ``present`` the columns as they are.
    """
    replaced = loads(before) if before else {}
    for name in (one for one in changes if one not in _NOT_OF_FILE):
        replaced.setdefault(name, present[name])
        if replaced[name] == changes[name]:
            del replaced[name]
    return dumps(replaced) if replaced else None


_NOT_OF_FILE = frozenset({"resource_class", "edited"})
"""Columns that no workflow file gives."""


def classes(conn: Connection, workflow_id: int) -> dict[int, int]:
    """Return the rank of all requirements of a workflow, by their ids."""
    known = read_requirements(conn, workflow_id)
    return dict(zip(known, rank(list(known.values())), strict=True))


def classify(conn: Connection, workflow_id: int) -> None:
    """Recompute the rank of all requirements of the workflow."""
    conn.many(
        sql.SET_RESOURCE_CLASS,
        [
            {"workflow_id": workflow_id, "requirement_id": number, "resource_class": place}
            for number, place in classes(conn, workflow_id).items()
        ],
    )


def name_is_taken(conn: Connection, workflow_id: int, name: str, job_id: int) -> bool:
    """Return whether another job of the workflow has that name."""
    other = conn.value(sql.OTHER_JOB_OF_NAME, workflow_id=workflow_id, name=name, job_id=job_id)
    return other is not None
