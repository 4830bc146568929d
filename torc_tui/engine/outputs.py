"""Check whether the declared output files of attempts exist and were written by the attempt.

Input: groups of files in the database, and their state on disk before and after an attempt. Output:
directories to make, a note for the exit file, with which another runner can check the attempt, too,
and a verdict on each file.

Size, inode and the times of modification and change are compared, never with a clock. If a file
changed in the clock tick of the kernel in which the attempt starts, another change in the same tick
is not visible, so the file counts as written; so do directories, which show no change of their
files.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Iterable, Sequence

from torc_tui.records import dataclass, field
from torc_tui.store import sql
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps
from torc_tui.tuples import NamedTuple

State = tuple[int, ...] | None
"""(size, mtime, ctime, inode) of a file; None if it does not exist, empty if it is unknown."""
UNKNOWN: State = ()
_CACHED_GROUPS = 1000
"""Number of groups of files that are kept; a job has one group, and many jobs share one."""
_COARSE = 5 if sys.platform == "linux" else None
"""CLOCK_REALTIME_COARSE, which Linux uses for times of files; Python has no name for it."""


class DeclaredFile(NamedTuple):
    """A declared file; ``path`` is absolute, ``shown`` is relative to the working directory."""

    id: int
    name: str
    path: str
    shown: str


class GroupFiles:
    """The declared files of the jobs of one workflow, which run in ``directory``."""

    def __init__(self, store: Store, directory: str) -> None:
        self._store = store
        self._directory = os.path.join(directory, "")
        self._groups: dict[int, list[DeclaredFile]] = {}

    def of(self, group_id: int) -> list[DeclaredFile]:
        """Return the files of a group."""
        if group_id not in self._groups:
            self.read([group_id])
        return self._groups[group_id]

    def read(self, group_ids: Iterable[int | None]) -> None:
        """Read the files of many groups at once; None stands for no files."""
        new = {one for one in group_ids if one is not None and one not in self._groups}
        if not new:
            return
        if len(self._groups) + len(new) > _CACHED_GROUPS:
            self._groups.clear()
        with self._store.read() as conn:
            rows = conn.rows(sql.FILES_OF_GROUPS, group_ids=dumps(list(new)))
        self._groups |= {group_id: [] for group_id in new}
        for row in rows:
            path = os.path.join(self._directory, row.path)
            shown = path.removeprefix(self._directory)
            self._groups[row.group_id].append(DeclaredFile(row.id, row.name, path, shown))


@dataclass(slots=True)
class OutputCheck:
    """The output files of an attempt.

    Files that are missing or unchanged are (name, path); ``times`` are (modification time, size,
    file id) of those that exist, and (path, what ``stat`` says) of each by its id.
    """

    missing: list[tuple[str, str]] = field(default_factory=list)
    unwritten: list[tuple[str, str]] = field(default_factory=list)
    times: list[tuple[float | None, int | None, int]] = field(default_factory=list)
    found: dict[int, tuple[str, os.stat_result]] = field(default_factory=dict)


class DeclaredOutputs:
    """The output files of the jobs of one workflow."""

    def __init__(self, files: GroupFiles, directory: str) -> None:
        self._files = files
        self._directory = directory.rstrip("/")

    def before(self, group_id: int) -> tuple[tuple[str, ...], str]:
        """Return the directories that an attempt needs, and the note for `check`."""
        files = self._files.of(group_id)
        directories = dict.fromkeys(os.path.dirname(file.path) for file in files)
        directories.pop(self._directory, None)
        states = [_state_before(file.path) for file in files]
        return tuple(directories), dumps(states)

    def check(self, group_id: int, note: str) -> OutputCheck:
        """Return what an attempt has written; without a note, all existing files are written."""
        found = OutputCheck()
        files = self._files.of(group_id)
        before = _states(note, len(files))
        for file, state in zip(files, before, strict=True):
            try:
                status = os.stat(file.path)
            except OSError:
                found.missing.append((file.name, file.shown))
                continue
            found.found[file.id] = (file.path, status)
            found.times.append((status.st_mtime, status.st_size, file.id))
            if state and not stat.S_ISDIR(status.st_mode) and state == _state(status):
                found.unwritten.append((file.name, file.shown))
        return found


def _state(status: os.stat_result) -> State:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _state_before(path: str) -> State:
    try:
        status = os.stat(path)
    except OSError:
        return None
    if _COARSE is not None and status.st_ctime_ns >= time.clock_gettime_ns(_COARSE):
        return UNKNOWN
    return _state(status)


def _states(note: str, count: int) -> Sequence[State]:
    """Return the states in a note; unknown states if the note is not valid."""
    try:
        states = [None if one is None else tuple(one) for one in json.loads(note)] if note else []
    except (ValueError, TypeError):
        states = []
    return states if len(states) == count else [UNKNOWN] * count
