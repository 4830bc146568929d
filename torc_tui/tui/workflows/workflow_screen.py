"""The main screen: the jobs of one workflow, and tabs for what is selected.

What comes in: hand-overs of the threads (``take_…``), and the tick. What goes out: painted lines.
The view that is shown is a fold over events; nothing here reads the store. What it holds is in
``workflow_state``, what can be done in ``workflow_commands``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event, ResourceRequirements, Workflow
from torc_tui.status import SETTLED, JobStatus
from torc_tui.tui.feed.feed_worker import Answer, Changes, Gone, Loaded
from torc_tui.tui.frame.footer import FooterBar
from torc_tui.tui.frame.header import HeaderBar, HeaderState
from torc_tui.tui.jobs.job_rows import COLUMNS, VOLATILE, JobRows
from torc_tui.tui.look.status_icons import STATUS, Sign
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.split import Side, Split
from torc_tui.tui.widgets.tab_bar import TabBar
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tui.workflows.workflow_commands import WorkflowCommands
from torc_tui.tui.workflows.workflow_state import FACTS_AT_ONCE, PANES, JobTable
from torc_tui.views.status_bar import ORDER
from torc_tui.views.workflow_view import WorkflowView

if TYPE_CHECKING:
    from torc_tui.tui.feed.machine_state import News

REORDER_EVERY = 0.5
"""Rows move (by sorting, or in and out of the filter) at most so often (seconds): what moves cannot
be read."""

REORDER_SHARE = 30
"""And after a pause of so many times what it took: 100,000 rows take a while."""

_WORDS = {
    "running": STATUS[JobStatus.RUNNING],
    "completed": STATUS[JobStatus.COMPLETED],
    "failed": STATUS[JobStatus.FAILED],
    "canceled": STATUS[JobStatus.CANCELED],
    "ready": STATUS[JobStatus.READY],
    "blocked": STATUS[JobStatus.BLOCKED],
    "paused": Sign("‖", "paused", "warning"),
    "pending_failed": STATUS[JobStatus.PENDING_FAILED],
    "uninitialized": Sign("·", "new", "muted"),
}


class WorkflowScreen(WorkflowCommands):
    CONTEXT: ClassVar[tuple[str, ...]] = ("workflow", "split")

    def compose(self) -> ComposeResult:
        yield HeaderBar(HeaderState(title=f"workflow {self.workflow_id}", note="reading …"))
        tabs = TabBar([(name, title) for name, title, _, _ in PANES])
        yield Split(
            Side(
                FilterLine(
                    self._complete,
                    placeholder="words · status:failed · cpus>4 · name~regex · exit:137 · after:job",
                ),
                JobTable(JobRows(_nothing(self.workflow_id)), empty="reading …", id="jobs"),
                id="jobs-pane",
            ),
            Side(tabs, Side(id="tab"), id="tabs-pane"),
            ratio=self.torc.state.get("workflow.split", 0.52),
        )
        yield FooterBar()

    async def on_mount(self) -> None:
        self.table.focus()
        self.split.first.can_focus = False
        state = self.torc.state
        self.split.turned = state.get("workflow.turned", False)
        sort = state.get("jobs.sort", "")
        if any(column.key == sort and column.sortable for column in COLUMNS):
            self.table.sort = sort
        self.table.reverse = state.get("jobs.reverse", False)
        self.query_one(FilterLine).history = [str(text) for text in state.get("jobs.filters", [])]
        tab = state.get("workflow.tab", "")
        await self.show_tab(tab if tab in self.tabs else self._current)

    # -- what the threads found --------------------------------------------------------------------

    def take_loaded(self, loaded: Loaded) -> None:
        if loaded.turn != self.turn:
            return
        test_text = self.query_one(FilterLine).text
        self.view = loaded.view
        self.gone = None
        before = self.rows
        self.rows = JobRows(loaded.view, now=self.now)
        if before is not None:
            self.rows.keep_folds(before)
        else:
            self.fold_as_before()
        self.table.empty = "no jobs"
        if test_text:
            self._apply_filter(test_text)
        self.table.set_rows(self.rows)
        self._measure()
        self._head()
        for pane in self._panes.values():
            pane.stale = True
        self._freshen()

    def take_changes(self, changes: Changes) -> None:
        view, rows = self.view, self.rows
        if view is None or rows is None or changes.turn != self.turn:
            return
        self.now = time.time()
        changed = view.apply(changes.events)
        if view.needs_reload:
            self.turn = self.torc.feed.follow(self.workflow_id)
            return
        rows.now = self.now
        moved = rows.update(changed)
        self.table.changed(changed | rows.touched_by(changed) | rows.touched_families(changed))
        if moved or (changed and self.table.sort in VOLATILE):
            self._reorder_soon()
        if any(event.kind.startswith(("node_", "workflow_")) for event in changes.events):
            self.table.changed(view.jobs.keys())  # why a job waits is said of all that wait
        self._tell(changes.events)
        self._head()
        for pane in self.attached_panes:
            pane.data_changed(changed, changes.events)
        if any(event.kind in ("job_held", "job_released") for event in changes.events):
            self.show_keys()
        self._freshen()

    def take_gone(self, gone: Gone) -> None:
        if gone.workflow_id == self.workflow_id and gone.turn == self.turn:
            self.gone = gone.message
            self._head()
            back = self.torc.keymap.key("back")
            if self.view is None:
                self.table.empty = f"{gone.message}: {back} goes to the list of workflows"
                self.table.refresh()
            else:
                self.torc.notify(
                    f"{gone.message}; {back} goes to the list", severity="warning", markup=False
                )

    def take_answer(self, answer: Answer) -> None:
        match answer.key:
            case "facts" | "chain" if answer.error is None:
                self._take_facts(answer.value)
            case ("log-search", str(pattern)):
                self.log_sweep.asking = ""
                if answer.error is not None:
                    self.torc.complain(answer.error)
                else:
                    self.log_sweep.start(pattern, answer.value)
            case (str(name), str(what)) if name in self._panes and self._panes[name].is_attached:
                self._panes[name].answered(what, answer)
            case _:
                pass

    def take_machine(self, news: News) -> None:
        rows = self.rows
        if rows is not None and news.dead != rows.dead:
            lost, rows.dead = news.dead - rows.dead, news.dead
            if lost and self.view is not None and self.view.state == "running":
                key = self.torc.keymap.key("workflow-run")
                text = f"the runner of {self.view.workflow.name} is gone without a word"
                text += f"\n{key} starts another, which takes its jobs over"
                self.torc.notify(text, severity="error", markup=False, timeout=10)
            self.table.changed(set(rows.view.jobs))
        self._head()
        if rows is not None and news.outlook is not None and news.outlook != rows.outlook:
            rows.outlook = news.outlook
            ready = rows.asked_about_ready()
            self.table.changed(ready)
            selected, pane = self.selected_job, self.pane
            if selected is not None and selected.id in ready and pane is not None:
                pane.reasons_changed()
        shown = self._panes.get("resources")
        if shown is not None and shown is self.pane and self.split.second.display:
            shown.machine_changed()

    def lacking(self) -> tuple[int | None, Mapping[int, ResourceRequirements]]:
        view, rows = self.view, self.rows
        if view is None or rows is None:
            return None, {}
        ids = list(rows.wanted)[:FACTS_AT_ONCE] if view.count(JobStatus.READY) else []
        return view.workflow.id, {
            key: view.requirements[key] for key in ids if key in view.requirements
        }

    def take_store(self, lost: str | None) -> None:
        self._head()

    def every_second(self, now: float) -> None:
        self.now = now
        view, rows = self.view, self.rows
        if view is None or rows is None:
            return
        rows.now = now
        self.table.changed(view.running)
        self._measure()
        self._head()
        pane = self.pane
        if pane is not None and pane.is_attached:
            pane.every_second(now)

    def every_tick(self, now: float) -> None:
        """With each tick: what was put off."""
        if self._reorder_at is not None and now >= self._reorder_at:
            self._reorder_at = None
            begin = time.perf_counter()
            self.table.reorder()
            self._reorder_pause = max(REORDER_EVERY, REORDER_SHARE * (time.perf_counter() - begin))
            self._say_shown()
        self._ask_facts()
        pane = self.pane
        if pane is not None and pane.is_mounted and self.split.second.display:
            pane.every_tick()

    @property
    def busy(self) -> bool:
        """Whether the next tick has something to do here."""
        pane = self.pane
        return (
            self._reorder_at is not None
            or (self.rows is not None and bool(self.rows.unexplained))
            or (pane is not None and pane.busy)
        )

    # -- inside ------------------------------------------------------------------------------------

    def _reorder_soon(self) -> None:
        if self._reorder_at is None:
            self._reorder_at = self.now + self._reorder_pause

    def _measure(self) -> None:
        if self.view is not None:
            eta = self.view.progress(self.now).eta
            self._eta = eta.text if eta is not None and eta.high > 0 else ""

    def _head(self) -> None:
        view = self.view
        bar = self.query_one(HeaderBar)
        if view is None:
            note = self.gone or "reading …"
            bar.state = HeaderState(
                title=f"workflow {self.workflow_id}",
                note=note,
                lost=self.torc.lost,
                read_only=self.torc.read_only,
            )
            return
        workflow = view.workflow
        dead = self.rows.dead if self.rows is not None else frozenset[int]()
        settled = view.count(*SETTLED)
        waiting = len(view.jobs) - settled - view.count(JobStatus.RUNNING, JobStatus.PENDING)
        quiet = (JobStatus.BLOCKED, JobStatus.READY, JobStatus.UNINITIALIZED)
        parts = [
            (view.counts[status], STATUS[status].style) for status in ORDER if status not in quiet
        ]
        bar.state = HeaderState(
            title=workflow.name,
            state=Sign("✖", self.gone, "error") if self.gone else _WORDS.get(view.state),
            run=workflow.run_id or None,
            done=settled,
            total=len(view.jobs),
            failed=view.count(JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED),
            running=view.count(JobStatus.RUNNING),
            parts=(*parts, (waiting, "bar-rest")),
            eta=self._eta,
            loads=self.torc.loads,
            lost=self.torc.lost,
            read_only=self.torc.read_only,
            orphaned=bool(view.running and dead) and not view.nodes - dead,
            watches=len(self.torc.watches),
        )

    def _tell(self, events: Sequence[Event]) -> None:
        assert self.view is not None
        for word, ids in outcomes(events).items():
            told = [
                (job_id, self.view.jobs[job_id].name) for job_id in ids if job_id in self.view.jobs
            ]
            self.torc.burst(word, told)

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        if event.table is self.table:
            for pane in self.attached_panes:
                pane.job_changed()
            self._freshen()
            self.show_keys()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if event.table is self.table:
            self.do_job_why()

    def on_virtual_table_sorted(self, event: VirtualTable.Sorted) -> None:
        if event.table is self.table:
            self.torc.state.set("jobs.sort", self.table.sort)
            self.torc.state.set("jobs.reverse", self.table.reverse)

    def on_split_changed(self) -> None:
        self.torc.state.set("workflow.split", round(self.split.ratio, 3))
        self.torc.state.set("workflow.turned", self.split.turned)

    async def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        await self.do_tab(event.tab)


def outcomes(events: Sequence[Event]) -> dict[str, list[int]]:
    """What a user is told of these events: the jobs that ``failed`` for good, and those that
    are ``retried`` by their rule, which the event right behind the failure tells."""
    found: dict[str, list[int]] = {"failed": [], "retried": []}
    for event in events:
        if event.job_id is None:
            continue
        if event.kind in ("job_failed", "job_terminated"):
            found["failed"].append(event.job_id)
        elif (
            event.kind == "job_retried"
            and "of" in event.data
            and event.job_id in found["failed"][-1:]
        ):
            found["retried"].append(found["failed"].pop())
    return found


def _nothing(workflow_id: int) -> WorkflowView:
    return WorkflowView.from_snapshot(Workflow(id=workflow_id, name="", user=""), (), {}, 0)
