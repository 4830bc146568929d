"""Record which job writes each file or record, and store equal lists of them once.

Input: the names of one kind of thing, then the lists of each job as indices. Output: writers,
groups, and what a pattern matches. Whether a name exists is checked by the caller.
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
    """One kind of thing that jobs write and read: files or records of user data.

    ``names`` may grow while outputs are declared, but not later.
    """

    def __init__(self, names: list[str], places: Sequence[str] | None = None) -> None:
        """Take the names; ``places`` are the paths of files, of which two may be the same."""
        self.names = names
        self.places = places or ()
        self.index = {name: number for number, name in reversed(list(enumerate(names)))}
        self.groups: list[tuple[int, ...]] = []
        self._group_of: dict[tuple[int, ...], int] = {}
        self._group_of_lists: dict[tuple[tuple[int, ...], ...], int | None] = {}
        self._matches: dict[str, tuple[int, ...]] = {}
        self._writers: dict[int, int] = {}
        self._same: list[int] | None = None
        if places is not None:
            first: dict[str, int] = {}
            same = [
                first.setdefault(canonical_path(place), number)
                for number, place in enumerate(places)
            ]
            if len(first) < len(same):
                self._same = same

    def add(self, name: str) -> int:
        """Add a name; return its index."""
        self.index[name] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def thing(self, number: int) -> int:
        """Return the first index that means the same place."""
        return number if self._same is None else self._same[number]

    def matches(self, pattern: str) -> tuple[int, ...]:
        """Return all that a pattern is found in, computed once per pattern; raise PatternError."""
        found = self._matches.get(pattern)
        if found is None:
            found = self._matches[pattern] = Pattern(pattern).matching(self.names)
        return found

    def group(self, numbers: Iterable[int]) -> int | None:
        """Return the index of the group that holds exactly these; None for none."""
        key = tuple(sorted(set(numbers)))
        if not key:
            return None
        found = self._group_of.get(key)
        if found is None:
            found = self._group_of[key] = len(self.groups)
            self.groups.append(key)
        return found

    def group_of_lists(self, lists: Sequence[tuple[int, ...]]) -> int | None:
        """Return the group of several lists, which many jobs may have in common."""
        key = tuple(lists)
        if key not in self._group_of_lists:
            self._group_of_lists[key] = self.group(one for numbers in lists for one in numbers)
        return self._group_of_lists[key]

    def write(self, number: int, job: int) -> int | None:
        """Record a writer; return the job that was recorded before, which stays the writer."""
        before = self._writers.setdefault(self.thing(number), job)
        return None if before == job else before

    def writer(self, number: int) -> int | None:
        """Return the job that writes it."""
        return self._writers.get(self.thing(number))

    def members(self, kind: EdgeKind, numbers: tuple[int, ...]) -> Members | None:
        """Return the jobs that write any of these, each with the first thing that it writes."""
        via: dict[int, int] = {}
        for number in numbers:
            job = self._writers.get(self.thing(number))
            if job is not None:
                via.setdefault(job, number)
        if not via:
            return None
        jobs = tuple(sorted(via))
        return Members(kind, jobs, tuple(via[job] for job in jobs))
