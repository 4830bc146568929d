"""The tab *Results*: the results of all attempts, and the sweep of a job group in two views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.look.text_layout import sanitize
from torc_tui.tui.results import sweep_dialogs
from torc_tui.tui.results.heat_part import HeatPart
from torc_tui.tui.results.results_table import ResultsTable
from torc_tui.tui.results.sweep_part import SweepPart
from torc_tui.tui.results.sweep_reader import SweepReader
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.part_bar import BarPart, PartBar
from torc_tui.tui.widgets.virtual_table import VirtualTable

if TYPE_CHECKING:
    pass

VIEWS = ("results", "sweep", "heat")
_VIEW = "results.view"


class ResultsPane(ResultsTable):
    """The results of all attempts; of a workflow with parameters also the sweep and its map."""

    NAME: ClassVar[str] = "results"
    VIEWS: ClassVar[str] = "results-view"
    CONTEXTS: ClassVar[tuple[str, ...]] = ("results",)

    def __init__(self, host: WorkflowHost) -> None:
        super().__init__(host)
        self._host = host
        self.reader = SweepReader(self, host, self._sweep_read)
        self.sweep = SweepPart(self, host, self.reader)
        self.heat = HeatPart(self, host, self.reader)
        self.bar = PartBar()
        self.view = "results"

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.table
        yield self.sweep.table
        yield self.heat

    def on_mount(self) -> None:
        wanted = self.torc.state.get(_VIEW, "results")
        self.view = wanted if wanted in VIEWS else "results"
        self._show_view()

    # -- what the tab host calls -------------------------------------------------------------------

    def refresh_content(self) -> None:
        if self.reader.load():
            self.sweep.show()
            self._show_view()
        if self.shown == "results":
            super().refresh_content()
        else:
            self.reader.request()

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        super().data_changed(changed, events)
        self.reader.note(changed, events)
        if self.shown != "results" and changed:
            self.sweep.changed(changed)
            self.heat.is_stale = True
            self.stale = self.stale and self.host.view is not self.reader.view

    def every_second(self, now: float) -> None:
        if self.shown == "results":
            return
        self.reader.request()
        if self.shown == "sweep":
            self.sweep.every_second()
        elif not self.reader.is_reading:
            self.heat.update(now)

    def job_changed(self) -> None:
        """Show the marks of the job table."""
        if self.shown == "sweep":
            self.sweep.marks_changed()
        elif self.shown == "heat":
            self.heat.marks_changed()

    def _sweep_read(self, job_ids: Set[int] | None) -> None:
        """Show what was read of these jobs, or of all."""
        if job_ids is None:
            self.sweep.show()
        else:
            self.sweep.changed(job_ids)
        self.heat.is_stale = True
        if self.shown == "heat":
            if job_ids is None:
                self.heat.show()
            else:
                self.heat.update(self._host.model.now)
        self._show_bar()

    # -- views -------------------------------------------------------------------------------------

    @property
    def shown(self) -> str:
        """Return the view on screen: without a sweep there is only the table of results."""
        return self.view if self.reader.sweeps else "results"

    def handlers(self) -> Mapping[str, Handler]:
        sweep = self.reader.sweep
        if sweep is None:
            return {}
        following = VIEWS[(VIEWS.index(self.shown) + 1) % len(VIEWS)]
        handlers: dict[str, Handler] = {"results-view": lambda: self.choose(following)}
        if self.shown == "results":
            return handlers
        now = self._host.model.now
        order = self.sweep.rows.order
        export = sweep_dialogs.export
        handlers["sweep-export"] = lambda: export(
            self.torc, self._host.workflow_id, sweep, order, now
        )
        handlers["sweep-columns"] = lambda: sweep_dialogs.choose_columns(
            self.torc, sweep, self.reader.show_figures
        )
        if len(self.reader.sweeps) > 1:
            handlers["sweep-group"] = lambda: sweep_dialogs.choose_group(
                self.torc, self.reader.sweeps, sweep, self._choose_group
            )
        return handlers

    def on_part_bar_part_clicked(self, event: PartBar.PartClicked) -> None:
        event.stop()
        self.choose(event.part)

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if event.table is self.sweep.table and isinstance(event.key, int):
            event.stop()
            self._host.go_to_job(event.key, focus=False)

    def choose(self, view: str) -> None:
        """Show another view, and remember it."""
        self.view = view
        self.torc.state.set(_VIEW, view)
        self._show_view()
        self.refresh_content()

    def _choose_group(self, name: str) -> None:
        self.reader.choose(name)
        self.sweep.show()
        self._show_view()
        self.reader.request()

    def _show_view(self) -> None:
        """Show one view; it gets the keys if another one had them."""
        focused = self.screen.focused
        had_keys = focused is not None and self in focused.ancestors
        shown = self.shown
        self.table.display = shown == "results"
        self.sweep.table.display = shown == "sweep"
        self.heat.display = shown == "heat"
        self.bar.display = bool(self.reader.sweeps)
        if shown == "heat":
            self.heat.show()
        elif shown == "sweep":
            self.sweep.marks_changed()
        target = {
            "results": self.table,
            "sweep": self.sweep.table,
            "heat": self.heat.canvas,
        }[shown]
        if had_keys:
            target.focus()
        self._show_bar()

    def _show_bar(self) -> None:
        sweep = self.reader.sweep
        if sweep is None:
            return
        parts = tuple(
            BarPart(view, title, ("",))
            for view, title in zip(VIEWS, ("Results", "Sweep", "Heat map"), strict=True)
        )
        name = sanitize(sweep.name)
        notes = (f"{name} ×{len(sweep.ids)}", name) if self.shown != "results" else ()
        self.bar.show(parts, self.shown, self.torc.keymap.key("results-view"), notes)
