"""The log of the selected job: which attempt, which stream, how it stands, and the search in it.

What comes in: the attempts of the job (asked of the store by the reader thread) and windows of the
log's own thread. What goes out: the log, or why there is none. Never done here: reading a file.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SuspendNotSupported
from textual.message import Message

from torc_tui.status import JobStatus
from torc_tui.tui.feed.source import Source
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.logs.log_bar import LogBar, SearchLine
from torc_tui.tui.logs.log_grep import LogHit
from torc_tui.tui.logs.log_view import LogView
from torc_tui.tui.logs.merged_log import Place, Stream
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.look.times import stamp
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import Finder, FoundRow
from torc_tui.views.ansi import plain
from torc_tui.wording import clock

if TYPE_CHECKING:
    from torc_tui.store.log_files import AttemptLog

STREAMS = ("both", "stdout", "stderr")
CLIPBOARD = 74_000
"""Bytes that terminals take by OSC 52; more goes into a file."""
LIVE = (JobStatus.PENDING, JobStatus.RUNNING)


class Copied(Message):
    """Lines were read to be copied: as ``text``, or into a ``file`` where they are too many."""

    def __init__(
        self, text: str, lines: int, *, file: str | None = None, error: OSError | None = None
    ) -> None:
        super().__init__()
        self.text = text
        self.lines = lines
        self.file = file
        self.error = error


class LogPane(Pane):
    NAME: ClassVar[str] = "log"

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.stream = "both"
        self.picked: tuple[int, int] | None = None
        self.attempts: Sequence[AttemptLog] = ()
        self.shown: AttemptLog | None = None
        self.of_job = 0
        self._open: tuple[Stream, ...] = ()
        self._goal: LogHit | None = None
        self._origin: Place | None = None
        self._followed = False

        self.log_view = LogView()
        self.search_line = SearchLine()
        self.bar = LogBar()

    def compose(self) -> ComposeResult:
        yield self.log_view
        yield self.search_line
        yield self.bar

    # -- what it is about --------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether the next tick has lines to take."""
        return self.log_view.reader.has_news

    def refresh_content(self) -> None:
        job = self.job
        self.log_view.reader.watch(True)
        if job is None:
            self.of_job, self.attempts, self.shown = 0, (), None
            self._show()
            return
        job_id = job.id

        def read(source: Source) -> Sequence[AttemptLog]:
            from torc_tui.store import log_files

            return log_files.attempts(source.store, job_id)

        self.ask("attempts", read, lambda attempts: self._take_attempts(job_id, attempts))

    def _take_attempts(self, job_id: int, attempts: Sequence[AttemptLog]) -> None:
        job = self.job
        if job is None or job.id != job_id:
            return
        if job_id != self.of_job:
            self.of_job, self.picked = job_id, None
        self.attempts = attempts
        chosen = [one for one in attempts if (one.run_id, one.attempt_id) == self.picked]
        self.shown = chosen[0] if chosen else attempts[-1] if attempts else None
        self._show()

    def show_hit(self, hit: LogHit) -> None:
        """Go to a line of a log of the job that was just selected, as soon as it is open."""
        self.of_job, self.picked = hit.log.job_id, (hit.log.run_id, hit.log.attempt_id)
        if self.stream not in ("both", hit.log.stream.name):
            self.stream = "both"
        self._goal = hit
        self.stale = True

    def _show(self) -> None:
        """Open the files of the attempt that is shown, unless they are open."""
        view, shown = self.log_view, self.shown
        streams = tuple(
            Stream(name, path)
            for name, path in (shown.streams if shown is not None else ())
            if self.stream in ("both", name) or name == "combined"
        )
        live = shown is not None and shown.status in LIVE
        if streams != self._open or self.shown is None:
            self._open = streams
            view.open(streams, live=live)
        else:
            view.reader.set_live(live)
        if self._goal is not None and streams:
            goal, self._goal = self._goal, None
            view.go_to(goal.log.stream.name, goal.offset, goal.pattern)
        self._say()
        self._bar()

    def on_hide(self) -> None:
        self.log_view.reader.watch(False)

    def on_show(self) -> None:
        self.log_view.reader.watch(True)

    def every_tick(self) -> None:
        self.log_view.take()

    def reasons_changed(self) -> None:
        self._say()

    def on_log_view_moved(self) -> None:
        self._say()
        self._bar()

    # -- what is said ------------------------------------------------------------------------------

    def _say(self) -> None:
        """Why there is nothing to see, in the place of the log."""
        self.log_view.say([[("  ", ""), *line] for line in self._nothing()])

    def _nothing(self) -> list[Line]:
        job, shown, window = self.job, self.shown, self.log_view.window
        if job is None:
            return [[("no job selected", "muted")]]
        if self.of_job != job.id:
            return []
        if shown is None:
            sign = STATUS[job.status]
            lines: list[Line] = [
                [("no log: ", "muted"), (sanitize(job.name), "strong"), (" never started, it is ", "muted"),
                 (f"{sign.sign} {sign.word}", sign.style)],
            ]  # fmt: skip
            return [*lines, *([(text, style)] for text, style in self.host.reasons(job)[:8])]
        if not self._open:
            return [
                [(f"its output is not kept (stdio mode {shown.mode})", "muted")],
                *self._other(),
            ]
        if not window.serial:
            return []
        if window.problem:
            return [[("the log cannot be read:", "muted")], *self._broken(window.problem, "error")]
        if window.exists:
            if shown.status in LIVE:
                return [[("nothing written yet", "muted")], *self._unkept()]
            return [
                [(f"it wrote nothing to {self._names()}", "muted")],
                *self._unkept(),
                *self._other(),
            ]
        if shown.deleted:
            return [
                [
                    (
                        "its output was thrown away: it succeeded, and delete_on_success is set",
                        "muted",
                    )
                ]
            ]
        if shown.status is JobStatus.PENDING:
            return [[("it is about to start", "muted")]]
        lines = [[("its files are not here:", "muted")]]
        for stream in self._open:
            lines += self._broken(stream.path, "text")
        if shown.hostname:
            lines.append([(f"it ran on {shown.hostname}", "muted")])
        return lines

    def _broken(self, text: str, style: str) -> list[Line]:
        """A path in as many lines as it needs: its end is what tells."""
        room = max(10, self.log_view.size.width - 5)
        text = sanitize(text)
        return [[(text[start : start + room], style)] for start in range(0, len(text), room)]

    def _other(self) -> list[Line]:
        """That the other stream has something, where only one is looked at."""
        return [[("o shows the other stream", "faint")]] if self.stream != "both" else []

    def _unkept(self) -> list[Line]:
        mode = self.shown.mode if self.shown is not None else ""
        words = {"no_stdout": "standard output", "no_stderr": "standard errors"}
        return (
            [[(f"{words[mode]} is not kept (stdio mode {mode})", "warning")]]
            if mode in words
            else []
        )

    def _names(self) -> str:
        names = [stream.name for stream in self._open]
        return "stdout and stderr" if names == ["combined"] else " or ".join(names)

    def _bar(self) -> None:
        view, shown = self.log_view, self.shown
        window = view.window
        bar = self.bar
        if shown is None:
            bar.say([(0, [("no log", "faint")])], [])
            return
        state: list[tuple[int, Line]] = []
        live = shown.status in LIVE
        if live:
            state.append(
                (
                    0,
                    [("● following", "success")]
                    if view.follow
                    else [("‖ not following", "warning")],
                )
            )
        else:
            sign = STATUS[shown.status]
            code = f"exit {shown.return_code}" if shown.return_code is not None else sign.word
            state.append((0, [(f"{sign.sign} ended, {code}", sign.style)]))
        if window.lines:
            state.append((2, [(self._position(), "text")]))
        if any(window.gone):
            state.append((1, [("file deleted, this is what was read", "error")]))
        elif window.generation:
            state.append((3, [("the file began anew", "warning")]))
        state += self._search_words()
        what: list[tuple[int, Line]] = []
        if view.marked is not None:
            what.append((1, [("y copies the marked lines", "accent")]))
        if view.wrap:
            what.append((4, [("wrapped", "muted")]))
        if shown.mode in ("no_stdout", "no_stderr"):
            what.append(
                (
                    3,
                    [
                        (
                            f"{'stdout' if shown.mode == 'no_stdout' else 'stderr'} not kept",
                            "warning",
                        )
                    ],
                )
            )
        runs = len({one.run_id for one in self.attempts})
        if len(self.attempts) > 1:
            last = (shown.run_id, shown.attempt_id) == (
                self.attempts[-1].run_id,
                self.attempts[-1].attempt_id,
            )
            text = f"attempt {shown.attempt_id}" + (
                f" of run {shown.run_id}" if runs > 1 else f" of {len(self.attempts)}"
            )
            what.append((1, [(text, "text" if last else "warning")]))
        what.append((2, self._streams()))
        if self._open and self.host.view is not None:
            path = self._open[0].path.removeprefix(f"{self.host.view.workflow.directory}/")
            what.append((5, [(sanitize(path), "faint")]))
        bar.say(state, what)

    def _streams(self) -> Line:
        names = [stream.name for stream in self._open]
        if names == ["combined"]:
            return [("stdout and stderr", "strong")]
        sizes = self.log_view.window.sizes
        empty = [name for name, size in zip(names, sizes, strict=False) if not size]
        if len(names) == 2 and len(empty) == 1:
            full = next(name for name in names if name not in empty)
            return [
                (full, "strong" if full == "stdout" else "stderr"),
                (f" ({empty[0]} is empty)", "faint"),
            ]
        if len(names) == 2:
            return [("stdout", "strong"), (" + ", "faint"), ("▎stderr", "stderr")]
        return [(name, "strong" if name == "stdout" else "stderr") for name in names] or [
            ("not kept", "faint")
        ]

    def _position(self) -> str:
        view = self.log_view
        window = view.window
        counts = [count for count in window.counts if count is not None]
        total = sum(counts) if len(counts) == len(window.counts) else None
        here = view.on_screen
        if total is not None and (view.fits or (view.follow and len(here) < total)):
            return f"{total:,} line{'' if total == 1 else 's'}"
        line = next((one for one in reversed(here) if one.number is not None), None)
        if line is None or line.number is None:
            share = here[-1].at / window.size if here and window.size else 0
            return "the end" if view.follow else f"{share:.0%}"
        name = (
            f"{window.streams[line.stream].name} "
            if len(window.streams) > 1 and view._gutter
            else ""
        )
        count = window.counts[line.stream]
        return f"{name}line {line.number + 1:,}" + (f" of {count:,}" if count is not None else "")

    def _search_words(self) -> list[tuple[int, Line]]:
        view = self.log_view
        found = view.window.found
        if not view.pattern or found is None or found.pattern != view.pattern:
            return []
        if found.error:
            return [(1, [(found.error, "error")])]
        more = "" if found.done else f" … {found.share:.0%}"
        if not found.total:
            return [
                (
                    1,
                    [
                        (
                            f"no hit for {view.pattern}" if found.done else f"searching{more}",
                            "warning",
                        )
                    ],
                )
            ]
        rank = f"{found.rank + 1:,} of " if found.rank >= 0 else ""
        hits = "" if rank else " hit" if found.total == 1 else " hits"
        return [
            (1, [(f"{rank}{found.total:,}{hits}{more}", "accent"), (f" {view.pattern}", "muted")])
        ]

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "back": self._back,
            "log-stream": self._next_stream,
            "log-attempt": self._choose_attempt,
            "log-search": self._begin_search,
            "log-copy": self._copy_lines,
            "log-copy-all": self._copy_all,
            "log-pager": self._open_pager,
        }

    def _back(self) -> None:
        view = self.log_view
        if view.unselect():
            return
        if view.pattern:
            view.find("")
            return
        self.host.leave_pane()

    def _next_stream(self) -> None:
        if self.shown is None:
            return
        names = [name for name, _ in self.shown.streams]
        if len(names) < 2:
            self.torc.notify(
                "both streams are in one file"
                if names == ["combined"]
                else "only one stream is kept"
            )
            return
        self.stream = STREAMS[(STREAMS.index(self.stream) + 1) % len(STREAMS)]
        self._show()

    def _choose_attempt(self) -> None:
        if len(self.attempts) < 2:
            self.torc.notify("there is only one attempt" if self.attempts else "it never started")
            return
        rows: list[FoundRow[tuple[int, int]]] = []
        for one in reversed(self.attempts):
            sign = STATUS[one.status]
            took = clock(one.ended_at - one.started_at) if one.ended_at and one.started_at else ""
            code = f"exit {one.return_code}" if one.return_code is not None else ""
            title = f"run {one.run_id}, attempt {one.attempt_id}"
            rows.append(
                (
                    (one.run_id, one.attempt_id),
                    title,
                    f"{sign.sign} {sign.word} {code} {took}",
                    stamp(one.started_at)[5:],
                )
            )
        self.torc.push(
            Finder(
                "Attempt",
                lambda typed: [
                    row for row in rows if typed.lower() in " ".join(map(str, row)).lower()
                ],
            ),
            self._pick,
        )

    def _pick(self, key: tuple[int, int] | None) -> None:
        chosen = [one for one in self.attempts if (one.run_id, one.attempt_id) == key]
        if chosen:
            # The newest one is not picked but shown as long as it is the newest.
            self.picked = None if chosen[0] is self.attempts[-1] else key
            self.shown = chosen[0]
            self._show()

    def _begin_search(self) -> None:
        if self._open:
            self._origin, self._followed = self.log_view.here, self.log_view.follow
            self.search_line.begin()

    def on_search_line_typed(self, event: SearchLine.Typed) -> None:
        event.stop()
        self.log_view.find(event.text, self._origin)

    def on_search_line_done(self, event: SearchLine.Done) -> None:
        event.stop()
        if event.text is None:
            self.log_view.find("")
            if self._followed:
                self.log_view.to_bottom()
        self.log_view.focus()

    def _copy_lines(self) -> None:
        """The marked lines, or those on screen."""
        view = self.log_view
        lines = view.on_screen
        if view.marked is not None:
            self._copy(*view.marked)
        elif lines:
            self._copy(lines[0].place, lines[-1].place)

    def _copy_all(self) -> None:
        self._copy(None, None)

    def _copy(self, first: Place | None, last: Place | None) -> None:
        name = f"torc-job{self.of_job}-{self.stream}-"

        def give(data: bytes, lines: int) -> None:
            # In the thread of the log: what is too large for a terminal is written here.
            text = plain(data, cut=1 << 20)
            if len(text.encode("utf-8", "replace")) <= CLIPBOARD:
                self.post_message(Copied(text, lines))
                return
            try:
                with tempfile.NamedTemporaryFile(
                    "w", prefix=name, suffix=".txt", delete=False
                ) as file:
                    file.write(text + "\n")
            except OSError as error:
                self.post_message(Copied("", lines, error=error))
                return
            self.post_message(Copied("", lines, file=file.name))

        self.log_view.reader.text(first, last, give)

    def on_copied(self, event: Copied) -> None:
        event.stop()
        count = f"{event.lines:,} line{'' if event.lines == 1 else 's'}"
        if event.error is not None:
            self.torc.complain(event.error)
        elif event.file is not None:
            text = f"{count}: too much for the clipboard, written to\n{event.file}"
            self.torc.notify(text, timeout=10)
        else:
            self.torc.copy(event.text)
            self.torc.notify(f"{count} copied")
        self.log_view.unselect()

    def _open_pager(self) -> None:
        """The files of the log in the user's pager, with the terminal to itself."""
        environ = self.torc.environ
        paths = [stream.path for stream in self._open if os.path.exists(stream.path)]  # noqa: PTH110
        if not paths:
            self.torc.notify("there is no log to open", severity="warning")
            return
        try:
            words = shlex.split(environ.get("PAGER") or "")
        except ValueError:
            words = []
        if not words:
            words = ["less"] if shutil.which("less") else ["more"]
        if shutil.which(words[0]) is None:
            self.torc.notify(f"no pager {words[0]} here; set PAGER", severity="error")
            return
        # less shows colours by -R and every other sequence in caret notation
        env = {**environ, "LESS": environ.get("LESS") or "-R"}
        try:
            with self.torc.terminal():
                subprocess.run([*words, *paths], env=env, check=False)
        except (OSError, SuspendNotSupported) as error:
            self.torc.complain(error)
