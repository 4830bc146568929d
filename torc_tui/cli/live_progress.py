"""Draw the progress of a run on a terminal: a bar, counts by status, and the running jobs.

The drawing follows the database, so it also shows what other runners and users do. It is painted at
most ten times a second. Failures and warnings are printed above it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from torc_tui.cli.lost_terminal import RunOutput
from torc_tui.cli.run_messages import (
    FAILURES,
    NOTICES,
    WARNINGS,
    RunMessages,
    notice_line,
    printable,
    stopping_line,
    unschedulable_lines,
)
from torc_tui.engine.report import Observer, UnschedulableJob
from torc_tui.errors import StoreError
from torc_tui.model import Event, Machine
from torc_tui.reasons import Reason
from torc_tui.status import JobStatus
from torc_tui.store.feed import Feed
from torc_tui.store.workflows import snapshot
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import duration, sentence, time_range

_PAINT_SECONDS = 0.1
_MOST_RUNNING = 10
"""Running jobs that are drawn one by one, if the terminal has room for them."""
_UNICODE, _ASCII = ("█", "░", "▶"), ("#", ".", ">")


class Live(Observer):
    """The drawing of one run."""

    live = True

    def __init__(self, messages: RunMessages, output: RunOutput) -> None:
        self.messages = messages
        self.output = output
        self.view, cursor = self._snapshot()
        self.feed = Feed(messages.store, messages.workflow.id, cursor)
        encoding = getattr(output.stream, "encoding", "") or ""
        is_unicode = encoding.lower().replace("-", "").startswith("utf")
        self.full, self.empty, self.arrow = _UNICODE if is_unicode else _ASCII
        self.colored = "NO_COLOR" not in os.environ
        self.lines_drawn = 0
        self.painted_at = 0.0

    def began(self, run_id: int, machine: Machine, never: Sequence[UnschedulableJob]) -> None:
        """Print the heading and draw."""
        self._paint(time.time(), self.messages.heading(run_id, machine, never))

    def unschedulable(self, never: Sequence[UnschedulableJob]) -> None:
        """Print the jobs that cannot run here."""
        self._paint(time.time(), unschedulable_lines(never))

    def events(self, events: Sequence[Event]) -> None:
        """Draw again; the events themselves are read from the database."""
        self.tick(time.time())

    def stopping(self, running: int, grace: float) -> None:
        """Print what happens to the running jobs."""
        self._paint(time.time(), [stopping_line(running, grace)])

    def notice(self, reason: Reason) -> None:
        """Print a message of the runner."""
        self._paint(time.time(), [printable(sentence(reason), 1000)])

    def hung_up(self) -> None:
        """Write to the log of the runner from now on."""
        self.output.hung_up()

    def tick(self, now: float) -> None:
        """Draw again, if the last drawing is old enough."""
        if now - self.painted_at >= _PAINT_SECONDS:
            self._paint(now, self._new_messages())

    def close(self) -> None:
        """Print the last messages and remove the drawing."""
        messages = self._new_messages()
        self.feed.close()
        self._write(messages, [])

    def _snapshot(self) -> tuple[WorkflowView, int]:
        found = snapshot(self.messages.store, self.messages.workflow.id)
        view = WorkflowView(found.workflow, found.jobs, found.requirements, found.cursor)
        return view, found.cursor

    def _new_messages(self) -> list[str]:
        """Apply the new events and return the lines about them; none without a database."""
        try:
            events = self.feed.poll()
        except StoreError:
            return []
        lines = [line for event in events for line in self._message(event)]
        self.view.apply(events)
        if self.view.needs_reload:
            with suppress(StoreError):  # the next call tries again
                self.view, _ = self._snapshot()
        return lines

    def _message(self, event: Event) -> list[str]:
        if event.kind in NOTICES:
            return [notice_line(event)]
        job = None if event.job_id is None else self.view.jobs.get(event.job_id)
        if job is None or event.kind not in FAILURES | WARNINGS:
            return []
        first, *more = self.messages.of_job(event, job.name)
        is_red = self.colored and event.kind in FAILURES
        return [f"\x1b[31m{first}\x1b[0m" if is_red else first, *more]

    def _paint(self, now: float, messages: list[str]) -> None:
        self.painted_at = now
        columns, rows = _terminal_size(self.output.stream)
        lines = [self._bar(now, columns), self._counts(), *self._running(now, columns, rows)]
        self._write(messages, [_cut(line, columns - 1) for line in lines])

    def _bar(self, now: float, columns: int) -> str:
        progress = self.view.progress(now)
        width = max(10, min(30, columns - 50))
        full = round(width * progress.fraction)
        text = f"{self.full * full}{self.empty * (width - full)} {progress.done}/{progress.total}"
        if failed := self.view.count(JobStatus.FAILED):
            text += f"  {failed} failed"
        if progress.eta and progress.done < progress.total:
            text += f"  ETA {time_range(*progress.eta)}"
        return text

    def _counts(self) -> str:
        counts = enumerate(self.view.counts)
        shown = [f"{number} {JobStatus(status).word}" for status, number in counts if number]
        return f"  {', '.join(shown)}"

    def _running(self, now: float, columns: int, rows: int) -> list[str]:
        """Return a line for each running job, as many as the terminal has room for."""
        most = max(1, min(_MOST_RUNNING, rows - 6))
        running = [self.view.jobs[job_id] for job_id in sorted(self.view.running)]
        lines = []
        for job in running[:most]:
            name = printable(job.name, max(10, columns - 20))
            elapsed = duration(max(0.0, now - (job.started_at or now)))
            mark = "  suspended" if job.suspended else ""
            lines.append(f"  {self.arrow} {name:<30} {elapsed}{mark}")
        if len(running) > most:
            lines.append(f"    and {len(running) - most} more")
        return lines

    def _write(self, messages: list[str], drawing: list[str]) -> None:
        """Replace the drawing by the messages, which stay, and a new drawing."""
        if self.output.fallback.is_needed():
            self.hung_up()
        if self.output.is_lost:
            self.lines_drawn, drawing = 0, []
        erase = f"\x1b[{self.lines_drawn}F\x1b[J" if self.lines_drawn else ""
        self.lines_drawn = len(drawing)
        text = erase + "".join(f"{line}\n" for line in [*messages, *drawing])
        if text:
            self.output.write(text)


def _cut(line: str, width: int) -> str:
    if line.isascii() and len(line) <= width:
        return line
    from rich.cells import cell_len, set_cell_size

    return line if cell_len(line) <= width else set_cell_size(line, width)


def _terminal_size(stream: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24
