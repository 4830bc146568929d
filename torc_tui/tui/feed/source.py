"""The database as the threads of the app use it.

A source is opened, used and closed by one thread. That thread imports the store, so that the first
paint does not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.model import Workflow

if TYPE_CHECKING:
    from torc_tui.store.feed import Feed
    from torc_tui.views.workflow_view import WorkflowView


class FeedReader:
    """The database, opened for one thread."""

    def __init__(self, url: str | None, *, read_only: bool = False) -> None:
        from torc_tui.store.database import Store

        self.store = Store.open(url, read_only=read_only)

    def load(self, workflow_id: int) -> WorkflowView:
        """Return the current state of a workflow; raise NotFound if there is none."""
        from torc_tui.store import compute_nodes, workflows
        from torc_tui.views.workflow_view import WorkflowView

        snapshot = workflows.snapshot(self.store, workflow_id)
        with self.store.read() as conn:
            active = [node.id for node in compute_nodes.active(conn, workflow_id)]
        return WorkflowView(
            snapshot.workflow, snapshot.jobs, snapshot.requirements, snapshot.cursor, active
        )

    def listing(self) -> Sequence[Workflow]:
        from torc_tui.store import workflows
        from torc_tui.store.selection import ListSelection

        return workflows.list_workflows(self.store, ListSelection())

    def tail(self, workflow_id: int | None, after: int | Mapping[int, int]) -> Feed:
        """Follow the events of one workflow, or of all, after the given sequence numbers."""
        from torc_tui.store.feed import Feed

        return Feed(self.store, workflow_id, after)

    def close(self) -> None:
        self.store.close()
