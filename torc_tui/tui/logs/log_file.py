"""Read lines of a log file of any size. Input: a path. Output: bytes of lines, by place or number.

Invariants: nothing reads more than it needs. `before` and `after` work by byte offset, at once;
line numbers need the index, one count per block of 256 KiB, which grows by `advance`. A line is cut
at ``limit`` bytes. A file that shrank or was replaced is reread from its start. Offsets are those
of line starts.

Never: decoding and colors (`views.ansi`), and reading without a request.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from enum import Enum
from io import FileIO

from torc_tui.tuples import NamedTuple

BLOCK = 256 * 1024
"""Bytes that the index counts at once."""
LIMIT = 16 * 1024
"""Bytes of a line, at most; the rest is cut off."""


class FileChange(Enum):
    """What happened to a file since the last check."""

    NONE = "none"
    GREW = "grew"
    REPLACED = "replaced"  # another file, or a shorter one: all offsets are invalid
    GONE = "gone"


def open_regular(path: str) -> FileIO:
    """Open a regular file; raise OSError for anything else that a job has put in its place.

    Opening a FIFO would wait, or wake the process that writes to it.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - as everywhere in this file
        raise OSError(errno.EINVAL, "not a regular file", path)
    return FileIO(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))


class LogFileLine(NamedTuple):
    """A line: ``start`` and the start of the next one, ``end``; ``data`` may be cut off."""

    start: int
    end: int
    data: bytes

    @property
    def missing(self) -> int:
        """Return the bytes of the line that were cut off, not counting its newline."""
        return max(0, self.end - self.start - len(self.data) - 1)


class LogFile:
    """One open log, used by one thread only."""

    def __init__(
        self, path: str | os.PathLike[str], *, block: int = BLOCK, limit: int = LIMIT
    ) -> None:
        self.path = os.fspath(path)
        self.limit = limit
        self.size = 0
        self._block = block
        self._fd = -1
        self._identity: tuple[int, int] | None = None
        self._reset()
        self.refresh()

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def exists(self) -> bool:
        """Whether the file exists, or existed and is still open."""
        return self._fd >= 0

    @property
    def indexed(self) -> int:
        """Return the bytes from the start that the index covers."""
        return self._indexed

    @property
    def complete(self) -> bool:
        """Whether the index covers the whole file."""
        return self._indexed == self.size

    @property
    def line_count(self) -> int | None:
        """Return the number of lines, including an unfinished one; None until all are indexed."""
        if not self.complete:
            return None
        return self._newlines + (1 if self._open_line else 0)

    def refresh(self) -> FileChange:
        """Find out whether the file grew, shrank, or was replaced."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - called ten times a second, and pathlib is slower
        except OSError:
            return FileChange.GONE
        if not stat.S_ISREG(status.st_mode):
            return FileChange.GONE  # see `open_regular`
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity:
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError:
                return FileChange.GONE
            first = self._identity is None
            self.close()
            self._fd, self._identity = descriptor, identity
            status = os.fstat(descriptor)
            self._reset()
            self.size = status.st_size
            return (
                FileChange.GREW
                if first and self.size
                else FileChange.NONE
                if first
                else FileChange.REPLACED
            )
        if status.st_size < self.size:
            self._reset()
            self.size = status.st_size
            return FileChange.REPLACED
        if status.st_size > self.size:
            self.size = status.st_size
            return FileChange.GREW
        return FileChange.NONE

    def advance(self, blocks: int = 64) -> bool:
        """Index more blocks; return whether the index is complete."""
        for _ in range(blocks):
            if self._indexed >= self.size:
                break
            begin = self._indexed - self._indexed % self._block
            whole = self._read(self._indexed, min(begin + self._block, self.size) - self._indexed)
            if not whole:
                break
            if self._indexed == begin:
                self._counts.append(self._newlines)
            self._newlines += whole.count(b"\n")
            self._indexed += len(whole)
            self._open_line = not whole.endswith(b"\n")
        return self.complete

    def before(self, offset: int, count: int) -> list[LogFileLine]:
        """Return the ``count`` lines before ``offset``: a line start, or the end of the file."""
        out: list[LogFileLine] = []
        end = min(offset, self.size)
        while len(out) < count and end > 0:
            start = self._line_start(end - 1)
            out.append(self._line(start, end))
            end = start
        return out[::-1]

    def after(self, offset: int, count: int) -> list[LogFileLine]:
        """Return the ``count`` lines from ``offset`` (the start of a line) on."""
        out: list[LogFileLine] = []
        while len(out) < count and offset < self.size:
            end = self._line_end(offset)
            out.append(self._line(offset, end))
            offset = end
        return out

    def number_of(self, offset: int) -> int | None:
        """Return the number of the line that holds an offset; None if it is not indexed yet."""
        if offset > self._indexed or not self._counts:
            return None
        at = min(offset // self._block, len(self._counts) - 1)
        base = at * self._block
        return self._counts[at] + self._read(base, offset - base).count(b"\n")

    def start_of(self, offset: int) -> int:
        """Return the start of the line that holds an offset."""
        return self._line_start(min(offset, max(0, self.size - 1)))

    def text_of(self, line: LogFileLine, limit: int = 1 << 20) -> bytes:
        """Return a whole line that was cut, up to ``limit`` bytes."""
        return self._read(line.start, min(limit, line.end - line.start)).removesuffix(b"\n")

    def _reset(self) -> None:
        self.size = 0
        self._counts = array("Q")  # newlines before each block
        self._newlines = 0
        self._indexed = 0
        self._open_line = False
        self._cache: tuple[int, bytes] = (0, b"")

    def _read(self, offset: int, length: int) -> bytes:
        if self._fd < 0 or length <= 0:
            return b""
        try:
            return os.pread(self._fd, length, offset)
        except OSError:
            return b""

    def _at(self, offset: int, length: int) -> bytes:
        """Read through a cache of the last block."""
        begin, data = self._cache
        if not (begin <= offset and offset + length <= begin + len(data)):
            begin = offset - offset % self._block
            size = min(max(2 * self._block, offset + length - begin), self.size - begin)
            data = self._read(begin, size)
            if offset + length < self.size or length > 2 * self._block:
                self._cache = (begin, data)
            else:
                self._cache = (0, b"")  # the end of the file may still grow
        return data[offset - begin : offset - begin + length]

    def _line_start(self, last: int) -> int:
        """Return the start of the line whose last byte is at ``last``."""
        end = last
        while end > 0:
            begin = max(0, end - (4096 if end == last else self._block))
            position = self._at(begin, end - begin).rfind(b"\n")
            if position >= 0:
                return begin + position + 1
            end = begin
        return 0

    def _line_end(self, start: int) -> int:
        """Return the end of the line that starts at an offset, including its newline."""
        offset, step = start, 4096
        while offset < self.size:
            data = self._at(offset, min(step, self.size - offset))
            if not data:
                break
            position = data.find(b"\n")
            if position >= 0:
                return offset + position + 1
            offset, step = offset + len(data), self._block
        return self.size

    def _line(self, start: int, end: int) -> LogFileLine:
        data = self._at(start, min(end - start, self.limit + 1))
        return LogFileLine(start, end, data.removesuffix(b"\n")[: self.limit])
