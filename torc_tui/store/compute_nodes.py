"""Register runners, record their heartbeats and ends, and read what they hold and must do.

Input: a connection inside a transaction. Output: rows, and events for the caller to append. Whether
a process is still alive is not decided here: only its own machine knows that.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torc_tui.lifecycle.liveness import LEASE_SECONDS
from torc_tui.model import Gpu, Machine
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass
from torc_tui.resources.machine_identity import this_machine
from torc_tui.resources.process_identity import process_started
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps
from torc_tui.store.prepared import StatementRow
from torc_tui.tuples import NamedTuple

_COLUMNS = frozenset({"labels", "allocation_id"})
_LEAST_OFFSET = 1.0
"""Seconds."""

if TYPE_CHECKING:
    from torc_tui.store.dependency_counters import EventRow

    Node = sql.ActiveNodesRow
    """A runner that has not recorded its end."""
    HeldAttempt = sql.HeldAttemptsRow
    """An attempt that a runner holds, with everything that is needed to end it."""
else:
    Node = HeldAttempt = StatementRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineProcess:
    """A process of one machine, distinct from a later process with the same pid.

    Runners share the resources of their ``location``: the machine, until its next boot, or the part
    of it granted to an allocation. Two machines with the same machine id are two locations.
    ``allocation`` is the name of the allocation, ``node_name`` the name of the node in the cluster
    and ``ends_at`` the end of the allocation.
    """

    hostname: str
    boot_id: str
    pid: int
    started: int
    machine_id: str | None = None
    pid_namespace: str | None = None
    allocation: str = ""
    node_name: str | None = None
    ends_at: float | None = None

    @property
    def location(self) -> str:
        """Return the name of the location."""
        machine = _machine_location(self.machine_id, self.boot_id, self.hostname)
        return _with_allocation(machine, self.allocation)


def _machine_location(machine_id: str | None, boot_id: str, hostname: str) -> str:
    """Return the location of a machine: its host name if the system has no machine id."""
    return f"{machine_id}/{boot_id}" if machine_id else hostname


def _with_allocation(machine: str, allocation: str) -> str:
    return f"{machine}/{allocation}" if allocation else machine


def this_location(allocation: str = "") -> str:
    """Return the location of this machine, or of the allocation with that name on it."""
    here = this_machine()
    machine = _machine_location(here.machine_id, here.boot_id, here.hostname)
    return _with_allocation(machine, allocation)


def is_on_this_machine(location: str) -> bool:
    """Return whether a location is this machine or an allocation on it."""
    here = this_location()
    return location == here or location.startswith(f"{here}/")


def this_process(
    hostname: str,
    *,
    allocation: str = "",
    node_name: str | None = None,
    ends_at: float | None = None,
) -> MachineProcess:
    """Return the identity of this process, by which others find the runner."""
    here, pid = this_machine(), os.getpid()
    return MachineProcess(
        hostname=hostname,
        boot_id=here.boot_id,
        pid=pid,
        started=process_started(pid) or 0,
        machine_id=here.machine_id,
        pid_namespace=here.pid_namespace,
        allocation=allocation,
        node_name=node_name,
        ends_at=ends_at,
    )


def register(
    conn: Connection,
    workflow_id: int,
    run_id: int,
    process: MachineProcess,
    machine: Machine,
    options: Mapping[str, Any],
    at: float,
) -> tuple[int, EventRow]:
    """Record a new runner of a workflow; return its id and the event about it.

    Some of its ``options`` have columns of their own.
    """
    node_id = conn.allocate("compute_node")
    conn.insert(
        sql.INSERT_COMPUTE_NODES,
        id=node_id,
        workflow_id=workflow_id,
        run_id=run_id,
        hostname=process.hostname,
        pid=process.pid,
        process_started=process.started,
        boot_id=process.boot_id,
        machine_id=process.machine_id,
        pid_namespace=process.pid_namespace,
        location=process.location,
        node_name=process.node_name,
        ends_at=process.ends_at,
        lease_seconds=LEASE_SECONDS,
        num_cpus=machine.num_cpus,
        memory=machine.memory,
        gpus=_gpus(machine.gpus) if machine.gpus_known else dumps(None),
        allocation_id=options.get("allocation_id"),
        options=dumps({key: one for key, one in options.items() if key not in _COLUMNS}),
        labels=dumps(labels) if (labels := options.get("labels")) else None,
        started_at=at,
        heartbeat_at=at + clock_offset(conn),
    )
    return node_id, (
        "node_started",
        None,
        {"node": node_id, "hostname": process.hostname, "pid": process.pid},
    )


def set_gpus(conn: Connection, node_id: int, gpus: Iterable[Gpu]) -> None:
    """Record the GPUs that a runner has found."""
    conn.execute(sql.SET_NODE_GPUS, node_id=node_id, gpus=_gpus(gpus))


def _gpus(gpus: Iterable[Gpu]) -> str:
    return dumps(
        [
            {
                "uuid": gpu.uuid,
                "index": gpu.index,
                "name": gpu.name,
                "memory": gpu.memory,
                "virtual": gpu.virtual,
            }
            for gpu in gpus
        ]
    )


def leave(conn: Connection, node_id: int, at: float, *, lost: bool = False) -> EventRow:
    """Record the end of a runner, which stopped or was found dead."""
    conn.execute(sql.LEAVE, node_id=node_id, ended_at=at, heartbeat_at=at)
    return ("node_lost" if lost else "node_stopped", None, {"node": node_id})


def beat(conn: Connection, node_id: int, at: float) -> None:
    """Record that the runner is alive: readers see its counter change."""
    conn.execute(sql.HEARTBEAT, node_id=node_id, heartbeat_at=at + clock_offset(conn))


def clock_offset(conn: Connection) -> float:
    """Return how many seconds the clock of a server is ahead of the clock of this machine.

    Heartbeats are stored by the clock of the server and read by that of the reader: the clocks of
    two machines may differ by hours. Differences below a second are ignored.
    """
    if conn.dialect == "sqlite":
        return 0.0
    offset = float(conn.value(sql.SERVER_TIME)) - time.time()
    return offset if abs(offset) >= _LEAST_OFFSET else 0.0


class NodeOrders(NamedTuple):
    """What others ask of a runner: to stop, or to use more or less of its machine.

    ``is_active`` is false when the runner was dropped. ``stop_requested`` is ``graceful`` or
    ``hard``.
    """

    is_active: bool
    stop_requested: str | None
    num_cpus: int
    memory: int
    options: dict[str, Any]


def orders(conn: Connection, node_id: int) -> NodeOrders | None:
    """Return what this runner is asked to do; None if its workflow was deleted."""
    row = conn.one(sql.NODE_ORDERS, node_id=node_id)
    return NodeOrders(*row)._replace(options=json.loads(row.options)) if row else None  # type: ignore[arg-type] # replaced


def active(conn: Connection, workflow_id: int) -> list[Node]:
    """Return the runners of a workflow that have not recorded their end.

    Heartbeats are by the clock of this machine.
    """
    found, offset = conn.rows(sql.ACTIVE_NODES, workflow_id=workflow_id), clock_offset(conn)
    if not offset:
        return found
    return [node._replace(heartbeat_at=node.heartbeat_at - offset) for node in found]


def held_attempts(conn: Connection, node_id: int) -> list[HeldAttempt]:
    """Return the attempts that a runner holds."""
    return conn.rows(sql.HELD_ATTEMPTS, node_id=node_id)


def lost_on(
    conn: Connection, node: Node, job_id: int, run_id: int, proof: str, actor: str | None = None
) -> Reason:
    """Return the reason of an attempt that is lost with its runner.

    Each such reason names the hosts of all losses of the job in the run.
    """
    rows = conn.rows(sql.LOST_ATTEMPTS, job_id=job_id, run_id=run_id)
    reasons = [row.reason for row in rows]
    known = [one["places"] or () for one in reasons if one and one.kind is Kind.LOST]
    before = known[-1] if known else ()
    return because(Kind.LOST, places=(*before, node.hostname), proof=proof, actor=actor)


def skip_attempts(conn: Connection, job_ids: Iterable[int]) -> list[EventRow]:
    """Make claimed jobs ready with their next attempt: a runner may still start the claimed one."""
    from torc_tui.store import job_definitions  # readers of the list of runners do not need it

    ids = list(job_ids)
    rows = job_definitions.apply_planned(conn, ids) if ids else []
    for job_id in ids:
        attempt = conn.value(sql.SKIP_ATTEMPT, job_id=job_id)
        rows.append(("job_ready", job_id, {"attempt": attempt}))
    return rows
