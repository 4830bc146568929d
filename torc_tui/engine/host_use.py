"""Publish what the jobs of a runner hold, for display by other users and databases of this host.

Input: the attempts in flight. Output: one file in the ledger of the host, at most once a second.
Attempts with GPUs have separate files there.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING

from torc_tui.engine.state import RunnerState
from torc_tui.model import Allocation
from torc_tui.units import in_thousandths

if TYPE_CHECKING:
    from torc_tui.resources.host_ledger import Ledger

PAUSE_SECONDS = 1.0


class HostUse:
    """The file of one runner; a run of less than a second creates no file."""

    def __init__(self, state: RunnerState) -> None:
        self._state = state
        self._ledger: Ledger | None = None
        self._reported = (0, Allocation())
        self._next = time.monotonic() + PAUSE_SECONDS

    def update(self) -> None:
        """Write the number of running jobs and what they hold, if that has changed."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PAUSE_SECONDS
        shown = self._state.ledger is not None
        held = [
            one.allocation
            for one in self._state.in_flight.values()
            if not (shown and one.allocation.gpus)
        ]
        cpus = in_thousandths(sum(one.num_cpus for one in held))
        memory = sum(one.memory for one in held)
        now = len(held), Allocation(cpus, memory)
        if now != self._reported:
            self._reported = now
            self._write(*now)

    def _write(self, jobs: int, held: Allocation) -> None:
        from torc_tui.resources.host_ledger import Ledger, LedgerUnavailable  # not for short runs

        if self._ledger is None:
            self._ledger = Ledger(self._state.store.url)
        try:
            self._ledger.publish(self._name(self._ledger), self._state.context.name, jobs, held)
        except LedgerUnavailable:  # each further attempt could take a second
            self._next = math.inf

    def _name(self, ledger: Ledger) -> str:
        return ledger.name(self._state.node.node_id)

    def close(self) -> None:
        """Remove the file."""
        if self._ledger is not None:
            with contextlib.suppress(OSError):
                self._ledger.release(self._name(self._ledger))
