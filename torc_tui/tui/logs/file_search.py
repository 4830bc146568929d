"""Search a text in a whole file, however large, in a thread of its own.

Input: a path and a text; lower case matches any case. Output: the matching lines so far, after each
step.
"""

from __future__ import annotations

import os
import re
import threading
from array import array
from collections.abc import Callable, Iterator
from io import FileIO

from torc_tui.tui.logs.log_file import open_regular
from torc_tui.tuples import NamedTuple

MAXIMUM_HITS = 1_000_000
"""Places of hits that are kept; more hits are only counted."""
STEP = 4 << 20
"""Bytes between two reports."""
PIECE = 16 << 20
"""A longer line is searched in pieces (bytes)."""


class Hits(NamedTuple):
    """The hits of a search so far.

    ``starts`` are offsets of the lines that match, ``total`` is their number.
    """

    starts: array[int]
    total: int
    searched: int
    size: int
    done: bool
    error: str | None = None


def matcher(pattern: str) -> Callable[[bytes], Iterator[int]]:
    """Return a function that yields the offsets of matches in a chunk, at least one per line."""
    fold = pattern == pattern.lower()
    needle = pattern.encode("utf-8", "surrogateescape")
    if fold and not needle.isascii():
        compiled = re.compile(re.escape(needle), re.IGNORECASE)
        return lambda chunk: (found.start() for found in compiled.finditer(chunk))

    def literal(chunk: bytes) -> Iterator[int]:
        text = chunk.lower() if fold else chunk
        at = text.find(needle)
        while at >= 0:
            yield at
            line_end = text.find(b"\n", at)
            at = text.find(needle, line_end + 1) if line_end >= 0 else -1

    return literal


def whole_lines(
    file: FileIO, *, step: int, stop: threading.Event | None = None, piece: int = PIECE
) -> Iterator[bytes]:
    """Yield a file in chunks of whole lines; lines longer than ``piece`` bytes are divided."""
    rest = b""
    while not (stop is not None and stop.is_set()):
        data = file.read(step)
        chunk = rest + data
        cut = len(chunk) if not data else chunk.rfind(b"\n") + 1
        if not cut and len(chunk) > piece:
            cut = len(chunk)
        rest = chunk[cut:]
        yield chunk[:cut]
        if not data:
            return


def search(
    path: str, pattern: str, *, stop: threading.Event | None = None, step: int = STEP
) -> Iterator[Hits]:
    """Search a whole file, and yield a report after each step. Matches in one line count once."""
    starts: array[int] = array("Q")
    count = offset = size = 0
    if not pattern:
        yield Hits(starts, 0, 0, 0, True)
        return
    places = matcher(pattern)
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            for part in whole_lines(file, step=step, stop=stop):
                for start, _, _ in matching_lines(part, places):
                    count += 1
                    if len(starts) < MAXIMUM_HITS:
                        starts.append(offset + start)
                offset += len(part)
                yield Hits(starts, count, offset, size, False)
    except OSError as error:
        yield Hits(starts, count, offset, size, True, error.strerror or str(error))
        return
    yield Hits(starts, count, offset, size, True)


def matching_lines(
    part: bytes, places: Callable[[bytes], Iterator[int]]
) -> Iterator[tuple[int, int, int]]:
    """Yield the start of each matching line, the offset of the match, and the end of the line."""
    until = 0
    for at in places(part):
        if at >= until:
            end = part.find(b"\n", at)
            until = end + 1 if end >= 0 else len(part) + 1
            yield part.rfind(b"\n", 0, at) + 1, at, until


class FileSearch:
    """A search in its own thread; ``hits`` is replaced until the search is done."""

    def __init__(self, path: str, pattern: str) -> None:
        self.hits = Hits(array("Q"), 0, 0, 0, False)
        self._stop = threading.Event()
        self._work = search(path, pattern, stop=self._stop)
        self._thread = threading.Thread(target=self._run, name="torc-file-search", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the search after the current step."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the search has ended; return False if it has not in time."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        for hits in self._work:
            self.hits = hits
