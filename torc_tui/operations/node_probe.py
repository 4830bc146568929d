"""Try on the nodes of a cluster whether they can use a database.

Input: a directory with ``task.json``. Output: one file for each node in it, ``0.json`` and so on.
It runs as `python -m torc_tui.operations.node_probe DIRECTORY` on each node.

The files exist before the nodes open them, because network file systems find new files late. Node 0
holds a lock that node 1 must not get. Then both increase a counter in SQLite.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from torc_tui.errors import StoreError, TorcError
from torc_tui.resources.machine_identity import hostname
from torc_tui.store import file_counter
from torc_tui.store.connect import connect_postgresql, resolve
from torc_tui.store.opening import file_system
from torc_tui.tuples import NamedTuple

INCREMENTS = 200
"""How often each node increases the counter."""
STEP_SECONDS = 60.0
"""Time that a node waits for the other one."""
CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_COUNTER = "counter.db"

Lock = Callable[[IO[bytes], int], None]


class NodeAnswer(NamedTuple):
    """What a node found: its name, how far it came, and the results.

    ``lock`` is whether node 1 got the lock that node 0 held: ``granted``, ``refused`` or an error.
    ``counter`` is the counter at the end. ``reached`` has an error, or None, by ``host:port``.
    ``error`` is also why the log-in failed, with ``hint``.
    """

    host: str = ""
    step: str = ""
    file_system: str | None = None
    lock: str | None = None
    counter: int | None = None
    error: str | None = None
    hint: str | None = None
    reached: Mapping[str, str | None] = {}


def prepare_locks(directory: Path) -> None:
    """Write the files for a test of locks by two nodes."""
    _write(directory / "task.json", {"task": "locks"})
    (directory / "lock").touch(mode=0o600)
    file_counter.create(str(directory / _COUNTER))
    for number in range(2):
        _write(directory / f"{number}.json", {})


def prepare_connections(directory: Path, targets: list[tuple[str, int]]) -> None:
    """Write the files for a test of connections by one node; the first one is that of the URL."""
    _write(directory / "task.json", {"task": "connections", "targets": targets})
    _write(directory / "0.json", {})


def answer_of(directory: Path, number: int) -> NodeAnswer:
    """Return what a node has found so far."""
    try:
        found = json.loads((directory / f"{number}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NodeAnswer()
    return NodeAnswer(**found) if isinstance(found, dict) else NodeAnswer()


class LockProbe:
    """The part of one node in the test of locks."""

    def __init__(self, directory: Path, number: int, lock: Lock = fcntl.lockf) -> None:
        self._directory = directory
        self._number = number
        self._lock = lock
        known = file_system(str(directory))
        self._answer = NodeAnswer(_node_name(), file_system=known and known.id)

    def run(self) -> None:
        """Take part until the counter is read; write what was found."""
        try:
            with open(self._directory / "lock", "r+b") as file:
                (self._hold if self._number == 0 else self._contend)(file)
            counter = str(self._directory / _COUNTER)
            file_counter.increase(counter, INCREMENTS, STEP_SECONDS)
            self._write_step("counted")
            self._wait_for("counted", "done")
            self._write_step("done", counter=file_counter.read(counter, STEP_SECONDS))
        except (OSError, StoreError) as error:
            self._write_step("done", error=str(error))

    def _hold(self, file: IO[bytes]) -> None:
        self._lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._write_step("held")
        self._wait_for("tried", "counted", "done")
        self._lock(file, fcntl.LOCK_UN)

    def _contend(self, file: IO[bytes]) -> None:
        self._wait_for("held", "done")
        found = "granted"
        try:
            self._lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            found = "refused"
        except OSError as error:
            found = str(error)
        self._write_step("tried", lock=found)

    def _write_step(self, step: str, **values: Any) -> None:
        self._answer = self._answer._replace(step=step, **values)
        _write(self._directory / f"{self._number}.json", self._answer._asdict())

    def _wait_for(self, *steps: str) -> None:
        """Wait until the other node has come to one of these steps."""
        end = time.monotonic() + STEP_SECONDS
        while answer_of(self._directory, 1 - self._number).step not in steps:
            if time.monotonic() > end:
                raise TimeoutError(f"the other node wrote nothing for {STEP_SECONDS:g} s")
            time.sleep(_LOOK_SECONDS)


def try_connections(directory: Path, targets: list[tuple[str, int]]) -> None:
    """Connect to each host and port, log in to the database, and write whether that worked."""
    reached = {f"{host}:{port}": _why_not_reached(host, port) for host, port in targets}
    answer = NodeAnswer(_node_name(), "done", reached=reached)
    if next(iter(reached.values())) is None:
        answer = _try_log_in(answer)
    _write(directory / "0.json", answer._asdict())


def _try_log_in(answer: NodeAnswer) -> NodeAnswer:
    """Log in as a runner on this node would; that includes a first statement."""
    try:
        connect_postgresql(resolve(None)[1]).close()
    except TorcError as error:
        return answer._replace(error=error.message, hint=error.hint)
    except Exception as error:
        return answer._replace(error=f"{type(error).__name__}: {error}")
    return answer


def _why_not_reached(host: str, port: int) -> str | None:
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _node_name() -> str:
    """Return the name of the node: nodes of a test cluster share a host name."""
    return os.environ.get("SLURMD_NODENAME") or hostname()


def _write(path: Path, value: Any) -> None:
    """Write a file in place, with one call: others may read it at any time."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        data = json.dumps(value).encode()
        os.write(number, data.ljust(os.fstat(number).st_size))
        os.fsync(number)
    finally:
        os.close(number)


def main() -> None:
    """Do the task in the directory that the command line names."""
    directory = Path(sys.argv[1])
    task = json.loads((directory / "task.json").read_text(encoding="utf-8"))
    if task["task"] == "connections":
        try_connections(directory, [(host, port) for host, port in task["targets"]])
    else:
        LockProbe(directory, int(os.environ.get("SLURM_PROCID", "0"))).run()


if __name__ == "__main__":
    main()
