"""The dialog that searches the logs of all jobs; enter goes to the selected line.

Input: the attempts, read by the reader thread, and hits from the thread of the search. Output: a
hit. The search belongs to the screen of the workflow, so the dialog shows its hits again the next
time.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import Source
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.logs.log_grep import KEPT, LogGrep, LogHit, LogSource
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.tui.widgets.command_node import move_by_key
from torc_tui.tui.widgets.overlay import Overlay, Words
from torc_tui.tui.widgets.table_model import Cell, Column, Key
from torc_tui.tui.widgets.virtual_table import VirtualTable

TAKE_EVERY = 0.1
"""Seconds between two looks at what was found."""


class HitRows:
    """Keys are numbers of hits, in the order in which they were found."""

    columns = (
        Column("job", "job", 18, minimum=8, importance=0),
        Column("stream", "", 6, minimum=6, importance=3, sortable=False),
        Column("line", "line", 7, minimum=5, importance=2, align="right", sortable=False),
        Column("text", "text", 40, minimum=12, importance=1, grow=1, sortable=False),
    )

    def __init__(self, grep: LogGrep) -> None:
        self.grep = grep

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        hits = self.grep.hits
        keys = list(range(len(hits)))
        if sort == "job":
            keys.sort(key=lambda key: hits[key].log.job, reverse=reverse)
        elif reverse:
            keys.reverse()
        return keys

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        hit = self.grep.hits[key]  # type: ignore[call-overload]  # keys are numbers
        return [
            self._cell(hit, column.key, width)
            for column, width in zip(columns, widths, strict=True)
        ]

    def _cell(self, hit: LogHit, column: str, width: int) -> Cell:
        match column:
            case "job":
                return (hit.log.job, "text")
            case "stream":
                return (
                    hit.log.stream.name,
                    "stderr" if hit.log.stream.name == "stderr" else "faint",
                )
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
    """See the module. The result is a ``LogHit`` or None."""

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
        self._shows = grep.turn

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Search the logs of all jobs"
            box.border_subtitle = "⏎ searches, then goes there · esc"
            yield Input(
                self.grep.pattern, placeholder="words to look for, then enter", compact=True
            )
            yield Words([[("", "")]], id="said")
            yield VirtualTable(HitRows(self.grep), empty="")

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.focus()
        field.select_all()
        self._tell()
        self.set_interval(TAKE_EVERY, self._tick)

    def on_unmount(self) -> None:
        self.grep.stop()

    @property
    def _table(self) -> VirtualTable:
        return self.query_one(VirtualTable)

    def _tick(self) -> None:
        grep = self.grep
        if grep.turn != self._shows:
            self._shows = grep.turn
            self._table.reload()
            self._table.move_to(0)
            self._tell()
        if grep.take():
            self._table.reorder()
            self._tell()

    def _tell(self) -> None:
        grep = self.grep
        if self.grep.asking:
            said: Line = [("looking which logs there are …", "muted")]
        elif not grep.pattern:
            said = [("the newest log of every job; lower case finds any case", "faint")]
        else:
            far = (
                ""
                if grep.done
                else f" · {grep.searched:,} of {grep.files:,} logs searched · esc stops"
            )
            jobs = f"{len(grep.jobs):,} job{'' if len(grep.jobs) == 1 else 's'}"
            text = (
                f"{grep.total:,} lines in {jobs}"
                if grep.total
                else "no hit"
                if grep.done
                else "no hit yet"
            )
            said = [
                (text, "accent" if grep.total else "warning" if grep.done else "muted"),
                (far, "muted"),
            ]
            if grep.total > len(grep.hits):
                said = [*said, (f" · {min(len(grep.hits), KEPT):,} shown", "faint")]
            if grep.done and grep.searched < grep.files:
                said = [
                    *said,
                    (f" · stopped after {grep.searched:,} of {grep.files:,} logs", "warning"),
                ]
        self.query_one("#said", Words).set([said])

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
            self._tell()

    def _start(self, pattern: str, logs: Sequence[LogSource]) -> None:
        if self.grep.asking == pattern:
            self.grep.asking = ""
            if self.is_attached:
                self.grep.start(pattern, logs)

    def _failed(self, error: ReadError) -> None:
        self.grep.asking = ""
        self.torc.complain(error)

    def choose(self) -> None:
        """Go to the line under the cursor."""
        key = self._table.cursor
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
            self._tell()
        else:
            self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.focused, Input):
            move_by_key(event, self._table)


def _logs(source: Source, workflow_id: int) -> list[LogSource]:
    """In the reader thread: the files of the newest attempts."""
    from torc_tui.store import log_files

    return [
        LogSource(one.job_id, one.job, one.run_id, one.attempt_id, Stream(name, path))
        for one in log_files.latest_attempts(source.store, workflow_id)
        for name, path in one.streams
    ]
