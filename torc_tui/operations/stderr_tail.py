"""Read the end of the standard error or output of a job, as lines that are safe to show.

Input: a job, or a file. Output: lines; none if the file is missing or cannot be read. Only the end
of a file is read, however large it is.
"""

from __future__ import annotations

import os
import stat
from io import FileIO

from torc_tui.store import log_files
from torc_tui.store.database import Store
from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import Decoder, text_of

_READ = 16384
"""Bytes of the end of a file that are read."""
_LONGEST = 500
"""Characters of a line."""


class StderrTail(NamedTuple):
    """Lines, and the path of the file that they are from."""

    path: str
    lines: list[str]


def of_job(store: Store, job_id: int, count: int) -> StderrTail | None:
    """Return the last lines of the standard error, or combined output, of the newest attempt.

    None if it is empty; NotFound if there is no such job.
    """
    attempts = log_files.attempts(store, job_id)
    path = attempts[-1].stderr if attempts else None
    lines = tail(path, count) if path is not None else []
    return StderrTail(path, lines) if path is not None and lines else None


def stdout_of_job(store: Store, job_id: int, count: int) -> list[str]:
    """Return the last lines of the standard output of the newest attempt."""
    attempts = log_files.attempts(store, job_id)
    path = attempts[-1].stdout if attempts else None
    return tail(path, count) if path is not None else []


def tail(path: str, count: int) -> list[str]:
    """Return the last lines of a file, safe to show; none if it cannot be read."""
    data, _ = end_of_file(path, _READ)
    decoder = Decoder(cut=_LONGEST)
    lines = [text_of(line).rstrip() for line in decoder.feed(data) + decoder.finish()]
    while lines and not lines[-1]:
        lines.pop()
    return lines[-count:]


def end_of_file(path: str, size: int) -> tuple[bytes, int]:
    """Return the last bytes of a file and where they start; nothing if it cannot be read."""
    file = open_log(path)
    if file is None:
        return b"", 0
    with file:
        try:
            start = max(0, os.fstat(file.fileno()).st_size - size)
            return os.pread(file.fileno(), size, start), start
        except OSError:
            return b"", 0


def open_log(path: str) -> FileIO | None:
    """Open a log; None if it cannot be read.

    A job may put anything in the place of its log: only regular files are read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return FileIO(descriptor)
    os.close(descriptor)
    return None
