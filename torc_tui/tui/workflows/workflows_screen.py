"""The list of all workflows, live."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.widgets import Input

from torc_tui.model import Workflow
from torc_tui.status import SETTLED, JobStatus
from torc_tui.tui.feed.feed_worker import Listed
from torc_tui.tui.feed.watches import Watch
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.commands import Command
from torc_tui.tui.frame.footer import FooterBar
from torc_tui.tui.frame.header import HeaderBar, HeaderState
from torc_tui.tui.look.status_icons import STATUS, workflow_state
from torc_tui.tui.look.text_layout import shares
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.virtual_table import Cell, Column, Key, VirtualTable
from torc_tui.views.status_bar import ORDER
from torc_tui.wording import clock

COLUMNS = (
    Column("sign", "", 1, importance=0, sortable=False),
    Column("id", "id", 5, minimum=3, importance=1, align="right"),
    Column("name", "name", 28, minimum=10, importance=0, grow=2),
    Column("state", "state", 13, minimum=9, importance=2),
    Column("progress", "progress", 24, minimum=10, importance=3, grow=1),
    Column("jobs", "jobs", 13, minimum=9, importance=4, align="right"),
    Column("failed", "failed", 7, minimum=6, importance=5, align="right"),
    Column("run", "run", 4, minimum=3, importance=7, align="right"),
    Column("age", "created", 10, minimum=8, importance=6, align="right"),
    Column("user", "user", 10, minimum=6, importance=8),
    Column("project", "project", 14, minimum=8, importance=9),
    Column("description", "description", 30, minimum=14, importance=10, grow=2),
)


class WorkflowRows:
    """Keys are workflow ids."""

    columns = COLUMNS

    def __init__(self) -> None:
        self.workflows: dict[int, Workflow] = {}
        self.now = 0.0
        self.archived = False
        self.user: str | None = None
        self.words: list[str] = []

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        keys = [key for key, workflow in self.workflows.items() if self._wanted(workflow)]
        if sort is None:
            keys.sort(reverse=not reverse)  # the newest is what people look for
        else:
            keys.sort(key=self._order(sort), reverse=reverse)
        return keys

    def _wanted(self, workflow: Workflow) -> bool:
        if workflow.is_archived and not self.archived:
            return False
        if self.user is not None and workflow.user != self.user:
            return False
        state = workflow_state(workflow).word
        parts = {
            "name": workflow.name,
            "description": workflow.description,
            "project": workflow.project,
        }
        parts |= {"state": state, "status": state, "user": workflow.user}
        known = {name: (part or "").lower() for name, part in parts.items()}
        text = " ".join(known[name] for name in ("name", "description", "project", "state"))
        return all(_found(word, known, text) for word in self.words)

    @property
    def nothing(self) -> str:
        """What is said where no workflow is shown."""
        if not self.workflows:
            return "no workflows yet: N makes one from a file"
        if self.words:
            return "no workflow matches: \\ shows all again"
        return "none of these: A shows archived ones, U those of everybody"

    def _order(self, column: str) -> Callable[[int], tuple[str, float]]:
        def key(workflow_id: int) -> tuple[str, float]:
            workflow = self.workflows[workflow_id]
            done, total, failed = numbers(workflow)
            match column:
                case "id":
                    return "", workflow.id
                case "progress":
                    return "", done / total if total else 0.0
                case "jobs":
                    return "", total
                case "failed":
                    return "", failed
                case "run":
                    return "", workflow.run_id
                case "age":
                    return "", -workflow.created_at
                case "state":
                    return workflow_state(workflow).word, workflow.id
            return str(getattr(workflow, column) or ""), workflow.id

        return key

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        workflow = self.workflows[key]  # type: ignore[index]  # keys are ids
        return [
            self._cell(workflow, column.key, width)
            for column, width in zip(columns, widths, strict=True)
        ]

    def _cell(self, workflow: Workflow, column: str, width: int) -> Cell:
        state = workflow_state(workflow)
        done, total, failed = numbers(workflow)
        match column:
            case "sign":
                return (state.sign, state.style)
            case "id":
                return (str(workflow.id), "faint")
            case "name":
                return (workflow.name, "text" if not workflow.is_archived else "muted")
            case "state":
                return (state.word, state.style)
            case "progress":
                return parts_strip(workflow, max(1, width))
            case "jobs":
                return (f"{done}/{total}", "muted")
            case "failed":
                return (str(failed) if failed else "", "failed")
            case "run":
                return (str(workflow.run_id), "faint")
            case "age":
                return (age(self.now - workflow.created_at), "faint")
        return (str(getattr(workflow, column) or ""), "muted")


def _found(word: str, parts: Mapping[str, str], text: str) -> bool:
    """``state:failed`` looks in one part, ``failed`` in all."""
    name, colon, value = word.partition(":")
    return value in parts[name] if colon and name in parts else word in text


def numbers(workflow: Workflow) -> tuple[int, int, int]:
    """Settled jobs, all jobs, and those that failed; what was canceled with them is settled too."""
    counts = workflow.counts
    failed = sum(
        counts.get(s, 0) for s in (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
    )
    return sum(counts.get(s, 0) for s in SETTLED), sum(counts.values()), failed


def parts_strip(workflow: Workflow, width: int) -> Cell:
    """The states of the jobs as a strip; what waits is only a hint."""
    quiet = (JobStatus.BLOCKED, JobStatus.READY, JobStatus.UNINITIALIZED, JobStatus.DISABLED)
    parts = [(workflow.counts.get(s, 0), STATUS[s].style) for s in ORDER if s not in quiet]
    rest = sum(workflow.counts.get(s, 0) for s in quiet)
    if not any(count for count, _ in parts):
        return ("░" * width, "bar-rest")
    return shares([*parts, (rest, "bar-rest")], width)


def age(seconds: float) -> str:
    """``now``, ``12 min``, ``3 h``, ``5 d`` ago."""
    if seconds < 60:
        return "now"
    for size, word in ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word}"
    return clock(seconds)


class WorkflowsScreen(TorcScreen):
    CONTEXT: ClassVar[tuple[str, ...]] = ("workflows",)

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.rows = WorkflowRows()
        self.at = at
        """Where the cursor is to stand once the workflows are read."""

    def compose(self) -> ComposeResult:
        yield HeaderBar(HeaderState(title="torc", note="reading …"))
        yield FilterLine(lambda text: [])
        yield VirtualTable(self.rows, empty=self.rows.nothing)
        yield FooterBar()

    def on_mount(self) -> None:
        self.query_one(VirtualTable).focus()

    def take_listed(self, listed: Listed) -> None:
        self.rows.now = time.time()
        before = self.rows.workflows
        self.rows.workflows = {workflow.id: workflow for workflow in listed.workflows}
        table = self.query_one(VirtualTable)
        table.empty = self.rows.nothing
        table.changed(
            {key for key, workflow in self.rows.workflows.items() if before.get(key) != workflow}
        )
        table.reorder()
        if self.at is not None and self.rows.workflows:
            table.select(self.at)
            self.at = None
        self._header()

    def take_store(self, lost: str | None) -> None:
        self._header()

    def _header(self) -> None:
        workflows = [one for one in self.rows.workflows.values() if not one.is_archived]
        running = sum(one.counts.get(JobStatus.RUNNING, 0) for one in workflows)
        self.query_one(HeaderBar).state = HeaderState(
            title="torc",
            note=f"{len(workflows)} workflow{'s' if len(workflows) != 1 else ''}",
            running=running,
            loads=self.torc.loads,
            lost=self.torc.lost,
            read_only=self.torc.read_only,
            watches=len(self.torc.watches),
        )

    def every_second(self, now: float) -> None:
        self.rows.now = now
        self._header()

    def selected(self) -> Workflow | None:
        key = self.query_one(VirtualTable).cursor
        return self.rows.workflows.get(key) if isinstance(key, int) else None

    def current_workflow(self) -> tuple[Workflow, int] | None:
        workflow = self.selected()
        if workflow is None:
            return None
        done, total, _ = numbers(workflow)
        return workflow, total - done

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if isinstance(event.key, int):
            self.torc.open_workflow(event.key)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        self.rows.words = event.text.lower().split()
        self._reload()

    def _reload(self) -> None:
        table = self.query_one(VirtualTable)
        table.empty = self.rows.nothing
        table.reload()

    def on_filter_line_left(self) -> None:
        self.query_one(VirtualTable).focus()

    def do_filter(self) -> None:
        self.query_one(FilterLine).begin()

    def do_filter_clear(self) -> None:
        self.query_one(FilterLine).clear()

    def idle(self, command: Command) -> bool:
        return super().idle(command) or (
            command.id == "back" and not self.query_one(FilterLine).display
        )

    def do_back(self) -> None:
        line = self.query_one(FilterLine)
        if line.display or isinstance(self.focused, Input):
            line.clear()

    def do_workflow_new(self) -> None:
        self.new_workflow()

    def do_workflow_import(self) -> None:
        self.new_workflow(kind="import")

    def new_workflow(
        self, path: str | None = None, *, kind: Literal["spec", "import"] = "spec"
    ) -> None:
        """Make a workflow from its file, or from an exported one."""
        from torc_tui.tui.workflows.new_workflow import NewWorkflow

        self.app.push_screen(NewWorkflow(self, path, kind=kind))

    def do_notify(self) -> None:
        """Tell when the workflow ends."""
        workflow = self.selected()
        if workflow is not None:
            self.torc.tell_when_ended(("workflow", workflow.id), Watch(workflow.name, workflow.id))

    def do_archived(self) -> None:
        self.rows.archived = not self.rows.archived
        self._reload()

    def do_all_users(self) -> None:
        from torc_tui import settings

        self.rows.user = settings.user_name() if self.rows.user is None else None
        self._reload()
