"""Show the main screen: the jobs of one workflow, and tabs for the selected job or group.

It connects the model of the jobs, the job table, the filter, the tabs, the records of the threads
and the commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Job, ResourceRequirements, Workflow
from torc_tui.status import HELD
from torc_tui.tui.feed.handovers import Handover
from torc_tui.tui.feed.machine import MachineReading
from torc_tui.tui.frame.bars import FooterBar, HeaderBar, HeaderState
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.command import AppCommand
from torc_tui.tui.jobs.filter_controller import FilterController
from torc_tui.tui.jobs.job_columns import SORTABLE
from torc_tui.tui.jobs.job_table import JobTable, reveal
from torc_tui.tui.jobs.jobs_side import JobsSide
from torc_tui.tui.jobs.plan_reader import PlanReader
from torc_tui.tui.jobs.workflow_model import DependencyReader, WorkflowModel
from torc_tui.tui.look.text_layout import Span
from torc_tui.tui.widgets.command_node import Handler, is_text_field
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.tab_bar import TabBar
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tui.workflows import idle_commands
from torc_tui.tui.workflows.allocation_actions import AllocationCommands
from torc_tui.tui.workflows.exit_message import still_running
from torc_tui.tui.workflows.job_actions import JobActions
from torc_tui.tui.workflows.job_commands import JobCommands
from torc_tui.tui.workflows.replay_bar import ReplayBar
from torc_tui.tui.workflows.replay_controller import ReplayController
from torc_tui.tui.workflows.rerun_dialogs import rerun, rerun_stale
from torc_tui.tui.workflows.runner_actions import RunnerCommands
from torc_tui.tui.workflows.tab_host import BY_NAME, TabHost, tab_handlers
from torc_tui.tui.workflows.workflow_actions import WorkflowActions
from torc_tui.tui.workflows.workflow_updates import WorkflowUpdates
from torc_tui.views.workflow_view import WorkflowView

if TYPE_CHECKING:
    from torc_tui.views.graph_model import JobGraph

SPLIT_STEP = 0.05
"""Share of the screen by which a key moves the border."""


class WorkflowScreen(TorcScreen):
    """The screen of one workflow."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("workflow", "split")

    def __init__(self, workflow_id: int) -> None:
        super().__init__()
        self.workflow_id = workflow_id
        self.model = WorkflowModel(workflow_id, time.time())
        self.table = JobTable(self.model.rows, empty="loading …")
        self.filter = FilterController(
            self.model,
            self.table,
            lambda: self.torc.keymap.key("filter-clear"),
            self._ask_graph,
            lambda job: self.torc.machine.gpus_of(job.id),
            self.ask,
        )
        self.tabs = TabHost(self)
        self.header = HeaderBar(
            HeaderState(title=f"workflow {workflow_id}", note="loading …"), self.filter.show_state
        )
        self.jobs_side = JobsSide(self, self.filter.line, self.table)
        self.split = Split(self.jobs_side, self.tabs)
        self.updates = WorkflowUpdates(self)
        self.moment: float | None = None
        self.replay = ReplayController(self)
        self.replay_bar = ReplayBar(self.replay.scrub)
        self.replay_bar.display = False
        self.dependencies = DependencyReader(self.model, self.updates.reasons_changed)
        self.plans = PlanReader(
            workflow_id, lambda: self.tabs.update_visible(lambda pane: pane.plan_changed())
        )
        self.workflow_actions = WorkflowActions(self)
        self.runner_commands = RunnerCommands(self)
        self.allocation_commands = AllocationCommands(self)
        self.job_actions = JobActions(self, self.model, self.table)
        self.job_commands = JobCommands(self)

    def compose(self) -> ComposeResult:
        tab = self.torc.state.get("workflow.tab", "")
        self.tabs.prepare(tab if tab in BY_NAME else self.tabs.current)
        yield self.header
        yield self.replay_bar
        yield self.split
        yield FooterBar()

    async def on_mount(self) -> None:
        state = self.torc.state
        self.split.ratio = state.get("workflow.split", 0.52)
        self.split.turned = state.get("workflow.turned", False)
        sort = state.get("jobs.sort", "")
        self.table.sort = sort if sort in SORTABLE else None
        self.table.reverse = state.get("jobs.reverse", False)
        self.filter.line.history.texts = [str(text) for text in state.get("jobs.filters", [])]
        self.table.focus()
        await self.show_tab(self.tabs.current)

    # -- what panes and actions ask ----------------------------------------------------------------

    @property
    def view(self) -> WorkflowView | None:
        return self.model.view if self.model.loaded else None

    @property
    def workflow(self) -> Workflow | None:
        return self.model.workflow

    @property
    def selected_job(self) -> Job | None:
        return self.table.selected_job

    def reasons(self, job: Job, *, ask: bool = False) -> Sequence[Span]:
        if ask or self.model.rows.reasons.lacks_dependencies(job):
            self.dependencies.ask_chain(self.torc.reader, job)
        return self.model.reasons_of(job)

    def go_to_job(self, job_id: int, *, focus: bool = True) -> None:
        """Select a job; a filter that hides the job is removed."""
        if not reveal(self.table, job_id):
            self.filter.show_all()
            self.table.select(job_id)
        if focus:
            self.table.focus()

    def find_jobs(self, words: Sequence[str]) -> Sequence[Job]:
        return self.model.find(words)

    def name_of_job(self, job_id: int | None) -> str | None:
        job = None if job_id is None else self.model.view.jobs.get(job_id)
        return None if job is None else job.name

    def exit_message(self) -> str | None:
        known = self.model.loaded and not self.replay.is_on
        runs = known and self.model.view.count(*HELD)
        return still_running([self.workflow_id] if runs else [])

    def rerun_jobs(self, job_ids: Sequence[int] | None, *, ask: bool = True) -> None:
        workflow = self.workflow
        if not ask:
            rerun(self.torc, self.workflow_id, job_ids)
        elif workflow is not None:
            rerun_stale(self.torc, workflow, job_ids)

    def explain_job(self) -> None:
        self.job_commands.explain()

    def leave_pane(self) -> None:
        line = self.filter.line
        if is_text_field(self.focused) or (line.display and line.text):
            line.clear()
        elif self.replay.is_on:
            self.replay.stop()
        elif self.split.alone is not None:
            self.split.show_alone(None)
            self.table.focus()
            before, self.job_commands.tab_before = self.job_commands.tab_before, None
            if before is not None:
                self.call_later(self.show_tab, before)
        elif self.focused is not self.table:
            self.table.focus()
        else:
            self.torc.open_list(at=self.workflow_id)

    # -- what the app hands over -------------------------------------------------------------------

    def receive(self, item: Handover) -> None:
        self.updates.receive(item)

    def machine_read(self, news: MachineReading) -> None:
        if self.replay.is_on:
            self.tabs.update_visible(lambda pane: pane.machine_changed())
        else:
            self.updates.machine_read(news)

    def requirements_on_screen(self) -> tuple[int | None, Mapping[int, ResourceRequirements]]:
        return self.model.requirements_on_screen()

    @property
    def busy(self) -> bool:
        return self.updates.busy or self.replay.busy

    def every_second(self, now: float) -> None:
        self.updates.every_second(now if self.moment is None else self.moment)

    def every_tick(self, now: float) -> None:
        self.replay.every_tick(now)
        self.updates.every_tick(now)

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **self.workflow_actions.handlers(),
            **self.job_actions.handlers(),
            **self.job_commands.handlers(),
            **self.filter.handlers(),
            **tab_handlers(self.tabs, self.choose_tab),
            **self.replay.handlers(),
            "back": self.leave_pane,
            "reload": self.reload,
            "maximize": lambda: self.split.toggle_alone(self.focused),
            "split-left": lambda: self.split.move(-SPLIT_STEP),
            "split-right": lambda: self.split.move(SPLIT_STEP),
            "split-turn": self.split.turn,
        }

    def is_idle(self, command: AppCommand) -> bool:
        model = self.model
        if super().is_idle(command) or self.job_actions.is_idle(command.id):
            return True
        idle = idle_commands.of_jobs(model.view, self.selected_job)
        idle |= set(() if self.tabs.pane is None else self.tabs.pane.idle)
        if model.loaded:
            idle |= idle_commands.of_workflow(model.view.state, runs=model.has_runner)
        return command.id in idle

    def reload(self) -> None:
        """Reload everything from the database."""
        self.replay.forget()
        self.model.turn = self.torc.feed.follow(self.workflow_id)

    def _ask_graph(self, then: Callable[[JobGraph], None]) -> None:
        from torc_tui.tui.graph.graph_reading import read_graph

        view = self.model.view
        jobs = list(view.jobs.values())

        def take(graph: JobGraph) -> None:
            if view is self.model.view:
                then(graph)

        self.ask("filter-graph", lambda source: read_graph(source, self.workflow_id, jobs), take)

    # -- tabs --------------------------------------------------------------------------------------

    async def show_tab(self, name: str) -> None:
        """Show a tab without moving the focus."""
        await self.tabs.show(name)
        self.torc.state.set("workflow.tab", name)
        if not self.tabs.display:
            self.split.show_alone("second")
            self.focus_pane()
        self.tabs.refresh_visible()
        self.show_keys()

    async def choose_tab(self, name: str) -> None:
        """Show a tab; choosing the same tab again moves the focus from the job table to it."""
        again = name == self.tabs.current and self.tabs.display
        await self.show_tab(name)
        if again or not self.split.first.display or self.focused is not self.table:
            self.focus_pane()

    def focus_pane(self) -> None:
        pane = self.tabs.pane
        if pane is None:
            return
        first = next((widget for widget in self.focus_chain if pane in widget.ancestors), None)
        if first is not None:
            self.set_focus(first)

    # -- messages ----------------------------------------------------------------------------------

    async def on_tab_bar_tab_clicked(self, event: TabBar.TabClicked) -> None:
        await self.choose_tab(event.tab)

    def on_filter_line_filter_changed(self, event: FilterLine.FilterChanged) -> None:
        self.filter.changed(event.text)

    def on_filter_line_left(self) -> None:
        self.torc.state.set("jobs.filters", [*self.filter.line.history.texts])
        self.table.focus()

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        if event.table is self.table:
            self.tabs.job_changed()
        self.show_keys()

    on_virtual_table_marked = on_line_list_selected

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if event.table is self.table:
            self.torc.run_command("job-open")

    def on_virtual_table_sorted(self, event: VirtualTable.Sorted) -> None:
        if event.table is self.table:
            self.torc.state.set("jobs.sort", self.table.sort)
            self.torc.state.set("jobs.reverse", self.table.reverse)

    def on_split_layout_changed(self) -> None:
        self.torc.state.set("workflow.split", round(self.split.ratio, 3))
        self.torc.state.set("workflow.turned", self.split.turned)
