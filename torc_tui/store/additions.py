"""What is changed in a workflow that is stored already: jobs added, a job given other words or
other requirements.

What comes in: a connection inside a writing transaction, whose caller holds the workflow's row.
What goes out: ids. Law: ``resource_class`` of all jobs is worked out anew whenever the workflow's
requirements change, since it ranks them against each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from torc_tui.model import ResourceRequirements
from torc_tui.resources.placement import rank
from torc_tui.store.connection import Connection
from torc_tui.store.creation import REQUIREMENT_COLUMNS, requirement_row
from torc_tui.store.database import Statement, insert
from torc_tui.store.workflows import read_requirements

_NUMBERED = re.compile(r"job(\d{1,9})")
_NAMES = Statement("SELECT name FROM job WHERE workflow_id = ? AND name LIKE 'job%'")
_CLASS = Statement("UPDATE job SET resource_class = ? WHERE workflow_id = ? AND requirement_id = ?")
_REQUIREMENT_OF = Statement("SELECT requirement_id FROM job WHERE id = ?")
_SAME_NAME = Statement("SELECT 1 FROM job WHERE workflow_id = ? AND name = ? AND id <> ?")
_CHANGE = {
    column: Statement(f"UPDATE job SET {column} = ? WHERE id = ?")
    for column in ("name", "command", "requirement_id")
}
_FORGET_SCRIPT = Statement("UPDATE job SET script = NULL WHERE id = ?")


def add_jobs(
    conn: Connection, workflow_id: int, commands: Sequence[str], requirement_id: int
) -> list[int]:
    """A job for each command, named ``job1``, ``job2`` … after those that are so named already;
    their ids. They are uninitialized and wait for nothing."""
    taken = [
        int(match[1])
        for row in _NAMES.run(conn, (workflow_id,))
        if (match := _NUMBERED.fullmatch(row[0]))
    ]
    number = max(taken, default=0) + 1
    first = conn.allocate("job", len(commands))
    columns = (
        "id workflow_id name command status held priority resource_class unmet unsuccessful "
        "cancel_on_blocking_job_failure attempt_id retries requirement_id family supports_termination"
    )
    rows = [
        (
            first + i,
            workflow_id,
            f"job{number + i}",
            command,
            0,
            False,
            0,
            0,
            0,
            0,
            True,
            1,
            0,
            requirement_id,
            f"job{number + i}",
            False,
        )
        for i, command in enumerate(commands)
    ]
    insert(conn, "job", columns, rows)
    classify(conn, workflow_id)
    return list(range(first, first + len(commands)))


def requirement(conn: Connection, workflow_id: int, wanted: ResourceRequirements) -> int:
    """The id of the workflow's requirements that ask for the same (whatever their name); made when
    there are none."""
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
    insert(
        conn,
        "resource_requirements",
        REQUIREMENT_COLUMNS,
        [requirement_row(requirement_id, workflow_id, replace(wanted, name=name))],
    )
    return requirement_id


def classify(conn: Connection, workflow_id: int) -> None:
    """Rank the requirements of the workflow anew."""
    known = read_requirements(conn, workflow_id)
    places = rank(list(known.values()))
    _CLASS.run_many(
        conn, [(place, workflow_id, number) for number, place in zip(known, places, strict=True)]
    )


def requirement_of(conn: Connection, job_id: int) -> int:
    """The id of a job's requirements."""
    return int(_REQUIREMENT_OF.run(conn, (job_id,)).scalar_one())


def name_is_taken(conn: Connection, workflow_id: int, name: str, job_id: int) -> bool:
    """Whether another job of the workflow has that name."""
    return _SAME_NAME.run(conn, (workflow_id, name, job_id)).first() is not None


def change_job(
    conn: Connection,
    job_id: int,
    *,
    name: str | None,
    command: str | None,
    requirement_id: int | None,
) -> None:
    """Write what is given. A new command is what it is: the ids of records that the old one spoke
    of are forgotten."""
    for column, value in (("name", name), ("command", command), ("requirement_id", requirement_id)):
        if value is not None:
            _CHANGE[column].run(conn, (value, job_id))
    if command is not None:
        _FORGET_SCRIPT.run(conn, (job_id,))
