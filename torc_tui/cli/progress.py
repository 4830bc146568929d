"""Show what happens during ``torc run``: a drawing on a terminal, lines elsewhere, or nothing.

Input: the events of the run. Output: text on standard output, without control characters of jobs.
The drawing follows the database itself, so it also shows what other runners and users do. It is
painted at most ten times a second, and only if something may have changed.

Invariants: nothing is decided or written here. If standard output or the database is lost, the run
continues and less is shown of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from torc_tui.cli.diagnostics import say
from torc_tui.cli.output import unschedulable
from torc_tui.engine.report import NeverJob, NullObserver, Observer
from torc_tui.errors import StoreError
from torc_tui.model import Event, Machine, Workflow
from torc_tui.reasons import decode
from torc_tui.status import JobStatus
from torc_tui.store.database import Store
from torc_tui.store.log_files import output_folder
from torc_tui.store.workflow_progress import job_names
from torc_tui.store.workflows import snapshot
from torc_tui.wording import count, duration, end_sentence, readable, size, time_of_day

EVERY = 0.1
TAIL_LINES = 5
LOUD_FAILURES = 10
"""After so many failures their output is no longer shown, only their names."""
_ENDS = {
    "job_completed": "completed",
    "job_failed": "FAILED",
    "job_terminated": "TERMINATED",
    "job_canceled": "canceled",
    "job_pending_failed": "FAILED (waits for a decision)",
}
_TOLD = frozenset([*_ENDS, "job_started", "job_retried", "job_warning"])
_BAD = frozenset({"job_failed", "job_terminated", "job_pending_failed"})
_NOTICES = frozenset({"node_notice", "action_failed"})
_SIGNS = {"unicode": ("█", "░", "▶"), "ascii": ("#", ".", ">")}


@contextmanager
def watcher(
    store: Store, workflow: Workflow, output_dir: str | None, *, quiet: bool
) -> Iterator[Observer]:
    """Return the observer that fits standard output; its drawing is removed at the end."""
    folder = output_dir or output_folder(workflow.directory)
    fallback = TerminalFallback(runner_log(workflow, folder))
    try:
        if quiet:
            yield _Quiet(fallback)
        elif sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            live = Live(store, workflow, folder, fallback=fallback)
            shown = SafeObserver(live)
            try:
                yield shown
            finally:
                shown.shelter(live.close)
        else:
            yield SafeObserver(Lines(store, workflow, folder, fallback=fallback))
    finally:
        if fallback.is_needed():
            fallback.replace()  # the report is printed after this


class TerminalFallback:
    """Where standard output and standard error lead once their terminal is gone: the runner's log.

    Streams that are files or pipes stay as they are.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        streams = (sys.stdout, sys.stderr)
        self.terminals = [one for one in streams if one is not None and one.isatty()]

    def covers(self, stream: TextIO) -> bool:
        """Return whether the stream is a terminal that was not replaced yet."""
        return any(stream is one for one in self.terminals)

    def replace(self) -> None:
        """Write to the log from now on."""
        if self.terminals:
            lose_output(self.terminals, self.log)
            self.terminals = []

    def is_needed(self) -> bool:
        """Return whether a terminal is gone. Under nohup no signal tells it."""
        return not all(one.isatty() for one in self.terminals)


def lose_output(streams: Sequence[TextIO] | None = None, log: Path | None = None) -> None:
    """These streams (standard output unless said) lead nowhere any more: what is still written to
    them goes to ``log``, or is dropped.
    """
    place: int | None = None
    if log is not None:
        with suppress(OSError):
            place = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    if place is None:
        place = os.open(os.devnull, os.O_WRONLY)
    for stream in [sys.stdout] if streams is None else streams:
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(place, stream.fileno())
    os.close(place)


def runner_log(workflow: Workflow, folder: str) -> Path:
    """Where a runner without a terminal writes."""
    return (
        Path(folder)
        / f"job_runner_{os.uname().nodename}_wf{workflow.id}_r{workflow.run_id or 1}_p{os.getpid()}.log"
    )


class SafeObserver:
    """An observer whose own mistakes do not end a run of days: it is said once, and nothing is
    shown any more.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.live = observer.live

    def shelter(self, act: Callable[[], None]) -> None:
        """Do it, whatever comes of it."""
        try:
            act()
        except Exception as error:
            self.observer, self.live = NullObserver(), False
            say(f"the display failed; the run continues: {type(error).__name__}: {error}")

    def began(self, run_id: int, machine: Machine, never: Sequence[NeverJob]) -> None:
        self.shelter(lambda: self.observer.began(run_id, machine, never))

    def events(self, events: Sequence[Event]) -> None:
        self.shelter(lambda: self.observer.events(events))

    def stopping(self, running: int, grace: float) -> None:
        self.shelter(lambda: self.observer.stopping(running, grace))

    def notice(self, text: str) -> None:
        self.shelter(lambda: self.observer.notice(text))

    def hung_up(self) -> None:
        self.shelter(self.observer.hung_up)

    def tick(self, now: float) -> None:
        self.shelter(lambda: self.observer.tick(now))


class _Quiet(NullObserver):
    """Nobody looks; the final report is still written somewhere when the terminal goes away."""

    def __init__(self, fallback: TerminalFallback) -> None:
        self.fallback = fallback

    def hung_up(self) -> None:
        self.fallback.replace()


class _Told:
    """What lines and drawing have in common: the words for an event."""

    def __init__(
        self,
        store: Store,
        workflow: Workflow,
        folder: str,
        out: TextIO | None = None,
        fallback: TerminalFallback | None = None,
    ) -> None:
        self.store = store
        self.workflow = workflow
        self.folder = folder
        self.out = out or sys.stdout
        self.run_id = workflow.run_id
        self.failures = 0
        self.fallback = fallback or TerminalFallback(runner_log(workflow, folder))
        self.lost = False

    def heading(self, run_id: int, machine: Machine, never: Sequence[NeverJob]) -> list[str]:
        """Return what is printed when the runner has started."""
        self.run_id = run_id
        gpus = f", {count(len(machine.gpus), 'GPU')}" if machine.gpus else ""
        return [
            f"Running workflow {self.workflow.id} ({_shown(self.workflow.name)}), run {run_id}, on "
            f"{_shown(machine.hostname)}: {machine.num_cpus} CPUs, {size(machine.memory)}{gpus}",
            *(_shown(text, 1000) for text in unschedulable(never)),
        ]

    def hung_up(self) -> None:
        """Write to the log of the runner what would go to the terminal that is gone."""
        self.lost = self.lost or self.fallback.covers(self.out)
        self.fallback.replace()

    def _put(self, text: str) -> None:
        try:
            self.out.write(text)
            self.out.flush()
        except (OSError, ValueError):
            if self.lost:
                return  # a log that cannot be written either
            if self.fallback.covers(self.out):
                self.hung_up()
                self._put("")  # writes what is still buffered
            else:
                self.lost = True
                lose_output()

    def ended(self, event: Event, name: str) -> list[str]:
        """Return a line about the end of an attempt, and its last error lines if it failed."""
        data = event.data
        text = f"{_ENDS[event.kind]}: {_shown(name)} (job {event.job_id})"
        if event.kind in _BAD or event.kind == "job_canceled":
            told = end_sentence(decode(data.get("reason")), data.get("return_code"))
            if told:
                text += f": {_shown(told)}"
        seconds = data.get("exec_time")
        if (
            seconds is None
            and data.get("started_at") is not None
            and data.get("ended_at") is not None
        ):
            seconds = data["ended_at"] - data["started_at"]
        if seconds is not None and event.kind != "job_canceled":
            text += (
                f" after {duration(seconds)}" if event.kind in _BAD else f" in {duration(seconds)}"
            )
        if event.kind not in _BAD or event.job_id is None:
            return [text]
        self.failures += 1
        if self.failures > LOUD_FAILURES:
            return [text]
        return [text, *self._stderr_tail(event.job_id, data.get("attempt", 1))]

    def _stderr_tail(self, job_id: int, attempt: int) -> list[str]:
        from torc_tui.operations.stderr_tail import tail
        from torc_tui.store import log_files

        found = log_files.attempts(self.store, job_id)
        known = [one for one in found if (one.run_id, one.attempt_id) == (self.run_id, attempt)]
        path = known[-1].stderr if known else self._usual_path(job_id, attempt)
        return [] if path is None else [f"    {line}" for line in tail(path, TAIL_LINES)]

    def _usual_path(self, job_id: int, attempt: int) -> str | None:
        """Return where the errors of an attempt are whose row cannot be read any more."""
        from torc_tui.cli.logs import attempt_paths

        paths = attempt_paths(self.folder, self.workflow.id, job_id, self.run_id, attempt)
        return paths.get("stderr") or paths.get("combined")


class Lines(_Told):
    """One line per event, for logs and pipes."""

    live = False

    def began(self, run_id: int, machine: Machine, never: Sequence[NeverJob]) -> None:
        self._print(self.heading(run_id, machine, never))

    def events(self, events: Sequence[Event]) -> None:
        names: dict[int, str] = {}
        with suppress(
            StoreError
        ):  # a workflow may have very many jobs: only the names that are said are read
            names = job_names(
                self.store,
                {event.job_id for event in events if event.kind in _TOLD and event.job_id},
            )
        lines: list[str] = []
        for event in events:
            kind = event.kind
            if kind in _NOTICES:
                lines.append(f"{_clock(int(event.timestamp))} {_notice(event)}")
            if event.job_id is None:
                continue
            name = names.get(event.job_id, "?")
            if kind == "job_started":
                lines.append(
                    f"{_clock(int(event.timestamp))} started: {_shown(name)} (job {event.job_id})"
                )
            elif kind in _ENDS:
                first, *more = self.ended(event, name)
                lines += [f"{_clock(int(event.timestamp))} {first}", *more]
            elif kind in ("job_retried", "job_warning"):
                word = "retrying" if kind == "job_retried" else "warning"
                told = readable(event.data)
                said = _retry(event) if kind == "job_retried" else told.get("message") or ""
                lines.append(
                    f"{_clock(int(event.timestamp))} {word}: {_shown(name)} (job {event.job_id}): {_shown(str(said))}"
                )
        if lines:
            self._print(lines)

    def stopping(self, running: int, grace: float) -> None:
        self._print([_farewell(running, grace)])

    def notice(self, text: str) -> None:
        self._print([f"{time_of_day(time.time())} {_shown(text, 1000)}"])

    def tick(self, now: float) -> None:
        """Do nothing: nothing is drawn between events."""

    def _print(self, lines: list[str]) -> None:
        self._put("\n".join(lines) + "\n")


class Live(_Told):
    """A drawing: a bar, counts by status, running jobs with their times; failures scroll above it."""

    live = True

    def __init__(
        self,
        store: Store,
        workflow: Workflow,
        folder: str,
        out: TextIO | None = None,
        fallback: TerminalFallback | None = None,
    ) -> None:
        from torc_tui.store.feed import Feed
        from torc_tui.views.workflow_view import WorkflowView

        super().__init__(store, workflow, folder, out, fallback)
        found = snapshot(store, workflow.id)
        self.view = WorkflowView.from_snapshot(
            found.workflow, found.jobs, found.requirements, found.cursor
        )
        self.feed = Feed(store, workflow.id, found.cursor)
        utf = (getattr(self.out, "encoding", "") or "").lower().replace("-", "").startswith("utf")
        self.full, self.empty, self.arrow = _SIGNS["unicode" if utf else "ascii"]
        self.colour = "NO_COLOR" not in os.environ
        self.drawn = 0
        self.last = 0.0

    def began(self, run_id: int, machine: Machine, never: Sequence[NeverJob]) -> None:
        self._paint(time.time(), self.heading(run_id, machine, never))

    def events(self, events: Sequence[Event]) -> None:
        self.tick(time.time())

    def stopping(self, running: int, grace: float) -> None:
        self._paint(time.time(), [_farewell(running, grace)])

    def notice(self, text: str) -> None:
        self._paint(time.time(), [_shown(text, 1000)])

    def tick(self, now: float) -> None:
        if now - self.last >= EVERY:
            self._paint(now, self._news())

    def close(self) -> None:
        """Print the last events and remove the drawing."""
        news = self._news()
        self.feed.close()
        self._write([*news], [])

    def _news(self) -> list[str]:
        """Fold in the events and return lines about them; nothing new while the database is
        away.
        """
        try:
            events = self.feed.poll()
        except StoreError:
            return []
        said: list[str] = []
        for event in events:
            if event.kind in _NOTICES:
                said.append(_notice(event))
            job = None if event.job_id is None else self.view.jobs.get(event.job_id)
            if job is not None and event.kind == "job_retried":
                said.append(f"retrying: {_shown(job.name)}: {_shown(_retry(event))}")
            elif job is not None and (event.kind in _BAD or event.kind == "job_warning"):
                if event.kind == "job_warning":
                    said.append(
                        f"warning: {_shown(job.name)}: {_shown(str(readable(event.data).get('message', '')))}"
                    )
                else:
                    said += self._coloured(self.ended(event, job.name))
        self.view.apply(events)
        if self.view.needs_reload:
            with suppress(StoreError):  # it is needed still, then
                found = snapshot(self.store, self.workflow.id)
                self.view = type(self.view).from_snapshot(
                    found.workflow, found.jobs, found.requirements, found.cursor
                )
        return said

    def _coloured(self, lines: list[str]) -> list[str]:
        return [f"\x1b[31m{lines[0]}\x1b[0m", *lines[1:]] if self.colour else lines

    def _paint(self, now: float, said: list[str]) -> None:
        self.last = now
        columns, rows = _terminal_size(self.out)
        view = self.view
        progress = view.progress(now)
        width = max(10, min(30, columns - 50))
        full = round(width * progress.fraction)
        bar = self.full * full + self.empty * (width - full)
        eta = (
            f"  ETA {progress.eta.text}" if progress.eta and progress.done < progress.total else ""
        )
        bad = view.count(JobStatus.FAILED)
        failed = f"  {bad} failed" if bad else ""
        block = [f"{bar} {progress.done}/{progress.total}{failed}{eta}"]
        counts = [
            f"{number} {JobStatus(state).word}"
            for state, number in enumerate(view.counts)
            if number
        ]
        block.append("  " + ", ".join(counts))
        room = max(1, min(10, rows - 6))
        running = sorted(view.running)
        for job_id in running[:room]:
            job = view.jobs[job_id]
            elapsed = duration(max(0.0, now - (job.started_at or now)))
            block.append(f"  {self.arrow} {_shown(job.name, max(10, columns - 20)):<30} {elapsed}")
        if len(running) > room:
            block.append(f"    and {len(running) - room} more")
        self._write(said, [_cut(line, columns - 1) for line in block])

    def _write(self, said: list[str], block: list[str]) -> None:
        """Replace what was drawn by ``said`` (which stays) and the new ``block``."""
        if self.fallback.is_needed():
            self.hung_up()
        if self.lost:  # there is nobody to draw for
            self.drawn, block = 0, []
        parts = []
        if self.drawn:
            parts.append(f"\x1b[{self.drawn}F\x1b[J")
        parts += [line + "\n" for line in said]
        parts += [line + "\n" for line in block]
        self.drawn = len(block)
        if parts:
            self._put("".join(parts))


def _shown(text: str, limit: int = 200) -> str:
    """A name or message of anybody on one line, sanitize. What makes it so is loaded only where it
    is needed.
    """
    if len(text) <= limit and text.isprintable():
        return text
    from torc_tui.views.ansi import one_line

    return one_line(text, limit)


def _retry(event: Event) -> str:
    """Return which attempt of a job begins, and why: ``attempt 2 of 4: exit 3``."""
    told = readable(event.data)
    number, of, reason = told.get("attempt"), told.get("of"), told.get("reason")
    attempt = "" if number is None else f"attempt {number}" + (f" of {of}" if of else "")
    return ": ".join(str(part) for part in (attempt, reason) if part)


def _notice(event: Event) -> str:
    """Return a warning of the runner about its machine."""
    return f"warning: {_shown(str(readable(event.data).get('message', '')))}"


def _farewell(running: int, grace: float) -> str:
    """Return what happens after Ctrl-C."""
    if not running:
        return "Stopping."
    jobs = count(running, "running job")
    if not grace:
        return f"Killing {jobs}."
    return (
        f"Stopping: {jobs} get SIGTERM, and SIGKILL after {duration(grace)};"
        " Ctrl-C again kills them now"
    )


@lru_cache(maxsize=1)
def _clock(second: int) -> str:
    return time_of_day(second)


def _cut(line: str, width: int) -> str:
    if line.isascii() and len(line) <= width:
        return line
    from rich.cells import cell_len, set_cell_size

    return line if cell_len(line) <= width else set_cell_size(line, width)


def _terminal_size(out: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(out.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24
