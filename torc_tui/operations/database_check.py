"""Check from the nodes of a cluster whether they can use the database.

Input: the place of a database, a cluster. Output: the finding, which is kept in an SQLite database:
until two nodes have passed, workflows with SQLite are limited to one node.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torc_tui.clusters.base import AllocationRequest, Cluster
from torc_tui.errors import TorcError
from torc_tui.operations import node_probe
from torc_tui.operations.cluster_job import (
    ClusterJobOptions,
    DatabaseEnviron,
    database_environ,
    last_message,
    run_job,
)
from torc_tui.operations.node_probe import INCREMENTS, NodeAnswer
from torc_tui.operations.submit_options import prologue
from torc_tui.resources.machine_identity import hostname
from torc_tui.store import sql
from torc_tui.store.connect import resolve, server_address
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps
from torc_tui.store.opening import file_system
from torc_tui.tuples import NamedTuple

_KEY = "node_check"
_WALLTIME = 300.0
_MEMORY = 256 << 20


class NodeCheck(NamedTuple):
    """What nodes have found out about an SQLite file, or about a server.

    ``problem`` is None if they can use it. ``file_systems`` are those on which they, and the host
    of the check, see the file. ``reached`` has an error, or None, by ``host:port``. ``hint`` says
    what to do about the problem.
    """

    at: float
    hosts: tuple[str, ...]
    problem: str | None
    file_systems: tuple[str, ...] = ()
    reached: Mapping[str, str | None] = {}
    hint: str | None = None


# -- what is stored --------------------------------------------------------------------------------


def passed(conn: Connection, path: str) -> bool:
    """Return whether two nodes have passed the check on the file system of the database."""
    found = stored(conn)
    here = file_system(path)
    if found is None or found.problem is not None:
        return False
    return here is None or here.id in found.file_systems


def stored(conn: Connection) -> NodeCheck | None:
    """Return the last check by nodes; None if there was none."""
    text = conn.value(sql.HOST_VALUE, key=_KEY)
    if text is None:
        return None
    known: dict[str, Any] = json.loads(text)
    hosts, systems = tuple(known["hosts"]), tuple(known["file_systems"])
    return NodeCheck(known["at"], hosts, known["problem"], systems)


def keep(conn: Connection, found: NodeCheck) -> None:
    """Store a check by nodes."""
    conn.execute(sql.SAVE_HOST_VALUE, key=_KEY, value=dumps(found._asdict()))


# -- the check -------------------------------------------------------------------------------------


def check_locks(path: str, cluster: Cluster, wanted: ClusterJobOptions) -> NodeCheck:
    """Let two nodes lock a file beside the database, and count in SQLite."""
    with _Directory(Path(path).parent) as directory:
        node_probe.prepare_locks(directory)
        answers, log = _run(cluster, wanted, directory, nodes=2)
    here = file_system(path)
    systems = [one.file_system for one in answers] + [here and here.id]
    known = dict.fromkeys(one for one in systems if one is not None)
    return NodeCheck(time.time(), _hosts(answers), locks_problem(answers, log), tuple(known))


def locks_problem(answers: list[NodeAnswer], log: str) -> str | None:
    """Return why two nodes cannot use SQLite on a file system; None if they can."""
    if not log and not any(one.step for one in answers):
        return "they do not see its directory"
    silent = [one for one in answers if one.step != "done"]
    if silent:
        names = " and ".join(filter(None, (one.host for one in silent))) or "the nodes"
        return f"{names} did not finish the check" + (f": {log}" if log else "")
    first, second = answers
    hosts = f"{first.host} and {second.host}"
    if first.host == second.host:
        return f"both tasks ran on {first.host}"
    if second.lock == "granted":
        return f"{first.host} held the lock of a file, and {second.host} got it, too"
    errors = [f"{one.host}: {one.error}" for one in answers if one.error]
    if errors:
        return f"SQLite failed on {errors[0]}"
    if second.lock != "refused":
        return f"{second.host} cannot lock files: {second.lock}"
    counters = {one.counter for one in answers}
    if counters != {2 * INCREMENTS}:
        seen = " and ".join(str(one.counter) for one in answers)
        return f"{hosts} increased a counter {2 * INCREMENTS} times, and then read {seen}"
    return None


def check_server(
    url: str, directory: Path, cluster: Cluster, wanted: ClusterJobOptions
) -> NodeCheck:
    """Let a node log in to a server, with the environment that a runner would have there.

    It also tries whether it reaches the other names of this host, if the server runs here.
    """
    host, port = server_address(resolve(url)[1])
    targets = [(name, port) for name in server_names(host)]
    with _Directory(directory) as folder:
        node_probe.prepare_connections(folder, targets)
        answers, log = _run(cluster, wanted, folder, nodes=1, url=url)
    [answer] = answers
    return NodeCheck(
        time.time(),
        _hosts(answers),
        server_problem(f"{host}:{port}", answer, log),
        reached=answer.reached,
        hint=answer.hint,
    )


def server_problem(target: str, answer: NodeAnswer, log: str) -> str | None:
    """Return why a node cannot use a server; None if it can."""
    if answer.step != "done":
        return "the node did not finish the check" + (f": {log}" if log else "")
    error = answer.reached.get(target)
    if error is None:
        return f"{answer.host} cannot log in: {answer.error}" if answer.error else None
    others = [one.rpartition(":")[0] for one, why in answer.reached.items() if why is None]
    text = f"{answer.host} cannot reach {target}: {error}"
    return f"{text}; it reaches {' and '.join(others)}" if others else text


def server_names(host: str) -> list[str]:
    """Return the name of a server, and the other names of this host if the server runs here."""
    here = _own_names()
    local = {"localhost", "127.0.0.1", "::1", hostname(), hostname().partition(".")[0]}
    if host not in local and host not in here:
        return [host]
    return list(dict.fromkeys([host, *here, hostname()]))


def _own_names() -> list[str]:
    """Return the names of all addresses of this host, and the addresses."""
    found: list[str] = []
    for option in ("-A", "-I"):
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                ["hostname", option], capture_output=True, text=True, timeout=10, check=False
            )
            found += done.stdout.split()
    return found


def _hosts(answers: list[NodeAnswer]) -> tuple[str, ...]:
    return tuple(one.host for one in answers if one.host)


# -- the job ---------------------------------------------------------------------------------------


class _Directory:
    """A directory for a check, removed at the end."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent

    def __enter__(self) -> Path:
        try:
            self._path = Path(tempfile.mkdtemp(prefix=".torc-check-", dir=self._parent))
        except OSError as error:
            raise TorcError(f"cannot write to {self._parent}: {error.strerror}") from error
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _run(
    cluster: Cluster,
    wanted: ClusterJobOptions,
    directory: Path,
    *,
    nodes: int,
    url: str | None = None,
) -> tuple[list[NodeAnswer], str]:
    """Run the probe on nodes; return their answers, and the last line that they printed."""
    log = directory / "log"
    database = DatabaseEnviron() if url is None else database_environ(url)
    request = AllocationRequest(
        name="torc-check",
        comment="torc-check",
        directory=str(directory),
        output=str(log),
        walltime=_WALLTIME,
        runner=(sys.executable, "-m", "torc_tui.operations.node_probe", str(directory)),
        nodes=nodes,
        memory=_MEMORY,
        commands=prologue(),
        environ=database.environ,
        secrets=database.secrets,
    )

    def answers() -> list[NodeAnswer]:
        return [node_probe.answer_of(directory, number) for number in range(nodes)]

    run_job(cluster, request, wanted, lambda: _are_done(answers()))
    return answers(), last_message(log)


def _are_done(answers: list[NodeAnswer]) -> bool:
    return all(one.step == "done" for one in answers)
