"""Show what happens during ``torc run``: a drawing on a terminal, lines elsewhere, or nothing.

Input: the events of the run. Output: text on standard output, without control characters of jobs.

Invariants: nothing is decided or written here. If standard output or the database is lost, the run
continues and less is shown of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from torc_tui.cli.diagnostics import print_stderr
from torc_tui.cli.lost_terminal import RunOutput, TerminalFallback
from torc_tui.cli.run_messages import (
    JOB_MESSAGES,
    NOTICES,
    RunMessages,
    notice_line,
    printable,
    stopping_line,
)
from torc_tui.engine.report import NO_NAMES, Observer, UnschedulableJob
from torc_tui.errors import StoreError
from torc_tui.model import Event, Machine, Workflow
from torc_tui.reasons import Reason
from torc_tui.store.database import Store
from torc_tui.store.log_files import output_folder
from torc_tui.store.workflows import job_names
from torc_tui.wording import sentence, time_of_day


@contextmanager
def watcher(
    store: Store,
    workflow: Workflow,
    output_dir: str | None,
    *,
    quiet: bool,
    in_allocation: bool = False,
) -> Iterator[Observer]:
    """Return the observer that fits standard output; its drawing is removed at the end."""
    folder = output_dir or output_folder(workflow.directory)
    output = RunOutput(sys.stdout, TerminalFallback(workflow, folder))
    messages = RunMessages(store, workflow, folder, in_allocation=in_allocation)
    try:
        if quiet:
            yield _Quiet(output)
        elif sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            from torc_tui.cli.live_progress import Live

            live = Live(messages, output)
            guarded = SafeObserver(live)
            try:
                yield guarded
            finally:
                guarded.guard(live.close)
        else:
            yield SafeObserver(Lines(messages, output))
    finally:
        if output.fallback.is_needed():
            output.fallback.replace()  # the report is printed after this


def _forward(name: str) -> Callable[..., None]:
    """Return a method that calls the method of that name of the guarded observer."""

    def method(self: SafeObserver, *arguments: Any) -> None:
        self.guard(lambda: getattr(self.observer, name)(*arguments))

    return method


class SafeObserver(Observer):
    """An observer whose errors do not end the run: it reports the first one, then shows nothing."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.live = observer.live

    def guard(self, act: Callable[[], None]) -> None:
        """Call a function and survive its exceptions."""
        try:
            act()
        except Exception as error:
            self.observer, self.live = Observer(), False
            print_stderr(f"the display failed; the run continues: {type(error).__name__}: {error}")

    began = _forward("began")
    unschedulable = _forward("unschedulable")
    events = _forward("events")
    stopping = _forward("stopping")
    notice = _forward("notice")
    hung_up = _forward("hung_up")
    tick = _forward("tick")


class _Quiet(Observer):
    """Shows nothing; the final report is still written to the log if the terminal goes away."""

    def __init__(self, output: RunOutput) -> None:
        self.output = output

    def hung_up(self) -> None:
        self.output.hung_up()


class Lines(Observer):
    """One line per event, for logs and pipes."""

    def __init__(self, messages: RunMessages, output: RunOutput) -> None:
        self.messages = messages
        self.output = output

    def began(self, run_id: int, machine: Machine, never: Sequence[UnschedulableJob]) -> None:
        """Print the heading."""
        self._print(self.messages.heading(run_id, machine, never))

    def unschedulable(self, never: Sequence[UnschedulableJob]) -> None:
        """Print the jobs that cannot run here."""
        self._print(self.messages.unschedulable(never))

    def events(self, events: Sequence[Event], names: Mapping[int, str] = NO_NAMES) -> None:
        """Print the events that have a message."""
        shown = {event.job_id for event in events if event.kind in JOB_MESSAGES and event.job_id}
        if unnamed := shown - names.keys():
            with suppress(StoreError):
                names = {**names, **job_names(self.messages.store, unnamed)}
        lines: list[str] = []
        for event in events:
            if event.kind in NOTICES:
                found = [notice_line(event)]
            elif event.kind in JOB_MESSAGES and event.job_id is not None:
                found = self.messages.of_job(event, names.get(event.job_id, "?"))
            else:
                continue
            lines += [f"{_clock(int(event.timestamp))} {found[0]}", *found[1:]]
        if lines:
            self._print(lines)

    def stopping(self, running: int, grace: float) -> None:
        """Print what happens to the running jobs."""
        self._print([stopping_line(running, grace)])

    def notice(self, reason: Reason) -> None:
        """Print a message of the runner."""
        self._print([f"{time_of_day(time.time())} {printable(sentence(reason), 1000)}"])

    def hung_up(self) -> None:
        """Write to the log of the runner from now on."""
        self.output.hung_up()

    def _print(self, lines: list[str]) -> None:
        self.output.write("\n".join(lines) + "\n")


@lru_cache(maxsize=1)
def _clock(second: int) -> str:
    return time_of_day(second)
