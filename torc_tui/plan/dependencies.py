"""Turn sets of jobs that are waited for into edges and gates.

Input: for each job, the sets that it waits for; a set is named by its index, so that equal sets are
given once. Output: edges and gates of a plan. Names are not known here.

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
from typing import NamedTuple

from torc_tui.model import EdgeKind, Gate

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
        at_gates = [same[index] for index in indices if job in gated.get(same[index], _NO_JOBS)]
        by_edges = [
            sets[index]
            for index in indices
            if same[index] not in at_gates and job not in dropped.get(same[index], _NO_JOBS)
        ]
        if len(indices) == 1:
            for members in by_edges:
                edges += _edges(job, members)
        else:
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
