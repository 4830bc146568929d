"""Find and delete the log files of workflows.

Input: ids. Output: paths, and how many files were deleted. Only regular files are deleted, by the
paths that the database has recorded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from torc_tui.store import log_files
from torc_tui.store.database import Store
from torc_tui.tuples import NamedTuple


class LogFiles(NamedTuple):
    """Paths of log files, and their size in bytes."""

    paths: Sequence[str]
    size: int


def find_logs(store: Store, workflow_ids: Iterable[int]) -> LogFiles:
    """Return the log files of all attempts of some workflows that exist."""
    found: dict[str, int] = {}
    for workflow_id in workflow_ids:
        for attempt in log_files.all_attempts(store, workflow_id):
            for _, path in attempt.streams:
                size = _size(path)
                if size is not None:
                    found[path] = size
    return LogFiles(list(found), sum(found.values()))


def delete_logs(paths: Iterable[str]) -> int:
    """Delete files and return how many were deleted; files that cannot be deleted are left."""
    deleted = 0
    for path in paths:
        try:
            Path(path).unlink()
        except OSError:
            continue
        deleted += 1
    return deleted


def _size(path: str) -> int | None:
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
