"""Files and user data alike: who writes each, which of them a pattern matches, and equal lists
stored once.

In: the names of one kind of thing, then the lists of each job as indices. Out: producers, groups,
matches. Whether a name exists and what to say about it is decided by the resolver.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from torc_tui.model import EdgeKind
from torc_tui.patterns import Pattern
from torc_tui.plan.dependencies import Members


def canonical_path(path: str) -> str:
    """The path without ``./`` and doubled slashes: equal for two ways to write one place (``..`` is
    left as it is)."""
    if "./" in path or "//" in path or path.endswith("/"):
        return str(PurePosixPath(path))
    return path


class Flow:
    """One kind of thing that jobs write and read. ``names`` may grow while outputs are declared,
    not later."""

    def __init__(self, names: list[str], places: Sequence[str] | None = None) -> None:
        """``places``: what a thing is, where two names can mean the same (paths of files)."""
        self.names = names
        self.index = {name: number for number, name in reversed(list(enumerate(names)))}
        self.groups: list[tuple[int, ...]] = []
        self._group_of: dict[tuple[int, ...], int] = {}
        self._matches: dict[str, tuple[int, ...]] = {}
        self._writers: dict[int, int] = {}
        first: dict[str, int] = {}
        self._same: list[int] | None = None
        if places is not None:
            same = [
                first.setdefault(canonical_path(place), number)
                for number, place in enumerate(places)
            ]
            if len(first) < len(same):
                self._same = same

    def add(self, name: str) -> int:
        """A further name; its index."""
        self.index[name] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def thing(self, number: int) -> int:
        """The first index that means the same place."""
        return number if self._same is None else self._same[number]

    def matches(self, pattern: str) -> tuple[int, ...]:
        """Return all that a pattern is found in, computed once per pattern; raise PatternError."""
        found = self._matches.get(pattern)
        if found is None:
            found = self._matches[pattern] = Pattern(pattern).matching(self.names)
        return found

    def group(self, numbers: Iterable[int]) -> int | None:
        """The index of the group that holds exactly these, made when it is new; None for none."""
        key = tuple(sorted(set(numbers)))
        if not key:
            return None
        found = self._group_of.get(key)
        if found is None:
            found = self._group_of[key] = len(self.groups)
            self.groups.append(key)
        return found

    def write(self, number: int, job: int) -> int | None:
        """Record a writer; the job that was there before, if it is another one (it stays the
        writer)."""
        before = self._writers.setdefault(self.thing(number), job)
        return None if before == job else before

    def writer(self, number: int) -> int | None:
        """The job that writes it."""
        return self._writers.get(self.thing(number))

    def members(self, kind: EdgeKind, numbers: tuple[int, ...]) -> Members | None:
        """Those who write any of these, each with the first thing that makes it so; None when
        nobody does."""
        via: dict[int, int] = {}
        for number in numbers:
            job = self._writers.get(self.thing(number))
            if job is not None:
                via.setdefault(job, number)
        if not via:
            return None
        jobs = tuple(sorted(via))
        return Members(kind, jobs, tuple(via[job] for job in jobs))
