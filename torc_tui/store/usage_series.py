"""Keep measures over time of attempts and of machines, as packed bytes.

Input: a connection inside a transaction. Output: rows. What the bytes mean is in
`resources.usage_series`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.model import AttemptKey
from torc_tui.resources.usage_series import Series, unpack
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.tuples import NamedTuple


class AttemptSeries(NamedTuple):
    """The measures over time of one attempt; ``started_at`` is None while it runs."""

    run_id: int
    attempt_id: int
    started_at: float | None
    series: Series


def save(conn: Connection, workflow_id: int, found: Sequence[tuple[AttemptKey, bytes]]) -> None:
    """Write series by attempt; each replaces the one from before."""
    rows = [
        {"job_id": key.job_id, "run_id": key.run_id, "attempt_id": key.attempt_id}
        for key, _ in found
    ]
    conn.many(sql.DELETE_SERIES, rows)
    conn.many(
        sql.ADD_SERIES,
        [
            {**row, "workflow_id": workflow_id, "series": data}
            for row, (_, data) in zip(rows, found, strict=True)
        ],
    )


def delete_runs_before(conn: Connection, workflow_id: int, run_id: int) -> None:
    """Delete the series of earlier runs of a workflow, and those of their machines."""
    conn.execute(sql.DELETE_SERIES_BEFORE_RUN, workflow_id=workflow_id, run_id=run_id)
    conn.execute(sql.DELETE_MACHINE_SERIES_BEFORE_RUN, workflow_id=workflow_id, run_id=run_id)


def limit_size(conn: Connection, most: int) -> None:
    """Delete the oldest series of the database while they are larger than ``most`` bytes."""
    excess = int(conn.value(sql.SIZE_OF_SERIES)) - most
    if excess <= 0:
        return
    useless = []
    for row in conn.rows(sql.SERIES_BY_AGE):
        useless.append({"job_id": row.job_id, "run_id": row.run_id, "attempt_id": row.attempt_id})
        excess -= row.size
        if excess <= 0:
            break
    conn.many(sql.DELETE_SERIES, useless)


def of_job(conn: Connection, job_id: int) -> list[AttemptSeries]:
    """Return the series of a job that can be read, the oldest attempt first."""
    found = []
    for row in conn.rows(sql.SERIES_OF_JOB, job_id=job_id):
        series = unpack(bytes(row.series))
        if series is not None:
            found.append(AttemptSeries(row.run_id, row.attempt_id, row.started_at, series))
    return found


def save_machine(conn: Connection, node_id: int, data: bytes) -> None:
    """Write the series of the machine of a runner."""
    if not conn.execute(sql.SET_MACHINE_SERIES, compute_node_id=node_id, series=data):
        conn.execute(sql.ADD_MACHINE_SERIES, compute_node_id=node_id, series=data)
