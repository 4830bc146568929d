"""Read the stream of events of a workflow, in the order of ``seq``.

Input: a database and filters. Output: `Event` records.
"""

from __future__ import annotations

import json

from torc_tui.model import Event
from torc_tui.reasons import Reason, decode
from torc_tui.store import sql
from torc_tui.store.database import Store
from torc_tui.store.event_log import append as append
from torc_tui.store.selection import EventSelection


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
    """Return the events of a workflow with ``seq > after``, the oldest first."""
    wanted = EventSelection(kind=kind, job_id=job_id, reverse=newest_first, limit=limit)
    with store.read() as conn:
        rows = conn.page(sql.LIST_EVENTS, wanted, workflow_id=workflow_id, after=after)
    return [event(row) for row in rows]


def warnings_of(store: Store, workflow_id: int, job_id: int) -> list[Reason]:
    """Return the warnings of the newest attempt of a job, the oldest first."""
    found: list[Reason] = []
    for one in list_events(store, workflow_id, job_id=job_id, newest_first=True):
        if one.kind == "job_claimed":
            break
        warning = decode(one.data.get("message")) if one.kind == "job_warning" else None
        if warning is not None:
            found.insert(0, warning)
    return found


def event(row: sql.ListEventsRow) -> Event:
    """Return the record of a row."""
    workflow_id, seq, timestamp, kind, job_id, data, actor = row
    return Event(workflow_id, seq, timestamp, kind, job_id, json.loads(data) if data else {}, actor)
