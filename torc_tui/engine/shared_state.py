"""Read what other programs have written about a workflow and its runner.

Input: the database. Output: flags of the workflow, requests to this runner, and the resources that
other runners of the host hold, which are counted in the pool.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from torc_tui.engine.orders import OrderMaker
from torc_tui.model import Allocation, AttemptKey
from torc_tui.records import dataclass
from torc_tui.resources.gpu_claims import JobEnd, Tenant
from torc_tui.resources.pool import Pool
from torc_tui.store import compute_nodes, run_context, scheduling, sql
from torc_tui.store.compute_nodes import NodeOrders
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.runner_news import RunnerNews
from torc_tui.store.scheduling import HeldElsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """The compute node id of a runner, its host or allocation, and its labels.

    A ``persistent`` runner stays while jobs remain that it may run. ``in_allocation`` tells that a
    batch system has granted the node for a time.
    """

    node_id: int
    location: str
    labels: tuple[str, ...] = ()
    persistent: bool = False
    in_allocation: bool = False


class SharedState:
    """The rows of other runners, as this runner read them last.

    ``is_in_use`` tells whether a process uses what another runner holds: a runner that was killed
    cannot give anything back.
    """

    def __init__(
        self,
        store: Store,
        maker: OrderMaker,
        pool: Pool,
        node: NodeIdentity,
        is_in_use: Callable[[HeldElsewhere], bool],
    ) -> None:
        self.is_paused = False
        self.is_canceled = False
        self.is_archived = False
        self.runners = 1
        """How many runners the workflow has."""
        self.may_prefetch = False
        """Whether this runner may hold jobs in advance: no other one waits for its resources."""
        self.gone_reason = ""
        """Why this runner may no longer write anything; empty while it may."""
        self.stop_requested: str | None = None
        self.max_parallel_jobs: int | None = None
        self.has_news = False
        """Whether rows were read that no step has acted on."""
        self._store = store
        self._maker = maker
        self._pool = pool
        self._node = node
        self._is_in_use = is_in_use
        self._counted: list[tuple[HeldElsewhere, Allocation]] = []
        """The rows of jobs that other runners hold here, as they are counted in the pool."""
        self.news = RunnerNews(store, maker.context.workflow_id, node.node_id, node.location)
        self._is_current = False

    @property
    def tenants(self) -> list[tuple[Tenant, Allocation]]:
        """The jobs that other runners run on this host, with what they hold."""
        return [
            (Tenant(row.pid, row.started_at or 0.0), allocation)
            for row, allocation in self._counted
            if row.pid
        ]

    @property
    def others(self) -> dict[int, AttemptKey]:
        """The processes of the jobs that other runners hold on this host."""
        return {
            row.pid: AttemptKey(row.workflow_id, row.id, row.run_id, row.attempt_id)
            for row, _ in self._counted
            if row.pid
        }

    def has_changed(self) -> bool:
        """Return whether others have written since the last call of `update`.

        Outside of a transaction, this takes microseconds.
        """
        return self.news.may_exist()

    def mark_outdated(self) -> None:
        """Have the next `update` read everything: processes end without writing anything."""
        self._is_current = False

    def is_outdated(self) -> bool:
        """Return whether the next `update` would read everything."""
        return not self._is_current or self.has_changed()

    def update(self) -> None:
        """Read what others have written, if they have written anything since the last call."""
        conn = self._store.connection()
        if self.news.take(conn) or not self._is_current:
            self._read(conn)
            self._is_current, self.has_news = True, True

    def last_seq(self, conn: Connection) -> int:
        """Return the number of the last event of the workflow, right after `update`."""
        return self.news.last_seq(conn)

    def _read(self, conn: Connection) -> None:
        workflow_id = self._maker.context.workflow_id
        flags = conn.one(sql.WORKFLOW_FLAGS, workflow_id=workflow_id)
        orders = compute_nodes.orders(conn, self._node.node_id)
        if flags is None:
            self.gone_reason = "deleted"
        elif orders is None or flags.run_id != self._maker.context.run_id:
            self.gone_reason = "initialized again"
        elif not orders.is_active:
            self.gone_reason = "taken from this runner"
        else:
            self._maker.follow(run_context.read(conn, workflow_id))
            self.is_paused = flags.is_paused
            self.is_canceled = flags.is_canceled
            self.is_archived = flags.is_archived
            self._follow(orders)
            self._count_others(conn)
            self._follow_runners(conn)

    def _follow(self, orders: NodeOrders) -> None:
        """Take over what users have requested of this runner."""
        self.stop_requested = orders.stop_requested or ("graceful" if self.is_archived else None)
        self._pool.resize(num_cpus=orders.num_cpus, memory=orders.memory)
        self.max_parallel_jobs = orders.options.get("max_parallel_jobs")

    def _follow_runners(self, conn: Connection) -> None:
        """Take into account which other runners the workflow has."""
        location = self._node.location
        runners = compute_nodes.active(conn, self._maker.context.workflow_id)
        others = [one for one in runners if one.id != self._node.node_id]
        self.runners = 1 + len(others)
        self.news.has_neighbors = any((one.location or one.hostname) == location for one in others)
        # On SQLite, others' progress is news, and prefetched jobs do not start while there are any.
        shares = self.news.has_neighbors if conn.dialect == "postgresql" else bool(others)
        self.may_prefetch = not shares

    def _count_others(self, conn: Connection) -> None:
        """Count in the pool what the jobs of other runners hold."""
        rows = conn.rows(
            sql.HELD_BY_OTHERS, node_id=self._node.node_id, location=self._node.location
        )
        held = [row for row in rows if self._is_in_use(row)]
        left = list(held)
        pids = {row.pid for row in held}
        counted: list[tuple[HeldElsewhere, Allocation]] = []
        for row, allocation in self._counted:
            if row in left:
                left.remove(row)
                counted.append((row, allocation))
                continue
            ended = bool(row.pid) and row.pid not in pids
            end = JobEnd(time.time(), "") if ended else None
            self._pool.give(allocation, other=True, end=end)
        for row in left:
            allocation = scheduling.decode_allocation(row.allocation)
            self._pool.hold(allocation, other=True)
            counted.append((row, allocation))
        self._counted = counted
