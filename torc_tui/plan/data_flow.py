"""Record which job writes each file or record, and store equal lists of them once.

Input: the names of files or of records, then the lists of each job as indices. Output: writers,
groups, and the matches of patterns. The caller checks whether a name exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from torc_tui.model import EdgeKind
from torc_tui.patterns import Pattern
from torc_tui.plan.dependencies import Members


def canonical_path(path: str) -> str:
    """Return a path without ``./`` and doubled slashes; ``..`` is left as it is."""
    if "./" in path or "//" in path or path.endswith("/"):
        return str(PurePosixPath(path))
    return path


class Flow:
    """The files, or the records of user data, that jobs write and read.

    ``names`` may grow while outputs are declared, but not later. ``paths`` are those of files; two
    may be the same.
    """

    def __init__(self, names: list[str], paths: Sequence[str] | None = None) -> None:
        self.names = names
        self.paths = paths or ()
        self.index = {name: number for number, name in reversed(list(enumerate(names)))}
        self.groups: list[tuple[int, ...]] = []
        self._group_of: dict[tuple[int, ...], int] = {}
        self._group_of_lists: dict[tuple[tuple[int, ...], ...], int | None] = {}
        self._matches: dict[str, tuple[int, ...]] = {}
        self._writers: dict[int, int] = {}
        self._same: list[int] | None = None
        if paths is not None:
            first: dict[str, int] = {}
            same = [
                first.setdefault(canonical_path(path), number) for number, path in enumerate(paths)
            ]
            if len(first) < len(same):
                self._same = same

    def add(self, name: str) -> int:
        """Add a name; return its index."""
        self.index[name] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def canonical(self, number: int) -> int:
        """Return the first index with the same path."""
        return number if self._same is None else self._same[number]

    def matches(self, pattern: str) -> tuple[int, ...]:
        """Return the indices of the names that a pattern matches; raise PatternError."""
        found = self._matches.get(pattern)
        if found is None:
            found = self._matches[pattern] = Pattern(pattern).matching(self.names)
        return found

    def group(self, numbers: Iterable[int]) -> int | None:
        """Return the index of the group with exactly these members; None without members."""
        key = tuple(sorted(set(numbers)))
        if not key:
            return None
        found = self._group_of.get(key)
        if found is None:
            found = self._group_of[key] = len(self.groups)
            self.groups.append(key)
        return found

    def group_of_lists(self, lists: Sequence[tuple[int, ...]]) -> int | None:
        """Return the group of several lists, which many jobs may share."""
        key = tuple(lists)
        if key not in self._group_of_lists:
            self._group_of_lists[key] = self.group(one for numbers in lists for one in numbers)
        return self._group_of_lists[key]

    def write(self, number: int, job: int) -> int | None:
        """Record a writer; return the job that was recorded before, which remains the writer."""
        before = self._writers.setdefault(self.canonical(number), job)
        return None if before == job else before

    def writer(self, number: int) -> int | None:
        """Return the job that writes a file or record."""
        return self._writers.get(self.canonical(number))

    def members(self, kind: EdgeKind, numbers: tuple[int, ...]) -> Members | None:
        """Return the jobs that write any of these, each with the first that it writes."""
        via: dict[int, int] = {}
        for number in numbers:
            job = self._writers.get(self.canonical(number))
            if job is not None:
                via.setdefault(job, number)
        if not via:
            return None
        jobs = tuple(sorted(via))
        return Members(kind, jobs, tuple(via[job] for job in jobs))
