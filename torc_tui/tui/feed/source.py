"""The database as the threads of the app use it.

A source is opened, used and closed by one thread. SQLAlchemy is imported by that thread, so that
the first paint does not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from torc_tui.model import Event, Workflow

if TYPE_CHECKING:
    from torc_tui.store.database import Store
    from torc_tui.views.workflow_view import WorkflowView


class Tail(Protocol):
    """What the feed thread needs of ``store.feed.Feed``."""

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return new events, at the latest after ``timeout`` seconds."""
        ...

    def wake(self) -> None:
        """Let ``wait`` return at once; called by another thread."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Source(Protocol):
    """The database, opened for one thread."""

    @property
    def store(self) -> Store:
        """Return the store, for the functions of ``operations`` and ``store``."""
        ...

    def load(self, workflow_id: int) -> WorkflowView:
        """Return a workflow as it is now; raise NotFound if there is none."""
        ...

    def listing(self) -> Sequence[Workflow]:
        """Return all workflows."""
        ...

    def tail(self, workflow_id: int | None, after: int | Mapping[int, int]) -> Tail:
        """Follow the events of one workflow, or of all, after the given sequence numbers."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class StoreSource:
    """The source that the app uses outside tests."""

    def __init__(self, url: str | None, *, read_only: bool = False) -> None:
        from torc_tui.store.database import Store

        self.store = Store.open(url, read_only=read_only)

    def load(self, workflow_id: int) -> WorkflowView:
        """Return a workflow as it is now; raise NotFound if there is none."""
        from torc_tui.store import compute_nodes, workflows
        from torc_tui.views.workflow_view import WorkflowView

        snapshot = workflows.snapshot(self.store, workflow_id)
        with self.store.read() as conn:
            active = [node.id for node in compute_nodes.active(conn, workflow_id)]
        return WorkflowView(
            snapshot.workflow, snapshot.jobs, snapshot.requirements, snapshot.cursor, active
        )

    def listing(self) -> Sequence[Workflow]:
        """Return all workflows."""
        from torc_tui.store import workflows
        from torc_tui.store.selection import WorkflowSelection

        return workflows.list_workflows(self.store, WorkflowSelection(is_archived=None))

    def tail(self, workflow_id: int | None, after: int | Mapping[int, int]) -> Tail:
        """Follow the events of one workflow, or of all, after the given sequence numbers."""
        from torc_tui.store.feed import Feed

        return Feed(self.store, workflow_id, after)

    def close(self) -> None:
        """Close the connections."""
        self.store.close()
