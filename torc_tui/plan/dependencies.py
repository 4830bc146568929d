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

from collections.abc import Sequence
from typing import NamedTuple

from torc_tui.model import EdgeKind, Gate

Edge = tuple[int, int, int, int | None]


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
    inside = {index: frozenset(sets[index].members) for index in gated}
    no_jobs: frozenset[int] = frozenset()
    edges: list[Edge] = []
    for job, indices in enumerate(distinct):
        if not indices:
            continue
        if len(indices) == 1:
            index = indices[0]
            shared = same[index]
            if job not in gated.get(shared, no_jobs) and job not in dropped.get(shared, no_jobs):
                kind, members, vias, _ = sets[index]
                _extend(edges, job, kind, members, vias)
            continue
        covers = [
            inside[same[index]] for index in indices if job in gated.get(same[index], no_jobs)
        ]
        pairs: dict[int, Edge] = {}
        for index in indices:
            shared = same[index]
            if job in gated.get(shared, no_jobs) or job in dropped.get(shared, no_jobs):
                continue
            kind, members, vias, _ = sets[index]
            own: list[Edge] = []
            _extend(own, job, kind, members, vias)
            for edge in own:
                member = edge[1]
                if member not in pairs and not any(member in cover for cover in covers):
                    pairs[member] = edge
        edges += pairs.values()
    gates = [
        Gate(sets[index].members, tuple(sorted(jobs)), sets[index].kind, sets[index].pattern)
        for index, jobs in gated.items()
    ]
    return edges, gates


def _distinct(indices: Sequence[int], sets: Sequence[Members]) -> Sequence[int]:
    """Return the sets of one job, without those that hold the same jobs for another reason."""
    kept: dict[tuple[int, ...], int] = {}
    for index in indices:
        kept.setdefault(sets[index].members, index)
    return tuple(kept.values())


def _extend(
    edges: list[Edge],
    job: int,
    kind: EdgeKind,
    members: tuple[int, ...],
    vias: tuple[int, ...] | None,
) -> None:
    number = int(kind)
    if vias is not None:
        edges += [
            (job, member, number, via)
            for member, via in zip(members, vias, strict=True)
            if member != job
        ]
    elif kind is EdgeKind.EXPLICIT:
        edges += [(job, member, number, None) for member in members]
    else:
        edges += [(job, member, number, None) for member in members if member != job]


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
