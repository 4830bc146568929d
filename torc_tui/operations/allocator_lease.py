"""Let one process at a time request allocations for a workflow.

The holder renews the lease at every step. Another process takes it if the holder is proven to be
gone, or if its counter did not change for a while by the clock of that other process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from torc_tui import settings
from torc_tui.resources.process_identity import process_started
from torc_tui.store import allocations
from torc_tui.store.allocations import Lease
from torc_tui.store.compute_nodes import this_location
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.runner_liveness import process_runs

LEASE_SECONDS = 30.0
"""Time without a change of the counter after which the lease is taken from its holder."""

VACANT = ""
"""The holder of a lease that any process may take."""


class AllocatorLease:
    """The lease of the allocator of a workflow, as one process sees it."""

    def __init__(
        self, store: Store, workflow_id: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._name = _name_of(workflow_id)
        self._monotonic = monotonic
        self._seen: tuple[Lease, float] | None = None
        pid = os.getpid()
        words = (settings.actor(), this_location(), str(pid), str(process_started(pid) or 0))
        self._holder = "\t".join((*words, str(id(self))))

    def hold(self) -> str | None:
        """Take or renew the lease; return who holds it if that is another process."""
        with self._store.write() as conn:
            known = allocations.lease(conn, self._name)
            if known is not None and not self._may_take(known):
                return _words(known.holder)
            if allocations.take_lease(conn, self._name, self._holder, known):
                self._seen = None
                return None
            found = allocations.lease(conn, self._name)
        return _words(found.holder) if found else "another process"

    def release(self) -> None:
        """Give the lease back."""
        with self._store.write() as conn:
            allocations.drop_lease(conn, self._name, self._holder)

    def is_held_elsewhere(self) -> bool:
        """Return whether a process of another machine holds the lease, which may be gone."""
        with self._store.read() as conn:
            known = allocations.lease(conn, self._name)
        return known is not None and known.holder.split("\t")[1:2] != [this_location()]

    def vacate(self) -> None:
        """Ask another process to take the lease over."""
        with self._store.write() as conn:
            known = allocations.lease(conn, self._name)
            if known is not None and known.holder == self._holder:
                allocations.take_lease(conn, self._name, VACANT, known)

    def vacate_abandoned(self) -> bool:
        """Vacate the lease if its holder is gone; return whether any process may take it now.

        A lease that was given back, or never taken, is not abandoned.
        """
        with self._store.read() as conn:
            known = allocations.lease(conn, self._name)
        if known is None or not self._may_take(known):
            return False
        if known.holder != VACANT:
            with self._store.write() as conn:
                allocations.take_lease(conn, self._name, VACANT, known)
        return True

    def _may_take(self, known: Lease) -> bool:
        if known.holder in (self._holder, VACANT) or _is_gone(known.holder):
            return True
        now = self._monotonic()
        if self._seen is None or self._seen[0] != known:
            self._seen = known, now
        return now - self._seen[1] >= LEASE_SECONDS


def is_watched(conn: Connection, workflow_id: int) -> bool:
    """Return whether a process requests the allocations of a workflow, as far as known here."""
    known = allocations.lease(conn, _name_of(workflow_id))
    return known is not None and not _is_gone(known.holder)


def _name_of(workflow_id: int) -> str:
    return f"allocator:{workflow_id}"


def _is_gone(holder: str) -> bool:
    """Return whether the holder ran on this machine and has ended."""
    parts = holder.split("\t")
    if len(parts) != 5 or parts[1] != this_location():
        return False
    return not process_runs(int(parts[2]), int(parts[3]))


def _words(holder: str) -> str:
    parts = holder.split("\t")
    return f"{parts[0]} (pid {parts[2]})" if len(parts) == 5 else holder
