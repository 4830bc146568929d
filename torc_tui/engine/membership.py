"""Keep a runner registered: send heartbeats, adopt the jobs of lost runners, and leave."""

from __future__ import annotations

import time
from collections.abc import Sequence

from torc_tui.clusters.inside import ClusterAllocation
from torc_tui.engine.adoption import Adopter
from torc_tui.engine.allocation_watch import AllocationWatch
from torc_tui.engine.engine import Engine
from torc_tui.engine.standby_allocator import StandbyAllocator
from torc_tui.errors import StoreError
from torc_tui.lifecycle.liveness import Proof
from torc_tui.reasons import Reason
from torc_tui.store import compute_nodes, runner_liveness
from torc_tui.store.compute_nodes import Node
from torc_tui.store.event_log import append

HEARTBEAT = 5.0
"""Seconds between two heartbeats."""


class Membership:
    """One registered runner among the runners of its workflow."""

    def __init__(
        self,
        engine: Engine,
        process: compute_nodes.MachineProcess,
        allocation: ClusterAllocation | None = None,
    ) -> None:
        self._engine = engine
        self._process = process
        self._store = engine.state.store
        self._node_id = engine.node.node_id
        self._workflow_id = engine.state.context.workflow_id
        self._adopter = Adopter(self._store, engine.maker, self._node_id, engine.executor)
        has_server = self._store.dialect != "sqlite"
        self._others = runner_liveness.HeartbeatWatch(has_server=has_server)
        self._allocations = AllocationWatch(allocation, engine.executor.wake)
        self.standby: StandbyAllocator | None = None
        """What requests allocations if the watcher is lost, in an allocation of `torc submit`."""
        self._last_heartbeat = time.monotonic()

    def is_heartbeat_due(self) -> bool:
        """Return whether to send a heartbeat, by a clock that is never set.

        One is sent early if a runner is lost, because its jobs are adopted after it.
        """
        due = time.monotonic() - self._last_heartbeat >= HEARTBEAT
        return due or self._allocations.has_news

    def send_heartbeat(self, now: float) -> None:
        """Record that this runner is alive."""
        with self._store.write() as conn:
            compute_nodes.beat(conn, self._node_id, now)
        self._engine.shared.mark_outdated()
        self._last_heartbeat = time.monotonic()

    def adopt_lost_jobs(self, now: float) -> None:
        """Take over the jobs of runners that are lost for certain."""
        for flight in self._adopter.take_over(self._process, now, self._lost):
            self._engine.adopt(flight)

    def _lost(self, nodes: Sequence[Node]) -> list[tuple[Node, Proof]]:
        """Return the runners that are lost for certain, and the proofs."""
        found = []
        for node in nodes:
            proof = runner_liveness.verdict(node, quiet=0.0).proof
            if proof := proof or self._allocations.proof_of(node):
                found.append((node, proof))
        return found

    def watch_others(self, now: float) -> list[Reason]:
        """Take the jobs that do not outlive the expired lease of their runner.

        Return reasons about runners that have become silent, or whose lease has expired.
        """
        with self._store.read() as conn:
            others = self._adopter.other_runners(conn)
        watched = self._others.look(others)
        rank = sum(node.id < self._node_id for node in watched.alive)
        self._allocations.follow(watched.silent, rank)
        if watched.expired:
            for flight in self._adopter.take_expired(watched.expired, now):
                self._engine.adopt(flight)
        if self.standby is not None:
            return [*watched.news, *self.standby.follow(is_oldest=rank == 0)]
        return watched.news

    def adopt_unknown_jobs(self, now: float) -> None:
        """Take up what this runner holds without knowing it.

        When a database server fails, it is not always known whether a transaction was committed.
        """
        self._engine.state.prefetched.jobs = []  # those in the database become ready again
        for flight in self._adopter.take_back(set(self._engine.in_flight), now):
            self._engine.adopt(flight)

    def leave(self, now: float) -> None:
        """Record the end of this runner.

        A runner that fails while it holds jobs records nothing: it is found dead, and its jobs are
        adopted.
        """
        if self.standby is not None:
            self.standby.close()
        if self._engine.in_flight and not self._engine.shared.gone_reason:
            return
        try:
            with self._store.write() as conn:
                event = compute_nodes.leave(conn, self._node_id, now)
                append(conn, self._workflow_id, [event], at=now)
        except StoreError:
            return  # the workflow is deleted, or the next runner sees that this process has ended
