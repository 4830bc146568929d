"""Commands about the selected jobs that are no actions: explain, copy, shell, notify, fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from torc_tui.tui.feed.watches import Watch
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.jobs import job_shell
from torc_tui.tui.jobs.job_table import JobTable, remember_folds
from torc_tui.tui.jobs.page import folded
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.look.status_icons import of_job
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import TextDialog
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.workflows.tab_host import TabHost

if TYPE_CHECKING:
    from torc_tui.tui.logs.log_grep import LogGrep, LogHit


class CommandHost(PaneHost, Protocol):
    """What these commands need of the workflow screen."""

    model: WorkflowModel
    table: JobTable
    tabs: TabHost
    split: Split

    def focus_pane(self) -> None:
        """Focus the visible pane."""

    async def show_tab(self, name: str) -> None:
        """Show a tab."""


class JobCommands:
    """The handlers of these commands."""

    def __init__(self, host: CommandHost) -> None:
        self._host = host
        self._log_grep: LogGrep | None = None

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "job-why": self.explain,
            "job-copy": self._copy_line,
            "job-shell": self._open_shell,
            "group-toggle": self.toggle_group,
            "fold-all": self._fold_all,
            "notify": self._watch_jobs,
            "notify-workflow": self._watch_workflow,
            "search-logs": self._search_logs,
        }

    def explain(self) -> None:
        """Explain the status of the selected job; open or fold a group."""
        host = self._host
        narrow = host.split.shape == "single"
        if host.table.selected_group is not None and not narrow:
            self.toggle_group()
            return
        job = host.selected_job
        if job is None:
            return
        if narrow and host.split.alone != "second":
            host.split.show_alone("second")
            host.focus_pane()
            host.tabs.refresh_visible()
            return
        sign = of_job(job)
        room = max(40, min(96, host.split.size.width - 12))
        lines: list[Line] = [
            [(piece, style)]
            for text, style in host.reasons(job, ask=True)
            for piece in folded(text, room)
        ]
        lines = lines or [[(f"{job.name} is {sign.word}", sign.style)]]
        host.torc.push(TextDialog(f"Why is {job.name} {sign.word}?", lines))

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
        host.torc.toggle_watch(frozenset(ids), Watch(title, host.workflow_id, ids))

    def _watch_workflow(self) -> None:
        wf = self._host.workflow_id
        name = self._host.model.view.workflow.name or f"workflow {wf}"
        self._host.torc.toggle_watch(("workflow", wf), Watch(name, wf))

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
