"""The one stream of events: appended in the transaction that does what they tell, read in the order
of ``seq``.

What comes in: kinds, jobs and plain data. What goes out: rows, and :class:`~torc_tui.model.Event`
records.

The law of order: ``seq`` is taken under the row lock of the workflow, which is held until the
commit. So whoever sees event *n* sees all before it, and a reader that asks for ``seq > n`` misses
none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from torc_tui.model import Event, Json
from torc_tui.store import dbapi
from torc_tui.store.database import Statement, Store

Entry = tuple[str, int | None, Mapping[str, Json] | None]
"""An event to be: (kind, job id, data)."""

_COLUMNS = "workflow_id, seq, timestamp, kind, job_id, data, actor"


def append(
    conn: Connection,
    workflow_id: int,
    events: Sequence[Entry],
    *,
    at: float,
    actor: str | None = None,
) -> int:
    """Write ``events`` (kind, job id, data) of one moment ``at``; the last ``seq``. Holds the
    workflow's row from here to the end of the transaction. NotFound when the workflow is gone.
    Without events it only takes the row."""
    return dbapi.append(conn.connection.dbapi_connection, workflow_id, events, at=at, actor=actor)


def list_events(
    store: Store,
    workflow_id: int,
    *,
    after: int = 0,
    kind: str | None = None,
    job_id: int | None = None,
    limit: int | None = None,
    newest_first: bool = False,
) -> list[Event]:
    """The events of a workflow with ``seq > after``, the oldest first."""
    text = f"SELECT {_COLUMNS} FROM event WHERE workflow_id = ? AND seq > ?"
    values: list[Any] = [workflow_id, after]
    if kind is not None:
        text += " AND kind = ?"
        values.append(kind)
    if job_id is not None:
        text += " AND job_id = ?"
        values.append(job_id)
    text += " ORDER BY seq DESC" if newest_first else " ORDER BY seq"
    if limit is not None:
        text += " LIMIT ?"
        values.append(limit)
    with store.read() as conn:
        rows = conn.exec_driver_sql(Statement(text).on(conn), tuple(values)).all()
    return [event(row) for row in rows]


def event(row: Sequence[Any]) -> Event:
    """The record of a row (workflow_id, seq, timestamp, kind, job_id, data, actor)."""
    workflow_id, seq, timestamp, kind, job_id, data, actor = row
    return Event(workflow_id, seq, timestamp, kind, job_id, json.loads(data) if data else {}, actor)
