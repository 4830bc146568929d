"""Read what runners hold of a machine: the jobs that they have claimed, in all workflows.

Input: a database and a location. Output: plain rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torc_tui.model import Allocation
from torc_tui.status import JobStatus
from torc_tui.store import runner_liveness, sql
from torc_tui.store.compute_nodes import this_location
from torc_tui.store.database import Store
from torc_tui.store.prepared import record
from torc_tui.store.scheduling import decode_allocation


class Holding(NamedTuple):
    """An attempt that was claimed and has not ended.

    ``pid`` is that of its process group leader, None until it is started.
    """

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
    """An active runner and the resources that it may use now.

    ``gpus`` are those that it found: uuid, index, name, memory, virtual. ``options`` are those with
    which it was started.
    """

    node_id: int
    workflow_id: int
    hostname: str
    pid: int
    num_cpus: int
    memory: int
    gpus: list[dict[str, Any]]
    options: dict[str, Any]
    location: str = ""


def holdings(store: Store, location: str) -> list[Holding]:
    """Return what the runners of that location hold, in any workflow of this database.

    On this machine, attempts whose runner and process have both ended are left out, as in the
    accounts of the runners.
    """
    with store.read() as conn:
        rows = conn.rows(sql.HOLDINGS, location=location)
    if location == this_location():
        rows = [row for row in rows if runner_liveness.is_in_use(row)]
    return [
        Holding(
            **{name: getattr(row, name) for name in Holding._fields}
            | {"status": JobStatus(row.status), "allocation": decode_allocation(row.allocation)}
        )
        for row in rows
    ]


def runners(store: Store, *, workflow_id: int | None = None, location: str = "") -> list[Runner]:
    """Return the active runners of a workflow, or of a location."""
    with store.read() as conn:
        if workflow_id is not None:
            rows = conn.rows(sql.RUNNERS_OF_WORKFLOW, workflow_id=workflow_id)
        else:
            rows = conn.rows(sql.RUNNERS_OF_LOCATION, location=location)
    return [Runner(**record(row)) for row in rows]
