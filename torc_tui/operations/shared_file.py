"""Decide on a compute node whether it may use an SQLite file that other hosts use, too.

Input: an open store. Output: why the node may not use it, before it claims jobs. The node itself
writes nothing to the database then; the process that requests allocations pauses the queue group.

Two nodes have to pass `torc database check --slurm` before nodes use a file together. Until then
one node may use it, if its locks are those of the login node: the process there that requests
allocations holds a lock as long as it lives.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import IO

from torc_tui.errors import NotFound, Refused
from torc_tui.operations import database_check
from torc_tui.operations.allocation_control import pause_group
from torc_tui.operations.allocator_lease import LEASE_SECONDS
from torc_tui.quoting import shorten
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.machine_identity import hostname
from torc_tui.store import allocations, compute_nodes, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps
from torc_tui.tuples import NamedTuple

HEARTBEAT_SECONDS = 12.0
"""Time in which a runner that lives sends a heartbeat."""
_PROBLEM = 500
"""Characters of a report that are shown."""
_CHECK = "`torc database check --slurm` checks it in a few seconds"

Lock = Callable[[IO[bytes], int], None]
Sleep = Callable[[float], None]


class WatcherPresence:
    """The lock that a process holds while it requests allocations for workflows in a file."""

    def __init__(self, store: Store) -> None:
        self._path = _lock_path(store)
        self._file: IO[bytes] | None = None

    def take(self) -> None:
        """Hold the lock together with other such processes; without locks, do nothing."""
        if self._path is None or self._file is not None:
            return
        with suppress(OSError):
            self._file = _opened(self._path)
            fcntl.lockf(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def release(self) -> None:
        """Drop the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


class FileUse(NamedTuple):
    """Whether this node may use an SQLite file: why not, or None.

    ``silent`` are the runners of other nodes that send no heartbeats; any other one that joins
    before this runner excludes it. None: several nodes may use the file.
    """

    problem: str | None = None
    silent: frozenset[int] | None = None


def examine_file(store: Store, *, lock: Lock = fcntl.lockf, sleep: Sleep = time.sleep) -> FileUse:
    """Return whether this node may use an SQLite file."""
    with store.read() as conn:
        if database_check.passed(conn, store.place):
            return FileUse()
        known = database_check.stored(conn)
    if known is not None and known.problem is not None:
        return FileUse(f"nodes cannot use {store.place}: {known.problem}")
    other, silent = _other_node(store, sleep)
    if other is not None:
        return FileUse(_in_use(store, other))
    return FileUse(_why_no_locks(store, lock, sleep), silent)


def refuse_second_node(store: Store, conn: Connection, silent: Collection[int]) -> None:
    """Raise Refused if a runner of another node has joined, in the transaction that joins.

    Nodes that start in the same moment do not see each other before.
    """
    for number, (name, _) in _runners_elsewhere(conn).items():
        if number not in silent:
            raise Refused(_in_use(store, name), hint="one node at a time may use it until then")


def _in_use(store: Store, name: str) -> str:
    return f"{store.place} is in use on {name}, and no two nodes have checked it; {_CHECK}"


def _other_node(store: Store, sleep: Sleep) -> tuple[str | None, frozenset[int]]:
    """Return another node with a runner that sends heartbeats, and the runners that send none.

    Clocks of nodes may differ.
    """
    with store.read() as conn:
        before = _runners_elsewhere(conn)
    waited = 0.0
    while before and waited < HEARTBEAT_SECONDS:
        sleep(1.0)
        waited += 1.0
        with store.read() as conn:
            now = _runners_elsewhere(conn)
        for number, (name, beats) in now.items():
            if number not in before or before[number][1] != beats:
                return name, frozenset()
        before = {number: one for number, one in before.items() if number in now}
    return None, frozenset(before)


def _runners_elsewhere(conn: Connection) -> dict[int, tuple[str, int]]:
    """Return the runners of other machines; locks work between processes of one kernel."""
    rows = conn.rows(sql.RUNNERS_ANYWHERE)
    return {
        row.id: (row.node_name or row.hostname, row.heartbeats)
        for row in rows
        if not compute_nodes.is_on_this_machine(row.location or "")
    }


def _why_no_locks(store: Store, lock: Lock, sleep: Sleep) -> str | None:
    """Return why locks do not work here; None if they do, or if nobody holds one to compare."""
    path = _lock_path(store)
    if path is None:
        return None
    waited, leases = 0.0, _leases(store)
    while True:
        problem = _try_lock(path, lock)
        if problem is not None or not leases:
            return problem or None
        if waited > LEASE_SECONDS:
            return None  # the holders of these leases have ended
        sleep(1.0)
        waited += 1.0
        renewed = [name for name, one in _leases(store).items() if leases.get(name, one) != one]
        if renewed and _try_lock(path, lock) is None:
            return (
                f"{hostname()} got a lock on {path} that another host holds: SQLite would be"
                f" damaged on this file system; {_CHECK}"
            )


def _try_lock(path: str, lock: Lock) -> str | None:
    """Return "" if another process has the lock, None if it was free, else why locking failed."""
    try:
        with _opened(path) as file:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return ""
    except OSError as error:
        return f"{hostname()} cannot lock {path}: {error.strerror}"
    return None


def _leases(store: Store) -> dict[str, int]:
    with store.read() as conn:
        return {row.name: row.counter for row in conn.rows(sql.LEASES)}


def _lock_path(store: Store) -> str | None:
    return f"{store.place}-watch" if store.dialect == "sqlite" else None


def _opened(path: str) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")


# -- what a node reports ---------------------------------------------------------------------------


def report_unfit(store: Store, allocation_id: int, problem: str) -> None:
    """Leave a report beside the file: without locks, a node must not write to the database."""
    with suppress(OSError):
        data = dumps({"allocation": allocation_id, "problem": problem})
        with _opened(_report_path(store)) as file:
            file.write(data.encode())


def pause_unfit(store: Store, *, actor: str | None = None) -> dict[str, Reason]:
    """Pause the queue group of the allocation in which a node reported that it is unfit."""
    path = _report_path(store)
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        os.unlink(path)  # noqa: PTH108
        with store.read() as conn:
            found = allocations.get(conn, int(report["allocation"]))
    except (OSError, ValueError, TypeError, KeyError, NotFound):
        return {}
    cause = because(Kind.DATABASE_UNFIT, detail=shorten(str(report["problem"]), _PROBLEM))
    group = str(found["queue_group"])
    pause_group(store, found["workflow_id"], group, cause, actor=actor)
    return {group: cause}


def _report_path(store: Store) -> str:
    return f"{store.place}-unfit"
