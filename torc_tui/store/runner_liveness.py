"""Read active runners and what they hold, and judge them: alive, silent, past their lease, lost.

The command line, the app and the engine use this module. The rule is
`torc_tui.lifecycle.liveness.judge`.

Input: rows of runners, or of what they hold, with the columns that identify a machine and a
process; a database and a location. Output: verdicts; runners, and the attempts that they hold.

Never: a decision by host name, except for rows of versions that did not record a machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from torc_tui.lifecycle.liveness import (
    LEASE_SECONDS,
    Liveness,
    LivenessVerdict,
    Relation,
    RunnerFacts,
    judge,
    relation,
)
from torc_tui.model import Allocation, MachineIdentity
from torc_tui.reasons import Argument, Kind, Reason, because
from torc_tui.resources.machine_identity import this_machine
from torc_tui.resources.process_identity import process_started
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, sql
from torc_tui.store.compute_nodes import Node, active, is_on_this_machine
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.prepared import record
from torc_tui.store.scheduling import decode_allocation
from torc_tui.tuples import NamedTuple

WATCH_SECONDS = 7.0
"""Time for which the heartbeat of a runner is watched before it is believed to be missing: the
clocks of two machines differ, and a runner that is alive sends a heartbeat every 5 s."""


if TYPE_CHECKING:
    HeldProcesses = sql.HeldByOthersRow | sql.HoldingsRow
    """A row about a held attempt: the process of its runner and that of the job."""


def facts(node: Node) -> RunnerFacts:
    """Return what the rule needs to know about a runner."""
    return RunnerFacts(
        machine_id=node.machine_id,
        boot_id=node.boot_id,
        pid_namespace=node.pid_namespace,
        hostname=node.hostname,
        heartbeat_at=node.heartbeat_at,
        lease_seconds=LEASE_SECONDS if node.lease_seconds is None else node.lease_seconds,
    )


def verdict(
    node: Node, *, quiet: float | None = None, here: MachineIdentity | None = None
) -> LivenessVerdict:
    """Return what is known about a runner.

    ``quiet`` is the time in seconds for which the caller saw no heartbeat. A caller that reads the
    row only once leaves it out: then the wall clocks of both machines are compared.
    """
    here = here or this_machine()
    known = facts(node)
    if quiet is None:
        quiet = max(time.time() - node.heartbeat_at, 0.0)
    runs = relation(known, here) is Relation.HERE and process_runs(node.pid, node.process_started)
    return judge(known, here, process_runs=runs, quiet=quiet)


def lost(nodes: Iterable[Node]) -> list[Node]:
    """Return the runners that are lost for certain."""
    return [node for node in nodes if verdict(node, quiet=0.0).is_lost]


def report(node: Node, known: LivenessVerdict, quiet: float) -> Reason | None:
    """Return what to tell a user about a runner that is not alive; None for one that is."""
    if known.liveness is Liveness.ALIVE:
        return None
    named: dict[str, Argument] = {
        "runner": node.id,
        "hostname": node.hostname,
        "quiet": float(int(quiet)),
        "native_id": (json.loads(node.options).get("allocation") or {}).get("native_id"),
    }
    if known.is_lost:
        return because(Kind.RUNNER_LOST, workflow=node.workflow_id, **named)
    expired = known.liveness is Liveness.EXPIRED
    return because(Kind.RUNNER_EXPIRED if expired else Kind.RUNNER_SILENT, **named)


def reports(conn: Connection, workflow_id: int) -> list[Reason]:
    """Return what to tell a user about the runners of a workflow that are not alive."""
    found = []
    for node in active(conn, workflow_id):
        quiet = max(time.time() - node.heartbeat_at, 0.0)
        found.append(report(node, verdict(node, quiet=quiet), quiet))
    return [reason for reason in found if reason is not None]


class WatchedRunners(NamedTuple):
    """Runners by what is known about them; ``expired`` ones are silent, too.

    ``silent`` has the time without a heartbeat, ``news`` says what has changed.
    """

    alive: list[Node]
    silent: list[tuple[Node, float]]
    expired: list[Node]
    news: list[Reason]


class HeartbeatWatch:
    """Time the heartbeats of other runners by the clock of this machine.

    A runner is judged after it was watched for longer than the time between two heartbeats. Before
    that, the time of its last heartbeat is only known by the clock of a server, if there is one;
    with a file, it is by the clock of another machine, which may be wrong, and does not count.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, has_server: bool = True
    ) -> None:
        self._monotonic = monotonic
        self._has_server = has_server
        self._seen: dict[int, tuple[int, float, float]] = {}
        self._reported: dict[int, Liveness] = {}

    def look(self, nodes: Iterable[Node]) -> WatchedRunners:
        """Return what is known about these runners after they were watched for long enough."""
        alive, silent, expired, found = [], [], [], []
        for node in nodes:
            quiet, watched = self._quiet(node)
            known = verdict(node, quiet=quiet)
            if watched < WATCH_SECONDS and not known.is_lost:
                continue
            if known.liveness is Liveness.ALIVE:
                alive.append(node)
            elif not known.is_lost:
                silent.append((node, quiet))
            if known.liveness is Liveness.EXPIRED:
                expired.append(node)
            before, self._reported[node.id] = self._reported.get(node.id), known.liveness
            if known.liveness is not before and (reason := report(node, known, quiet)):
                found.append(reason)
        return WatchedRunners(alive, silent, expired, found)

    def _quiet(self, node: Node) -> tuple[float, float]:
        """Return the time without a heartbeat, and the time for which the runner was watched."""
        now = self._monotonic()
        if node.id not in self._seen:
            quiet = max(time.time() - node.heartbeat_at, 0.0) if self._has_server else 0.0
            self._seen[node.id] = (node.heartbeats, now - quiet, now)
        beats, since, first = self._seen[node.id]
        if beats != node.heartbeats:
            since = now
            self._seen[node.id] = (node.heartbeats, since, first)
        return now - since, now - first


def is_here(node: Node) -> bool:
    """Return whether the processes of the runner are in the process table of this machine."""
    return relation(facts(node), this_machine()) is Relation.HERE


def process_runs(pid: int | None, started: int | None) -> bool:
    """Return whether that process runs on this machine, and not another one with its pid."""
    return pid is not None and started is not None and process_started(pid) == started


def is_in_use(held: HeldProcesses) -> bool:
    """Return whether what a runner of this machine holds is in use, by the runner or by the job.

    A runner in another pid namespace cannot be seen: what it holds counts.
    """
    here = this_machine()
    if held.pid_namespace is not None and held.pid_namespace != here.pid_namespace:
        return True
    if held.boot_id != here.boot_id:
        return False
    runner, job = (held.runner_pid, held.runner_started), (held.pid, held.process_started)
    return any(process_runs(pid, started) for pid, started in (runner, job))


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
    run_id: int
    node_id: int
    status: JobStatus
    pid: int | None
    started_at: float | None
    allocation: Allocation
    suspended: bool = False
    requirement_id: int = 0


class ActiveRunner(NamedTuple):
    """An active runner and the resources that it may use now.

    ``gpus`` are those that it found: uuid, index, name, memory, virtual; None before it has read
    them. ``options`` are those with
    which it was started.
    """

    node_id: int
    workflow_id: int
    hostname: str
    pid: int
    num_cpus: int
    memory: int
    gpus: list[dict[str, Any]] | None
    options: dict[str, Any]
    location: str = ""
    labels: list[str] | None = None
    started_at: float = 0.0
    heartbeat_at: float = 0.0
    node_name: str | None = None
    allocation_id: int | None = None

    @property
    def name(self) -> str:
        """Return the name of the node, or of the host."""
        return self.node_name or self.hostname

    @property
    def ends_at(self) -> float | None:
        """Return when its jobs must have ended, None without a limit."""
        end: float | None = self.options.get("end_time")
        return end


def holdings(store: Store, location: str) -> list[Holding]:
    """Return what the runners of that location hold, in any workflow of this database.

    On this machine, attempts whose runner and process have both ended are left out, as in the
    accounts of the runners.
    """
    with store.read() as conn:
        rows = conn.rows(sql.HOLDINGS, location=location)
    if is_on_this_machine(location):
        rows = [row for row in rows if is_in_use(row)]
    return [
        Holding(
            **{name: getattr(row, name) for name in Holding._fields}
            | {"allocation": decode_allocation(row.allocation)}
        )
        for row in rows
    ]


def runners(
    store: Store, *, workflow_id: int | None = None, location: str = ""
) -> list[ActiveRunner]:
    """Return the active runners of a workflow, or of a location."""
    with store.read() as conn:
        if workflow_id is not None:
            rows = conn.rows(sql.RUNNERS_OF_WORKFLOW, workflow_id=workflow_id)
        else:
            rows = conn.rows(sql.RUNNERS_OF_LOCATION, location=location)
        offset = compute_nodes.clock_offset(conn) if rows else 0.0
    found = [ActiveRunner(**record(row)) for row in rows]
    return [one._replace(heartbeat_at=one.heartbeat_at - offset) for one in found]
