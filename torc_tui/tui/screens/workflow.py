"""The main screen: the jobs of one workflow, and tabs for what is selected.

What comes in: hand-overs of the threads (``take_…``), commands (``do_…``). What goes out: painted lines. The view that
is shown is a fold over events; nothing here reads the store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.widgets import Input

from torc_tui.errors import NotFound
from torc_tui.model import SETTLED, UNSUCCESSFUL, Event, Job, JobStatus, ResourceRequirements, Workflow
from torc_tui.tui.feed_worker import Answer, Changes, Gone, Loaded
from torc_tui.tui.job_rows import VOLATILE, JobRows
from torc_tui.tui.panes.base import Pane
from torc_tui.tui.screens.base import TorcScreen
from torc_tui.tui.signs import STATUS, STRIP_ORDER, Sign
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.footer import FooterBar
from torc_tui.tui.widgets.header import HeaderBar, HeaderState
from torc_tui.tui.widgets.overlays import Reading
from torc_tui.tui.widgets.split import Side, Split
from torc_tui.tui.widgets.tab_bar import TabBar
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.graph import Graph
from torc_tui.views.workflow import WorkflowView

if TYPE_CHECKING:
    from torc_tui.tui.machine import News
    from torc_tui.tui.models.log_sweep import LogSweep
    from torc_tui.tui.panes.log import LogPane

PANES: tuple[tuple[str, str, str, str], ...] = (
    ("overview", "Overview", "overview", "OverviewPane"),
    ("log", "Log", "log", "LogPane"),
    ("graph", "Graph", "graph", "GraphPane"),
    ("data", "Data", "data", "DataPane"),
    ("files", "Files", "record_tables", "FilesPane"),
    ("history", "History", "event_list", "HistoryPane"),
    ("events", "Events", "event_list", "EventsPane"),
    ("results", "Results", "record_tables", "ResultsPane"),
    ("resources", "Resources", "resources", "ResourcesPane"),
)
"""The tabs: name, title, and module and class of the pane, which is imported when it is first shown."""
FACTS_AT_ONCE = 200
"""Jobs whose dependencies are read in one go, for the column why."""
REORDER_EVERY = 0.5
"""Rows move (by sorting, or in and out of the filter) at most so often (seconds): what moves cannot be read."""

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


class JobTable(VirtualTable):
    CONTEXT: ClassVar[tuple[str, ...]] = ("jobs", "list")  # type: ignore[assignment]  # one or several


class WorkflowScreen(TorcScreen):
    CONTEXT: ClassVar[tuple[str, ...]] = ("workflow", "split")

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
        self._panes: dict[str, Pane] = {}
        self._current = PANES[0][0]

    def compose(self) -> ComposeResult:
        yield HeaderBar(HeaderState(title=f"workflow {self.workflow_id}", note="reading …"))
        tabs = TabBar([(name, title) for name, title, _, _ in PANES])
        yield Split(
            Side(
                FilterLine(
                    self._complete, placeholder="words · status:failed · cpus>4 · name~regex · exit:137 · after:job"
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
        self.split.turned = self.torc.state.get("workflow.turned", False)
        await self.show_tab(self._current)

    # -- what others ask ---------------------------------------------------------------------------------------

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
        ids = dict.fromkeys(job_id for key in self.table.marked_or_selected for job_id in rows.jobs_of(key))
        return [jobs[job_id] for job_id in ids]

    @property
    def pane(self) -> Pane | None:
        return self._panes.get(self._current)

    def reasons(self, job: Job) -> Sequence[tuple[str, str]]:
        """Why the job is where it is: the chain as lines with styles, as far as it is known here."""
        if self.rows is None or job.status is JobStatus.COMPLETED:
            return ()
        if job.status in (JobStatus.BLOCKED, JobStatus.CANCELED) and job.id not in self.rows.dependencies:
            self.ask_chain(job)
        lines = self.rows.chain(job.id)[1:]
        style = STATUS[job.status].style
        return [(line, style if place == 0 else "muted") for place, line in enumerate(lines)]

    # -- what the threads found --------------------------------------------------------------------------------

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
        for pane in self._panes.values():
            pane.data_changed(changed, changes.events)
        self._freshen()

    def take_gone(self, gone: Gone) -> None:
        if gone.workflow_id == self.workflow_id and gone.turn == self.turn:
            self.gone = gone.message
            self._head()

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
        return view.workflow.id, {key: view.requirements[key] for key in ids if key in view.requirements}

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
            self.table.reorder()
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

    def _ask_facts(self) -> None:
        """Ask what the rows on screen wait for: names instead of numbers in the column why."""
        rows = self.rows
        if rows is not None and rows.unexplained:
            wanted = list(rows.unexplained)[:FACTS_AT_ONCE]
            rows.unexplained.clear()
            self.torc.reader.ask("facts", lambda source: _dependencies(source, wanted, follow=False))

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

    # -- inside ------------------------------------------------------------------------------------------------

    def _reorder_soon(self) -> None:
        if self._reorder_at is None:
            self._reorder_at = self.now + REORDER_EVERY

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
                title=f"workflow {self.workflow_id}", note=note, lost=self.torc.lost, read_only=self.torc.read_only
            )
            return
        workflow = view.workflow
        settled = view.count(*SETTLED)
        waiting = len(view.jobs) - settled - view.count(JobStatus.RUNNING, JobStatus.PENDING)
        quiet = (JobStatus.BLOCKED, JobStatus.READY, JobStatus.UNINITIALIZED)
        parts = [(view.counts[status], STATUS[status].style) for status in STRIP_ORDER if status not in quiet]
        bar.state = HeaderState(
            title=workflow.name,
            state=Sign("✖", self.gone, "error") if self.gone else _WORDS.get(view.state),
            run=workflow.run_id or None,
            done=settled,
            total=len(view.jobs),
            failed=view.count(*UNSUCCESSFUL),
            running=view.count(JobStatus.RUNNING),
            parts=(*parts, (waiting, "bar-rest")),
            eta=self._eta,
            loads=self.torc.loads,
            lost=self.torc.lost,
            read_only=self.torc.read_only,
        )

    def _tell(self, events: Sequence[Event]) -> None:
        assert self.view is not None
        names = [
            self.view.jobs[event.job_id].name
            for event in events
            if event.kind in ("job_failed", "job_terminated") and event.job_id in self.view.jobs
        ]
        if names:
            self.torc.burst("failed", names)

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
        for widget in pane.walk_children():
            if getattr(widget, "can_focus", False):
                self.set_focus(widget)  # type: ignore[arg-type]  # what can be focused is a widget
                return

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        if event.table is self.table:
            for pane in self._panes.values():
                pane.job_changed()
            self._freshen()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if event.table is self.table:
            self.do_job_why()

    def on_split_changed(self) -> None:
        self.torc.state.set("workflow.split", round(self.split.ratio, 3))
        self.torc.state.set("workflow.turned", self.split.turned)

    async def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        await self.show_tab(event.tab)

    # -- the filter --------------------------------------------------------------------------------------------

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        if self._apply_filter(event.text):
            self.table.reload()

    def on_filter_line_left(self) -> None:
        self.table.focus()

    def _apply_filter(self, text: str) -> bool:
        """Take that filter; False, and what is wrong is said, when it cannot be understood."""
        from torc_tui.views.filter import Context, FilterError, compile_filter

        rows, view = self.rows, self.view
        line = self.query_one(FilterLine)
        if rows is None or view is None:
            return False
        if not text.strip():
            rows.filter(None)
            line.say(())
            return True
        graph = self.graph
        context = Context(requirements=view.requirements, now=self.now, why=rows.why)
        if graph is not None:
            context.after, context.before = graph.after, graph.before
        try:
            rows.filter(compile_filter(text, context))
        except FilterError as error:
            line.say([(f" {error.message} ", "error")])
            return False
        self._say_shown()
        return True

    def _say_shown(self) -> None:
        """How many rows the filter lets through, where there is one."""
        rows, view = self.rows, self.view
        if rows is not None and view is not None and rows.test is not None:
            self.query_one(FilterLine).say([(f" {rows.shown} of {len(view.jobs)} ", "muted")])

    def _complete(self, text: str) -> Sequence[str]:
        from torc_tui.views.filter import KEYS

        start = max(text.rfind(" "), text.rfind("(")) + 1
        word = text[start:].lstrip("-")
        head = text[: len(text) - len(word)]
        if not word:
            return []
        if word.startswith("status:"):
            done, comma, last = word.rpartition(",")
            prefix = done + comma if comma else "status:"
            last = last if comma else word[len("status:") :]
            return [head + prefix + status.word for status in JobStatus if status.word.startswith(last)]
        found = [head + key + ":" for key in KEYS if key.startswith(word) and key != word]
        if not found and self.view is not None:
            families = {job.family for job in self.view.jobs.values()} if len(self.view.jobs) < 5000 else set()
            found = [head + name for name in sorted(families) if name.startswith(word) and " " not in name]
        return found

    # -- commands ----------------------------------------------------------------------------------------------

    def do_back(self) -> None:
        line = self.query_one(FilterLine)
        if isinstance(self.focused, Input) or (line.display and line.text):
            line.clear()
        elif self.split.alone is not None:
            self.split.show_alone(None)
            self.table.focus()
        elif self.focused is not self.table:
            self.table.focus()
        else:
            self.torc.open_list()

    def do_filter(self) -> None:
        self.query_one(FilterLine).begin()

    def do_filter_clear(self) -> None:
        self.query_one(FilterLine).clear()

    def do_reload(self) -> None:
        self.turn = self.torc.feed.follow(self.workflow_id)

    def do_maximise(self) -> None:
        split = self.split
        if split.alone is not None and split.shape != "single":
            split.show_alone(None)
        else:
            split.show_alone(split.pane_of(self.focused))

    def do_split_left(self) -> None:
        self.split.move(-0.05)

    def do_split_right(self) -> None:
        self.split.move(0.05)

    def do_split_turn(self) -> None:
        self.split.turn()

    async def do_tab_next(self) -> None:
        await self.show_tab(self.query_one(TabBar).step(1))

    async def do_tab_previous(self) -> None:
        await self.show_tab(self.query_one(TabBar).step(-1))

    async def do_tab(self, name: str) -> None:
        await self.show_tab(name)

    @property
    def tabs(self) -> Sequence[str]:
        return [name for name, _, _, _ in PANES]

    def find_jobs(self, words: Sequence[str]) -> list[Job]:
        """Up to 50 jobs whose names have all the words, for the palette."""
        found: list[Job] = []
        for job in self.view.jobs.values() if self.view is not None else ():
            name = job.name.lower()
            if all(word in name for word in words):
                found.append(job)
                if len(found) == 50:
                    break
        return found

    def go_to_job(self, job_id: int, *, focus: bool = True) -> None:
        """Select that job; a filter that hides it is taken away."""
        rows = self.rows
        if rows is not None and rows.folds and not self.table.select(job_id, tell=False):
            family = rows.families.of(job_id)
            if family is not None and family.name not in rows.families.opened:
                rows.families.toggle(family.name)
                self.table.reload()
        if not self.table.select(job_id):
            self.query_one(FilterLine).clear()
            if self.rows is not None:
                self.rows.filter(None)
                self.table.reload()
            self.table.select(job_id)
        if focus:
            self.table.focus()

    def _on_jobs(self, command_id: str) -> None:
        self.torc.acts.on_jobs(command_id, self.chosen_jobs, self.workflow_id)

    def do_job_retry(self) -> None:
        self._on_jobs("job-retry")

    def do_job_cancel(self) -> None:
        self._on_jobs("job-cancel")

    def do_job_terminate(self) -> None:
        self._on_jobs("job-terminate")

    def do_job_hold(self) -> None:
        self._on_jobs("job-hold")

    def do_job_release(self) -> None:
        self._on_jobs("job-release")

    def do_job_disable(self) -> None:
        self._on_jobs("job-disable")

    def do_job_enable(self) -> None:
        self._on_jobs("job-enable")

    def do_job_priority(self) -> None:
        self.torc.acts.priority(self.chosen_jobs, self.workflow_id)

    def current_workflow(self) -> tuple[Workflow, int] | None:
        """The workflow that acts are about, and how many of its jobs have not ended."""
        view = self.view
        if view is None:
            return None
        counts = {status: number for status, number in zip(JobStatus, view.counts, strict=True) if number}
        return replace(view.workflow, counts=counts), len(view.jobs) - view.count(*SETTLED)

    @property
    def log_sweep(self) -> LogSweep:
        """The search through all logs, with what it found last."""
        if self._log_sweep is None:
            from torc_tui.tui.models.log_sweep import LogSweep

            self._log_sweep = LogSweep()
        return self._log_sweep

    def do_search_logs(self) -> None:
        from torc_tui.tui.models.log_sweep import LogSweep
        from torc_tui.tui.screens.log_search import LogSearch

        if self.log_sweep is None:
            self.log_sweep = LogSweep()
        self.app.push_screen(LogSearch(self, self.log_sweep), self._go_to_hit)

    async def _go_to_hit(self, hit: Any) -> None:
        """Show the line of a log that was found: its job, its attempt, its place."""
        if hit is None:
            return
        self.go_to_job(hit.log.job_id, focus=False)
        pane = self._panes.get("log")
        if pane is None:
            await self.show_tab("log")
            pane = self._panes["log"]
        cast("LogPane", pane).show_hit(hit)
        await self.show_tab("log")
        self._focus_pane()

    def do_family_toggle(self) -> None:
        """Open the family under the cursor, or fold it."""
        rows = self.rows
        ids = rows.jobs_of(self.table.cursor) if rows is not None else ()
        family = rows.families.of(ids[0]) if rows is not None and ids else None
        if rows is None or family is None or len(family.jobs) < 2:
            return
        if not rows.folds:
            rows.folds = True
            rows.families.opened = set(rows.families.families) - {family.name}
        else:
            rows.families.toggle(family.name)
        self.table.reload()
        self.table.select(family.name)

    def do_fold_all(self) -> None:
        """All families folded; where they are, all jobs in one list."""
        rows = self.rows
        if rows is None:
            return
        if rows.folds and not rows.families.opened:
            rows.folds = False
        else:
            rows.folds = True
            rows.families.opened = set()
        self.table.reload()

    def do_job_why(self) -> None:
        if isinstance(self.table.cursor, str) and self.split.shape != "single":
            self.do_family_toggle()
            return
        job = self.selected_job
        if job is None:
            return
        if self.split.shape == "single" and self.split.alone != "second":
            self.split.show_alone("second")
            self._focus_pane()
            self._freshen()
            return
        self.ask_chain(job)
        lines = [[(text, style)] for text, style in self.reasons(job)] or [
            [(f"{job.name} is {STATUS[job.status].word}", STATUS[job.status].style)]
        ]
        self.app.push_screen(Reading(f"Why is {job.name} {STATUS[job.status].word}?", lines))


def _make(name: str) -> Pane:
    """The pane of a tab."""
    module, kind = next((module, kind) for tab, _, module, kind in PANES if tab == name)
    found: type[Pane] = getattr(import_module(f"torc_tui.tui.panes.{module}"), kind)
    return found()


def _dependencies(source: Any, wanted: Sequence[int], *, follow: bool) -> dict[int, Any]:
    """In the reader thread: what these jobs wait for; with ``follow`` also what those wait for that have not ended
    well, up to a limit."""
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


def _nothing(workflow_id: int) -> WorkflowView:
    return WorkflowView.from_snapshot(Workflow(id=workflow_id, name="", user=""), (), {}, 0)
