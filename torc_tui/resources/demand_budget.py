"""Count what may still be requested within the limits. Pure."""

from __future__ import annotations

from collections import defaultdict
from math import inf

from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.allocation_room import MANY
from torc_tui.resources.demand_records import DemandInput, GroupRules, WantedAllocation


class DemandBudget:
    """What may still be requested, and for each queue group why nothing more is."""

    def __init__(self, given: DemandInput) -> None:
        limits = given.limits
        self._limits = limits
        self._given = given
        self._most = min(limits.max_nodes, 1) if limits.one_node else limits.max_nodes
        self._nodes = self._most - sum(one.nodes for one in given.open)
        self._number = limits.max_allocations - given.requested
        hours = limits.max_node_hours
        self._hours = inf if hours is None else hours - given.node_hours
        self._queued: dict[str, int] = defaultdict(int)
        self._nodes_of: dict[str, int] = defaultdict(int)
        for one in given.open:
            self._queued[one.group] += one.is_queued
            self._nodes_of[one.group] += one.nodes
        self.refusals: dict[str, Reason] = {}

    def nodes(self, group: str, rules: GroupRules, walltime: float) -> int:
        """Return how many nodes one more allocation of a group may have; note why if none."""
        stopped = self._given.stopped.get(group)
        if stopped is not None:
            self.refusals[group] = stopped
            return 0
        if self._limits.one_node and self._nodes < 1 <= self._limits.max_nodes:
            self.refusals[group] = because(Kind.ONE_NODE)
            return 0
        own = inf if rules.max_nodes is None else rules.max_nodes - self._nodes_of[group]
        offers: list[tuple[float, str, float | None]] = [
            (self._nodes, "max_nodes", self._limits.max_nodes),
            (own, "max_nodes", rules.max_nodes),
            (self._limits.max_queued - self._queued[group], "max_queued", self._limits.max_queued),
            (self._number, "max_allocations", self._limits.max_allocations),
            (self._hours * 3600 // walltime, "max_node_hours", self._limits.max_node_hours),
        ]
        for offer, name, limit in offers:
            if offer < 1:
                self.refusals[group] = because(Kind.ALLOCATION_LIMIT, name=name, limit=limit)
                return 0
        return int(min(self._nodes, own, offers[-1][0], MANY))

    def take(self, one: WantedAllocation) -> None:
        """Count an allocation."""
        self._nodes -= one.nodes
        self._number -= 1
        self._hours -= one.nodes * one.walltime / 3600
        self._queued[one.group] += 1
        self._nodes_of[one.group] += one.nodes

    def refuse(self, group: str, name: str, limit: float) -> None:
        """Note why a group gets nothing more."""
        is_one = self._limits.one_node and limit > 1
        limited = because(Kind.ALLOCATION_LIMIT, name=name, limit=limit)
        self.refusals[group] = because(Kind.ONE_NODE) if is_one else limited
