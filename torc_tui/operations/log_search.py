"""Search the logs of many jobs with a regular expression, in time that grows with their length.

Input: attempts with the paths of their logs, and a pattern. Output: lines that match, with the
lines around them, as plain text without control sequences.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from io import BufferedReader
from typing import BinaryIO

from torc_tui.operations.stderr_tail import open_log
from torc_tui.patterns import Pattern
from torc_tui.status import TROUBLED
from torc_tui.store import log_files
from torc_tui.store.database import Store
from torc_tui.store.log_files import AttemptLog
from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import plain

_PIECE = 1 << 16
"""A longer line is searched in pieces, in bytes."""
_CONTROLS = bytes([*range(9), *range(11, 32), 127])
"""Bytes of control sequences; a line without them is searched as it is."""


class LogSearchLine(NamedTuple):
    """A line of a log. ``is_match`` is False for the lines around a match."""

    attempt: AttemptLog
    stream: str
    path: str
    line: int
    offset: int
    text: str
    is_match: bool


def chosen_logs(
    store: Store,
    workflow_id: int,
    *,
    failed: bool = False,
    group: str | None = None,
    every_attempt: bool = False,
) -> list[AttemptLog]:
    """Return the last attempts of jobs, or all of them: of failed jobs, of jobs of a group.

    The group is its name (``train_{i}``) or a glob for names of jobs (``train_*``).
    """
    latest = log_files.latest_attempts(store, workflow_id)
    jobs = {
        one.job_id
        for one in latest
        if (not failed or one.status in TROUBLED) and (group is None or _is_member(one, group))
    }
    found = log_files.all_attempts(store, workflow_id) if every_attempt else latest
    return [one for one in found if one.job_id in jobs]


def _is_member(attempt: AttemptLog, group: str) -> bool:
    return attempt.group == group or fnmatchcase(attempt.job, group)


def search_logs(
    attempts: Iterable[AttemptLog], pattern: Pattern, context: int = 0
) -> Iterator[LogSearchLine]:
    """Yield the lines that match, with ``context`` lines before and after each.

    Logs that cannot be read have none. Raise PatternError if the search would take too long.
    """
    for attempt in attempts:
        for stream, path in attempt.streams:
            file = open_log(path)
            if file is None:
                continue
            with BufferedReader(file, _PIECE) as reader:
                lines = _lines(attempt, stream, path, reader)
                yield from _with_context(lines, pattern, context)


def _lines(
    attempt: AttemptLog, stream: str, path: str, reader: BinaryIO
) -> Iterator[LogSearchLine]:
    number, offset = 1, 0
    while raw := reader.readline(_PIECE):
        if len(raw.translate(None, _CONTROLS)) == len(raw):
            text = raw.decode("utf-8", "replace").rstrip("\n")
        else:
            text = plain(raw.rstrip(b"\r\n"), cut=_PIECE)
        yield LogSearchLine(attempt, stream, path, number, offset, text, False)
        number += raw.endswith(b"\n")
        offset += len(raw)


def _with_context(
    lines: Iterator[LogSearchLine], pattern: Pattern, context: int
) -> Iterator[LogSearchLine]:
    before: deque[LogSearchLine] = deque(maxlen=context)
    after = 0
    for line in lines:
        if pattern.search(line.text):
            yield from before
            before.clear()
            yield line._replace(is_match=True)
            after = context
        elif after:
            after -= 1
            yield line
        else:
            before.append(line)
