"""Find out whether the allocations of silent runners have ended.

Input: runners without heartbeats. Output: proofs that they are lost. The batch system is asked in a
thread, because it may take long to answer. While it does not answer, nothing is known.

All runners of a workflow see the same silent runners. One of them asks: the others follow one after
the other, and find the runner gone by then.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.clusters.inside import ClusterAllocation
from torc_tui.lifecycle.liveness import SILENT_SECONDS, Proof
from torc_tui.store.compute_nodes import Node

if TYPE_CHECKING:
    from torc_tui.clusters.allocation_ends import Loss

LOOK_SECONDS = 10.0
"""Time between two questions."""
LONGEST_PAUSE = 300.0
"""Longest time between two questions while the batch system does not answer."""

Find = Callable[[Mapping[int, ClusterAllocation], ClusterAllocation | None], dict[int, "Loss"]]


class AllocationWatch:
    """The allocations of silent runners, for one runner in the allocation ``here``, if any."""

    def __init__(
        self,
        here: ClusterAllocation | None,
        wake: Callable[[], None],
        *,
        find: Find | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.has_news = False
        """Whether proofs were found that nobody has asked for."""
        self._here = here
        self._wake = wake
        self._find = find
        self._monotonic = monotonic
        self._proofs: dict[tuple[int, int], Proof] = {}
        self._pause = LOOK_SECONDS
        self._next = 0.0
        self._thread: threading.Thread | None = None

    def proof_of(self, node: Node) -> Proof | None:
        """Return the proof that a runner is lost; None if there is none.

        A heartbeat since then refutes it.
        """
        self.has_news = False
        recorded = allocation_of(node)
        if recorded and self._here and recorded.is_earlier_start_of(self._here):
            return Proof.ALLOCATION_ENDED
        return self._proofs.get((node.id, node.heartbeats))

    def follow(self, silent: Sequence[tuple[Node, float]], rank: int) -> None:
        """Ask about silent runners, given with the time without a heartbeat, if it is time.

        ``rank`` is the number of live runners that ask before this one.
        """
        now = self._monotonic()
        if now < self._next or (self._thread is not None and self._thread.is_alive()):
            return
        patience = SILENT_SECONDS + rank * LOOK_SECONDS
        nodes = [node for node, quiet in silent if quiet >= patience]
        recorded = {node.id: one for node in nodes if (one := allocation_of(node))}
        if not recorded:
            self._pause = LOOK_SECONDS
            return
        self._next = now + self._pause
        beats = {node.id: node.heartbeats for node in nodes}
        self._thread = threading.Thread(
            target=self._ask, args=(recorded, beats), daemon=True, name="torc-allocations"
        )
        self._thread.start()

    def _ask(self, recorded: Mapping[int, ClusterAllocation], beats: Mapping[int, int]) -> None:
        from torc_tui.clusters.allocation_ends import find_lost  # most runners never ask
        from torc_tui.clusters.base import ClusterSilent

        try:
            found = (self._find or find_lost)(recorded, self._here)
        except ClusterSilent:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            return
        self._pause = LOOK_SECONDS
        self._proofs |= {(key, beats[key]): Proof(loss) for key, loss in found.items()}
        if found:
            self.has_news = True
            self._wake()


def allocation_of(node: Node) -> ClusterAllocation | None:
    """Return the allocation that a runner has recorded; None outside of an allocation."""
    recorded = json.loads(node.options).get("allocation")
    return ClusterAllocation.from_json(recorded) if recorded else None
