"""Append events in the transaction of the rows they describe.

Invariant: ``seq`` is taken under the lock of the workflow's row, which is held until the commit. A
reader that sees event *n* sees all events before it, and ``seq > n`` misses none.

Nothing slow is imported here, because ``torc user-data update`` uses this module.
"""

from __future__ import annotations

from torc_tui.errors import NotFound
from torc_tui.store import sql
from torc_tui.store.encoding import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from torc_tui.store.connection import Connection

    Entry = tuple[str, int | None, Mapping[str, Any] | None]
    """An event to append: (kind, job id, data)."""


READY_MARK = "+"
"""Precedes the workflow's id in notifications of jobs that are ready, and of nothing else."""


def append(
    conn: Connection,
    workflow_id: int,
    events: Sequence[Entry],
    *,
    at: float,
    actor: str | None = None,
) -> int:
    """Append events of the time ``at``; return the last ``seq``.

    The lock on the workflow's row is held from here to the end of the transaction, also if there
    are no events. Raise NotFound if the workflow is gone.
    """
    last: int | None = conn.value(sql.TAKE_SEQS, workflow_id=workflow_id, n=len(events))
    if last is None:
        raise no_workflow(workflow_id)
    if events:
        first = last - len(events) + 1
        conn.many(
            sql.ADD_EVENT,
            [
                {
                    "workflow_id": workflow_id,
                    "seq": seq,
                    "timestamp": at,
                    "kind": kind,
                    "job_id": job_id,
                    "data": dumps(data) if data else None,
                    "actor": actor,
                }
                for seq, (kind, job_id, data) in enumerate(events, first)
            ],
        )
        if conn.dialect == "postgresql" and (mark := _mark(events)) is not None:
            conn.send(sql.NOTIFY_RUNNERS, payload=f"{mark}{workflow_id}")
    return last


def _mark(events: Sequence[Entry]) -> str | None:
    """Return with which mark to notify the runners; None if the events do not concern them."""
    if any(kind not in sql.PROGRESS_EVENTS for kind, _, _ in events):
        return ""
    ready = {job_id for kind, job_id, _ in events if kind == "job_ready"}
    claimed = {job_id for kind, job_id, _ in events if kind == "job_claimed"}
    return None if ready <= claimed else READY_MARK


def lock(conn: Connection, workflow_id: int) -> None:
    """Take the lock on the workflow's row without writing; SQLite has one writer at a time."""
    if conn.dialect == "postgresql":
        conn.execute(sql.LOCK_WORKFLOW, workflow_id=workflow_id)


def check_workflow(conn: Connection, workflow_id: int) -> None:
    """Raise NotFound for an unknown workflow."""
    if conn.value(sql.WORKFLOW_EXISTS, workflow_id=workflow_id) is None:
        raise no_workflow(workflow_id)


def no_workflow(workflow_id: int) -> NotFound:
    """Return the error for a workflow that does not exist."""
    return NotFound(
        f"there is no workflow {workflow_id}", hint="`torc workflows list` shows all workflows"
    )


def last_event(conn: Connection, workflow_id: int) -> int:
    """Return the number of the last event of a workflow."""
    row = conn.one(sql.EVENT_HEAD, workflow_id=workflow_id)
    return 0 if row is None else row.last_seq
