"""Link a new record of user data with the jobs that read and write it.

Input: a connection inside a write transaction, ids. Jobs that are initialized already are left
alone: Refused.
"""

from __future__ import annotations

from torc_tui.errors import NotFound, Refused, UsageError
from torc_tui.status import JobStatus
from torc_tui.store import sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.store.connection import Connection


def link(
    conn: Connection,
    workflow_id: int,
    record_id: int,
    consumer: int | None,
    producer: int | None,
) -> None:
    """Let the consumer read the record and the producer write it.

    If both are given, the consumer waits for the producer. Raise UsageError if the producer already
    waits for the consumer.
    """
    if consumer is not None:
        _attach(conn, workflow_id, record_id, consumer, "input_user_data")
    if producer is not None:
        _attach(conn, workflow_id, record_id, producer, "output_user_data")
    if consumer is None or producer is None:
        return
    if conn.value(sql.WAITS_FOR, producer=producer, consumer=consumer) is not None:
        raise UsageError(
            f"job {producer} already waits for job {consumer}: they would wait for each other"
        )
    conn.execute(
        sql.DEPEND_ON_DATA,
        producer=producer,
        consumer=consumer,
        record_id=record_id,
        workflow_id=workflow_id,
    )


def _attach(conn: Connection, workflow_id: int, record_id: int, job_id: int, column: str) -> None:
    """Give the job a group of its own that holds the record beside those it had."""
    row = conn.one(sql.JOB_DATA_GROUPS, job_id=job_id)
    if row is None or row.workflow_id != workflow_id:
        raise NotFound(f"workflow {workflow_id} has no job {job_id}")
    if row.status != JobStatus.UNINITIALIZED:
        raise Refused(
            f"job {job_id} is already initialized; its user data can no longer change",
            hint="reset the workflow first",
        )
    groups = {
        "input_user_data": row.input_user_data,
        "output_user_data": row.output_user_data,
    }
    group_id = conn.allocate("user_data_group")
    conn.execute(sql.COPY_DATA_GROUP, group_id=group_id, from_group=groups[column] or 0)
    conn.execute(
        sql.ADD_TO_DATA_GROUP, group_id=group_id, user_data_id=record_id, workflow_id=workflow_id
    )
    conn.execute(sql.SET_DATA_GROUPS, job_id=job_id, **(groups | {column: group_id}))
