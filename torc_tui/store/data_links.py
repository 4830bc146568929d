"""A record that is made later than its workflow: who reads it, who writes it, and who waits for
whom because of that.

What comes in: a plain connection inside a write transaction, ids. What goes out: rows. Whether the
act is wanted was decided by the caller; jobs that are initialized already are left alone (Refused).
"""

from __future__ import annotations

from torc_tui.errors import NotFound, Refused, UsageError
from torc_tui.store.dbapi import allocate, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.store.connect import Dbapi


def attach(connection: Dbapi, workflow_id: int, record_id: int, job_id: int, column: str) -> None:
    """Give the job a group of its own that holds the record beside those it had."""
    row = run(
        connection, f"SELECT workflow_id, status, {column} FROM job WHERE id = ?", (job_id,)
    ).fetchone()
    if row is None or row[0] != workflow_id:
        raise NotFound(f"workflow {workflow_id} has no job {job_id}")
    if row[1] != 0:
        raise Refused(
            f"job {job_id} is initialized already: what it reads and writes is settled",
            hint="reset the workflow first",
        )
    group_id = allocate(connection, "user_data_group")
    run(
        connection,
        "INSERT INTO user_data_group (group_id, user_data_id, workflow_id) "
        "SELECT ?, user_data_id, workflow_id FROM user_data_group WHERE group_id = ?",
        (group_id, row[2] or 0),
    )
    run(
        connection,
        "INSERT INTO user_data_group (group_id, user_data_id, workflow_id) VALUES (?, ?, ?)",
        (group_id, record_id, workflow_id),
    )
    run(connection, f"UPDATE job SET {column} = ? WHERE id = ?", (group_id, job_id))


def depend(
    connection: Dbapi, workflow_id: int, record_id: int, consumer: int, producer: int
) -> None:
    """Let the consumer wait for the producer. UsageError when that one waits for it already,
    through whatever."""
    circle = run(
        connection,
        "WITH RECURSIVE up (id) AS (SELECT ? + 0 UNION "
        "SELECT depends_on_id FROM dependency JOIN up ON dependency.job_id = up.id) SELECT 1 FROM up WHERE id = ?",
        (producer, consumer),
    ).fetchone()
    if circle is not None:
        raise UsageError(
            f"job {producer} waits for job {consumer} already: they would wait for each other"
        )
    run(
        connection,
        "INSERT INTO dependency (depends_on_id, job_id, kind, via, workflow_id) VALUES (?, ?, 4, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (producer, consumer, record_id, workflow_id),
    )
