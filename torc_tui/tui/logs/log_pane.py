"""The log of the selected job: which attempt, which stream, and the search in it.

Input: the attempts of the job, read by the reader thread, and windows of the log's own thread.
Output: the log, or why there is none. Never: reading a file.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.status import HELD
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import MarkedRows, PaneHost
from torc_tui.tui.logs.log_grep import LogHit
from torc_tui.tui.logs.log_words import ShownLog, about_items, never_started, no_lines, state_items
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.logs.searchable_log import SearchableLog
from torc_tui.tui.logs.several_logs import (
    read_newest,
    several_about,
    several_nothing,
    several_state,
    streams_of,
)
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import Finder, FoundRow
from torc_tui.tui.widgets.painted import TwoSidedLine
from torc_tui.wording import clock, moment

if TYPE_CHECKING:
    from torc_tui.store.log_files import AttemptLog

STREAMS = ("both", "stdout", "stderr")


OF_LINES = ("log-follow", "log-wrap", "log-stream", "log-search", "log-copy")
"""Commands that do nothing without lines."""


class LogPane(Pane):
    """The log of the selected job."""

    NAME: ClassVar[str] = "log"
    DEFAULT_CSS = """
    LogPane LogView { padding: 0 0 0 1; }
    """

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.stream = "both"
        self.picked: tuple[int, int] | None = None
        """Run and attempt that the user chose; None: the newest."""
        self.attempts: Sequence[AttemptLog] = ()
        self.shown: AttemptLog | None = None
        self.of_job = 0
        self.searchable = SearchableLog()
        self.log_view = self.searchable.log_view
        self.bar = TwoSidedLine()
        self._open: tuple[Stream, ...] = ()
        self._goal: LogHit | None = None
        self._marked: Sequence[int] = ()
        """Ids of the marked jobs whose logs are shown as one; empty: the selected job's is."""
        self._marks: Set[Hashable] = set()
        self._logs: Sequence[AttemptLog] = ()
        """The newest attempts of the marked jobs."""
        self._ignores_marks = False

    def compose(self) -> ComposeResult:
        yield self.searchable
        yield self.bar

    # -- the attempt -------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return self.log_view.reader.has_news

    def refresh_content(self) -> None:
        job = self.job
        self.log_view.reader.watch(True)
        marked, self._marks = marked_ids(self.host.table), set(self.host.table.marks)
        self._marked = marked if len(marked) > 1 and not self._ignores_marks else ()
        self.title = f"{len(marked)} marked jobs" if self._marked else ""
        if self._marked:
            self.ask("marked", lambda source: read_newest(source, marked), self._take_newest)
            return
        if job is None:
            self.of_job, self.attempts, self.shown = 0, (), None
            self._show()
            return
        job_id = job.id

        def read(source: FeedReader) -> Sequence[AttemptLog]:
            from torc_tui.store import log_files

            return log_files.attempts(source.store, job_id)

        self.ask("attempts", read, lambda attempts: self._take_attempts(job_id, attempts))

    def _take_attempts(self, job_id: int, attempts: Sequence[AttemptLog]) -> None:
        job = self.job
        if job is None or job.id != job_id or self._marked:
            return
        if job_id != self.of_job:
            self.of_job, self.picked = job_id, None
        self.attempts = attempts
        chosen = [one for one in attempts if (one.run_id, one.attempt_id) == self.picked]
        self.shown = chosen[0] if chosen else attempts[-1] if attempts else None
        self._show()

    def show_hit(self, hit: LogHit) -> None:
        """Go to a hit in a log of the selected job once the log is open."""
        self.of_job, self.picked = hit.log.job_id, (hit.log.run_id, hit.log.attempt_id)
        if self.stream not in ("both", hit.log.stream.name):
            self.stream = "both"
        self._goal, self._ignores_marks = hit, True
        self.stale = True

    # -- several jobs ------------------------------------------------------------------------------

    def job_changed(self) -> None:
        """Handle the selection of another job, or other marks, which count again after a hit."""
        marks = self.host.table.marks
        if marks != self._marks:
            self._marks, self._ignores_marks, self.stale = set(marks), False, True
        self.stale = self.stale or not self._marked

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if self._marked:
            self.stale = self.stale or not changed.isdisjoint(self._marked)
        else:
            super().data_changed(changed, events)

    def _take_newest(self, logs: Sequence[AttemptLog]) -> None:
        """Show the logs of the marked jobs; those that start later are added."""
        if not self._marked:
            return
        self._logs, self.of_job = logs, 0
        self._show_several()

    def _show_several(self) -> None:
        streams = streams_of(self._logs, self.stream)
        live = any(log.status in HELD for log in self._logs)
        new = [one for one in streams if one not in self._open]
        if self._open and self._open[0].job and set(self._open) <= set(streams):
            self.log_view.add(new)
            self._open = (*self._open, *new)
            self.log_view.reader.request(self.log_view.reader.set_live, live)
        else:
            self._open = streams
            self.searchable.name_of_copies = f"{len(self._marked)}-jobs-{self.stream}"
            self.log_view.open(streams, live=live)
        self._show_state()

    # -- the selected job --------------------------------------------------------------------------

    def _show(self) -> None:
        """Open the files of the chosen attempt unless they are open."""
        view, shown = self.log_view, self.shown
        streams = tuple(
            Stream(name, path)
            for name, path in (shown.streams if shown is not None else ())
            if self.stream in ("both", name) or name == "combined"
        )
        live = shown is not None and shown.status in HELD
        if streams != self._open or self.shown is None:
            self._open = streams
            self.searchable.name_of_copies = f"job{self.of_job}-{self.stream}"
            view.open(streams, live=live)
        else:
            view.reader.request(view.reader.set_live, live)
        if self._goal is not None and streams:
            goal, self._goal = self._goal, None
            view.go_to(goal.log.stream.name, goal.offset, goal.pattern)
        self._show_state()

    def on_hide(self) -> None:
        self.log_view.reader.watch(False)

    def on_show(self) -> None:
        self.log_view.reader.watch(True)

    def every_tick(self) -> None:
        self.log_view.take()

    def reasons_changed(self) -> None:
        self._show_state()

    def on_log_view_position_changed(self) -> None:
        self._show_state()

    # -- what is said ------------------------------------------------------------------------------

    @property
    def log_on_screen(self) -> ShownLog:
        """Return the state of the log for the texts about it."""
        view = self.log_view
        selected = view.selection.range is not None
        return ShownLog(self.attempts, self.shown, self._open, view.scroll, selected)

    def _show_state(self) -> None:
        log, view = self.log_on_screen, self.host.view
        if self._marked:
            number, is_read = len(self._marked), bool(log.window.serial)
            nothing = several_nothing(self._logs, number, is_read=is_read)
            unmark = self.torc.keymap.key("mark-none")
            about = several_about(self._logs, number, self.stream, unmark)
            self.bar.show(several_state(self._logs, log.scroll), about)
        else:
            nothing = self._nothing(log)
            directory = "" if view is None else view.workflow.directory
            self.bar.show(state_items(log), about_items(log, directory))
        self.log_view.show([[("  ", ""), *line] for line in nothing])
        idle = () if self.log_view.window.lines else OF_LINES
        if idle != self.idle and isinstance(self.screen, TorcScreen):
            self.idle = idle
            self.screen.show_keys()

    def _nothing(self, log: ShownLog) -> list[Line]:
        """Return the message that replaces missing lines."""
        job = self.job
        if job is None:
            return [[("no job selected", "muted")]]
        if self.of_job != job.id:
            return []
        if self.shown is None:
            return never_started(job, self.host.reasons(job))
        only_one = self.stream != "both"
        return no_lines(log, self.shown, only_one, self.log_view.size.width - 5)

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "back": self._back,
            "log-stream": self._next_stream,
            "log-attempt": self._choose_attempt,
        }

    def _back(self) -> None:
        if not self.searchable.back():
            self.host.leave_pane()

    def _next_stream(self) -> None:
        if self._marked:
            self.stream = STREAMS[(STREAMS.index(self.stream) + 1) % len(STREAMS)]
            self._show_several()
            return
        if self.shown is None:
            return
        names = [name for name, _ in self.shown.streams]
        if len(names) < 2:
            both = names == ["combined"]
            text = "both streams are in one file" if both else "only one stream is kept"
            self.torc.notify(text, severity="warning")
            return
        self.stream = STREAMS[(STREAMS.index(self.stream) + 1) % len(STREAMS)]
        self._show()

    def _choose_attempt(self) -> None:
        if self._marked:
            self.torc.notify("of marked jobs, the newest attempts are shown", severity="warning")
            return
        if len(self.attempts) < 2:
            text = "there is only one attempt" if self.attempts else "the job has not started"
            self.torc.notify(text, severity="warning")
            return
        rows = [_attempt_row(one) for one in reversed(self.attempts)]

        def search(typed: str) -> list[FoundRow[tuple[int, int]]]:
            return [row for row in rows if typed.lower() in " ".join(map(str, row)).lower()]

        self.torc.push(Finder("Attempt", search), self._pick)

    def _pick(self, key: tuple[int, int] | None) -> None:
        chosen = [one for one in self.attempts if (one.run_id, one.attempt_id) == key]
        if chosen:
            # The newest attempt counts as not picked, so that a newer one replaces it.
            self.picked = None if chosen[0] is self.attempts[-1] else key
            self.shown = chosen[0]
            self._show()


def marked_ids(table: MarkedRows) -> Sequence[int]:
    """Return the jobs of the marked rows."""
    return [job.id for job in table.chosen_jobs] if table.marks else ()


def _attempt_row(one: AttemptLog) -> FoundRow[tuple[int, int]]:
    sign = STATUS[one.status]
    took = clock(one.ended_at - one.started_at) if one.ended_at and one.started_at else ""
    code = f"exit {one.return_code}" if one.return_code is not None else ""
    key = (one.run_id, one.attempt_id)
    title = f"run {one.run_id}, attempt {one.attempt_id}"
    about = f"{sign.sign} {sign.word} {code} {took}  {moment(one.started_at)}"
    return key, title, about, ""
