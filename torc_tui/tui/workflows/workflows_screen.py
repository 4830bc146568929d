"""Show the list of all workflows, kept up to date."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult

from torc_tui.model import Workflow
from torc_tui.status import HELD, JobStatus, is_complete, number_of
from torc_tui.tui.feed.handovers import Found, Handover, Listed, Lost
from torc_tui.tui.feed.machine import MachineReading
from torc_tui.tui.feed.watches import Watch
from torc_tui.tui.frame.bars import FooterBar, HeaderBar, HeaderState
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.command import AppCommand
from torc_tui.tui.frame.commands import ACTIONS
from torc_tui.tui.machine.machine_panel import MachinePanel
from torc_tui.tui.widgets.command_node import Handler, is_text_field
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.panel_side import PanelSide
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.table_model import NEVER
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tui.workflows import idle_commands
from torc_tui.tui.workflows.exit_message import still_running
from torc_tui.tui.workflows.workflow_actions import WorkflowActions
from torc_tui.tui.workflows.workflow_preview import WorkflowPreview
from torc_tui.tui.workflows.workflow_rows import WorkflowRows
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.tui.workflows.welcome import Welcome

STATES = ("state:failed", "state:running", "state:ready", "")
"""The filters that one key cycles through."""


class WorkflowsScreen(TorcScreen):
    """The list of workflows."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("workflows",)

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.rows = WorkflowRows()
        self.at = at
        """The workflow under the cursor once the workflows are read."""
        self.header = HeaderBar(HeaderState(title="torc", note="loading …"))
        self.filter_line = FilterLine()
        self.table = VirtualTable(self.rows, empty="loading …")
        self.preview = WorkflowPreview(self)
        self.machine = MachinePanel(self)
        self.list_side = PanelSide(self.filter_line, self.table, self.machine, title="Workflows")
        self.split = Split(self.list_side, self.preview, ratio=0.54)
        self.welcome: Welcome | None = None
        self.workflow_actions = WorkflowActions(self)

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.split
        yield FooterBar()

    def on_mount(self) -> None:
        self.table.focus()

    @property
    def workflow(self) -> Workflow | None:
        key = self.table.cursor
        return self.rows.records.get(key) if isinstance(key, int) else None

    # -- what the app hands over -------------------------------------------------------------------

    def receive(self, item: Handover) -> None:
        match item:
            case Listed():
                self._show(item)
            case Lost() | Found():
                self._show_header()
            case _:
                pass

    def _show(self, listed: Listed) -> None:
        self.rows.now = time.time()
        before = self.rows.records
        now = self.rows.records = {workflow.id: workflow for workflow in listed.workflows}
        self.table.empty = self.rows.nothing(self.torc.keymap.key)
        self.rows.measure()
        self.table.layout_of_columns.made_for = NEVER
        self.table.changed({key for key in now if before.get(key) != now[key]})
        self.table.reorder()
        if not self.table.order:
            self.table.refresh()  # its sentence is another one now
        if self.at is not None and now:
            self.table.select(self.at)
            self.at = None
        self._show_header()
        self._place()
        self._show_preview()
        if not now:
            self._welcome()
        elif self.welcome is not None:
            self.welcome.remove()
            self.welcome = None
            self.split.display = True
            self.table.focus()
        selected = self.workflow
        if selected is None or before.get(selected.id) != selected:
            self.show_keys()

    def _place(self) -> None:
        """Handle another number of rows."""
        self.list_side.main.set_title("Workflows", str(len(self.table.order)))
        self.list_side.place()

    def machine_read(self, news: MachineReading) -> None:
        self.machine.write()

    def _show_preview(self) -> None:
        self.preview.now = self.rows.now
        self.preview.show(self.workflow)

    def _welcome(self) -> None:
        """Show workflow files to open instead of an empty list."""
        from torc_tui.tui.workflows.welcome import Welcome, welcome_files

        if self.welcome is not None:
            return
        welcome = self.welcome = Welcome(self.torc.keymap.key)
        self.split.display = False
        self.mount(welcome, after=self.header)
        self.ask("workflow files", lambda source: welcome_files(), welcome.show)

    def _show_header(self) -> None:
        workflows = [one for one in self.rows.records.values() if not one.is_archived]
        self.header.state = HeaderState(
            title="torc",
            note=self._counted(len(workflows)),
            running=sum(one.counts.get(JobStatus.RUNNING, 0) for one in workflows),
            meters=self.torc.meters,
            lost=self.torc.lost,
            read_only=self.torc.read_only,
            watches=len(self.torc.watches),
        )

    def _counted(self, number: int) -> str:
        """Return the number of workflows, unless the frame of the list has it."""
        if not number:
            return "no workflows yet"
        return "" if self.list_side.is_framed else count(number, "workflow")

    def every_second(self, now: float) -> None:
        self.rows.now = self.preview.now = now
        self._show_header()
        self.preview.write()

    def exit_message(self) -> str | None:
        records = self.rows.records.values()
        return still_running([one.id for one in records if number_of(one.counts, HELD)])

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **self.workflow_actions.handlers(),
            "filter": self.filter_line.begin,
            "filter-clear": self.filter_line.clear,
            "filter-next": self._show_next_state,
            "back": self._back,
            "workflow-new": self.new_workflow,
            "workflow-import": lambda: self.new_workflow(kind="import"),
            "notify": self._watch,
            "archived": self._toggle_archived,
            "all-users": self._toggle_users,
        }

    def is_idle(self, command: AppCommand) -> bool:
        nothing_to_leave = command.id == "back" and not self.filter_line.display
        needs_rows = command.id in {*ACTIONS, "filter", "filter-next"} or "list" in command.where
        workflow = self.workflow
        idle = set() if workflow is None else idle_commands.of_workflow(workflow.state)
        return (
            super().is_idle(command)
            or nothing_to_leave
            or (needs_rows and not self.rows.records)
            or command.id in idle
        )

    def _back(self) -> None:
        if self.filter_line.display or is_text_field(self.focused):
            self.filter_line.clear()

    def new_workflow(
        self, path: str | None = None, *, kind: Literal["spec", "import"] = "spec"
    ) -> None:
        """Create a workflow from its file, or from an exported one."""
        from torc_tui.tui.workflows.new_workflow import NewWorkflow

        self.torc.push(NewWorkflow(self, path, kind=kind))

    def _show_next_state(self) -> None:
        """Show only failed, running or waiting workflows, then all."""
        now = self.filter_line.text.strip()
        at = STATES.index(now) if now in STATES else -1
        self.filter_line.write(STATES[(at + 1) % len(STATES)])

    def _watch(self) -> None:
        """Notify when the workflow ends."""
        workflow = self.workflow
        if workflow is not None:
            watch, ended = Watch(workflow.name, workflow.id), is_complete(workflow.counts)
            self.torc.toggle_watch(("workflow", workflow.id), watch, ended=ended)

    def _toggle_archived(self) -> None:
        self.rows.archived = not self.rows.archived
        self._reload()

    def _toggle_users(self) -> None:
        from torc_tui import settings

        self.rows.user = settings.user_name() if self.rows.user is None else None
        self._reload()

    def _reload(self) -> None:
        self.table.empty = self.rows.nothing(self.torc.keymap.key)
        self.table.reload()
        self._place()

    # -- messages ----------------------------------------------------------------------------------

    def on_line_list_selected(self) -> None:
        self._show_preview()
        self.show_keys()

    def on_welcome_file_chosen(self, event: Welcome.FileChosen) -> None:
        self.new_workflow(event.file.path)

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if isinstance(event.key, int):
            self.torc.open_workflow(event.key)

    def on_filter_line_filter_changed(self, event: FilterLine.FilterChanged) -> None:
        self.rows.words = event.text.lower().split()
        self._reload()

    def on_filter_line_left(self) -> None:
        self.table.focus()
