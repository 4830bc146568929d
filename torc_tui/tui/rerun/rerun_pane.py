"""The tab *Rerun*: the failures of the run by reason, and the plan of what would run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.rerun.failures_part import FailuresPart
from torc_tui.tui.rerun.plan_part import PlanPart, amount, estimated
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.part_bar import BarPart, PartBar


class RerunPane(Pane):
    """Shows one of the two parts; the first time the one that has something to say."""

    NAME: ClassVar[str] = "rerun"
    VIEWS: ClassVar[str] = "rerun-part"
    PER_JOB: ClassVar[bool] = False
    CONTEXTS: ClassVar[tuple[str, ...]] = ("rerun",)

    def __init__(self, host: WorkflowHost) -> None:
        super().__init__(host)
        self.bar = PartBar()
        self.failures = FailuresPart(self, host)
        self.plan = PlanPart(self, host)
        self._plans = host.plans
        self.part = "failures"
        self._chosen = False

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.failures
        yield self.plan

    def on_mount(self) -> None:
        self._show_part()

    # -- what the tab host calls -------------------------------------------------------------------

    def refresh_content(self) -> None:
        self.failures.request()
        self.plan.request()
        self.plan.show()
        self._show_bar()

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if changed:
            self.failures.changed()
        self.stale = True

    def every_second(self, now: float) -> None:
        self.failures.request()
        self.plan.request()
        self._show_bar()

    def plan_changed(self) -> None:
        self.plan.show()
        self._show_bar()

    @property
    def busy(self) -> bool:
        return self.failures.log_view.reader.has_news

    def every_tick(self) -> None:
        self.failures.log_view.take()
        self._show_bar()

    # -- parts -------------------------------------------------------------------------------------

    def _show_bar(self) -> None:
        number, forecast = self.failures.number, self._plans.forecast
        if not self._chosen and self.failures.is_read and forecast is not None:
            self._chosen = True
            if not number and forecast.stale:
                self.part = "plan"
                self._show_part(focus=True)
        self.bar.show(
            (
                BarPart("failures", "Failures", self.failures.amount),
                BarPart("plan", "Plan", amount(forecast)),
            ),
            self.part,
            self.torc.keymap.key("rerun-part"),
            estimated(forecast) if self.part == "plan" else (),
        )

    def handlers(self) -> Mapping[str, Handler]:
        return {"rerun-part": lambda: self._choose("failures" if self.part == "plan" else "plan")}

    def on_part_bar_part_clicked(self, event: PartBar.PartClicked) -> None:
        event.stop()
        self._choose(event.part)

    def _choose(self, part: str) -> None:
        self.part, self._chosen = part, True
        self._show_part(focus=True)
        self._show_bar()

    def _show_part(self, *, focus: bool = False) -> None:
        """Show one part; it gets the keys if the other one had them."""
        shown, other = (
            (self.plan, self.failures) if self.part == "plan" else (self.failures, self.plan)
        )
        focused = self.screen.focused
        had_keys = focused is not None and self in focused.ancestors
        shown.display, other.display = True, False
        self.failures.log_view.reader.watch(self.part == "failures")
        if focus and had_keys:
            shown.focus_target.focus()
