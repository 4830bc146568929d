"""Read the allocations of a workflow if it was ever submitted to a cluster.

Most workflows never are: for them, this costs one statement and no further import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torc_tui.store import workflows
from torc_tui.store.database import Store

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState


def cluster_of(
    store: Store, workflow_id: int, *, known: ClusterState | None = None
) -> ClusterState | None:
    """Return how the allocations of a workflow stand; None if it was never submitted.

    Counting attempts takes time in large workflows: ``known`` is an earlier reading.
    """
    with store.read() as conn:
        if not workflows.was_submitted(conn, workflow_id):
            return None
    from torc_tui.operations.cluster_state import read_cluster

    return read_cluster(store, workflow_id, known=known)
