"""Find errors in log files: of a workflow, in a directory, or in a bundle.

Input: paths. Output: the error of each log that has one, as `views.error_lines` finds it in the
last 16 KiB. No database is needed for a directory or a bundle.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from torc_tui.errors import NotFound, UsageError
from torc_tui.operations.stderr_tail import end_of_file
from torc_tui.views.error_lines import WEAK
from torc_tui.views.failure_signature import TAIL, Excerpt, Log, read_excerpt

_NAME = re.compile(r"job_wf(\d+)_j(\d+)_r(\d+)_a(\d+)(?:_\w+)?\.(o|e|log)")
_STREAMS = {"o": "stdout", "e": "stderr", "log": "combined"}
_LARGEST = 1 << 30
"""Bytes of a file in a bundle that are read."""


class LogName(NamedTuple):
    """What the name of a log file says."""

    file: str
    workflow_id: int
    job_id: int
    run_id: int
    attempt_id: int
    stream: str


class LogError(NamedTuple):
    """The error that a log tells."""

    log: LogName
    kind: str
    error: str
    message: str
    text: str
    line: int | None
    offset: int | None


def analyze(path: Path, workflow_id: int | None = None) -> tuple[int, list[LogError]]:
    """Return how many logs were read, and the error of each that has one, by file.

    Raise UsageError if there are logs of several workflows and none is named.
    """
    if path.is_dir():
        found = _in_directory(path)
    elif path.is_file() and tarfile.is_tarfile(path):
        found = _in_bundle(path)
    elif not path.exists():
        raise NotFound(
            f"there is no file or directory {path}", hint="`torc logs bundle` writes a bundle"
        )
    else:
        raise NotFound(
            f"{path} is neither a directory nor a bundle of logs",
            hint="`torc logs bundle` writes a bundle",
        )
    logs = {name: log for name, log in found if workflow_id in (None, name.workflow_id)}
    workflows = {name.workflow_id for name in logs}
    if not logs:
        raise NotFound(f"{path} has no logs of jobs")
    if len(workflows) > 1:
        ids = ", ".join(map(str, sorted(workflows)))
        raise UsageError(f"{path} has logs of several workflows: {ids}", hint="name one with -w ID")
    return len(logs), analyze_logs(logs)


def analyze_logs(logs: dict[LogName, Log]) -> list[LogError]:
    """Return the error of each log that has one, by workflow, job and attempt."""
    found = []
    for name in sorted(logs, key=lambda name: name[1:]):
        excerpt: Excerpt = read_excerpt(logs[name])
        if excerpt.found is not None and excerpt.found.rank > WEAK:
            error = excerpt.found
            found.append(
                LogError(
                    name,
                    error.kind,
                    error.error,
                    excerpt.message,
                    error.text,
                    excerpt.line,
                    excerpt.offset,
                )
            )
    return found


def log_name(file: str) -> LogName | None:
    """Return what the name of a log file says; None if it is none."""
    match = _NAME.fullmatch(file.rpartition("/")[2])
    if match is None:
        return None
    ids = [int(number) for number in match.group(1, 2, 3, 4)]
    return LogName(file, ids[0], ids[1], ids[2], ids[3], _STREAMS[match[5]])


def _in_directory(path: Path) -> Iterator[tuple[LogName, Log]]:
    for folder in (path, path / "job_stdio"):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = log_name(str(file))
            if name is not None:
                yield name, Log(*end_of_file(str(file), TAIL), name.stream)


def _in_bundle(path: Path) -> Iterator[tuple[LogName, Log]]:
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                name = log_name(entry.name)
                content = archive.extractfile(entry) if name and entry.isreg() else None
                if name is None or content is None or entry.size > _LARGEST:
                    continue
                start = max(0, entry.size - TAIL)
                content.seek(start)
                yield name, Log(content.read(TAIL), start, name.stream)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UsageError(f"{path} cannot be read as a bundle: {error}") from None
