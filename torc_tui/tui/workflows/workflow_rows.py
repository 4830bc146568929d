"""Filter and sort the rows of the list of workflows. No Textual. Keys are workflow ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torc_tui.model import Workflow
from torc_tui.records import replace
from torc_tui.status import NOT_STARTED, SETTLED, TROUBLED, JobStatus, number_of
from torc_tui.tui.look.status_icons import STATUS, workflow_state
from torc_tui.tui.look.text_layout import shares
from torc_tui.tui.widgets.table_model import Cell, Key, ListRows, TableColumn
from torc_tui.views.status_bar import ORDER
from torc_tui.wording import age

COLUMNS = (
    TableColumn("sign", "", 1, importance=0, sortable=False),
    TableColumn("id", "id", 4, minimum=3, importance=1, align="right"),
    TableColumn("name", "name", 28, minimum=10, importance=0, grow=2),
    TableColumn("state", "state", 13, minimum=9, importance=2),
    TableColumn("progress", "progress", 24, minimum=10, importance=3, grow=1),
    TableColumn("jobs", "jobs", 9, minimum=7, importance=2, align="right"),
    TableColumn("failed", "failed", 7, minimum=6, importance=3, align="right"),
    TableColumn("run", "run", 4, minimum=3, importance=7, align="right"),
    TableColumn("age", "created", 10, minimum=8, importance=6, align="right"),
    TableColumn("user", "user", 10, minimum=6, importance=8),
    TableColumn("project", "project", 14, minimum=8, importance=9),
    TableColumn("description", "description", 30, minimum=14, importance=10, grow=2),
)
NAME_LEAST, NAME_MOST = 10, 24
"""Minimum width of the names of workflows, and the width that is never cut, in cells."""
_QUIET = NOT_STARTED | {JobStatus.DISABLED}
"""Statuses that the bar shows as not done."""


class WorkflowRows(ListRows):
    """Workflows by their ids, the newest first."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, self._workflow_cell, lambda one, column: _ORDERS[column](one))
        self.now = 0.0
        self.archived = False
        self.user: str | None = None
        self.words: list[str] = []

    def measure(self) -> None:
        """Fit the name column to the longest name: names are cut last."""
        longest = max((len(workflow.name) for workflow in self.records.values()), default=0)
        width = max(NAME_LEAST, min(NAME_MOST, longest))
        self.columns = [
            replace(column, width=width, minimum=width) if column.key == "name" else column
            for column in COLUMNS
        ]

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        keys = super().keys(sort or "id", reverse if sort else not reverse)
        return [key for key in keys if self._passes(self.records[key])]

    def _passes(self, workflow: Workflow) -> bool:
        if workflow.is_archived and not self.archived:
            return False
        if self.user is not None and workflow.user != self.user:
            return False
        state = workflow_state(workflow).word
        parts = {
            "name": workflow.name,
            "description": workflow.description or "",
            "project": workflow.project or "",
            "state": state,
            "status": state,
            "user": workflow.user,
        }
        known = {name: part.lower() for name, part in parts.items()}
        text = " ".join(known[name] for name in ("name", "description", "project", "state"))
        return all(_found(word, known, text) for word in self.words)

    def nothing(self, key: Callable[[str], str]) -> str:
        """Return why no workflow is shown; ``key`` returns the key of a command."""
        if not self.records:
            return f"no workflows yet; {key('workflow-new')} creates one from a file"
        if self.words:
            return f"no workflow matches; {key('filter-clear')} shows all"
        archived, everybody = key("archived"), key("all-users")
        return (
            f"no workflow to show; {archived} shows archived ones, {everybody} those of all users"
        )

    def _workflow_cell(self, workflow: Workflow, column: str, width: int) -> Cell:
        match column:
            case "sign" | "state":
                state = workflow_state(workflow)
                return (state.sign if column == "sign" else state.word, state.style)
            case "name":
                return (workflow.name, "text" if not workflow.is_archived else "muted")
            case "progress":
                return progress_bar(workflow, max(1, width))
            case "failed":
                failed = _failed(workflow)
                return (str(failed) if failed else "", "failed")
            case "age":
                return (age(self.now - workflow.created_at), "faint")
            case "id" | "run":
                return (str(workflow.id if column == "id" else workflow.run_id), "faint")
        return (_TEXTS[column](workflow), "muted")


def _found(word: str, parts: Mapping[str, str], text: str) -> bool:
    """Return whether a workflow contains a word; ``state:failed`` searches one field only."""
    name, colon, value = word.partition(":")
    return value in parts[name] if colon and name in parts else word in text


def finished_and_total(workflow: Workflow) -> tuple[int, int]:
    """Return the number of finished jobs, and of all jobs."""
    return number_of(workflow.counts, SETTLED), sum(workflow.counts.values())


def _failed(workflow: Workflow) -> int:
    """Return the number of failed jobs, without jobs that were stopped with their runner."""
    return number_of(workflow.counts, TROUBLED) - workflow.interrupted


def _share(workflow: Workflow) -> float:
    settled, total = finished_and_total(workflow)
    return settled / total if total else 0.0


def _jobs(workflow: Workflow) -> str:
    settled, total = finished_and_total(workflow)
    return f"{settled}/{total}"


_TEXTS: Mapping[str, Callable[[Workflow], str]] = {
    "jobs": _jobs,
    "user": lambda workflow: workflow.user,
    "project": lambda workflow: workflow.project or "",
    "description": lambda workflow: workflow.description or "",
}
_ORDERS: Mapping[str, Callable[[Workflow], tuple[str, float]]] = {
    "id": lambda workflow: ("", workflow.id),
    "name": lambda workflow: (workflow.name, workflow.id),
    "state": lambda workflow: (workflow_state(workflow).word, workflow.id),
    "progress": lambda workflow: ("", _share(workflow)),
    "jobs": lambda workflow: ("", sum(workflow.counts.values())),
    "failed": lambda workflow: ("", _failed(workflow)),
    "run": lambda workflow: ("", workflow.run_id),
    "age": lambda workflow: ("", -workflow.created_at),
    "user": lambda workflow: (workflow.user, workflow.id),
    "project": lambda workflow: (workflow.project or "", workflow.id),
    "description": lambda workflow: (workflow.description or "", workflow.id),
}


def progress_bar(workflow: Workflow, width: int) -> Cell:
    """Return the statuses of the jobs as a bar."""
    counts = workflow.counts
    parts = [
        (counts.get(status, 0), STATUS[status].style) for status in ORDER if status not in _QUIET
    ]
    if not any(number for number, _ in parts):
        return ("░" * width, "bar-rest")
    return shares([*parts, (number_of(counts, _QUIET), "bar-rest")], width)
