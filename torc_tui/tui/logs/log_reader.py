"""The thread that reads logs: looks whether they grew, reads what is to be shown, counts lines,
goes from hit to hit.

What comes in: which files, which lines, what to search, from the screen's thread. What goes out:
``Window`` records, the newest one only, taken by ``take()``; ``told`` is called (in this thread)
when an answer to a request is there, and not for what grows by itself: that is for the tick. Law:
no other part of the app reads a log.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torc_tui.tui.logs.log_index import Search
from torc_tui.tui.logs.merged_log import MergedLog, Place, Stream, TapeLine

LOOK_EVERY = 0.1
"""Seconds between two looks at files that may grow."""
LOOK_SELDOM = 1.0
"""The same for files whose job has ended."""
COUNT_AT_ONCE = 8
"""Blocks whose lines are counted between two looks at the requests."""
SEARCH_EVERY = 1.0
"""A log that grows is searched again after so many seconds at the earliest."""
COPY_LIMIT = 64 << 20
"""Bytes of a log that are copied into a file at most."""


class Found(NamedTuple):
    """How a search stands. ``rank`` is the number (from 0) of the hit that was gone to, or -1."""

    pattern: str
    rank: int
    total: int
    share: float
    done: bool
    error: str | None = None
    place: Place | None = None


class Want(NamedTuple):
    """Which lines: those around ``place``, or the last ones where it is None."""

    place: Place | None
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Window:
    """Lines to show, and what is known of the files. ``anchor`` is the line that the request was
    about; ``jumped``: it was gone to, so that the view has to go there. ``serial`` is that of the
    newest request it knows."""

    serial: int = 0
    opened: int = 0
    generation: int = 0
    lines: Sequence[TapeLine] = ()
    at_start: bool = True
    at_end: bool = True
    follows: bool = True
    anchor: Place | None = None
    jumped: bool = False
    streams: Sequence[Stream] = ()
    sizes: Sequence[int] = ()
    counts: Sequence[int | None] = ()
    counted: float = 1.0
    gone: Sequence[bool] = ()
    exists: bool = False
    problem: str = ""
    found: Found | None = None

    @property
    def size(self) -> int:
        return sum(self.sizes)


@dataclass(slots=True)
class _Look:
    """A search in all files of the tape."""

    pattern: str
    searches: list[Search]
    sizes: list[int]
    rank: int = -1
    place: Place | None = None
    wish: tuple[int, Place, Want] | None = None
    hits: dict[int, array[int]] = field(default_factory=dict)
    again: list[Search] = field(default_factory=list)
    due: float = 0.0
    said: object = None
    settled: bool = False


class LogReader:
    """See the module."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        self._told = told
        self._requests: deque[Callable[[], None]] = deque()
        self._some = threading.Condition()
        self._stopped = False
        self._watching = True
        self._live = True
        self._serial = 0
        self._opened = 0
        self._news: Window | None = None
        # of the thread:
        self._tape: MergedLog | None = None
        self._want = Want(None, 200, 0)
        self._anchor: Place | None = None
        self._jumped = False
        self._look: _Look | None = None
        self._answer = 0
        self._looked = 0.0
        self._stuck = False
        self.looks = 0
        self._thread = threading.Thread(target=self._run, name="torc-log", daemon=True)

    # -- from the screen's thread ------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 0.5) -> None:
        """Ask the thread to end, and wait for it."""
        with self._some:
            self._stopped = True
            self._some.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def take(self) -> Window | None:
        """The newest window, if there is one that was not taken yet."""
        news, self._news = self._news, None
        return news

    @property
    def has_news(self) -> bool:
        return self._news is not None

    def watch(self, on: bool) -> None:
        """Whether anybody looks: nothing is read for a hidden log."""
        if on != self._watching:
            with self._some:
                self._watching = on
                self._some.notify()

    def open(self, streams: Sequence[Stream], *, live: bool, lines: int = 200) -> int:
        """Read other files, from their end; the number that windows of it carry. ``live``: they may
        grow."""
        self._opened += 1
        self._news = None
        number = self._opened
        self._request(lambda: self._open(number, tuple(streams), live, lines))
        return number

    def set_live(self, live: bool) -> None:
        """Whether the files may still grow: then they are looked at more often."""
        self._request(lambda: self._set_live(live))

    def want(self, want: Want) -> int:
        """Show these lines, and go on showing them as they change."""
        return self._request(lambda: self._set_want(want))

    def go_share(self, share: float, want: Want) -> int:
        """Go to the line at that share of all bytes."""
        return self._request(
            lambda: self._go(self._tape.at_share(share) if self._tape else None, want)
        )

    def go_to(self, stream: str, offset: int, want: Want) -> int:
        """Go to the line of a file that starts at ``offset``."""
        return self._request(lambda: self._go_offset(stream, offset, want))

    def find(self, pattern: str, start: Place | None, want: Want) -> int:
        """Search all of the files; go to the first hit from ``start`` on (or back to the last one).
        Nothing to search for ends the search."""
        return self._request(lambda: self._find(pattern, start, want))

    def step(self, by: int, start: Place, want: Want) -> int:
        """Go to the next (1) or the last (-1) hit as seen from ``start``, round the ends."""
        return self._request(lambda: self._step(by, start, want))

    def text(
        self, first: Place | None, last: Place | None, then: Callable[[bytes, int], None]
    ) -> None:
        """Read the lines ``first`` to ``last`` (None: all) and give them to ``then``, in this
        thread."""
        self._request(lambda: self._text(first, last, then))

    # -- in the thread -----------------------------------------------------------------------------

    def _request(self, work: Callable[[], None]) -> int:
        with self._some:
            self._serial += 1
            self._requests.append(work)
            self._some.notify()
            return self._serial

    def _pause(self) -> float | None:
        """How long nothing needs to be done."""
        tape = self._tape
        if tape is None or not self._watching:
            return None
        if not tape.complete and not self._stuck:
            return 0.0
        if self._look is not None and not self._look.settled:
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
                try:
                    self._turn(work, serial)
                except (
                    Exception
                ) as error:  # the screen must not die of a log, nor its thread in silence
                    self._leave()
                    self._news = Window(
                        serial, self._answer, problem=f"{type(error).__name__}: {error}"
                    )
                    self._told()
        finally:
            self._leave()

    def _turn(self, work: deque[Callable[[], None]], serial: int) -> None:
        """One round: do what was asked, look whether the files grew, count on, say what is new."""
        for one in work:
            one()
        tape = self._tape
        if tape is None:
            if work:
                self._publish(serial)
                self._told()
            return
        now = time.monotonic()
        changed = False
        every = LOOK_EVERY if self._live else LOOK_SELDOM
        if self._watching and (work or now - self._looked >= every * 0.9):
            self._looked = now
            self.looks += 1
            changed = tape.refresh()
        if not tape.complete and not work:
            before = tape.counted
            changed = tape.advance(COUNT_AT_ONCE) or changed
            self._stuck = tape.counted == before  # it cannot be read any further for now
        changed = self._searched() or changed
        if work or changed:
            self._publish(serial)
        if work:
            self._told()

    def _leave(self) -> None:
        self._end_look()
        if self._tape is not None:
            self._tape.close()
            self._tape = None

    def _open(self, number: int, streams: Sequence[Stream], live: bool, lines: int) -> None:
        self._leave()
        self._answer = number
        self._live = live
        self._anchor, self._jumped = None, False
        self._want = Want(None, lines, 0)
        self._tape = MergedLog(streams) if streams else None

    def _set_live(self, live: bool) -> None:
        self._live = live

    def _set_want(self, want: Want) -> None:
        self._want, self._anchor, self._jumped = want, want.place, False

    def _go(self, place: Place | None, want: Want) -> None:
        if place is not None:
            self._want, self._anchor, self._jumped = want._replace(place=place), place, True

    def _go_offset(self, stream: str, offset: int, want: Want) -> None:
        tape = self._tape
        number = (
            next((n for n, one in enumerate(tape.streams) if one.name == stream), None)
            if tape
            else None
        )
        if tape is not None and number is not None:
            place = tape.place_of(number, tape.files[number].start_of(offset))
            self._go(place, want)
            if self._look is not None and place is not None:
                self._look.wish = (0, place, want)

    def _publish(self, serial: int) -> None:
        tape = self._tape
        if tape is None:
            self._news = Window(serial, self._answer)
            return
        want = self._want
        if want.place is None or want.place.piece >= len(tape.pieces):
            anchor = tape.end
            lines = tape.before(anchor, want.before + want.after)
            after: list[TapeLine] = []
        else:
            anchor = want.place
            lines = tape.before(anchor, want.before)
            after = tape.after(anchor, want.after)
        shown = tape.numbered([*lines, *after])
        size = tape.size
        jumped, self._jumped = self._jumped, False
        previous = self._news
        if previous is not None and previous.jumped and previous.anchor == self._anchor:
            jumped = True  # nobody has taken it yet
        self._news = Window(
            serial=serial,
            opened=self._answer,
            generation=tape.generation,
            lines=shown,
            at_start=not shown or shown[0].place == tape.start,
            at_end=not shown or not tape.after(shown[-1].place, 2)[1:],
            follows=want.place is None,
            anchor=self._anchor,
            jumped=jumped,
            streams=tape.streams,
            sizes=[file.size for file in tape.files],
            counts=tape.line_counts,
            counted=1.0 if not size else tape.counted / size,
            gone=list(tape.gone),
            exists=tape.exists,
            problem=tape.problem(),
            found=self._found(),
        )

    # -- searching ---------------------------------------------------------------------------------

    def _end_look(self) -> None:
        if self._look is not None:
            for search in (*self._look.searches, *self._look.again):
                search.stop()
        self._look = None

    def _find(self, pattern: str, start: Place | None, want: Want) -> None:
        tape = self._tape
        self._end_look()
        if not pattern or tape is None:
            return
        searches = [Search(stream.path, pattern) for stream in tape.streams]
        self._look = _Look(pattern, searches, [file.size for file in tape.files])
        if start is not None:
            self._look.wish = (0, start, want)

    def _done(self, look: _Look) -> bool:
        return all(search.hits.done for search in look.searches)

    def _searched(self) -> bool:
        """Take up what the search has found meanwhile; True if there is something new to say."""
        look, tape = self._look, self._tape
        if look is None or tape is None:
            return False
        self._search_on(look, tape)
        for number, search in enumerate(look.searches):
            look.hits[number] = search.hits.starts
        if look.wish is not None:
            by, start, want = look.wish
            # Ahead of a search that still runs nothing is known: wait until it has come here.
            if self._done(look) or tape.rank(look.hits, tape.end) > tape.rank(look.hits, start):
                look.wish = None
                self._step(by, start, want)
        said = (*(search.hits[1:5] for search in look.searches), look.place)
        changed, look.said = said != look.said, said
        look.settled = not changed and not look.again and self._done(look)
        return changed

    def _search_on(self, look: _Look, tape: MergedLog) -> bool:
        """Where the files grew behind the search, search them once more; the old hits stay until
        that is done."""
        if look.again:
            if all(search.hits.done for search in look.again):
                look.searches, look.again = look.again, []
                look.due = time.monotonic() + max(SEARCH_EVERY, 5 * (time.monotonic() - look.due))
            return True
        sizes = [file.size for file in tape.files]
        if sizes == look.sizes or not self._done(look) or time.monotonic() < look.due:
            return False
        look.sizes, look.due = sizes, time.monotonic()
        look.again = [Search(stream.path, look.pattern) for stream in tape.streams]
        return True

    def _step(self, by: int, start: Place, want: Want) -> None:
        look, tape = self._look, self._tape
        if look is None or tape is None:
            return
        for number, search in enumerate(look.searches):
            look.hits[number] = search.hits.starts
        total = tape.rank(look.hits, tape.end)
        if not total:
            return
        here = tape.rank(look.hits, start)
        if by > 0 and tape.hit(look.hits, here) == start:
            here += 1
        rank = (here - 1 if by < 0 else here) % total
        place = tape.hit(look.hits, rank)
        if place is not None:
            look.rank, look.place = rank, place
            self._go(place, want)

    def _found(self) -> Found | None:
        look = self._look
        if look is None:
            return None
        hits = [search.hits for search in look.searches]
        size = sum(one.size for one in hits) or 1
        files = self._tape.files if self._tape is not None else ()
        error = next(
            (
                one.error
                for one, file in zip(hits, files, strict=False)
                if one.error and file.exists
            ),
            None,
        )
        total = sum(one.total for one in hits)
        share = sum(one.searched for one in hits) / size
        return Found(look.pattern, look.rank, total, share, self._done(look), error, look.place)

    # -- copying -----------------------------------------------------------------------------------

    def _text(
        self, first: Place | None, last: Place | None, then: Callable[[bytes, int], None]
    ) -> None:
        tape = self._tape
        if tape is None:
            return
        place = tape.start if first is None else first
        parts: list[bytes] = []
        size = known = 0
        while size < COPY_LIMIT and not self._stopped:
            # The line that is known already is read once more: places only lead from line to line.
            lines = [
                line
                for line in tape.after(place, 500)[known:]
                if last is None or line.place <= last
            ]
            if not lines:
                break
            for line in lines:
                parts.append(line.heading.encode() if line.heading else tape.whole(line))
                size += len(parts[-1]) + 1
            place, known = lines[-1].place, 1
        then(b"\n".join(parts), len(parts))
