"""Define the statements that every writer needs: ids, events, and the row of a workflow."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, cast, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from torc_tui.status import HAS_RESULT
from torc_tui.store.schema import CHANNEL, RUNNER_CHANNEL, counter, event, job, workflow
from torc_tui.store.statements.terms import (
    ByDialect,
    Paged,
    added,
    among,
    columns,
    of_workflow,
    param,
    pick,
)


def _allocate(insert: Any) -> Any:
    following = counter.c.next + literal_column("excluded.next") - 1
    return (
        insert(counter)
        .values(name=param(counter.c.name), next=1 + param("n"))
        .on_conflict_do_update(index_elements=["name"], set_={"next": following})
        .returning(counter.c.next)
    )


ALLOCATE = ByDialect(_allocate(sqlite.insert), _allocate(postgresql.insert))

_take = (
    update(workflow).where(of_workflow(workflow)).values(last_seq=workflow.c.last_seq + param("n"))
)
TAKE_SEQS = ByDialect(
    _take.returning(workflow.c.last_seq),
    _take.returning(
        workflow.c.last_seq,
        func.pg_notify(literal_column(f"'{CHANNEL}'"), cast(workflow.c.id, Text())),
    ),
)
"""Number new events; the lock of the workflow's row orders them."""
ADD_EVENT = added(event)
_payload = param("payload", Text())
NOTIFY_RUNNERS = ByDialect(
    select(_payload.label("payload")),
    select(func.pg_notify(literal_column(f"'{RUNNER_CHANNEL}'"), _payload).label("payload")),
)
"""Wake the runners of a workflow, or of a location; runners on SQLite see any write."""

WORKFLOW_EXISTS = select(workflow.c.id).where(of_workflow(workflow))
LOCK_WORKFLOW = WORKFLOW_EXISTS.with_for_update()
"""Take the row of the workflow before any other, as every writer does."""

_events = pick(event, "workflow_id seq timestamp kind job_id data actor").where(
    of_workflow(event), event.c.seq > param("after")
)
LIST_EVENTS = Paged(
    _events,
    sorts={"id": event.c.seq},
    filters={
        "kind": event.c.kind == param(event.c.kind),
        "job_id": event.c.job_id == param(event.c.job_id),
    },
)
JOB_WARNINGS = (
    select(*columns(event, "job_id data"), job.c.name)
    .join(job, job.c.id == event.c.job_id)
    .where(
        of_workflow(event),
        event.c.kind == "job_warning",
        among(job.c.status, HAS_RESULT),
        event.c.timestamp >= job.c.started_at,
    )
    .order_by(event.c.seq.desc())
    .limit(param("limit"))
)
"""Warnings about the last attempts of jobs that have ended, the newest first."""
SUSPENSIONS = pick(
    event,
    "job_id kind timestamp",
    of_workflow(event),
    event.c.kind.in_(["job_suspended", "job_resumed"]),
).order_by(event.c.seq)
EVENTS_AFTER = _events.order_by(event.c.seq).limit(param("limit"))
EVENT_HEADS = pick(workflow, "id last_seq").order_by(workflow.c.id)
EVENT_HEAD = pick(workflow, "id last_seq").where(of_workflow(workflow))
