"""Tell who holds what of a host: jobs that its runners have claimed, in all workflows.

Input: a database and a host. Output: plain rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torc_tui.model import Allocation
from torc_tui.resources.detect import anybody_is_behind
from torc_tui.resources.detect import hostname as this_host
from torc_tui.status import JobStatus
from torc_tui.store import sql
from torc_tui.store.connection import record
from torc_tui.store.database import Store
from torc_tui.store.scheduling import decode_allocation


class Holding(NamedTuple):
    """An attempt that was claimed and has not ended. ``pid`` is its leader's, None before it is
    started."""

    job_id: int
    job_name: str
    workflow_id: int
    workflow_name: str
    user: str
    attempt_id: int
    node_id: int
    status: JobStatus
    pid: int | None
    started_at: float | None
    allocation: Allocation


class Runner(NamedTuple):
    """A runner that is active, with what it may use now. ``gpus`` are as it found them: uuid,
    index, name, memory, virtual; ``options`` as it was started."""

    node_id: int
    workflow_id: int
    hostname: str
    pid: int
    num_cpus: int
    memory: int
    gpus: list[dict[str, Any]]
    options: dict[str, Any]


def holdings(store: Store, hostname: str) -> list[Holding]:
    """Return what the runners of that host hold, in any workflow of this database.

    On this host, attempts whose runner and process are both gone are left out; no runner counts
    them either.
    """
    with store.read() as conn:
        rows = conn.rows(sql.HOLDINGS, hostname=hostname)
    if hostname == this_host():
        rows = [
            row
            for row in rows
            if anybody_is_behind(
                row.boot_id,
                (row.runner_pid, row.runner_started),
                (row.pid, row.process_started),
            )
        ]
    return [
        Holding(
            **{name: getattr(row, name) for name in Holding._fields}
            | {"status": JobStatus(row.status), "allocation": decode_allocation(row.allocation)}
        )
        for row in rows
    ]


def runners(store: Store, *, workflow_id: int | None = None, hostname: str = "") -> list[Runner]:
    """Return the active runners of a workflow, or of a host."""
    with store.read() as conn:
        if workflow_id is not None:
            rows = conn.rows(sql.RUNNERS_OF_WORKFLOW, workflow_id=workflow_id)
        else:
            rows = conn.rows(sql.RUNNERS_OF_HOST, hostname=hostname)
    return [Runner(**record(row)) for row in rows]
