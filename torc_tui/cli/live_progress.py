"""Draw the progress of a run on a terminal: bars of the run and its job groups, running jobs.

The drawing follows the database, so it also shows what other runners and users do. It is painted at
most ten times a second. Failures and warnings are printed above it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from torc_tui.cli import live_rows
from torc_tui.cli.lost_terminal import RunOutput
from torc_tui.cli.run_messages import (
    NOTICES,
    WARNINGS,
    RunMessages,
    notice_line,
    printable,
    stopping_line,
)
from torc_tui.engine.report import NO_NAMES, Observer, UnschedulableJob
from torc_tui.errors import StoreError
from torc_tui.model import FAILURE_EVENTS, Event, Machine
from torc_tui.reasons import Reason
from torc_tui.status import JobStatus
from torc_tui.store.feed import Feed
from torc_tui.store.workflows import snapshot
from torc_tui.views.text_cells import cut
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import sentence, status_counts

_PAINT_SECONDS = 0.1
_MOST_RUNNING = 10
"""Running jobs that are drawn one by one, if the terminal has room for them."""


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
        self.signs = live_rows.UNICODE if is_unicode else live_rows.ASCII
        self.last_lines = live_rows.LastLines(messages.store)
        self.machine: Machine | None = None
        self.colored = "NO_COLOR" not in os.environ
        self.lines_drawn = 0
        self.painted_at = 0.0

    def began(self, run_id: int, machine: Machine, never: Sequence[UnschedulableJob]) -> None:
        """Print the heading and draw."""
        self.machine = machine
        self._paint(time.time(), self.messages.heading(run_id, machine, never))

    def unschedulable(self, never: Sequence[UnschedulableJob]) -> None:
        """Print the jobs that cannot run here."""
        self._paint(time.time(), self.messages.unschedulable(never))

    def events(self, events: Sequence[Event], names: Mapping[int, str] = NO_NAMES) -> None:
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
        if job is None or event.kind not in FAILURE_EVENTS | WARNINGS:
            return []
        first, *more = self.messages.of_job(event, job.name)
        is_red = self.colored and event.kind in FAILURE_EVENTS
        return [f"\x1b[31m{first}\x1b[0m" if is_red else first, *more]

    def _paint(self, now: float, messages: list[str]) -> None:
        self.painted_at = now
        columns, rows = _terminal_size(self.output.stream)
        lines = [self._summary(now, columns), self._counts()]
        lines += live_rows.groups(self.view, now, self.signs, max(1, rows // 4))
        lines += self._running(now, columns, rows - len(lines) - 4)
        self._write(messages, [cut(line, columns - 1) for line in lines])

    def _summary(self, now: float, columns: int) -> str:
        width = max(10, min(30, columns - 60))
        text = live_rows.bar(self.view.progress(now), width, self.signs)
        in_use = live_rows.use(self.view, self.machine) if self.machine else ""
        return f"{text}  {in_use}".rstrip()

    def _counts(self) -> str:
        counts = {JobStatus(status): number for status, number in enumerate(self.view.counts)}
        return f"  {status_counts(counts)}"

    def _running(self, now: float, columns: int, room: int) -> list[str]:
        """Return a line for each running job, as many as the terminal has room for."""
        most = max(1, min(_MOST_RUNNING, room))
        running = [self.view.jobs[job_id] for job_id in sorted(self.view.running)]
        lines = live_rows.running(running[:most], now, self.last_lines, self.signs, columns)
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


def _terminal_size(stream: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24
