"""Read a log in a thread: follow the files, count lines, and go from hit to hit.

Input: files, lines and searches, from the app's thread. Output: the newest ``LogWindow``, taken by
``take()``. The thread calls ``on_answer`` after each answer; the app checks for growth on its tick.

Invariant: no other part of the app reads a log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import ParamSpec

from torc_tui.tui.logs.log_window import LineRequest, LogWindow
from torc_tui.tui.logs.merged_log import MergedLine, MergedLog, Place, Stream
from torc_tui.tui.logs.merged_search import MergedSearch, PendingStep

P = ParamSpec("P")
LOOK_EVERY = 0.1
"""Seconds between two checks of files that may grow."""
LOOK_SELDOM = 1.0
"""Seconds between two checks of files whose job has finished."""
COUNT_AT_ONCE = 8
"""Blocks that are indexed between two checks for requests."""
COPY_LIMIT = 64 << 20
"""Bytes of a log that are copied into a file, at most."""


class LogReader:
    """Reads one log in its own thread. ``looks`` counts checks of the files, for tests."""

    def __init__(self, on_answer: Callable[[], None] = lambda: None) -> None:
        self._on_answer = on_answer
        self.on_news: Callable[[], object] = lambda: None  # called for each new window
        self._requests: deque[Callable[[], None]] = deque()
        self._some = threading.Condition()
        self._stopped = False
        self._watching = True
        self._live = True
        self._serial = 0
        self._opened = 0
        self._news: LogWindow | None = None
        # Used by the thread only:
        self._log: MergedLog | None = None
        self._lines = LineRequest(None, 200, 0)
        self._anchor: Place | None = None
        self._jumped = False
        self._search: MergedSearch | None = None
        self._answer = 0
        self._looked = 0.0
        self._stuck = False
        self.looks = 0
        self._thread = threading.Thread(target=self._run, name="torc-log", daemon=True)

    # -- from the app's thread ---------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = 0.5) -> None:
        """Stop the thread, and wait for its end."""
        with self._some:
            self._stopped = True
            self._some.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def take(self) -> LogWindow | None:
        """Return the newest window unless it was taken already."""
        news, self._news = self._news, None
        return news

    @property
    def has_news(self) -> bool:
        """Whether there is a new window."""
        return self._news is not None

    def watch(self, on: bool) -> None:
        """Resume reading, or pause while the log is hidden."""
        if on != self._watching:
            with self._some:
                self._watching = on
                self._some.notify()

    def open(
        self, streams: Sequence[Stream], *, live: bool, lines: int = 200, at_start: bool = False
    ) -> int:
        """Open other files at their end or start; return the number of their windows.

        ``live``: the files may grow.
        """
        self._opened += 1
        self._news = None
        number = self._opened
        self.request(self._open, number, tuple(streams), live, lines, at_start)
        return number

    def add(self, streams: Sequence[Stream]) -> None:
        """Add files to those that are open."""
        self.request(self._add, tuple(streams))

    def request(self, work: Callable[P, None], *arguments: P.args, **options: P.kwargs) -> int:
        """Have a method such as `find` called in the thread; return the number of the request."""
        with self._some:
            self._serial += 1
            self._requests.append(partial(work, *arguments, **options))
            self._some.notify()
            return self._serial

    # -- in the thread -----------------------------------------------------------------------------

    def _pause(self) -> float | None:
        """Return the pause until the next check in seconds; None: until the next request."""
        log = self._log
        if log is None or not self._watching:
            return None
        if not log.complete and not self._stuck:
            return 0.0
        if self._search is not None and not self._search.settled:
            return 0.03
        return LOOK_EVERY if self._live else LOOK_SELDOM

    def _run(self) -> None:
        try:
            while True:
                with self._some:
                    pause = self._pause()
                    if not self._requests and not self._stopped and pause != 0.0:
                        self._some.wait(pause)
                    if self._stopped:
                        return
                    work, self._requests = self._requests, deque()
                    serial = self._serial
                self._guarded_turn(work, serial)
        finally:
            self._leave()

    def _guarded_turn(self, work: deque[Callable[[], None]], serial: int) -> None:
        try:
            self._turn(work, serial)
        except Exception as error:  # reported in place of the log; the thread continues
            self._leave()
            problem = f"{type(error).__name__}: {error}"
            self._offer(LogWindow(serial, self._answer, problem=problem))
            self._on_answer()

    def _turn(self, work: deque[Callable[[], None]], serial: int) -> None:
        """Serve requests, check the files, index further lines, and publish news."""
        for one in work:
            one()
        log = self._log
        if log is None:
            if work:
                self._publish(serial)
                self._on_answer()
            return
        changed = self._look(log, asked=bool(work))
        if not log.complete and not work:
            before = log.counted
            changed = log.advance(COUNT_AT_ONCE) or changed
            self._stuck = log.counted == before  # it cannot be read any further for now
        changed = self._search_on() or changed
        if work or changed:
            self._publish(serial)
        if work:
            self._on_answer()

    def _look(self, log: MergedLog, *, asked: bool) -> bool:
        """Check the files if that is due; return whether they changed."""
        now = time.monotonic()
        every = LOOK_EVERY if self._live else LOOK_SELDOM
        if not self._watching or not (asked or now - self._looked >= every * 0.9):
            return False
        self._looked = now
        self.looks += 1
        return log.refresh()

    def _leave(self) -> None:
        self._end_search()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _open(
        self, number: int, streams: Sequence[Stream], live: bool, lines: int, at_start: bool
    ) -> None:
        self._leave()
        self._answer = number
        self._live = live
        self._anchor, self._jumped = None, False
        self._lines = LineRequest(None, lines, 0)
        self._log = MergedLog(streams) if streams else None
        if at_start:
            self.go_share(0.0, LineRequest(None, 0, lines))

    def _add(self, streams: Sequence[Stream]) -> None:
        if self._log is not None:
            self._log.add(streams)

    def _go(self, place: Place | None, lines: LineRequest) -> None:
        if place is not None:
            self._lines, self._anchor, self._jumped = lines._replace(place=place), place, True

    # -- requests, carried out in the thread -------------------------------------------------------

    def set_live(self, live: bool) -> None:
        """Set whether the files may grow; growing files are checked more often."""
        self._live = live

    def load(self, lines: LineRequest) -> None:
        """Send these lines, and updates of them."""
        self._lines, self._anchor, self._jumped = lines, lines.place, False

    def go_share(self, share: float, lines: LineRequest) -> None:
        """Go to the line at a share of all bytes."""
        if self._log is not None:
            self._go(self._log.at_share(share), lines)

    def go_to(self, stream: str, offset: int, lines: LineRequest) -> None:
        """Go to the line of a file that starts at ``offset``."""
        log = self._log
        if log is None:
            return
        names = [one.name for one in log.streams]
        if stream not in names:
            return
        number = names.index(stream)
        place = log.place_of(number, log.files[number].start_of(offset))
        self._go(place, lines)
        if self._search is not None and place is not None:
            self._search.pending = PendingStep(0, place, lines)

    # -- windows -----------------------------------------------------------------------------------

    def _publish(self, serial: int) -> None:
        log = self._log
        if log is None:
            self._offer(LogWindow(serial, self._answer))
            return
        shown = log.numbered(self._lines_to_send(log))
        size = log.size
        news = LogWindow(
            serial=serial,
            opened=self._answer,
            generation=log.generation,
            lines=shown,
            at_start=not shown or shown[0].place == log.start,
            at_end=not shown or not log.after(shown[-1].place, 2)[1:],
            follows=self._lines.place is None,
            anchor=self._anchor,
            jumped=self._take_jump(),
            streams=log.streams,
            sizes=[file.size for file in log.files],
            counts=log.line_counts,
            counted=1.0 if not size else log.counted / size,
            gone=list(log.gone),
            exists=log.exists,
            problem=log.problem(),
            found=None if self._search is None else self._search.state(),
        )
        self._offer(news)

    def _offer(self, news: LogWindow) -> None:
        self._news = news
        self.on_news()

    def _lines_to_send(self, log: MergedLog) -> list[MergedLine]:
        lines = self._lines
        if lines.place is None or lines.place.piece >= len(log.pieces):
            return log.before(log.end, lines.before + lines.after)
        return [*log.before(lines.place, lines.before), *log.after(lines.place, lines.after)]

    def _take_jump(self) -> bool:
        """Return whether the view must jump to the anchor, also if it missed the last window."""
        jumped, self._jumped = self._jumped, False
        previous = self._news
        missed = previous is not None and previous.jumped and previous.anchor == self._anchor
        return jumped or missed

    # -- searching ---------------------------------------------------------------------------------

    def _end_search(self) -> None:
        if self._search is not None:
            self._search.stop()
        self._search = None

    def find(self, pattern: str, start: Place | None, lines: LineRequest) -> None:
        """Search all files, and go to the first hit from ``start`` on, wrapping around.

        An empty pattern ends the search.
        """
        self._end_search()
        if not pattern or self._log is None:
            return
        self._search = MergedSearch(pattern, self._log)
        if start is not None:
            self._search.pending = PendingStep(0, start, lines)

    def _search_on(self) -> bool:
        search = self._search
        if search is None:
            return False
        changed = search.advance()
        pending = search.take_pending_step()
        if pending is not None:
            self.step(*pending)
            return True
        return changed

    def step(self, by: int, start: Place, lines: LineRequest) -> None:
        """Go to the next hit (1) or the previous one (-1) from ``start``, wrapping around."""
        if self._search is not None:
            self._go(self._search.step(by, start), lines)

    # -- copying -----------------------------------------------------------------------------------

    def text(
        self, first: Place | None, last: Place | None, then: Callable[[bytes, int], None]
    ) -> None:
        """Read the lines ``first`` to ``last`` (None: all), and pass them to ``then``."""
        log = self._log
        if log is None:
            return
        place = log.start if first is None else first
        parts: list[bytes] = []
        size = known = 0
        while size < COPY_LIMIT and not self._stopped:
            # The last line is read again: places only lead from line to line.
            lines = log.after(place, 500)[known:]
            if last is not None:
                lines = [line for line in lines if line.place <= last]
            if not lines:
                break
            for line in lines:
                parts.append(line.heading.encode() if line.heading else _whole(log, line))
                size += len(parts[-1]) + 1
            place, known = lines[-1].place, 1
        then(b"\n".join(parts), len(parts))


def _whole(log: MergedLog, line: MergedLine) -> bytes:
    """Return a line to be copied; among several jobs, its job is named."""
    job = log.streams[line.stream].job
    name = f"{job} | ".encode("utf-8", "replace") if job else b""
    return name + log.whole(line)
