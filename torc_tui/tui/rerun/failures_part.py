"""The failures of a run by reason, and the log at the line that shows the reason.

Input: groups of failures, read by the thread for slow questions. Output: the list, the log, and
actions on all jobs of a group. Nothing is read here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from torc_tui.model import Job
from torc_tui.operations.catalog import DISABLE, RETRY
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.logs.log_view import LogView
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.look.text_layout import Line, Span, broken, fit_line
from torc_tui.tui.rerun.failure_rows import FailureRows, RowKey
from torc_tui.tui.rerun.list_part import ABOVE, HEADINGS, ListPart
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.overlay import Words
from torc_tui.tui.widgets.sides import Side
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.failure_groups import FailureGroup, Member
from torc_tui.wording import count, failure_line, listed, moment, optional_sentence, sentence

if TYPE_CHECKING:
    from torc_tui.store.log_files import AttemptLog

PAUSE, PAUSE_SHARE = 0.5, 10
"""Seconds between two readings, at least, and as a multiple of the time that the last one took."""


class FailuresPart(ListPart):
    """Failed jobs by reason, with the log of the selected one."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("failures",)
    DEFAULT_CSS = """
    FailuresPart Words { padding: 0 1; }
    FailuresPart LogView { padding: 0 0 0 1; }
    """

    def __init__(self, pane: Pane, host: WorkflowHost) -> None:
        self.rows = FailureRows()
        self.head = Words([])
        self.log_view = LogView()
        self.log_view.log_lines.wrap = True
        details = Side(self.head, self.log_view)
        super().__init__(pane, host, self.rows, details, "Looking for failed jobs …")
        self.is_read = False
        """Whether it is known which jobs have failed."""
        self._asked = False
        self._changed = True
        self._due = 0.0
        self._shown: Member | RowKey | None = None

    @property
    def number(self) -> int:
        """Return how many reasons there are."""
        return len(self.rows.groups)

    @property
    def amount(self) -> Sequence[str]:
        """Return how many jobs failed for how many reasons, for the bar: in full, and shorter."""
        jobs = sum(len(group.jobs) for group in self.rows.groups.values())
        if not jobs:
            return ("",)
        return (f"{count(jobs, 'job')}, {count(self.number, 'reason')}", f"{jobs}")

    # -- reading -----------------------------------------------------------------------------------

    def changed(self) -> None:
        """Take notice that jobs have another status."""
        self._changed = True

    def request(self) -> None:
        """Have the failures read if jobs have changed and the last reading is not too new."""
        view = self._host.view
        if view is None or self._asked or not self._changed or time.monotonic() < self._due:
            return
        workflow_id, begin = view.workflow.id, time.monotonic()
        self._asked, self._changed = True, False

        def read(source: FeedReader) -> Sequence[FailureGroup]:
            from torc_tui.operations.failures import failure_groups

            return failure_groups(source.store, workflow_id)

        def end() -> None:
            took = time.monotonic() - begin
            self._asked, self._due = False, time.monotonic() + max(PAUSE, PAUSE_SHARE * took)

        def take(groups: Sequence[FailureGroup]) -> None:
            end()
            self.show(groups)

        def fail(error: Exception) -> None:
            end()
            self.empty.show(f"The failures cannot be read: {error}.")

        self._pane.ask("failures", read, take, fail, slow=True)

    def show(self, groups: Sequence[FailureGroup]) -> None:
        """Show the groups of failures."""
        view = self._host.view
        self.rows.jobs = {} if view is None else view.jobs
        self.is_read = True
        self.rows.set(groups)
        self.rows.open_only(self._room)
        if not groups:
            self.empty.show("No job of this run has failed.")
        self.show_rows()

    # -- what is selected --------------------------------------------------------------------------

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        key = event.key
        if isinstance(key, RowKey) and key.kind != "group":
            self._host.go_to_job(key.job_id, focus=False)
        else:
            self._fold()

    @property
    def _room(self) -> float:
        """Return how many rows the list may have on the screen."""
        share = 1.0 if self.split.shape == "side" else ABOVE
        return self.size.height * share - HEADINGS

    def on_resize(self) -> None:
        if self.rows.open_only(self._room):
            self.table.reload()
            self.split.fit(len(self.table.order))
        self._show_head()

    def show_selected(self) -> None:
        """Show the log of the row under the cursor."""
        key = self.table.cursor
        member = self.rows.member(key)
        shown = member or (key if isinstance(key, RowKey) else None)
        self._show_head()
        if shown == self._shown:
            return
        self._shown = shown
        if member is None:
            self.log_view.open((), live=False)
            self.log_view.show([])
            return

        def read(source: FeedReader) -> Sequence[AttemptLog]:
            from torc_tui.store import log_files

            return log_files.attempts(source.store, member.job_id)

        self._pane.ask("attempt", read, lambda attempts: self._open(member, attempts))

    def _open(self, member: Member, attempts: Sequence[AttemptLog]) -> None:
        """Open the log of a failed attempt at the line of its signature."""
        if self._shown != member:
            return
        signature = member.signature
        # Attempts are numbered in each run; the newest run is the last.
        same = (one for one in reversed(attempts) if one.attempt_id == member.attempt_id)
        attempt = next(same, None)
        streams = [] if attempt is None else attempt.streams
        kept = [Stream(name, path) for name, path in streams]
        chosen = [one for one in kept if one.name in (signature.stream, "combined")] or kept
        self.log_view.open(chosen, live=False)
        self.log_view.show([])
        if signature.offset is not None and chosen:
            self.log_view.go_to(chosen[0].name, signature.offset, mark=True)

    def on_log_view_position_changed(self) -> None:
        """Say why there is no log, once its files were looked at."""
        window = self.log_view.window
        if window.serial and not window.lines:
            gone = "the job wrote nothing" if window.exists else "its log is not here"
            self.log_view.show([[(f"  {gone}", "muted")]])

    def _show_head(self) -> None:
        """Say what the group has in common; as many lines as there is room for."""
        group, key = self.rows.group(self.table.cursor), self.table.cursor
        if group is None or not isinstance(key, RowKey):
            self.head.set([])
            return
        width, height = self.head.size.width or self.size.width, self.size.height
        member = self.rows.member(key)
        job = self.rows.jobs.get(member.job_id if member is not None else key.job_id)
        self.head.set(group_lines(group, member, job, width, height // 6))

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        starter = self._host.job_actions
        if not self.rows.groups:
            return {}
        return {
            "failures-retry": lambda: starter.start(RETRY, self.chosen_jobs, ask=True),
            "failures-memory": lambda: starter.retry_with_memory(self.chosen_jobs),
            "failures-edit": lambda: starter.retry_with_command(self.chosen_jobs),
            "failures-skip": lambda: starter.start(DISABLE, self.chosen_jobs, ask=True),
            "failures-fold": self._fold,
        }

    @property
    def chosen_jobs(self) -> list[Job]:
        """Return the failed jobs of the marked groups, or of the group under the cursor."""
        view = self._host.view
        groups = {
            group.number: group
            for key in self.table.marked_or_selected
            if (group := self.rows.group(key)) is not None
        }
        ids = [job.job_id for group in groups.values() for job in group.jobs]
        return [] if view is None else [view.jobs[one] for one in ids if one in view.jobs]

    def _fold(self) -> None:
        group = self.rows.group(self.table.cursor)
        if group is not None:
            self.rows.toggle(group.number)
            self.table.select(RowKey("group", group.number), notify=False)
            self.table.reload()
            self.split.fit(len(self.table.order))


def group_lines(
    group: FailureGroup, member: Member | None, job: Job | None, width: int, most: int
) -> list[Line]:
    """Return the text above the log in at most ``most`` lines, the most important first."""
    if member is None:
        name = job.name if job is not None else "a job"
        reason = optional_sentence(job.reason) if job is not None else None
        return broken([(name, "strong"), (f" {reason or 'canceled'}", "canceled")], width - 2)
    signature = member.signature.own
    spans: list[Span] = [(member.name, "strong"), (f" {failure_line(*signature.key)}", "failed")]
    if not signature.message and job is not None and job.reason is not None:
        spans.append(("·", "faint"))
        spans.append((sentence(job.reason), "text"))
    sample = broken(spans, width - 2) if most > 1 else [fit_line(spans, width - 2)]
    number, them = len(group.canceled), "it" if len(group.jobs) == 1 else "them"
    canceled = f"{count(number, 'job')} canceled because of {them}"
    jobs: list[Span] = [
        (f"{count(len(group.jobs), 'job')} failed ({listed(group.names)})", "text"),
        *([("·", "faint"), (canceled, "canceled")] if number else []),
    ]
    times = f"first {moment(group.first_at)}, last {moment(group.last_at)}"
    place = f"attempt {member.attempt_id}"
    if signature.line:
        place += f", line {signature.line} of its {signature.stream}"
    rest = [*broken(jobs, width - 2), [(times, "muted")], [(place, "faint")], []]
    return [*sample[: max(1, most - 1)], *rest][: max(1, most)]
