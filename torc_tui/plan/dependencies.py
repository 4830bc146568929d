"""Turn sets of jobs that are waited for into edges and gates; record who writes each file.

Input: for each job, the sets that it waits for; a set is named by its index, so that equal sets are
given once. Output: edges and gates of a plan. Names are not known there. `Flow` takes names of
files or of records, and the lists of each job as indices; it tells writers, equal lists, and the
matches of patterns.

Invariants
* The first reason of a pair counts: sets come in the order explicit, regex, file, user data.
* A set becomes a gate when that takes fewer rows: members × waiting > members + waiting + 1.
* A pair is an edge or lies in a gate, never both. It may lie in two gates of different kinds, which
  harms no counter: the job waits for each gate once, and each gate for the member once.
* A gate never holds a job that waits for it. Such a job has edges of its own, without itself (an
  explicit dependency on itself is kept, to be reported). Where several members of one set wait for
  it, they wait for each other: the edges of the first two are enough to report the cycle, and the
  others are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torc_tui.model import EdgeKind, Gate
from torc_tui.patterns import Pattern
from torc_tui.tuples import NamedTuple

Edge = tuple[int, int, int, int | None]
"""(job, job that it waits for, kind, file or record), all as numbers."""
_NO_JOBS: frozenset[int] = frozenset()


class Members(NamedTuple):
    """Jobs that are waited for, ascending and unique.

    ``vias`` has the file or record of each, if one is the reason.
    """

    kind: EdgeKind
    members: tuple[int, ...]
    vias: tuple[int, ...] | None = None
    pattern: str | None = None


def combine(
    waits: Sequence[Sequence[int] | None], sets: Sequence[Members]
) -> tuple[list[Edge], list[Gate]]:
    """Return edges and gates that mean the same as ``waits``, the sets of each job by index."""
    first: dict[tuple[EdgeKind, tuple[int, ...]], int] = {}
    same = [first.setdefault((one.kind, one.members), index) for index, one in enumerate(sets)]
    distinct = [
        _distinct(indices, sets) if indices and len(indices) > 1 else indices for indices in waits
    ]
    gated, dropped = _gates(_waiting(distinct, sets, same), sets)
    gates = [
        Gate(sets[index].members, tuple(sorted(jobs)), sets[index].kind, sets[index].pattern)
        for index, jobs in gated.items()
    ]
    inside = {index: frozenset(sets[index].members) for index in gated}
    edges: list[Edge] = []
    for job, indices in enumerate(distinct):
        if not indices:
            continue
        if len(indices) == 1:
            index = indices[0]
            places = (gated.get(same[index], _NO_JOBS), dropped.get(same[index], _NO_JOBS))
            if job not in places[0] and job not in places[1]:
                edges += _edges(job, sets[index])
            continue
        at_gates = [same[index] for index in indices if job in gated.get(same[index], _NO_JOBS)]
        by_edges = [
            sets[index]
            for index in indices
            if same[index] not in at_gates and job not in dropped.get(same[index], _NO_JOBS)
        ]
        edges += _first_edges(job, by_edges, [inside[index] for index in at_gates])
    return edges, gates


def _first_edges(
    job: int, sets: Sequence[Members], gates: Sequence[frozenset[int]]
) -> Iterable[Edge]:
    """Return one edge for each member of these sets that is in none of the gates of a job."""
    first: dict[int, Edge] = {}
    for members in sets:
        for edge in _edges(job, members):
            if not any(edge[1] in gate for gate in gates):
                first.setdefault(edge[1], edge)
    return first.values()


def _edges(job: int, wanted: Members) -> list[Edge]:
    """Return the edges from a job to the members of a set, without itself unless it is explicit."""
    kind, number = wanted.kind, int(wanted.kind)
    if wanted.vias is not None:
        pairs = zip(wanted.members, wanted.vias, strict=True)
        return [(job, member, number, via) for member, via in pairs if member != job]
    if kind is EdgeKind.EXPLICIT:
        return [(job, member, number, None) for member in wanted.members]
    return [(job, member, number, None) for member in wanted.members if member != job]


def _distinct(indices: Sequence[int], sets: Sequence[Members]) -> Sequence[int]:
    """Return the sets of one job, without those that hold the same jobs for another reason."""
    kept: dict[tuple[int, ...], int] = {}
    for index in indices:
        kept.setdefault(sets[index].members, index)
    return tuple(kept.values())


def _waiting(
    waits: Sequence[Sequence[int] | None], sets: Sequence[Members], same: Sequence[int]
) -> dict[int, list[int]]:
    """Return for each set of two members or more the jobs that wait for it."""
    waiting: dict[int, list[int]] = {}
    for job, indices in enumerate(waits):
        if indices:
            for given in indices:
                index = same[given]
                if len(sets[index].members) > 1:
                    waiting.setdefault(index, []).append(job)
    return waiting


def _gates(
    waiting: dict[int, list[int]], sets: Sequence[Members]
) -> tuple[dict[int, frozenset[int]], dict[int, frozenset[int]]]:
    """Return for each set the jobs that wait at its gate, and those whose edges are left out.

    Edges are left out where two others show the same cycle.
    """
    gated: dict[int, frozenset[int]] = {}
    dropped: dict[int, frozenset[int]] = {}
    for index, jobs in waiting.items():
        if len(jobs) < 2:
            continue
        members = sets[index].members
        within = set(members).intersection(jobs)
        if len(within) > 2:
            dropped[index] = frozenset(sorted(within)[2:])
        size = len(members)
        waiters = len(jobs) - len(within)
        if waiters > 1 and size * waiters > size + waiters + 1:
            gated[index] = frozenset(jobs) - within
    return gated, dropped


def canonical_path(path: str) -> str:
    """Return a path without ``./`` and doubled slashes; ``..`` is left as it is."""
    if "./" in path or "//" in path or path.endswith("/"):
        from pathlib import PurePosixPath

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
        found = self._group_of_lists.get(key)  # the hash of a long list takes a while
        if found is None:
            found = self.group(one for numbers in lists for one in numbers)
            self._group_of_lists[key] = found
        return found

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
