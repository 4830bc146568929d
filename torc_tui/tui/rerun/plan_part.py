"""Show which jobs would rerun and why, with the evidence beside them.

Input: the rerun plan of the screen. Output: the list, the evidence of the job under the cursor,
and commands to rerun what is stale or to accept it as it is. Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torc_tui.lifecycle.rerun_plan import JobVerdict
from torc_tui.model import Job
from torc_tui.operations.catalog import ACCEPT
from torc_tui.reasons import Kind
from torc_tui.status import HELD, JobStatus
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.jobs.plan_reader import Forecast
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.rerun.evidence import Evidence, page
from torc_tui.tui.rerun.list_part import ListPart
from torc_tui.tui.rerun.plan_rows import PlanRows
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import PageCanvas
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.json_diff import JsonChange
from torc_tui.wording import time_range

LOW = 9
"""Lines below which the evidence has no empty lines."""
Changes = Mapping[str, Sequence[JsonChange]]


class PlanPart(ListPart):
    """The rerun plan, with the evidence for the selected job."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("plan",)

    def __init__(self, pane: Pane, host: WorkflowHost) -> None:
        self.rows = PlanRows()
        self.canvas = PageCanvas(self._page)
        super().__init__(pane, host, self.rows, self.canvas, "Comparing commands, data and files …")
        self._shown: Forecast | None = None
        self._verdict: JobVerdict | None = None
        self._changes: Changes = {}

    def request(self) -> None:
        """Have the plan computed if it is not fresh."""
        if self._host.view is not None:
            self._host.plans.request(self._pane.torc)

    # -- the plan ----------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the newest plan."""
        plans = self._host.plans
        forecast = plans.forecast
        if forecast is None:
            if plans.problem is not None:
                self.empty.show(f"The plan cannot be computed: {plans.problem}.")
            return
        if forecast is self._shown:
            return
        self._shown = forecast
        self.rows.set(forecast.listed, forecast.seconds)
        if not self.rows.records:
            total = len(forecast.plan.verdicts)
            self.empty.show(
                "The job is up to date." if total == 1 else f"All {total} jobs are up to date.",
                "They run again when their command, data or files change.",
            )
        self.show_rows()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        if isinstance(event.key, int):
            self._host.go_to_job(event.key, focus=False)

    def show_selected(self) -> None:
        """Show the evidence of the job under the cursor; changed data is read first."""
        key = self.table.cursor
        verdict = self.rows.records.get(key) if isinstance(key, int) else None
        if verdict == self._verdict:
            return
        same = verdict is not None and self._verdict is not None and verdict.id == self._verdict.id
        self._verdict, self._changes = verdict, self._changes if same else {}
        self.canvas.rewrite()
        if not same:
            self.canvas.to_top()
        if verdict is None or all(one.kind is not Kind.DATA_CHANGED for one in verdict.reasons):
            return
        workflow_id = self._host.workflow_id

        def take(changes: Changes) -> None:
            if self._verdict == verdict:
                self._changes = changes
                self.canvas.rewrite()

        self._pane.ask("data", lambda source: _read_changes(source, workflow_id, verdict), take)

    def _page(self, width: int) -> Sequence[Line]:
        verdict, forecast = self._verdict, self._shown
        if verdict is None or forecast is None:
            return []
        evidence = Evidence(verdict, self._changes, forecast.seconds.get(verdict.id))
        return page(evidence, width, is_low=self.canvas.size.height < LOW)

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        view, handlers = self._host.view, dict[str, Handler]()
        if view is None or not self.rows.records:
            return {}
        if self.table.marks or not view.count(*HELD):  # all at once only if none is running
            handlers["plan-rerun"] = self._rerun
        if self.table.marks or any(job.status is JobStatus.COMPLETED for job in self._chosen_jobs):
            handlers["plan-accept"] = lambda: self._host.job_actions.start(
                ACCEPT, self._chosen_jobs
            )
        return handlers

    def _rerun(self) -> None:
        """Rerun the marked jobs, or all that are stale."""
        marked = [key for key in self.table.marked_or_selected if isinstance(key, int)]
        self._host.rerun_jobs(marked if self.table.marks else None)

    @property
    def _chosen_jobs(self) -> list[Job]:
        """Return the jobs of the marked rows, or of the row under the cursor."""
        view = self._host.view
        ids = [key for key in self.table.marked_or_selected if isinstance(key, int)]
        return [] if view is None else [view.jobs[one] for one in ids if one in view.jobs]


def _read_changes(source: FeedReader, workflow_id: int, verdict: JobVerdict) -> Changes:
    """Return the changes of the records that a job reads; called in the reader thread."""
    from torc_tui.operations.rerun import data_before_and_after
    from torc_tui.views.json_diff import diff

    return {
        str(reason["name"]): diff(*data_before_and_after(source.store, workflow_id, reason))
        for reason in verdict.reasons
        if reason.kind is Kind.DATA_CHANGED
    }


def amount(forecast: Forecast | None) -> Sequence[str]:
    """Return how many jobs are stale, for the bar: in full, and shorter."""
    if forecast is None:
        return ("",)
    stale, total = len(forecast.plan.certain), len(forecast.plan.verdicts)
    more = f", {len(forecast.plan.undecided)} perhaps" if forecast.plan.undecided else ""
    return (f"{stale} of {total} stale{more}", f"{stale} of {total} stale", f"{stale}")


def estimated(forecast: Forecast | None) -> Sequence[str]:
    """Return how long the rerun takes, for the bar: in full, and shorter."""
    if forecast is None or not forecast.plan.stale:
        return ()
    found = forecast.estimate
    if not found.work:
        return ("time unknown",)
    short = f"about {time_range(found.low, found.high)}"
    unknown = f", {found.unknown} of unknown duration" if found.unknown else ""
    at_once = f" with {found.lanes} at a time" if found.lanes > 1 else ""
    return (f"{short}{at_once}{unknown}", f"{short}{unknown}", short)
