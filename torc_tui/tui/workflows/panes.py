"""The tabs of the workflow screen; a pane is imported and made when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.jobs.job_table import JobTable
from torc_tui.tui.jobs.workflow_model import WorkflowModel


class WorkflowHost(PaneHost, Protocol):
    """What the panes about jobs need besides."""

    @property
    def model(self) -> WorkflowModel:
        """Return the jobs."""
        ...

    @property
    def table(self) -> JobTable:
        """Return the job table."""
        ...


class Tab(NamedTuple):
    """One tab. ``follows_table``: the keys stay with the job table when it is chosen."""

    name: str
    title: str
    make: Callable[[WorkflowHost], Pane]
    follows_table: bool = False


def _overview(host: WorkflowHost) -> Pane:
    from torc_tui.tui.jobs.overview_pane import OverviewPane

    return OverviewPane(host, host.model, host.table)


def _log(host: WorkflowHost) -> Pane:
    from torc_tui.tui.logs.log_pane import LogPane

    return LogPane(host)


def _graph(host: WorkflowHost) -> Pane:
    from torc_tui.tui.graph.graph_pane import GraphPane

    return GraphPane(host)


def _data(host: WorkflowHost) -> Pane:
    from torc_tui.tui.data.data_pane import DataPane

    return DataPane(host)


def _files(host: WorkflowHost) -> Pane:
    from torc_tui.tui.jobs.record_tables import FilesPane

    return FilesPane(host)


def _history(host: WorkflowHost) -> Pane:
    from torc_tui.tui.jobs.event_list import HistoryPane

    return HistoryPane(host)


def _events(host: WorkflowHost) -> Pane:
    from torc_tui.tui.jobs.event_list import EventsPane

    return EventsPane(host)


def _results(host: WorkflowHost) -> Pane:
    from torc_tui.tui.jobs.record_tables import ResultsPane

    return ResultsPane(host)


def _resources(host: WorkflowHost) -> Pane:
    from torc_tui.tui.machine.resources_pane import ResourcesPane

    return ResourcesPane(host)


TABS = (
    Tab("overview", "Overview", _overview, follows_table=True),
    Tab("log", "Log", _log),
    Tab("graph", "Graph", _graph),
    Tab("data", "Data", _data),
    Tab("files", "Files", _files),
    Tab("history", "History", _history, follows_table=True),
    Tab("events", "Events", _events),
    Tab("results", "Results", _results),
    Tab("resources", "Resources", _resources),
)
BY_NAME = {tab.name: tab for tab in TABS}
