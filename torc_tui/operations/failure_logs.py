"""Read the end of the log of a failed attempt, for its signature.

Input: the paths of its logs. Output: bytes and an excerpt. At most the last 16 KiB of a file are
read, however large it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.operations.stderr_tail import end_of_file
from torc_tui.views.failure_signature import TAIL, Excerpt, Log, read_excerpt


def excerpt_of(stdout: str | None, stderr: str | None, names: Iterable[str]) -> Excerpt:
    """Return what the standard error tells, or the standard output if that is empty."""
    return read_excerpt(log_end(stdout, stderr), names)


def log_end(stdout: str | None, stderr: str | None) -> Log:
    """Return the end of the standard error, or of the standard output if that is empty."""
    streams = {stderr: "combined" if stdout == stderr else "stderr", stdout: "stdout"}
    for path, stream in streams.items():
        data, start = end_of_file(path, TAIL) if path is not None else (b"", 0)
        if data.strip():
            return Log(data, start, stream if stdout != stderr else "combined")
    return Log()
