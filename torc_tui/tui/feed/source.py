"""The database as the threads of the app use it.

A source is opened, used and closed by one thread. That thread imports the store, so that the first
paint does not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
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

    def verify(self) -> None:
        """Raise StoreUnavailable if this is not the database at its place any more.

        A file that was moved away or replaced can still be read: nobody else would see what is
        written to it.
        """
        self.store.verify()

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


class SourceOpener:
    """Opens the database for each thread. Only the first time, a missing file is created."""

    def __init__(self, url: str | None, *, read_only: bool = False) -> None:
        self._url = url
        self._read_only = read_only
        self._is_known = False

    def __call__(self) -> FeedReader:
        """Open the database; raise StoreUnavailable if its file is gone since."""
        if self._is_known:
            self._check_file()
        source = FeedReader(self._url, read_only=self._read_only)
        self._is_known = True
        return source

    def _check_file(self) -> None:
        from torc_tui.errors import StoreUnavailable
        from torc_tui.store.connect import resolve

        dialect, place = resolve(self._url)
        if dialect == "sqlite" and not Path(place).exists():
            raise StoreUnavailable(f"the database {place} was moved away", hint="put it back")
