"""A search through the logs of all jobs of a workflow: type, enter, read what is found while it
goes on; enter jumps.

What comes in: the attempts (asked of the store by the reader thread), hits of the sweep's own
thread. What goes out: a hit that was chosen. The sweep belongs to the workflow's screen, so that
what was found is there again next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from torc_tui.tui.logs.log_grep import KEPT, LogSweep, SweepHit, SweepLog
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.tui.widgets.dialogs import Overlay, Words
from torc_tui.tui.widgets.virtual_table import Cell, Column, Key, VirtualTable

if TYPE_CHECKING:
    from torc_tui.tui.workflows.workflow_state import WorkflowState

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

    def __init__(self, sweep: LogSweep) -> None:
        self.sweep = sweep

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        hits = self.sweep.hits
        keys = list(range(len(hits)))
        if sort == "job":
            keys.sort(key=lambda key: hits[key].log.job, reverse=reverse)
        elif reverse:
            keys.reverse()
        return keys

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        hit = self.sweep.hits[key]  # type: ignore[call-overload]  # keys are numbers
        return [
            self._cell(hit, column.key, width)
            for column, width in zip(columns, widths, strict=True)
        ]

    def _cell(self, hit: SweepHit, column: str, width: int) -> Cell:
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
    """The text with what was found lit, and brought into ``width`` cells where it stands further
    out."""
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


class LogSearch(Overlay):
    """See the module. The result is a ``SweepHit`` or None."""

    DEFAULT_CSS = """
    LogSearch > .box { width: 120; height: 90%; }
    LogSearch Input { border: none; height: 1; padding: 0; background: $surface; }
    LogSearch VirtualTable { height: 1fr; background: $surface; }
    """

    def __init__(self, owner: WorkflowState, sweep: LogSweep) -> None:
        super().__init__()
        self.owner = owner
        self.sweep = sweep
        self._shows = sweep.turn

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Search the logs of all jobs"
            box.border_subtitle = "⏎ searches, then goes there · esc"
            yield Input(
                self.sweep.pattern, placeholder="words to look for, then enter", compact=True
            )
            yield Words([[("", "")]], id="said")
            yield VirtualTable(HitRows(self.sweep), empty="")

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.focus()
        field.select_all()
        self._tell()
        self.set_interval(TAKE_EVERY, self._tick)

    def on_unmount(self) -> None:
        self.sweep.stop()

    @property
    def _table(self) -> VirtualTable:
        return self.query_one(VirtualTable)

    def _tick(self) -> None:
        sweep = self.sweep
        if sweep.turn != self._shows:
            self._shows = sweep.turn
            self._table.reload()
            self._table.do_cursor_top()
            self._tell()
        if sweep.take():
            known = len(self._table.order)
            if len(self.sweep.hits) != known:
                self._table.reorder()
            self._tell()

    def _tell(self) -> None:
        sweep = self.sweep
        if self.sweep.asking:
            said: Line = [("looking which logs there are …", "muted")]
        elif not sweep.pattern:
            said = [("the newest log of every job; lower case finds any case", "faint")]
        else:
            far = (
                ""
                if sweep.done
                else f" · {sweep.searched:,} of {sweep.files:,} logs searched · esc stops"
            )
            jobs = f"{len(sweep.jobs):,} job{'' if len(sweep.jobs) == 1 else 's'}"
            text = (
                f"{sweep.total:,} lines in {jobs}"
                if sweep.total
                else "no hit"
                if sweep.done
                else "no hit yet"
            )
            said = [
                (text, "accent" if sweep.total else "warning" if sweep.done else "muted"),
                (far, "muted"),
            ]
            if sweep.total > len(sweep.hits):
                said = [*said, (f" · {min(len(sweep.hits), KEPT):,} shown", "faint")]
            if sweep.done and sweep.searched < sweep.files:
                said = [
                    *said,
                    (f" · stopped after {sweep.searched:,} of {sweep.files:,} logs", "warning"),
                ]
        self.query_one("#said", Words).set([said])

    # -- searching ---------------------------------------------------------------------------------

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        pattern = event.value
        if pattern == self.sweep.pattern and self.sweep.hits:
            self.choose()
        elif pattern:
            self.sweep.stop()
            self.sweep.asking = pattern
            workflow_id = self.owner.workflow_id
            self.owner.torc.reader.ask(
                ("log-search", pattern), lambda source: _logs(source, workflow_id)
            )
            self._tell()

    def choose(self) -> None:
        """Go to the line under the cursor."""
        key = self._table.cursor
        if isinstance(key, int) and key < len(self.sweep.hits):
            self.dismiss(self.sweep.hits[key])

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        self.choose()

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        event.stop()

    def do_back(self) -> None:
        """Stop what is under way, or close."""
        if not self.sweep.done:
            self.sweep.stop()
            self._tell()
        else:
            self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        moves = {
            "up": "do_cursor_up",
            "down": "do_cursor_down",
            "pageup": "do_page_up",
            "pagedown": "do_page_down",
        }
        if event.key in moves and isinstance(self.focused, Input):
            event.stop()
            event.prevent_default()
            getattr(self._table, moves[event.key])()


def _logs(source: Any, workflow_id: int) -> list[SweepLog]:
    """In the reader thread: the files of the newest attempts."""
    from torc_tui.store import log_files

    return [
        SweepLog(one.job_id, one.job, one.run_id, one.attempt_id, Stream(name, path))
        for one in log_files.latest_attempts(source.store, workflow_id)
        for name, path in one.streams
    ]
