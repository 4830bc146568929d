"""The dialog that searches the logs of all jobs; enter goes to the selected line.

Input: the attempts, read by the reader thread, and hits from the search thread. Output: a hit. The
workflow screen keeps the search, so that the dialog shows its hits again the next time.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.logs.log_grep import KEPT, LogGrep, LogHit, LogSource
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.tui.widgets.command_node import move_by_key
from torc_tui.tui.widgets.overlay import Overlay, Words
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.wording import count

TAKE_EVERY = 0.1
"""Seconds between two updates of the hits."""


COLUMNS = (
    TableColumn("job", "job", 18, minimum=8, importance=0),
    TableColumn("stream", "", 6, minimum=6, importance=3, sortable=False),
    TableColumn("line", "line", 7, minimum=5, importance=2, align="right", sortable=False),
    TableColumn("text", "text", 40, minimum=12, importance=1, grow=1, sortable=False),
)


def _cell(hit: LogHit, column: str, width: int) -> Cell:
    match column:
        case "job":
            return (hit.log.job, "text")
        case "stream":
            stream = hit.log.stream.name
            return (stream, "stderr" if stream == "stderr" else "faint")
        case "line":
            return (f"{hit.line:,}", "muted")
    return lit(hit.text.strip(), hit.pattern, width)


def lit(text: str, pattern: str, width: int) -> Line:
    """Return a text with the match highlighted and within ``width`` cells."""
    where = text.lower() if pattern == pattern.lower() and len(text.lower()) == len(text) else text
    at = where.find(pattern)
    if at < 0:
        return [(text, "text")]
    if at + len(pattern) > width - 1:
        cut = max(0, at - max(4, width // 3))
        text, where = "…" + text[cut:], "…" + where[cut:]
        at = where.find(pattern)
    spans: list[Span] = [
        (text[:at], "muted"),
        (text[at : at + len(pattern)], "accent bold"),
        (text[at + len(pattern) :], "muted"),
    ]
    return [span for span in spans if span[0]]


class LogSearch(Overlay[LogHit]):
    """Searches the logs of all jobs. The result is a ``LogHit`` or None."""

    DEFAULT_CSS = """
    LogSearch > .box { width: 120; height: 90%; }
    LogSearch Input { border: none; height: 1; padding: 0; background: $surface; }
    LogSearch VirtualTable { height: 1fr; background: $surface; }
    """

    def __init__(self, torc: AppPort, workflow_id: int, grep: LogGrep) -> None:
        super().__init__()
        self.torc = torc
        self.workflow_id = workflow_id
        self.grep = grep
        self.rows = ListRows(COLUMNS, _cell, lambda hit, column: hit.log.job)
        self.table = VirtualTable(self.rows, empty="")
        self._shows = grep.turn

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Search the logs of all jobs"
            box.border_subtitle = "⏎ searches, then opens the line · esc closes"
            yield Input(self.grep.pattern, placeholder="text to search for", compact=True)
            yield Words([[("", "")]], id="progress")
            yield self.table

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.focus()
        field.select_all()
        self._show_hits()
        self.set_interval(TAKE_EVERY, self._tick)

    def on_unmount(self) -> None:
        self.grep.stop()

    def _tick(self) -> None:
        grep = self.grep
        if grep.turn != self._shows:
            self._shows = grep.turn
            self._show_hits()
            self.table.move_to(0)
        if grep.take():
            self._show_hits()

    def _show_hits(self) -> None:
        """Show the hits so far."""
        self.rows.records = dict(enumerate(self.grep.hits))
        self.table.reorder()
        self._show_progress()

    def _show_progress(self) -> None:
        grep = self.grep
        if grep.asking:
            line: Line = [("listing the logs …", "muted")]
        elif not grep.pattern:
            line = [("searches the newest log of every job; lower case matches any case", "faint")]
        else:
            line = _progress(grep)
        self.query_one("#progress", Words).set([line])

    # -- searching ---------------------------------------------------------------------------------

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        pattern = event.value
        if pattern == self.grep.pattern and self.grep.hits:
            self.choose()
        elif pattern:
            self.grep.stop()
            self.grep.asking = pattern
            workflow_id = self.workflow_id
            self.torc.reader.ask(
                "log-search",
                lambda source: _logs(source, workflow_id),
                lambda logs: self._start(pattern, logs),
                self._failed,
            )
            self._show_progress()

    def _start(self, pattern: str, logs: Sequence[LogSource]) -> None:
        if self.grep.asking == pattern:
            self.grep.asking = ""
            if self.is_attached:
                self.grep.start(pattern, logs)

    def _failed(self, error: ReadError) -> None:
        self.grep.asking = ""
        self.torc.show_error(error)

    def choose(self) -> None:
        key = self.table.cursor
        if isinstance(key, int) and key < len(self.grep.hits):
            self.dismiss(self.grep.hits[key])

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        self.choose()

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        event.stop()

    def close(self) -> None:
        """Stop the search, or close the dialog."""
        if not self.grep.done:
            self.grep.stop()
            self._show_progress()
        else:
            self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.focused, Input):
            move_by_key(event, self.table)


def _progress(grep: LogGrep) -> Line:
    """Return how many lines were found, and how many logs were searched for them."""
    searched = f"{grep.searched:,} of {grep.files:,} logs"
    if grep.total:
        jobs = count(len(grep.jobs), "job")
        line: list[Span] = [(f"{count(grep.total, 'line')} in {jobs}", "accent")]
    else:
        line = [("no matches", "warning") if grep.done else ("no matches yet", "muted")]
    if not grep.done:
        line.append((f" · {searched} searched · esc stops", "muted"))
    if grep.total > len(grep.hits):
        line.append((f" · {min(len(grep.hits), KEPT):,} shown", "faint"))
    if grep.done and grep.searched < grep.files:
        line.append((f" · stopped after {searched}", "warning"))
    return line


def _logs(source: FeedReader, workflow_id: int) -> list[LogSource]:
    """Return the files of the newest attempts; called in the reader thread."""
    from torc_tui.store import log_files

    return [
        LogSource(one.job_id, one.job, one.run_id, one.attempt_id, Stream(name, path))
        for one in log_files.latest_attempts(source.store, workflow_id)
        for name, path in one.streams
    ]
