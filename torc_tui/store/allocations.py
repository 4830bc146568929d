"""Keep the allocations of a workflow, what was submitted for it, and the lease of its allocator.

Input: a connection inside a transaction. Output: rows. Events are appended in the same transaction.

Invariants: a row is written, as ``requested``, before the cluster is asked, and its comment names
the row; so a process that is killed in between leaves one allocation that others can find. An
allocation that ended or was refused never changes again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torc_tui.errors import NotFound
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps
from torc_tui.store.event_log import append
from torc_tui.store.prepared import StatementRow, record
from torc_tui.store.workflows import submission_key
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    AllocationRow = sql.AllocationsRow
    """An allocation, without its script."""
else:
    AllocationRow = StatementRow


class NewAllocation(NamedTuple):
    """An allocation to be requested: what it is for, and its size.

    ``cpus``, ``memory`` and ``gpus`` (numbers by type) are of each of its ``nodes``. ``settings``
    are kept for later decisions.
    """

    workflow_id: int
    run_id: int
    engine: str
    queue_group: str
    scheduler: str | None
    nodes: int
    cpus: int
    memory: int | None
    gpus: Mapping[str, int]
    walltime: float
    settings: Mapping[str, Any] = {}


def request(conn: Connection, new: NewAllocation, *, at: float, actor: str | None) -> int:
    """Write the row of an allocation that is about to be submitted; return its id."""
    number = conn.allocate("allocation")
    values = new._asdict() | {"gpus": dumps(new.gpus), "settings": dumps(new.settings)}
    conn.insert(
        sql.INSERT_ALLOCATION,
        id=number,
        state=AllocationState.REQUESTED.value,
        submitted_at=at,
        actor=actor,
        **values,
    )
    data = {"allocation": number, "group": new.queue_group, "nodes": new.nodes}
    append(conn, new.workflow_id, [("allocation_requested", None, data)], at=at, actor=actor)
    return number


def describe(
    conn: Connection, allocation_id: int, *, script: str, stdout: str, settings: Mapping[str, Any]
) -> None:
    """Store the script of a requested allocation, which contains the id of its row."""
    conn.execute(
        sql.SET_SCRIPT,
        allocation_id=allocation_id,
        script=script,
        stdout=stdout,
        settings=dumps(settings),
    )


def submitted(conn: Connection, allocation_id: int, native_id: str, cluster: str) -> bool:
    """Record the id that the cluster gave; return whether the row had none."""
    return bool(
        conn.execute(
            sql.SET_SUBMITTED, allocation_id=allocation_id, native_id=native_id, cluster=cluster
        )
    )


class AllocationChange(NamedTuple):
    """What is new about an allocation; ``settings`` replace those in the row."""

    state: AllocationState
    outcome: AllocationOutcome | None = None
    reason: str | None = None
    nodelist: str | None = None
    starts_at: float | None = None
    started_at: float | None = None
    ends_at: float | None = None
    ended_at: float | None = None
    settings: Mapping[str, Any] = {}


_EVENTS = {
    AllocationState.RUNNING: "allocation_started",
    AllocationState.ENDED: "allocation_ended",
    AllocationState.REFUSED: "allocation_refused",
}


def change(
    conn: Connection,
    row: AllocationRow,
    new: AllocationChange,
    *,
    at: float,
    actor: str | None = None,
) -> bool:
    """Record what is new about an open allocation; return whether the row was still open."""
    values = new._asdict() | {
        "state": new.state.value,
        "outcome": new.outcome and new.outcome.value,
        "settings": dumps(new.settings),
    }
    # Attempts of a lost runner count, too, although another runner has adopted them.
    started = max(row.jobs_started, jobs_started(conn, row.id))
    changed = conn.execute(
        sql.UPDATE_ALLOCATION, allocation_id=row.id, jobs_started=started, **values
    )
    kind = _EVENTS.get(new.state)
    if changed and kind is not None and new.state != row.state:
        data: dict[str, Any] = {"allocation": row.id, "group": row.queue_group}
        data |= {"native_id": row.native_id, "outcome": values["outcome"], "message": new.reason}
        if new.state is AllocationState.ENDED:
            data["jobs_started"] = started
        data = {key: value for key, value in data.items() if value is not None}
        append(conn, row.workflow_id, [(kind, None, data)], at=at, actor=actor)
    return bool(changed)


def jobs_started(conn: Connection, allocation_id: int) -> int:
    """Return how many attempts of jobs started in an allocation."""
    return int(conn.value(sql.STARTED_IN_ALLOCATION, allocation_id=allocation_id))


def all_of(conn: Connection, workflow_id: int) -> list[AllocationRow]:
    """Return the allocations of a workflow, the oldest first."""
    return conn.rows(sql.ALLOCATIONS, workflow_id=workflow_id)


def open_of(conn: Connection, workflow_id: int) -> list[AllocationRow]:
    """Return the allocations of a workflow that run, or will."""
    found: list[Any] = conn.rows(sql.OPEN_ALLOCATIONS, workflow_id=workflow_id)
    return found


def get(conn: Connection, allocation_id: int) -> dict[str, Any]:
    """Return an allocation with its script; raise NotFound."""
    row = conn.one(sql.ALLOCATION, allocation_id=allocation_id)
    if row is None:
        raise NotFound(
            f"there is no allocation {allocation_id}",
            hint="`torc slurm status` lists the allocations of a workflow",
        )
    return record(row)


def settings_of(row: AllocationRow) -> dict[str, Any]:
    """Return the settings of an allocation."""
    found: dict[str, Any] = json.loads(row.settings) if row.settings else {}
    return found


# -- what was submitted ----------------------------------------------------------------------------


def submission(conn: Connection, workflow_id: int) -> dict[str, Any]:
    """Return what was stored about the submission of a workflow; nothing before the first one."""
    text = conn.value(sql.HOST_VALUE, key=submission_key(workflow_id))
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def save_submission(conn: Connection, workflow_id: int, values: Mapping[str, Any]) -> None:
    """Store what was submitted for a workflow, and how its queue groups stand."""
    conn.execute(sql.SAVE_HOST_VALUE, key=submission_key(workflow_id), value=dumps(values))


def database_id(conn: Connection) -> str:
    """Return the id of this database, which names it in the queue of a cluster."""
    found: str | None = conn.value(sql.HOST_VALUE, key="uuid")
    if found is None:
        import uuid

        found = uuid.uuid4().hex
        conn.execute(sql.SAVE_HOST_VALUE, key="uuid", value=found)
    return found


# -- the lease -------------------------------------------------------------------------------------


class Lease(NamedTuple):
    """Who holds a lease; the counter changes whenever the holder renews it."""

    holder: str
    counter: int


def lease(conn: Connection, name: str) -> Lease | None:
    """Return who holds a lease; None if it is free."""
    row = conn.one(sql.LEASE, name=name)
    return Lease(row.holder, row.counter) if row is not None else None


def take_lease(conn: Connection, name: str, holder: str, known: Lease | None) -> bool:
    """Take a lease that is free, is ours, or stands as ``known``; return whether it is ours now."""
    if known is None:
        conn.execute(sql.INSERT_LEASE, name=name, holder=holder)
    elif known.holder == holder:
        conn.execute(sql.RENEW_LEASE, name=name, holder=holder)
    else:
        conn.execute(sql.TAKE_LEASE, name=name, holder=holder, counter=known.counter)
    found = lease(conn, name)
    return found is not None and found.holder == holder


def drop_lease(conn: Connection, name: str, holder: str) -> None:
    """Give a lease back; do nothing if another process holds it."""
    conn.execute(sql.DROP_LEASE, name=name, holder=holder)
