"""The tabs of the workflow screen; a pane is imported and made when it is first shown."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost


class Tab(NamedTuple):
    """One tab. ``follows_table``: the keys stay with the job table when it is chosen."""

    name: str
    title: str
    pane: str
    """``module:class`` below ``torc_tui.tui``."""
    follows_table: bool = False

    def make(self, host: WorkflowHost) -> Pane:
        """Import and make the pane."""
        module, _, name = self.pane.partition(":")
        pane: Pane = getattr(import_module(f"torc_tui.tui.{module}"), name)(host)
        return pane


TABS = (
    Tab("overview", "Overview", "jobs.overview_pane:OverviewPane", follows_table=True),
    Tab("log", "Log", "logs.log_pane:LogPane"),
    Tab("graph", "Graph", "graph.graph_pane:GraphPane"),
    Tab("data", "Data", "data.data_pane:DataPane"),
    Tab("files", "Files", "jobs.record_tables:FilesPane"),
    Tab("history", "History", "jobs.event_list:HistoryPane", follows_table=True),
    Tab("events", "Events", "jobs.event_list:EventsPane"),
    Tab("results", "Results", "jobs.record_tables:ResultsPane"),
    Tab("resources", "Resources", "machine.resources_pane:ResourcesPane"),
)
BY_NAME = {tab.name: tab for tab in TABS}
