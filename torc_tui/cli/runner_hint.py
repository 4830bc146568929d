"""Say what brings a runner to a workflow that has none: a command, or an allocation."""

from __future__ import annotations

from torc_tui.reasons import Kind
from torc_tui.store.database import Store
from torc_tui.wording import sentence


def without_runner(store: Store, workflow_id: int) -> str:
    """Return that a workflow has no runner, and what to do."""
    from torc_tui.operations.cluster_state import read_cluster  # most commands give no hint

    cluster = read_cluster(store, workflow_id)
    if cluster is None:
        command = f"`torc run {workflow_id}`"
        return f"workflow {workflow_id} has no active runner; start one with {command}"
    waits = cluster.waits(None)
    more = f"; `torc slurm status {workflow_id}` lists the allocations"
    has_way_out = any(one.kind in (Kind.GROUP_PAUSED, Kind.NO_ALLOCATION) for one in waits)
    words = "; ".join(map(sentence, waits))
    return f"workflow {workflow_id} has no active runner: {words}{'' if has_way_out else more}"
