"""Read the allocations of a workflow for a command, after a look at the queue if nobody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torc_tui.cli.call import Call
from torc_tui.operations.submitted import cluster_of

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState


def read_cluster_now(call: Call, workflow_id: int) -> ClusterState | None:
    """Return how the allocations of a workflow stand; None if it was never submitted.

    As long as a process requests allocations, the database is up to date.
    """
    found = cluster_of(call.store, workflow_id)
    if found is None or found.is_watched or not found.open:
        return found
    from torc_tui.cli.slurm import refresh

    refresh(call, workflow_id)
    return cluster_of(call.store, workflow_id)
