"""Who holds what of one host: the jobs of all workflows of this store that its runners have
claimed.

What comes in: a store, and for holdings of this very host who is still there. What goes out: plain
rows.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from torc_tui.model import Allocation
from torc_tui.resources.detect import anybody_is_behind
from torc_tui.resources.detect import hostname as this_host
from torc_tui.status import JobStatus
from torc_tui.store.database import Statement, Store
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


_HOLDINGS = Statement(
    "SELECT j.id, j.name, j.workflow_id, w.name, w.user,"
    " j.attempt_id, j.compute_node_id, j.status, j.pid, j.started_at,"
    " j.allocation, j.process_started, n.boot_id, n.pid, n.process_started"
    " FROM compute_node n JOIN job j ON j.compute_node_id = n.id JOIN workflow w ON w.id = j.workflow_id"
    " WHERE n.hostname = ? AND n.is_active AND j.status IN (3, 4) ORDER BY j.workflow_id, j.id"
)
_RUNNER = "SELECT id, workflow_id, hostname, pid, num_cpus, memory, gpus, options FROM compute_node WHERE is_active"
_RUNNERS_OF = Statement(f"{_RUNNER} AND workflow_id = ? ORDER BY id")
_RUNNERS_ON = Statement(f"{_RUNNER} AND hostname = ? ORDER BY id")


def holdings(store: Store, hostname: str) -> list[Holding]:
    """What the runners of that host hold, in any workflow of this store. On this host: but for what
    nobody is behind any more, neither its runner nor its process, which no other runner counts
    either."""
    with store.read() as conn:
        rows = _HOLDINGS.run(conn, (hostname,)).all()
    if hostname == this_host():
        rows = [
            row for row in rows if anybody_is_behind(row[12], (row[13], row[14]), (row[8], row[11]))
        ]
    return [
        Holding._make([*row[:7], JobStatus(row[7]), row[8], row[9], decode_allocation(row[10])])
        for row in rows
    ]


def runners(store: Store, *, workflow_id: int | None = None, hostname: str = "") -> list[Runner]:
    """The active runners of a workflow, or of a host."""
    with store.read() as conn:
        if workflow_id is not None:
            rows = _RUNNERS_OF.run(conn, (workflow_id,)).all()
        else:
            rows = _RUNNERS_ON.run(conn, (hostname,)).all()
    return [Runner._make([*row[:6], json.loads(row[6]), json.loads(row[7])]) for row in rows]
