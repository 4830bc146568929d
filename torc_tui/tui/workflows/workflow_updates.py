"""Bring the workflow screen up to date after news from the threads, and as time passes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from torc_tui.model import Event
from torc_tui.reasons import Kind, Reason, because
from torc_tui.status import HELD, NOT_STARTED, SETTLED, TROUBLED, JobStatus, WorkflowState
from torc_tui.tui.feed.handovers import Changes, Found, Gone, Handover, Loaded, Lost
from torc_tui.tui.feed.machine import MachineReading
from torc_tui.tui.frame.bars import HeaderBar, HeaderState
from torc_tui.tui.frame.ports import AppPort, HasApp
from torc_tui.tui.jobs.filter_controller import FilterController
from torc_tui.tui.jobs.job_columns import VOLATILE
from torc_tui.tui.jobs.job_table import JobTable, fit_columns, recall_folds, select_failed
from torc_tui.tui.jobs.jobs_side import JobsSide
from torc_tui.tui.jobs.plan_reader import PlanReader
from torc_tui.tui.jobs.workflow_contents import WorkflowContents
from torc_tui.tui.jobs.workflow_model import DependencyReader, ModelChanges, WorkflowModel, outcomes
from torc_tui.tui.look.status_icons import STATES, STATUS, Sign
from torc_tui.tui.look.text_layout import sanitize
from torc_tui.tui.workflows.idle_commands import FINISHED
from torc_tui.tui.workflows.tab_host import TabHost
from torc_tui.views.status_bar import ORDER
from torc_tui.wording import duration, sentence

_QUIET = NOT_STARTED
"""Statuses that the bar shows as not done."""


class UpdatedScreen(HasApp, Protocol):
    """The parts of the workflow screen that are updated."""

    model: WorkflowModel
    table: JobTable
    filter: FilterController
    tabs: TabHost
    header: HeaderBar
    dependencies: DependencyReader
    plans: PlanReader
    jobs_side: JobsSide
    refusal: str

    @property
    def is_attached(self) -> bool:
        """Whether the screen is open."""

    def reload(self) -> None:
        """Reload everything from the database."""

    def show_keys(self) -> None:
        """Update the footer."""


class WorkflowUpdates:
    """Updates the parts of the workflow screen with records of the threads."""

    def __init__(self, screen: UpdatedScreen) -> None:
        self._screen = screen
        self._model = screen.model
        self._state: tuple[object, ...] = ()

    # -- what the threads found --------------------------------------------------------------------

    def receive(self, item: Handover) -> None:
        """Handle a record of the threads."""
        model = self._model
        match item:
            case Loaded(turn, WorkflowContents() as contents) if turn == model.turn:
                self._load(contents)
            case Changes(turn, events) if turn == model.turn and model.loaded:
                self._change(events)
            case Gone(turn, workflow_id, message) if (turn, workflow_id) == (
                model.turn,
                model.workflow_id,
            ):
                self._gone(message)
            case Lost() | Found():
                self.show_header()
            case _:
                pass

    def _load(self, contents: WorkflowContents) -> None:
        screen, model = self._screen, self._model
        first = not model.loaded
        if model.gone is not None:
            screen.refusal = ""
        model.load(contents.rows)
        if first:
            recall_folds(screen.torc.state, model.rows)
        screen.table.empty = "no jobs"
        screen.table.rows = model.rows
        screen.filter.reapply()
        screen.table.set_rows(model.rows)
        if first and model.view.state is WorkflowState.FAILED:
            select_failed(screen.table)
        screen.plans.changed()
        self.show_header()
        screen.jobs_side.loaded(contents)
        if self._state_changed():
            screen.show_keys()
        screen.tabs.all_changed()

    def _change(self, events: Sequence[Event]) -> None:
        screen, model = self._screen, self._model
        model.tick(time.time())
        screen.plans.changed()
        changed = model.apply(events)
        if changed is None:
            screen.reload()
            return
        jobs = model.view.jobs
        for word, ids in outcomes(events).items():
            screen.torc.report_jobs(word, [(one, jobs[one].name) for one in ids if one in jobs])
        self._show_changes(changed, events)

    def _show_changes(self, changed: ModelChanges, events: Sequence[Event]) -> None:
        screen = self._screen
        table = screen.table
        table.changed(changed.rows)
        screen.filter.arranger.changed(changed.jobs)
        if changed.moved or (changed.rows and table.sort in VOLATILE):
            table.reordering.schedule(time.time())
        self.show_header()
        screen.tabs.data_changed(changed.jobs, events)
        screen.jobs_side.activity.changed(changed.jobs)
        selected = table.selected_job
        selected_changed = selected is not None and selected.id in changed.jobs
        if changed.holds or selected_changed or self._state_changed():
            screen.show_keys()

    def show_past(self, contents: WorkflowContents, now: float) -> None:
        """Show a moment of the past."""
        self._model.tick(now)
        self._load(contents)

    def replay(self, events: Sequence[Event], now: float) -> None:
        """Apply events of the past, without notifications."""
        model = self._model
        model.tick(now)
        changed = model.apply(events)
        if changed is not None and events:
            self._show_changes(changed, ())
        self._screen.table.changed(model.view.running)

    def _state_changed(self) -> bool:
        """Return whether other commands may apply: the state or the set of statuses changed."""
        model, before = self._model, self._state
        self._state = (model.view.state, model.has_runner, *map(bool, model.view.counts))
        return self._state != before

    def _gone(self, message: str) -> None:
        screen, model = self._screen, self._model
        model.gone = message
        self.show_header()
        back = screen.torc.keymap.key("back")
        if model.loaded:
            text = f"{message}; {back} goes to the list of workflows"
            screen.refusal = text
            screen.show_keys()
            screen.torc.notify(text, severity="warning")
        else:
            screen.table.empty = f"{message}: {back} goes to the list of workflows"
            screen.table.refresh()

    def machine_read(self, news: MachineReading) -> None:
        screen, model = self._screen, self._model
        if model.take_cluster(news.cluster):
            screen.table.changed(set(model.view.jobs))
        if news.dead != model.rows.reasons.dead:
            if model.take_runners(news.dead):
                self._tell_lost_runner()
            screen.table.changed(set(model.view.jobs))
        model.reports = news.reports
        self.show_header()
        screen.filter.machine_read()
        self.reasons_changed(model.take_request_lacks(news))
        screen.tabs.update_visible(lambda pane: pane.machine_changed())

    def _tell_lost_runner(self) -> None:
        torc, model = self._screen.torc, self._model
        text = f"the runner of {model.view.workflow.name} stopped responding"
        if model.rows.reasons.cluster is None:
            key = torc.keymap.key("workflow-run")
            text += f"\n{key} starts another one, which continues its jobs"
        else:
            text += "\nits jobs continue in another allocation"
        torc.notify(text, severity="error", timeout=10)

    def reasons_changed(self, jobs: set[int]) -> None:
        """Handle new reasons for the statuses of these jobs."""
        screen = self._screen
        if not screen.is_attached:
            return
        screen.table.changed(jobs)
        selected = screen.table.selected_job
        if selected is not None and selected.id in jobs:
            screen.tabs.reasons_changed()

    # -- time --------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        screen, reasons = self._screen, self._model.rows.reasons
        table = screen.table
        waiting = (
            table.reordering.is_due
            or table.rows.widths.are_outgrown
            or bool(reasons.unexplained or reasons.retried)
        )
        return waiting or screen.tabs.busy

    def every_second(self, now: float) -> None:
        model = self._model
        model.tick(now)
        if model.loaded:
            self._screen.table.changed(model.view.running)
            model.measure()
            self.show_header()
            self._screen.tabs.every_second(now)
            self._screen.jobs_side.activity.write()

    def every_tick(self, now: float) -> None:
        screen = self._screen
        if screen.table.reordering.take_due(now):
            screen.filter.arranger.arrange()
            screen.filter.show_count()
        fit_columns(screen.table)
        screen.dependencies.ask_visible(screen.torc.reader)
        screen.tabs.update_visible(lambda pane: pane.every_tick())

    def show_header(self) -> None:
        """Update the header."""
        self._screen.header.state = header_state(self._model, self._screen.torc)


def header_state(model: WorkflowModel, torc: AppPort) -> HeaderState:
    """Return the content of the header."""
    if not model.loaded:
        return HeaderState(
            title=f"workflow {model.workflow_id}",
            note=model.gone or "loading …",
            lost=torc.lost,
            read_only=torc.read_only,
        )
    view = model.view
    settled = view.count(*SETTLED)
    waiting = len(view.jobs) - settled - view.count(*HELD)
    parts = [
        (view.counts[status], STATUS[status].style) for status in ORDER if status not in _QUIET
    ]
    dead = model.rows.reasons.dead
    return HeaderState(
        title=view.workflow.name,
        state=Sign("✖", model.gone, "error") if model.gone else STATES[view.state],
        run=view.workflow.run_id or None,
        done=settled,
        total=len(view.jobs),
        failed=view.count(*TROUBLED) - view.stopped,
        running=view.count(JobStatus.RUNNING),
        parts=(*parts, (waiting, "bar-rest")),
        eta=model.eta,
        meters=torc.meters if torc.machine.runs_here(model.workflow_id) else (),
        lost=torc.lost,
        read_only=torc.read_only,
        orphaned=bool(view.running and dead) and not view.nodes - dead,
        watches=len(torc.watches),
        absent=_absent(model.reports),
        **_cluster_words(model, torc),
    )


def _cluster_words(model: WorkflowModel, torc: AppPort) -> dict[str, str]:
    """Return what the header says about allocations, or about runners on other machines."""
    cluster, remote = model.rows.reasons.cluster, torc.machine.remote
    if model.view.state in FINISHED or not (cluster or remote):
        return {}
    from torc_tui.operations.cluster_summary import queue_words, room_words

    if cluster is None:
        return {"room": room_words(remote)} if remote is not None else {}
    queue = queue_words(cluster)
    if not (cluster.open or queue):
        queue = "no allocation yet" if cluster.is_watched else "no allocation"
    return {"room": room_words(cluster) if cluster.places else "", "queue": queue}


def _absent(reports: Sequence[Reason]) -> str:
    """Return the first silent runner and since when."""
    for reason in reports:
        if reason.kind in (Kind.RUNNER_SILENT, Kind.RUNNER_EXPIRED):
            if reason["native_id"]:  # the tab Machine shows the runner and the allocation
                return f"{sanitize(reason['hostname'])} silent for {duration(reason['quiet'] or 0)}"
            return sanitize(sentence(because(Kind.RUNNER_SILENT, **dict(reason.arguments))))
    return ""
