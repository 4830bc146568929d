"""Remove the files that nobody needs after an attempt: its exit file, and logs that are not kept.

Input: the paths of ended attempts, or a directory that a lost runner has left. Output: files
removed, or given to the executor.

A removal is slow where it hurts: ext4 without a journal does not use an inode again for some
minutes (`recently_deleted` in fs/ext4/ialloc.c), and each new file looks at all of them. A runner
that starts hundreds of jobs a second therefore reuses exit files, and removes empty logs later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from torc_tui.executors.base import Executor

QUIET_SECONDS = 5.0
"""Time without a start after which empty logs are removed."""
_LEFT = r"job_wf{workflow_id}_j(\d+)_r(\d+)_a(\d+){log_id}\.(?:e|exit(?:\.sh|\.invocation)?)"


class EndedFiles:
    """The files of attempts that have ended."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._exit_files: list[str] = []
        self._logs: list[str] = []
        self._empty: list[str] = []
        self._last_start = 0.0

    def add(
        self, stdout: str | None, stderr: str | None, exit_file: str, *, delete_logs: bool
    ) -> None:
        """Add the files of an attempt whose end is recorded."""
        self._exit_files.append(exit_file)
        if delete_logs:
            self._logs += dict.fromkeys(path for path in (stdout, stderr) if path)
        elif stderr is not None and stderr != stdout and _is_empty(stderr):
            self._empty.append(stderr)

    def remove_some(self, now: float, *, started: bool) -> None:
        """Remove what takes space, and the empty logs as well if no job has started for a while.

        ``now`` is a monotonic time in seconds.
        """
        if self._exit_files:
            self._executor.discard(self._exit_files)
            self._exit_files = []
        if self._logs:
            remove(self._logs)
            self._logs = []
        if started:
            self._last_start = now
        elif self._empty and now - self._last_start >= QUIET_SECONDS:
            self.remove_empty()

    def remove_empty(self) -> None:
        """Remove the empty logs."""
        remove(self._empty)
        self._empty = []


# -- after a lost runner ---------------------------------------------------------------------------


def left_files(location: str, workflow_id: int) -> dict[str, tuple[int, int, int]]:
    """Return files of a workflow that are needed for a time: path -> (job id, run id, attempt id).

    They are exit files, scripts and ``.e`` files. ``location`` is the location of the logs (see
    `log_ownership`).
    """
    directory, mark, log_id = location.partition("//")
    name = f"_{log_id}" if mark else ""
    pattern = re.compile(_LEFT.format(workflow_id=workflow_id, log_id=re.escape(name)))
    folder = os.path.join(directory, "job_stdio")
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    found = {}
    for name in names:
        if match := pattern.fullmatch(name):
            found[f"{folder}/{name}"] = (int(match[1]), int(match[2]), int(match[3]))
    return found


def remove_left(
    files: Mapping[str, tuple[int, int, int]], run_id: int, active: Collection[Sequence[int]]
) -> None:
    """Remove the files that belong to none of the ``active`` attempts (job id, attempt id).

    List the files before you read the attempts: a runner claims an attempt before it makes the
    file. A log with text stays.
    """
    kept = {(job_id, run_id, attempt_id) for job_id, attempt_id in active}
    ended = (path for path, attempt in files.items() if attempt not in kept)
    remove(path for path in ended if not path.endswith(".e") or _is_empty(path))


def remove(paths: Iterable[str]) -> None:
    """Remove files; one that cannot be removed stays."""
    for path in paths:
        with suppress(OSError):
            os.unlink(path)


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return False
