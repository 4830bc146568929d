"""Read the graph of a workflow; called in a reader thread."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.collection import collection_paused
from torc_tui.model import Job
from torc_tui.tui.feed.source import FeedReader
from torc_tui.views.graph_model import JobGraph


def read_graph(
    source: FeedReader, workflow_id: int, jobs: Sequence[Job], with_data: bool = False
) -> JobGraph:
    """Return the graph of these jobs; with data, it also has files and records."""
    from torc_tui.store import relations

    with collection_paused():
        data = relations.artifacts(source.store, workflow_id) if with_data else []
        return JobGraph(jobs, relations.edges(source.store, workflow_id), data)
