"""Commands about the selected jobs that are no actions: explain, copy, shell, notify, fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from torc_tui.status import SETTLED, TROUBLED, UNSETTLED
from torc_tui.tui.feed.watches import Watch
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.jobs import job_shell
from torc_tui.tui.jobs.filter_controller import FilterController
from torc_tui.tui.jobs.filter_values import filter_values, quoted_value
from torc_tui.tui.jobs.job_table import JobTable, remember_folds
from torc_tui.tui.jobs.page import folded
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.look.status_icons import of_job
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.workflows.tab_host import TabHost
from torc_tui.wording import standing

if TYPE_CHECKING:
    from torc_tui.tui.logs.log_grep import LogGrep, LogHit
    from torc_tui.tui.widgets.dialogs import FoundRow


class CommandHost(PaneHost, Protocol):
    """What these commands need of the workflow screen."""

    model: WorkflowModel
    table: JobTable
    tabs: TabHost
    split: Split

    filter: FilterController

    def focus_pane(self) -> None:
        """Focus the visible pane."""

    async def show_tab(self, name: str) -> None:
        """Show a tab."""


class JobCommands:
    """The handlers of these commands."""

    def __init__(self, host: CommandHost) -> None:
        self._host = host
        self.tab_before: str | None = None
        """The tab that was shown before the log was opened in full size."""
        self._log_grep: LogGrep | None = None

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "job-open": self._open,
            "job-why": self.explain,
            "filter-same": self._filter_same,
            "failed-next": partial(self._go_to_failed, 1),
            "failed-previous": partial(self._go_to_failed, -1),
            "job-copy": self._copy_line,
            "job-shell": self._open_shell,
            "group-toggle": self.toggle_group,
            "fold-all": self._fold_all,
            "notify": self._watch_jobs,
            "notify-workflow": self._watch_workflow,
            "search-logs": self._search_logs,
        }

    async def _open(self) -> None:
        """Show the log of the selected job, or its reasons before it starts; open a group."""
        host = self._host
        job = host.selected_job
        if host.table.selected_group is not None:
            self.toggle_group()
        elif job is not None and job.started_at is not None:
            self.tab_before = host.tabs.current
            await host.show_tab("log")
            host.split.show_alone("second")
            host.focus_pane()
        else:
            self.explain()

    def _filter_same(self) -> None:
        """Filter to a value of the job or job group under the cursor."""
        host = self._host
        job, group = host.selected_job, host.table.selected_group
        if job is None:
            return
        values = filter_values(job) if group is None else [f"group={quoted_value(group.name)}"]
        if len(values) == 1:
            host.filter.narrow(values[0])
            return

        def search(typed: str) -> Sequence[FoundRow[str]]:
            return [(one, one, "", "") for one in values if typed.lower() in one.lower()]

        def take(chosen: str | None) -> None:
            if chosen is not None:
                host.filter.narrow(chosen)

        from torc_tui.tui.widgets.dialogs import Finder

        host.torc.push(Finder(f"Filter by a value of {job.name}", search), take)

    def _go_to_failed(self, by: int) -> None:
        """Go to the next or previous failed job that passes the filter."""
        host = self._host
        rows, selected = host.model.rows, host.selected_job
        failed = [
            key
            for key, job in rows.view.jobs.items()
            if job.status in TROUBLED and not job.was_stopped and rows.passes(key)
        ]
        if not failed:
            host.torc.notify("no job has failed")
            return
        here = 0 if selected is None else selected.id
        if host.table.selected_group is not None:
            here -= by  # the row of a group stands before its most important job
        ahead = [key for key in failed if (key - here) * by > 0] or failed
        host.go_to_job(min(ahead) if by > 0 else max(ahead), focus=False)

    def explain(self) -> None:
        """Explain the status of the selected job."""
        host = self._host
        job = host.selected_job
        if job is None:
            return
        sign = of_job(job)
        room = max(40, min(96, host.split.size.width - 12))
        lines: list[Line] = [
            [(piece, style)]
            for text, style in host.reasons(job, ask=True)
            for piece in folded(text, room)
        ]
        lines = lines or [[(f"{job.name} {standing(sign.word)}", sign.style)]]
        from torc_tui.tui.widgets.dialogs import TextDialog

        host.torc.push(TextDialog(f"Why {job.name} {standing(sign.word)}", lines))

    # -- groups ------------------------------------------------------------------------------------

    def toggle_group(self) -> None:
        """Open the group under the cursor, or fold it."""
        rows, table = self._host.model.rows, self._host.table
        name = rows.toggle(table.cursor)
        if name is not None:
            table.set_rows(rows)
            table.select(name)
            remember_folds(self._host.torc.state, rows)

    def _fold_all(self) -> None:
        rows = self._host.model.rows
        rows.toggle_all()
        self._host.table.set_rows(rows)
        remember_folds(self._host.torc.state, rows)

    # -- one job -----------------------------------------------------------------------------------

    def _copy_line(self) -> None:
        if (job := self._host.selected_job) is not None:
            job_shell.copy_line(self._host.torc, job)

    def _open_shell(self) -> None:
        if (job := self._host.selected_job) is not None:
            job_shell.open_shell(self._host.torc, job)

    # -- notifications -----------------------------------------------------------------------------

    def _watch_jobs(self) -> None:
        host, jobs = self._host, self._host.table.chosen_jobs
        if not jobs:
            return
        ids = [job.id for job in jobs]
        groups = {job.group or job.name for job in jobs}
        several = groups.pop() if len(groups) == 1 else f"{len(jobs)} jobs"
        title = jobs[0].name if len(jobs) == 1 else several
        ended = all(job.status in SETTLED for job in jobs)
        host.torc.toggle_watch(frozenset(ids), Watch(title, host.workflow_id, ids), ended=ended)

    def _watch_workflow(self) -> None:
        wf = self._host.workflow_id
        view = self._host.model.view
        name = view.workflow.name or f"workflow {wf}"
        ended = not view.count(*UNSETTLED)
        self._host.torc.toggle_watch(("workflow", wf), Watch(name, wf), ended=ended)

    # -- all logs ----------------------------------------------------------------------------------

    def _search_logs(self) -> None:
        from torc_tui.tui.logs.log_grep import LogGrep
        from torc_tui.tui.logs.log_search import LogSearch

        host = self._host
        if self._log_grep is None:
            self._log_grep = LogGrep()
        host.torc.push(LogSearch(host.torc, host.workflow_id, self._log_grep), self._go_to_hit)

    async def _go_to_hit(self, hit: LogHit | None) -> None:
        """Go to the job, attempt and line of a hit."""
        from torc_tui.tui.logs.log_pane import LogPane

        if hit is None:
            return
        host = self._host
        host.go_to_job(hit.log.job_id, focus=False)
        pane = await host.tabs.show("log")
        assert isinstance(pane, LogPane)
        pane.show_hit(hit)
        await host.show_tab("log")
        host.focus_pane()
