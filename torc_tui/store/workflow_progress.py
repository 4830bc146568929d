"""How a workflow stands, as its runner sees it: who failed, who is left, what they ask for, what
was interrupted.

What comes in: a connection inside a transaction. What goes out: small rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torc_tui.reasons import Reason, decode
from torc_tui.status import JobStatus
from torc_tui.store.connection import Connection
from torc_tui.store.database import Statement, Store

COUNTS = Statement("SELECT status, count(*) FROM job WHERE workflow_id = ? GROUP BY status")


def counts(conn: Connection, workflow_id: int) -> dict[JobStatus, int]:
    """How many jobs are in each state that occurs."""
    return {JobStatus(row[0]): row[1] for row in COUNTS.direct(conn, (workflow_id,))}


class Unsuccessful(NamedTuple):
    """A job that did not come to a good end."""

    job_id: int
    name: str
    status: int
    return_code: int | None
    reason: Reason | None
    attempt_id: int
    output_dir: str | None
    stdio: str | None


UNSUCCESSFUL = Statement(
    "SELECT id, name, status, return_code, reason, attempt_id, output_dir, stdio FROM job"
    " WHERE workflow_id = ? AND status IN (6, 8, 10) ORDER BY ended_at, id LIMIT ?"
)


def unsuccessful(conn: Connection, workflow_id: int, limit: int = 1000) -> list[Unsuccessful]:
    """Jobs that failed, were terminated or wait for a verdict, in the order of their ends."""
    rows = UNSUCCESSFUL.direct(conn, (workflow_id, limit))
    return [Unsuccessful(*row)._replace(reason=decode(row[4])) for row in rows]


class Left(NamedTuple):
    """Jobs that still have something before them, by what they ask for, the held ones apart;
    ``number`` counts them."""

    requirement_id: int
    status: int
    held: bool
    number: int


LEFT = Statement(
    "SELECT requirement_id, status, held, count(*) FROM job"
    " WHERE workflow_id = ? AND status IN (0, 1, 2, 10) GROUP BY requirement_id, status, held"
)
NAMES = Statement(
    "SELECT id, name FROM job WHERE workflow_id = ? AND requirement_id = ? AND status = ? ORDER BY id LIMIT ?"
)


def left(conn: Connection, workflow_id: int) -> list[Left]:
    """What is not done and held by nobody."""
    return [Left(row[0], row[1], bool(row[2]), row[3]) for row in LEFT.direct(conn, (workflow_id,))]


def names(
    conn: Connection, workflow_id: int, requirement_id: int, status: int, limit: int = 1000
) -> list[tuple[int, str]]:
    """(id, name) of jobs with these requirements, in this state."""
    rows = NAMES.direct(conn, (workflow_id, requirement_id, status, limit))
    return [(row[0], row[1]) for row in rows]


ELSEWHERE = Statement(
    "SELECT count(*) FROM job WHERE workflow_id = ? AND status IN (3, 4) AND compute_node_id <> ?"
)


def active_elsewhere(conn: Connection, workflow_id: int, node_id: int) -> int:
    """How many jobs of the workflow other runners hold."""
    return int(ELSEWHERE.direct(conn, (workflow_id, node_id)).fetchone()[0])


TAKE_UP = Statement(
    "UPDATE job SET status = 2, attempt_id = attempt_id + 1, stop_requested = NULL, reason = NULL, return_code = NULL"
    " WHERE workflow_id = ? AND status = 8 AND stop_requested = 'stopped' RETURNING id, attempt_id"
)


def take_up_interrupted(conn: Connection, workflow_id: int) -> list[tuple[int, int]]:
    """Make what a stop of a runner has interrupted ready again: (job id, new attempt)."""
    return [(row[0], row[1]) for row in TAKE_UP.direct(conn, (workflow_id,)).fetchall()]


NAME = Statement("SELECT name FROM job WHERE id = ?")


def job_names(store: Store, job_ids: Iterable[int]) -> dict[int, str]:
    """The names of these jobs, of those that are there."""
    with store.read() as conn:
        rows = [(job_id, NAME.direct(conn, (job_id,)).fetchone()) for job_id in job_ids]
    return {job_id: row[0] for job_id, row in rows if row is not None}
