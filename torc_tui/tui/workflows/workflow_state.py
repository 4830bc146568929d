"""What the screen of a workflow holds, and what it answers to panes, commands and acts.

What comes in: the view that the threads hand over, and what they found out about jobs. What goes
out: the selected job, the chosen jobs, reasons, tabs. Nothing here reads the store but in a
question to the reader thread.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from torc_tui.errors import NotFound
from torc_tui.model import Job, Json, Workflow
from torc_tui.status import SETTLED, JobStatus
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.commands import Command
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.split import Side, Split
from torc_tui.tui.widgets.tab_bar import TabBar
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.graph_view import Graph
from torc_tui.views.workflow_view import WorkflowView

if TYPE_CHECKING:
    from torc_tui.tui.logs.log_grep import LogSweep

PANES: tuple[tuple[str, str, str, str], ...] = (
    ("overview", "Overview", "jobs.overview_pane", "OverviewPane"),
    ("log", "Log", "logs.log_pane", "LogPane"),
    ("graph", "Graph", "graph.graph_pane", "GraphPane"),
    ("data", "Data", "data.data_pane", "DataPane"),
    ("files", "Files", "jobs.record_tables", "FilesPane"),
    ("history", "History", "jobs.event_list", "HistoryPane"),
    ("events", "Events", "jobs.event_list", "EventsPane"),
    ("results", "Results", "jobs.record_tables", "ResultsPane"),
    ("resources", "Resources", "machine.resources_pane", "ResourcesPane"),
)
"""The tabs: name, title, and module and class of the pane, which is imported when it is first
shown."""
READ_ONLY_TABS = frozenset({"overview", "history"})
"""Tabs that go with the list: the keys stay with the jobs when one of them is chosen."""
FOLDS_KEPT = 50
"""Of so many workflows it is kept which families were folded; of each, so many that were open."""
FAMILIES_KEPT = 200
FACTS_AT_ONCE = 200
"""Jobs whose dependencies are read in one go, for the column why."""


class JobTable(VirtualTable):
    CONTEXT: ClassVar[tuple[str, ...]] = ("jobs", "list")  # type: ignore[assignment]  # one or several


class WorkflowState(TorcScreen):
    """Base of the screen of a workflow: see the module."""

    def __init__(self, workflow_id: int) -> None:
        super().__init__()
        self.workflow_id = workflow_id
        self.view: WorkflowView | None = None
        self.rows: JobRows | None = None
        self.turn = 0
        self.now = time.time()
        self.gone: str | None = None
        self._log_sweep: LogSweep | None = None
        self.graph: Graph | None = None
        self._eta = ""
        self._reorder_at: float | None = None
        self._reorder_pause = 0.5
        self._panes: dict[str, Pane] = {}
        self._current = PANES[0][0]

    # -- what others ask ---------------------------------------------------------------------------

    @property
    def table(self) -> JobTable:
        return self.query_one(JobTable)

    @property
    def split(self) -> Split:
        return self.query_one(Split)

    @property
    def selected_job(self) -> Job | None:
        key, rows = self.table.cursor, self.rows
        if self.view is None or rows is None:
            return None
        lead = rows.lead(key)
        return None if lead is None else self.view.jobs.get(lead)

    @property
    def chosen_jobs(self) -> list[Job]:
        """The marked jobs, or the selected one."""
        if self.view is None:
            return []
        jobs, rows = self.view.jobs, self.rows
        if rows is None:
            return []
        ids = dict.fromkeys(
            job_id for key in self.table.marked_or_selected for job_id in rows.jobs_of(key)
        )
        return [jobs[job_id] for job_id in ids]

    @property
    def has_runner(self) -> bool:
        return self.view is None or self.rows is None or bool(self.view.nodes - self.rows.dead)

    def idle(self, command: Command) -> bool:
        job = self.selected_job
        held = job is not None and job.held
        return super().idle(command) or command.id == ("job-hold" if held else "job-release")

    @property
    def pane(self) -> Pane | None:
        return self._panes.get(self._current)

    @property
    def attached_panes(self) -> list[Pane]:
        """The panes that are on the screen's tree; one that is being mounted is stale anyway."""
        return [pane for pane in self._panes.values() if pane.is_attached]

    def reasons(self, job: Job) -> Sequence[tuple[str, str]]:
        """Why the job is where it is: the chain as lines with styles, as far as it is known
        here."""
        if self.rows is None or job.status is JobStatus.COMPLETED:
            return ()
        if (
            job.status in (JobStatus.BLOCKED, JobStatus.CANCELED)
            and job.id not in self.rows.dependencies
        ):
            self.ask_chain(job)
        lines = self.rows.chain(job.id)[1:]
        style = STATUS[job.status].style
        return [(line, style if place == 0 else "muted") for place, line in enumerate(lines)]

    def _ask_facts(self) -> None:
        """Ask what the rows on screen wait for: names instead of numbers in the column why."""
        rows = self.rows
        if rows is not None and rows.unexplained:
            wanted = list(rows.unexplained)[:FACTS_AT_ONCE]
            rows.unexplained.clear()
            self.torc.reader.ask(
                "facts", lambda source: _dependencies(source, wanted, follow=False)
            )

    def ask_chain(self, job: Job) -> None:
        """Ask for all that the job waits for, and what that waits for."""
        self.torc.reader.ask("chain", lambda source: _dependencies(source, [job.id], follow=True))

    def _take_facts(self, found: Mapping[int, Any]) -> None:
        rows = self.rows
        if rows is None:
            return
        rows.learn(found)
        self.table.changed(found.keys())
        selected, pane = self.selected_job, self.pane
        if selected is not None and selected.id in found and pane is not None:
            pane.reasons_changed()

    def current_workflow(self) -> tuple[Workflow, int] | None:
        """The workflow that acts are about, and how many of its jobs have not ended."""
        view = self.view
        if view is None:
            return None
        counts = {
            status: number for status, number in zip(JobStatus, view.counts, strict=True) if number
        }
        return replace(view.workflow, counts=counts), len(view.jobs) - view.count(*SETTLED)

    # -- what is kept for the next time ------------------------------------------------------------

    @property
    def _folds_key(self) -> str:
        return f"{self.workflow_id} {'' if self.view is None else self.view.workflow.name}"

    def keep_folds(self) -> None:
        """Note which families are folded, for the next time."""
        rows = self.rows
        if rows is None:
            return
        known = dict(self.torc.state.get("workflow.folds", {}))
        known.pop(self._folds_key, None)
        kept = list(known.items())[-FOLDS_KEPT + 1 :]
        opened: list[Json] = [*sorted(rows.families.opened)[:FAMILIES_KEPT]]
        self.torc.state.set(
            "workflow.folds",
            {**dict(kept), self._folds_key: {"folds": rows.folds, "opened": opened}},
        )

    def fold_as_before(self) -> None:
        """Fold what was folded the last time that this workflow was looked at."""
        kept, rows = self.torc.state.get("workflow.folds", {}).get(self._folds_key), self.rows
        if rows is not None and isinstance(kept, dict):
            opened = kept.get("opened")
            rows.folds = kept.get("folds") is True
            if isinstance(opened, list):
                rows.families.opened = {
                    str(name) for name in opened if name in rows.families.families
                }

    # -- tabs --------------------------------------------------------------------------------------

    @property
    def tabs(self) -> Sequence[str]:
        return [name for name, _, _, _ in PANES]

    def _freshen(self) -> None:
        pane = self.pane
        if pane is not None and pane.is_attached and pane.stale and self.split.second.display:
            pane.stale = False
            pane.freshen()

    async def show_tab(self, name: str) -> None:
        """Bring that tab to the front; it is made when it is first shown."""
        if name not in self.tabs:
            return
        holder = self.query_one("#tab", Side)
        if name not in self._panes:
            self._panes[name] = _make(name)
            await holder.mount(self._panes[name])
        self._current = name
        self.torc.state.set("workflow.tab", name)
        for other, pane in self._panes.items():
            pane.display = other == name
        bar = self.query_one(TabBar)
        bar.keys = {tab: self.torc.keymap.key(f"tab-{tab}") for tab in self.tabs}
        bar.choose(name)
        if not self.split.second.display:
            self.split.show_alone("second")
            self._focus_pane()
        self._freshen()
        self.show_keys()

    def _focus_pane(self) -> None:
        pane = self.pane
        if pane is None:
            return
        first = next((widget for widget in self.focus_chain if pane in widget.ancestors), None)
        if first is not None:
            self.set_focus(first)


def _make(name: str) -> Pane:
    """The pane of a tab."""
    module, kind = next((module, kind) for tab, _, module, kind in PANES if tab == name)
    found: type[Pane] = getattr(import_module(f"torc_tui.tui.{module}"), kind)
    return found()


def _dependencies(source: Any, wanted: Sequence[int], *, follow: bool) -> dict[int, Any]:
    """In the reader thread: what these jobs wait for; with ``follow`` also what those wait for that
    have not ended well, up to a limit."""
    from torc_tui.store import relations

    found: dict[int, Any] = {}
    queue = list(wanted)
    while queue and len(found) < FACTS_AT_ONCE:
        key = queue.pop(0)
        if key in found:
            continue
        try:
            found[key] = relations.dependencies(source.store, key)
        except NotFound:
            continue
        if follow:
            queue += [one.job_id for one in found[key] if one.status is not JobStatus.COMPLETED]
    return found
