"""Show the job table: the selected and the chosen jobs, folding, and moving rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import ClassVar, Protocol

from torc_tui.model import Job, Json
from torc_tui.operations.user_action import UserAction
from torc_tui.status import TROUBLED
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.frame.ui_state import UiState
from torc_tui.tui.jobs.job_groups import JobGroup
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tui.jobs.plan_reader import PlanReader
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.widgets.table_model import NEVER, Key
from torc_tui.tui.widgets.virtual_table import VirtualTable

MEASURED = 60
"""Number of rows whose cells are measured before any row is painted."""
REORDER_EVERY = 0.5
"""Minimum seconds between two moves of rows, so that they can be read."""
REORDER_SHARE = 30
"""The pause is also this many times as long as the move took: 100,000 rows take a while."""
WORKFLOWS_KEPT = 50
"""Workflows whose folding is remembered."""
GROUPS_KEPT = 200
"""Open groups that are remembered of each workflow."""
_KEY = "workflow.folds"


class Reordering:
    """Delays the sorting of rows whose values change."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._pause = REORDER_EVERY

    @property
    def is_due(self) -> bool:
        """Whether a sort is scheduled."""
        return self._at is not None

    def schedule(self, now: float) -> None:
        """Schedule a sort after the pause."""
        if self._at is None:
            self._at = now + self._pause

    def take_due(self, now: float) -> bool:
        """Return whether to sort now, because the pause is over."""
        is_over = self._at is not None and now >= self._at
        if is_over:
            self._at = None
        return is_over

    def took(self, seconds: float) -> None:
        """Fit the pause to the time that sorting took."""
        self._pause = max(REORDER_EVERY, REORDER_SHARE * seconds)


class JobTable(VirtualTable):
    """The table with the jobs of a workflow."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("jobs", "list")

    rows: JobRows

    def __init__(self, rows: JobRows, *, empty: str) -> None:
        super().__init__(rows, empty=empty, id="jobs")
        self.reordering = Reordering()
        self.page = 0
        """Number of rows that fit on screen, even if the table is smaller now."""
        self.rows_changed: Callable[[], None] = lambda: None
        """Called when the number of rows may have changed."""
        self.mark_sign = partial(_mark_sign, self)

    def read_keys(self) -> Sequence[Key]:
        self.rows.page = self.page
        return super().read_keys()

    def _set_order(self, order: list[Key]) -> None:
        if self.rows.fit(order[:MEASURED]):
            self._lay_out()
        marks = _remaining(self.marks, self.rows, order)
        super()._set_order(order)
        self.marks = marks
        self.rows_changed()

    @property
    def selected_job(self) -> Job | None:
        """Return the job under the cursor, or the most important job of the group there."""
        lead = self.rows.lead(self.cursor)
        return None if lead is None else self.rows.view.jobs.get(lead)

    @property
    def selected_group(self) -> JobGroup | None:
        """Return the group under the cursor; None for a single job."""
        return self.rows.group(self.cursor)

    # A folded group keeps the marks of its jobs.

    def set_marks(self, marks: set[Key]) -> None:
        self._cache.clear()  # the rows of groups show the marks of their jobs
        super().set_marks(marks)

    def toggle_mark(self) -> None:
        group = self.selected_group
        if group is None or self.mark_sign(group.name) == " ":
            super().toggle_mark()
        else:
            mark_jobs(self, frozenset(), group.name)
            self.move_by(1)

    @property
    def marked_or_selected(self) -> list[Key]:
        if not self.marks:
            return super().marked_or_selected
        hidden = self.marks.difference(self.order)
        return [*super().marked_or_selected, *sorted(key for key in hidden if isinstance(key, int))]

    @property
    def chosen_jobs(self) -> list[Job]:
        """Return the jobs of the marked rows, or of the row under the cursor."""
        rows, jobs = self.rows, self.rows.view.jobs
        ids = dict.fromkeys(
            job_id for key in self.marked_or_selected for job_id in rows.jobs_of(key)
        )
        return [jobs[job_id] for job_id in ids]


def marked_jobs(table: JobTable) -> set[int]:
    """Return the jobs of the marked rows."""
    return {job_id for key in table.marks for job_id in table.rows.jobs_of(key)}


def mark_jobs(table: JobTable, chosen: Set[int], group: str) -> None:
    """Mark these jobs of a group, and no others of it."""
    others = table.marks.difference(table.rows.groups.by_name[group].jobs, {group})
    table.set_marks(others | chosen)


def _remaining(marks: set[Key], rows: JobRows, order: Sequence[Key]) -> set[Key]:
    """Return the marks of jobs that match the filter, and of groups that have a row."""
    if not marks:
        return marks
    jobs = {key for key in marks if isinstance(key, int) and key in rows.view.jobs}
    return {key for key in jobs if rows.passes(key)} | marks.difference(jobs).intersection(order)


def _mark_sign(table: JobTable, key: Key) -> str:
    """Return the sign before a row: for a group, whether all or some of its jobs are marked."""
    if key in table.marks:
        return "•"
    group = table.rows.group(key) if table.marks else None
    if group is None or table.marks.isdisjoint(group.jobs):
        return " "
    return "•" if table.marks.issuperset(group.jobs) else "○"


def fit_columns(table: JobTable) -> None:
    """Fit the columns to the painted rows."""
    if table.rows.widths.are_outgrown:
        table.rows.measure()
        table.layout_of_columns.made_for = NEVER  # the layout is recomputed before the next line
        table.refresh()


def remember_folds(state: UiState, rows: JobRows) -> None:
    """Remember which groups are folded."""
    nothing: dict[str, Json] = {}
    known = dict(state.get(_KEY, nothing))
    name = _name(rows)
    known.pop(name, None)
    kept = dict(list(known.items())[-WORKFLOWS_KEPT + 1 :])
    opened: list[Json] = [*sorted(rows.groups.opened)[:GROUPS_KEPT]]
    state.set(_KEY, {**kept, name: {"folds": rows.folds, "opened": opened}})


def recall_folds(state: UiState, rows: JobRows) -> None:
    """Restore which groups are folded."""
    nothing: dict[str, Json] = {}
    kept = state.get(_KEY, nothing).get(_name(rows))
    if not isinstance(kept, dict):
        return
    rows.folds = kept.get("folds") is True
    opened = kept.get("opened")
    if isinstance(opened, list):
        rows.groups.opened = {str(name) for name in opened if name in rows.groups.by_name}
    rows.measure()


def _name(rows: JobRows) -> str:
    workflow = rows.view.workflow
    return f"{workflow.id} {workflow.name}"


def reveal(table: JobTable, job_id: int) -> bool:
    """Put the cursor on a job and open its group; return False if the filter hides the job."""
    rows = table.rows
    if rows.folds and not table.select(job_id, notify=False):
        group = rows.groups.of(job_id)
        if group is not None and group.name not in rows.groups.opened:
            rows.groups.toggle(group.name)
            table.reload()
    return table.select(job_id)


def select_failed(table: JobTable) -> None:
    """Put the cursor on the row of the first failed job; its group stays folded."""
    rows = table.rows
    for job in rows.view.jobs.values():
        if job.status in TROUBLED and not job.was_stopped:
            group = rows.groups.of(job.id)
            if not table.select(job.id) and group is not None:
                table.select(group.name)
            return


class JobActionStarter(Protocol):
    """Starts actions on jobs; each asks first where the catalog says so."""

    def start(self, action: UserAction, chosen: Sequence[Job], *, ask: bool = ...) -> None:
        """Run an action on those of the jobs that it applies to; ``ask`` in any case."""

    def retry_with_memory(self, chosen: Sequence[Job]) -> None:
        """Ask for more memory, and retry jobs with it."""

    def retry_with_command(self, chosen: Sequence[Job]) -> None:
        """Let the user edit the command of jobs, and retry them."""


class WorkflowHost(PaneHost, Protocol):
    """What panes about jobs need of the workflow screen."""

    @property
    def job_actions(self) -> JobActionStarter:
        """Return what starts actions on jobs."""

    @property
    def plans(self) -> PlanReader:
        """Return the rerun plan."""

    @property
    def model(self) -> WorkflowModel:
        """Return the jobs."""

    @property
    def table(self) -> JobTable:
        """Return the job table."""
