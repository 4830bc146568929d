"""Show the tabs beside the job table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from functools import partial
from importlib import import_module

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.widgets.command_node import Handler, is_open
from torc_tui.tui.widgets.sides import FramedSide, Side
from torc_tui.tui.widgets.tab_bar import TabBar
from torc_tui.tuples import NamedTuple

TabChooser = Callable[[str], Awaitable[None]]
"""Shows a tab and gives it the keys."""


class Tab(NamedTuple):
    """One tab."""

    name: str
    title: str
    pane: str
    """``module:class`` below ``torc_tui.tui``."""

    def make(self, host: WorkflowHost) -> Pane:
        """Import and make the pane."""
        module, _, name = self.pane.partition(":")
        pane: Pane = getattr(import_module(f"torc_tui.tui.{module}"), name)(host)
        return pane


TABS = (
    Tab("overview", "Overview", "jobs.overview_pane:OverviewPane"),
    Tab("log", "Log", "logs.log_pane:LogPane"),
    Tab("graph", "Graph", "graph.graph_pane:GraphPane"),
    Tab("data", "Data", "data.data_pane:DataPane"),
    Tab("files", "Files", "files.files_pane:FilesPane"),
    Tab("timeline", "Timeline", "timeline.timeline_pane:TimelinePane"),
    Tab("results", "Results", "results.results_pane:ResultsPane"),
    Tab("rerun", "Rerun", "rerun.rerun_pane:RerunPane"),
    Tab("events", "Events", "jobs.event_list:EventsPane"),
    Tab("resources", "Machine", "machine.resources_pane:ResourcesPane"),
)
BY_NAME = {tab.name: tab for tab in TABS}


class TabHost(FramedSide):
    """The right side of the workflow screen. Panes are made when they are first shown."""

    DEFAULT_CSS = """
    TabHost > .content { width: 1fr; height: 1fr; }
    """

    def __init__(self, host: WorkflowHost) -> None:
        super().__init__(id="tabs-pane")
        self._host = host
        self.bar = TabBar([(tab.name, tab.title) for tab in TABS])
        self.content = Side(classes="content")
        self.panes: dict[str, Pane] = {}
        self.current = TABS[0].name

    def compose(self) -> ComposeResult:
        yield self.bar
        with self.content:
            yield from self.panes.values()

    async def on_mount(self) -> None:
        """Add the panes of keys that were pressed while the tabs were being composed."""
        for pane in self.panes.values():
            if not pane.is_attached:
                await self.content.mount(pane)

    def prepare(self, name: str) -> None:
        """Make the pane of the first tab, before anything is mounted."""
        self.current = name
        self.panes[name] = BY_NAME[name].make(self._host)

    # -- what is shown -----------------------------------------------------------------------------

    @property
    def pane(self) -> Pane | None:
        return self.panes.get(self.current)

    @property
    def visible_pane(self) -> Pane | None:
        """Return the pane on screen; None while the job table fills the screen."""
        pane = self.pane
        return pane if pane is not None and is_open(pane) and self.display else None

    async def show(self, name: str) -> Pane:
        pane = self.panes.get(name)
        if pane is None:
            pane = self.panes[name] = BY_NAME[name].make(self._host)
            if self.content.is_attached:
                await self.content.mount(pane)
        self.current = name
        for other in self.panes.values():
            other.display = other is pane
        keymap = self._host.torc.keymap
        self.bar.keys = {tab.name: keymap.key(f"tab-{tab.name}") for tab in TABS}
        self.bar.choose(name)
        self._name_frame()
        return pane

    def _name_frame(self) -> None:
        """Set the title of the frame: the selected job, or the number of records."""
        pane, table = self.pane, self._host.table
        group, job = table.selected_group, table.selected_job
        if pane is not None and pane.title:
            self.set_title(pane.title)
        elif pane is None or not pane.PER_JOB or job is None:
            listed = None if pane is None else pane.listed
            self.set_title(BY_NAME[self.current].title, "" if listed is None else str(listed))
        elif group is not None:
            self.set_title(group.name, f"×{len(group.jobs)}")
        else:
            self.set_title(job.name)

    def refresh_visible(self) -> None:
        """Update the visible pane if it is out of date."""
        pane = self.visible_pane
        if pane is not None and pane.stale:
            pane.stale = False
            pane.refresh_content()
        self._name_frame()

    # -- what reaches the panes --------------------------------------------------------------------

    @property
    def _open(self) -> Sequence[Pane]:
        """Return the complete panes; one that is being mounted is out of date anyway."""
        return [pane for pane in self.panes.values() if is_open(pane)]

    def all_changed(self) -> None:
        """Handle a reload."""
        for pane in self.panes.values():
            pane.stale = True
        self.refresh_visible()

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        """Handle events."""
        for pane in self._open:
            pane.data_changed(changed, events)
        self.refresh_visible()

    def job_changed(self) -> None:
        """Handle the selection of another job, or other marks."""
        for pane in self._open:
            pane.job_changed()
        self.refresh_visible()

    def reasons_changed(self) -> None:
        """Handle new reasons for the status of the selected job."""
        pane = self.pane
        if pane is not None and is_open(pane):
            pane.reasons_changed()

    def update_visible(self, update: Callable[[Pane], None]) -> None:
        """Update what only the pane on screen shows, if there is one."""
        pane = self.visible_pane
        if pane is not None:
            update(pane)

    def every_second(self, now: float) -> None:
        """Update what changes with time alone."""
        pane = self.pane
        if pane is not None and is_open(pane):
            pane.every_second(now)
            self._name_frame()

    @property
    def busy(self) -> bool:
        """Whether the visible pane needs the next tick."""
        pane = self.pane
        return pane is not None and pane.busy


def tab_handlers(tabs: TabHost, choose: TabChooser) -> Mapping[str, Handler]:
    """Return the commands that show a tab, and another view of the visible tab."""
    handlers: dict[str, Handler] = {f"tab-{tab.name}": partial(choose, tab.name) for tab in TABS}
    pane = tabs.visible_pane
    next_view = None if pane is None else pane.handlers().get(pane.VIEWS)
    if next_view is not None:
        handlers["tab-view"] = next_view
    return {
        **handlers,
        "tab-next": lambda: choose(tabs.bar.step(1)),
        "tab-previous": lambda: choose(tabs.bar.step(-1)),
    }
