"""Runners as the store knows them: who is there, who is gone, what they hold, what they are asked
to do.

What comes in: a connection inside a transaction. What goes out: rows as records, and events for the
caller to append. Whether a process still lives is not decided here: only the host it runs on can
tell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torc_tui.model import Json, Machine
from torc_tui.store.connection import Connection
from torc_tui.store.database import Statement, Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of one host, told apart from a later one with the same pid."""

    hostname: str
    boot_id: str
    pid: int
    started: int


class Node(NamedTuple):
    """A runner that says it is active."""

    id: int
    workflow_id: int
    hostname: str
    boot_id: str
    pid: int
    process_started: int


REGISTER = Statement(
    "INSERT INTO compute_node (id, workflow_id, run_id, hostname, pid, process_started, boot_id, num_cpus, memory,"
    " gpus, options, is_active, started_at, heartbeat_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def register(
    conn: Connection,
    workflow_id: int,
    run_id: int,
    process: Process,
    machine: Machine,
    options: Mapping[str, Json],
    at: float,
) -> tuple[int, EventRow]:
    """A new runner for a workflow: its id, and the event that says so."""
    node_id = conn.allocate("compute_node")
    gpus = [
        {
            "uuid": gpu.uuid,
            "index": gpu.index,
            "name": gpu.name,
            "memory": gpu.memory,
            "virtual": gpu.virtual,
        }
        for gpu in machine.gpus
    ]
    REGISTER.direct(
        conn,
        (
            node_id,
            workflow_id,
            run_id,
            process.hostname,
            process.pid,
            process.started,
            process.boot_id,
            machine.num_cpus,
            machine.memory,
            dumps(gpus),
            dumps(dict(options)),
            True,
            at,
            at,
        ),
    )
    return node_id, (
        "node_started",
        None,
        {"node": node_id, "hostname": process.hostname, "pid": process.pid},
    )


LEAVE = Statement(
    "UPDATE compute_node SET is_active = ?, ended_at = ?, heartbeat_at = ? WHERE id = ? AND is_active"
)


def leave(conn: Connection, node_id: int, at: float, *, lost: bool = False) -> EventRow:
    """The runner is gone: by itself, or found dead."""
    LEAVE.direct(conn, (False, at, at, node_id))
    return ("node_lost" if lost else "node_stopped", None, {"node": node_id})


BEAT = Statement("UPDATE compute_node SET heartbeat_at = ? WHERE id = ?")


def beat(conn: Connection, node_id: int, at: float) -> None:
    """The runner is alive."""
    BEAT.direct(conn, (at, node_id))


ORDERS = Statement(
    "SELECT stop_requested, num_cpus, memory, options FROM compute_node WHERE id = ?"
)


class NodeOrders(NamedTuple):
    """What others ask of a runner: to stop (``graceful`` or ``hard``), or to use more or less of
    its machine."""

    stop_requested: str | None
    num_cpus: int
    memory: int
    options: dict[str, Any]


def orders(conn: Connection, node_id: int) -> NodeOrders | None:
    """What this runner is asked to do; None when its row is gone, with its workflow."""
    row = ORDERS.direct(conn, (node_id,)).fetchone()
    return NodeOrders(row[0], row[1], row[2], json.loads(row[3])) if row else None


WORKFLOW_OF = Statement("SELECT workflow_id FROM compute_node WHERE id = ?")


def workflow_of(conn: Connection, node_id: int) -> int | None:
    """The workflow that a runner serves."""
    row = WORKFLOW_OF.direct(conn, (node_id,)).fetchone()
    return int(row[0]) if row else None


ACTIVE = Statement(
    "SELECT id, workflow_id, hostname, boot_id, pid, process_started FROM compute_node"
    " WHERE is_active AND workflow_id = ? ORDER BY id"
)


def active(conn: Connection, workflow_id: int) -> list[Node]:
    """The runners of a workflow that have not said that they left."""
    return [Node(*row) for row in ACTIVE.direct(conn, (workflow_id,))]


class HeldAttempt(NamedTuple):
    """An attempt as its row tells it, with all that its end needs."""

    job_id: int
    name: str
    attempt_id: int
    status: int
    pid: int | None
    process_started: int | None
    started_at: float | None
    stop_requested: str | None
    allocation: str | None
    output_dir: str | None
    retries: int
    requirement_id: int
    output_files: int | None
    output_user_data: int | None
    require_user_data: bool | None
    failure_handler_id: int | None
    stdio: str | None


HELD = Statement(
    "SELECT id, name, attempt_id, status, pid, process_started, started_at, stop_requested, allocation, output_dir,"
    " retries, requirement_id, output_files, output_user_data, require_user_data, failure_handler_id, stdio"
    " FROM job WHERE compute_node_id = ? AND status IN (3, 4) ORDER BY id"
)
TRANSFER = Statement(
    "UPDATE job SET compute_node_id = ? WHERE compute_node_id = ? AND status IN (3, 4)"
)


def held_attempts(conn: Connection, node_id: int) -> list[HeldAttempt]:
    """What a runner holds."""
    return [HeldAttempt(*row) for row in HELD.direct(conn, (node_id,))]


def transfer(conn: Connection, from_node: int, to_node: int) -> None:
    """All that one runner holds is another's now."""
    TRANSFER.direct(conn, (to_node, from_node))


DATA_VERSION = "PRAGMA data_version"
ALL_SEQS = Statement("SELECT sum(last_seq), count(*) FROM workflow")


def marker(store: Store) -> tuple[int, ...]:
    """Something that changes when others have written. SQLite: 3 µs; it does not count this
    thread's own writes."""
    if store.dialect == "sqlite":
        conn = store.connection()
        try:
            return (conn.raw.execute(DATA_VERSION).fetchone()[0],)
        except Exception as error:
            raise conn.translated(error) from error
    with store.read() as conn:
        row = ALL_SEQS.direct(conn).fetchone()
        return (int(row[0] or 0), int(row[1]))
