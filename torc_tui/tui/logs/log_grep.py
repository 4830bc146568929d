"""A search through the logs of many jobs. In: a pattern and the logs. Out: hits as they are found,
and how far it is.

A thread of its own reads one file after the other, in pieces, and can be stopped between any two.
What it finds is taken by ``take`` in small helpings. Files that are not there have no hits. Never
done here: screens, the store.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torc_tui.tui.logs.log_index import matcher
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.views.ansi import one_line

STEP = 1 << 20
KEPT_OF_ONE = 200
"""So many hits of one file are kept; beyond that they are counted."""
KEPT = 20_000
"""So many hits are kept in all."""
SHOWN = 300
"""Characters of a line that are kept."""
HELPING = 2000
"""Hits taken at once."""


class LogSource(NamedTuple):
    """One file to search."""

    job_id: int
    job: str
    run_id: int
    attempt_id: int
    stream: Stream


class LogHit(NamedTuple):
    """A line that matches: its number from 1, where it starts, and its text, safe to show and cut."""

    log: LogSource
    line: int
    offset: int
    text: str
    pattern: str


def hits_in(
    log: LogSource, pattern: str, *, stop: threading.Event | None = None, step: int = STEP
) -> Iterator[LogHit | None]:
    """The lines of a file that match; None after each piece without one. A file that cannot be read
    has none."""
    places = matcher(pattern)
    try:
        with open(log.stream.path, "rb", buffering=0) as file:
            rest, offset, newlines = b"", 0, 0
            while not (stop is not None and stop.is_set()):
                data = file.read(step)
                chunk = rest + data
                cut = len(chunk) if not data or len(chunk) > 16 * step else chunk.rfind(b"\n") + 1
                part, rest = chunk[:cut], chunk[cut:]
                counted = until = 0
                for at in places(part):
                    if at < until:
                        continue
                    start = part.rfind(b"\n", 0, at) + 1
                    end = part.find(b"\n", at)
                    until = end + 1 if end >= 0 else len(part) + 1
                    newlines += part.count(b"\n", counted, start)
                    counted = start
                    # What was found stays in sight, also far out in a long line.
                    begin = start if at - start < SHOWN // 2 else max(start, at - 60)
                    text = one_line(
                        part[begin : min(until, begin + 2 * SHOWN)].decode("utf-8", "replace"),
                        SHOWN,
                    )
                    text = text if begin == start else "…" + text
                    yield LogHit(log, newlines + 1, offset + start, text, pattern)
                newlines += part.count(b"\n", counted)
                offset += cut
                if not data:
                    return
                yield None
    except OSError:
        return


class LogGrep:
    """The search and what it found. Methods and attributes belong to the screen's thread."""

    def __init__(self) -> None:
        self.pattern = ""
        self.asking = ""
        """What will be searched as soon as it is known which logs there are."""
        self.hits: list[LogHit] = []
        self.total = 0
        self.jobs: set[int] = set()
        self.files = 0
        self.searched = 0
        self.done = True
        self.turn = 0
        self._stop = threading.Event()
        self._found: deque[tuple[LogHit | None, bool]] = deque()
        self._thread: threading.Thread | None = None

    def start(self, pattern: str, logs: Sequence[LogSource]) -> None:
        """Search these logs; what was found before is forgotten."""
        self.stop()
        self.turn += 1
        self.pattern, self.hits, self.total, self.jobs = pattern, [], 0, set()
        self.files, self.searched, self.done = len(logs), 0, not pattern
        self._stop, self._found = threading.Event(), deque()
        if pattern:
            arguments = (pattern, tuple(logs), self._stop, self._found)
            self._thread = threading.Thread(
                target=_grep, args=arguments, name="torc-log-grep", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the search; what was found stays."""
        self._stop.set()
        self.done = True

    def join(self, timeout: float) -> bool:
        """Wait until the thread has ended; False if it has not in time."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def take(self) -> bool:
        """Take up to a helping of what was found; True if anything changed."""
        found = self._found
        if not found:
            return False
        for _ in range(min(HELPING, len(found))):
            hit, last = found.popleft()
            if hit is not None:
                self.total += 1
                self.jobs.add(hit.log.job_id)
                if hit.text and len(self.hits) < KEPT:
                    self.hits.append(hit)
            if last:
                self.searched += 1
        if self.searched >= self.files:
            self.done = True
        return True


def _grep(
    pattern: str,
    logs: Sequence[LogSource],
    stop: threading.Event,
    found: deque[tuple[LogHit | None, bool]],
) -> None:
    for log in logs:
        if stop.is_set():
            return
        number = 0
        for hit in hits_in(log, pattern, stop=stop):
            if hit is None:
                continue
            number += 1
            found.append((hit if number <= KEPT_OF_ONE else hit._replace(text=""), False))
            while len(found) > 4 * HELPING and not stop.wait(0.01):
                pass  # nobody takes so fast: memory has an end
        found.append((None, True))
