"""Request allocations in the place of a watcher that was lost, from a runner in an allocation.

Input: the database, the cluster. Output: allocations, as from `torc slurm watch`. The oldest runner
looks at the lease of the watcher with each heartbeat. A watcher that a user has stopped gave its
lease back: nobody takes its place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from torc_tui.errors import TorcError
from torc_tui.operations.allocator_lease import AllocatorLease
from torc_tui.reasons import Kind, Reason, because
from torc_tui.store.database import Store

if TYPE_CHECKING:
    from torc_tui.clusters.base import Cluster

_CLOSE_SECONDS = 10.0
"""How long the end of a runner waits for the last step."""


class _Leaving(Exception):
    """The runner ends."""


class StandbyAllocator:
    """The allocator that one runner may become."""

    def __init__(
        self,
        store: Store,
        workflow_id: int,
        hostname: str,
        *,
        find_cluster: Callable[[], Cluster] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._hostname = hostname
        self._find_cluster = find_cluster
        self._lease = AllocatorLease(store, workflow_id, monotonic)
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_impossible = False

    @property
    def is_at_work(self) -> bool:
        """Return whether this runner requests the allocations, or tries to."""
        return self._thread is not None and self._thread.is_alive()

    def follow(self, *, is_oldest: bool) -> list[Reason]:
        """Take the place of a lost watcher if this is the oldest runner; return what to tell."""
        if self.is_at_work or self._is_impossible or not is_oldest:
            return []
        if not self._lease.vacate_abandoned():
            return []
        try:
            cluster = self._cluster()
        except TorcError as error:
            self._is_impossible = True
            return [because(Kind.NO_ALLOCATOR, hostname=self._hostname, error=error.message)]
        self._thread = threading.Thread(
            target=self._run, args=(cluster,), daemon=True, name="torc-allocator"
        )
        self._thread.start()
        return [because(Kind.ALLOCATOR_TAKEN, hostname=self._hostname)]

    def _cluster(self) -> Cluster:
        if self._find_cluster is not None:
            return self._find_cluster()
        from torc_tui.clusters.choice import this_cluster

        return this_cluster()

    def _run(self, cluster: Cluster) -> None:
        from torc_tui.engine.allocator import Allocator

        allocator = Allocator(self._store, cluster, self._workflow_id, actor=None)

        def wait(seconds: float) -> None:
            if self._leaving.wait(seconds):
                allocator.vacate()
                raise _Leaving

        with suppress(_Leaving, TorcError):  # then another process takes the lease
            allocator.run(wait, lambda done: None)

    def close(self) -> None:
        """Let another process request the allocations."""
        self._leaving.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)
