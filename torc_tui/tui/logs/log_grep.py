"""Search the logs of many jobs.

Input: a text and the logs. Output: hits as they are found, and the progress. A thread reads one
file after the other in steps, and can be stopped after each step. Unreadable files have no hits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence

from torc_tui.tui.logs.file_search import matcher, matching_lines, whole_lines
from torc_tui.tui.logs.log_file import open_regular
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import one_line

STEP = 1 << 20
"""Bytes that are read at once."""
KEPT_PER_FILE = 200
"""Hits that are kept per file; further hits are only counted."""
KEPT = 20_000
"""Hits that are kept in all."""
SHOWN = 300
"""Characters of a line that are kept."""
AT_ONCE = 2000
"""Hits that are taken at once."""


class LogSource(NamedTuple):
    """One file to search."""

    job_id: int
    job: str
    run_id: int
    attempt_id: int
    stream: Stream


class LogHit(NamedTuple):
    """A matching line: its number from 1, its start, and its text, sanitized and shortened."""

    log: LogSource
    line: int
    offset: int
    text: str
    pattern: str


def hits_in(
    log: LogSource, pattern: str, *, stop: threading.Event | None = None, step: int = STEP
) -> Iterator[LogHit | None]:
    """Yield the lines of a file that match, and None after each step."""
    places = matcher(pattern)
    offset = newlines = 0
    try:
        with open_regular(log.stream.path) as file:
            for part in whole_lines(file, step=step, stop=stop, piece=16 * step):
                counted = 0
                for start, at, end in matching_lines(part, places):
                    newlines += part.count(b"\n", counted, start)
                    counted = start
                    text = _excerpt(part, start, at, end)
                    yield LogHit(log, newlines + 1, offset + start, text, pattern)
                newlines += part.count(b"\n", counted)
                offset += len(part)
                yield None
    except OSError:
        return


def _excerpt(part: bytes, start: int, at: int, end: int) -> str:
    """Return a line, or the part around the match if the line is long."""
    begin = start if at - start < SHOWN // 2 else max(start, at - 60)
    text = part[begin : min(end, begin + 2 * SHOWN)].decode("utf-8", "replace")
    return ("" if begin == start else "…") + one_line(text, SHOWN)


class LogGrep:
    """A search over many logs, and its hits; used by the app's thread only."""

    def __init__(self) -> None:
        self.pattern = ""
        self.asking = ""
        """The text that will be searched once the list of logs is known."""
        self.hits: list[LogHit] = []
        self.total = 0
        self.jobs: set[int] = set()
        self.files = 0
        self.searched = 0
        self.done = True
        self.turn = 0
        """The number of the search."""
        self._stop = threading.Event()
        self._found: deque[tuple[LogHit | None, bool]] = deque()
        self._thread: threading.Thread | None = None

    def start(self, pattern: str, logs: Sequence[LogSource]) -> None:
        """Search these logs, and discard earlier hits."""
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
        """Stop the search; its hits stay."""
        self._stop.set()
        self.done = True

    def join(self, timeout: float) -> bool:
        """Wait until the thread has ended; return False if it has not in time."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def take(self) -> bool:
        """Take over some new hits; return whether there were any."""
        found = self._found
        if not found:
            return False
        for _ in range(min(AT_ONCE, len(found))):
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
            found.append((hit if number <= KEPT_PER_FILE else hit._replace(text=""), False))
            while len(found) > 4 * AT_ONCE and not stop.wait(0.01):
                pass  # wait until hits are taken: bounds the memory
        found.append((None, True))
