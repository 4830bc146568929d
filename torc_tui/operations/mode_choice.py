"""Choose between one allocation with several nodes and several allocations with one node.

Input: a demand, a cluster. Output: the mode. The cluster is asked at most twice when a request
would start; nothing is submitted.
"""

from __future__ import annotations

from torc_tui.clusters.base import Cluster
from torc_tui.operations.allocation_demand import WorkflowDemand
from torc_tui.operations.allocation_requests import Requester
from torc_tui.records import replace
from torc_tui.resources.demand import plan_demand
from torc_tui.resources.demand_records import Mode, WantedAllocation
from torc_tui.store.database import Store
from torc_tui.tuples import NamedTuple

TOLERANCE_SECONDS = 60.0
"""How much later an allocation with several nodes may start: then all of its nodes run."""


class ModeChoice(NamedTuple):
    """The mode, and when the cluster would start a request of each mode; None: unknown."""

    mode: Mode
    pack: float | None = None
    single: float | None = None


def choose_mode(store: Store, cluster: Cluster, demand: WorkflowDemand) -> ModeChoice:
    """Return the mode in which the nodes for the largest request are expected first."""
    packed = _largest(demand, "pack")
    single = _largest(demand, "single")
    if packed is None or single is None or packed.nodes < 2:
        return ModeChoice("single")
    requester = Requester(store, cluster, demand.workflow, demand.schedulers, None)
    pack_at = cluster.estimate(requester.preview(packed))
    single_at = cluster.estimate(requester.preview(single))
    is_packed = pack_at is not None and (
        single_at is None or pack_at <= single_at + TOLERANCE_SECONDS
    )
    return ModeChoice("pack" if is_packed else "single", pack_at, single_at)


def _largest(demand: WorkflowDemand, mode: Mode) -> WantedAllocation | None:
    """Return the allocation with the most nodes that would be requested in a mode."""
    wanted = plan_demand(replace(demand.given, mode=mode)).wanted
    return max(wanted, key=lambda one: (one.nodes, sum(one.jobs.values())), default=None)
