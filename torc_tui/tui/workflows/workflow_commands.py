"""What a user can do on the screen of a workflow: the methods of the table of commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from textual.widgets import Input

from torc_tui.model import Job
from torc_tui.tui.feed.watches import Watch
from torc_tui.tui.jobs.filter_controller import FilteredJobs
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.dialogs import Reading
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.tab_bar import TabBar
from torc_tui.tui.workflows.workflow_state import READ_ONLY_TABS

if TYPE_CHECKING:
    from torc_tui.tui.logs.log_grep import LogSweep
    from torc_tui.tui.logs.log_pane import LogPane


class WorkflowCommands(FilteredJobs):
    """The part of the screen that carries out commands."""

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
            self.torc.open_list(at=self.workflow_id)

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
        await self.do_tab(self.query_one(TabBar).step(1))

    async def do_tab_previous(self) -> None:
        await self.do_tab(self.query_one(TabBar).step(-1))

    async def do_tab(self, name: str) -> None:
        """Show that tab, and let the keys work in it where there is something to do; else in the
        list."""
        await self.show_tab(name)
        if name in READ_ONLY_TABS and self.split.first.display:
            self.table.focus()
        else:
            self._focus_pane()

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

    def do_job_copy(self) -> None:
        from torc_tui.tui.jobs import job_shell

        if (job := self.selected_job) is not None:
            job_shell.copy_line(self.torc, job)

    def do_job_shell(self) -> None:
        from torc_tui.tui.jobs import job_shell

        if (job := self.selected_job) is not None:
            job_shell.open_shell(self.torc, job)

    def do_notify(self) -> None:
        """Tell when the job, the family or what is marked ends."""
        jobs = self.chosen_jobs
        if not jobs:
            return
        ids = [job.id for job in jobs]
        families = {job.family or job.name for job in jobs}
        title = (
            jobs[0].name
            if len(jobs) == 1
            else families.pop()
            if len(families) == 1
            else f"{len(jobs)} jobs"
        )
        self.torc.tell_when_ended(frozenset(ids), Watch(title, self.workflow_id, ids))

    def do_notify_workflow(self) -> None:
        """Tell when the whole workflow ends."""
        name = self.view.workflow.name if self.view is not None else f"workflow {self.workflow_id}"
        self.torc.tell_when_ended(("workflow", self.workflow_id), Watch(name, self.workflow_id))

    @property
    def log_sweep(self) -> LogSweep:
        """The search through all logs, with what it found last."""
        if self._log_sweep is None:
            from torc_tui.tui.logs.log_grep import LogSweep

            self._log_sweep = LogSweep()
        return self._log_sweep

    def do_search_logs(self) -> None:
        from torc_tui.tui.logs.log_grep import LogSweep
        from torc_tui.tui.logs.log_search import LogSearch

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
        rows.measure()
        self.table.set_rows(rows)
        self.table.select(family.name)
        self.keep_folds()

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
        rows.measure()
        self.table.set_rows(rows)
        self.keep_folds()

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
        from torc_tui.tui.jobs.job_details import folded

        room = max(40, min(96, self.size.width - 12))
        lines = [
            [(piece, style)] for text, style in self.reasons(job) for piece in folded(text, room)
        ] or [[(f"{job.name} is {STATUS[job.status].word}", STATUS[job.status].style)]]
        self.app.push_screen(Reading(f"Why is {job.name} {STATUS[job.status].word}?", lines))
