"""Divide the jobs of a workflow by the events that make them ready.

Input: the names of the jobs, and pairs of a node and its dependency. A node without a name is a
gate, which stands for a set of jobs. Output: one event per set of jobs whose end makes other jobs
ready, in a possible order, the start of the workflow first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.tuples import NamedTuple
from torc_tui.wording import listed

_NUMBER = re.compile(r"(.*?)(\d+)(\D*)")


class ExecutionEvent(NamedTuple):
    """The end of the jobs ``after``, or the start of the workflow, makes the jobs ``ready`` ready.

    Jobs are named by their keys. ``depends_on`` and ``unlocks`` are ids of events.
    """

    id: str
    after: tuple[int, ...]
    ready: tuple[int, ...]
    depends_on: tuple[str, ...]
    unlocks: tuple[str, ...]


def execution_events(
    names: Mapping[int, str], waits: Iterable[tuple[int, int]]
) -> list[ExecutionEvent]:
    """Return the events; ``waits`` are pairs of a node and a node that it waits for."""
    ready = _by_dependencies(names, waits)
    ids = _ids([tuple(sorted(after)) for after in ready], names)
    event_of = {job: number for number, jobs in enumerate(ready.values()) for job in jobs}
    depends_on = [sorted({event_of[job] for job in after}) for after in ready]
    unlocks: list[list[int]] = [[] for _ in ids]
    for number, earlier in enumerate(depends_on):
        for other in earlier:
            unlocks[other].append(number)
    events = [
        ExecutionEvent(
            ids[number],
            tuple(sorted(after)),
            tuple(jobs),
            tuple(ids[other] for other in depends_on[number]),
            tuple(ids[other] for other in unlocks[number]),
        )
        for number, (after, jobs) in enumerate(ready.items())
    ]
    return [events[number] for number in _in_order(depends_on, unlocks)]


def _by_dependencies(
    names: Mapping[int, str], waits: Iterable[tuple[int, int]]
) -> dict[frozenset[int], list[int]]:
    """Return the jobs by the set of jobs that they wait for.

    A node without a name is a gate, which stands for the jobs that it waits for. Each gate is
    replaced only once, even if many jobs wait for it.
    """
    direct: defaultdict[int, set[int]] = defaultdict(set)
    for node, other in waits:
        direct[node].add(other)
    by_nodes: dict[frozenset[int], list[int]] = {}
    for job in names:
        by_nodes.setdefault(frozenset(direct.get(job, ())), []).append(job)
    by_jobs: dict[frozenset[int], list[int]] = {}
    for nodes, jobs in by_nodes.items():
        after = (one for node in nodes for one in ((node,) if node in names else direct[node]))
        by_jobs.setdefault(frozenset(after), []).extend(jobs)
    return by_jobs


def _ids(sets: Iterable[Sequence[int]], names: Mapping[int, str]) -> list[str]:
    """Return a unique name for each event."""
    found: dict[str, None] = {}
    for jobs in sets:
        base = number = _id([names[job] for job in jobs])
        count = 1
        while number in found:
            count += 1
            number = f"{base}_{count}"
        found[number] = None
    return list(found)


def _id(names: Sequence[str]) -> str:
    if not names:
        return "start"
    if len(names) == 1:
        return f"after_{names[0]}"
    parts = [_NUMBER.fullmatch(name) for name in names]
    prefixes = {part[1] if part else None for part in parts}
    prefix = prefixes.pop() if len(prefixes) == 1 else None
    if prefix:
        return f"after_{prefix.rstrip('_-')}_jobs"
    return f"after_{names[0]}_and_{len(names) - 1}_more"


def _in_order(depends_on: Sequence[Sequence[int]], unlocks: Sequence[Sequence[int]]) -> list[int]:
    left = [len(earlier) for earlier in depends_on]
    order = [number for number, count in enumerate(left) if not count]
    for number in order:  # grows while it is read
        for later in unlocks[number]:
            left[later] -= 1
            if not left[later]:
                order.append(later)
    return order


def short_list(names: Sequence[str]) -> str:
    """Return names as a list in which numbers are ranges: ``train_{1..100}``."""
    ranges: list[tuple[tuple[str, str], list[str]]] = []
    for name in names:
        part = _NUMBER.fullmatch(name)
        key = (part[1], part[3]) if part else (name, "")
        number = part[2] if part else ""
        if ranges and ranges[-1][0] == key and part and _follows(ranges[-1][1][-1], number):
            ranges[-1][1].append(number)
        else:
            ranges.append((key, [number]))
    return listed(
        (
            f"{before}{{{numbers[0]}..{numbers[-1]}}}{behind}"
            if len(numbers) > 2
            else f"{before}{numbers[0]}{behind}"
            if len(numbers) == 1
            else f"{before}{numbers[0]}{behind}, {before}{numbers[1]}{behind}"
            for (before, behind), numbers in ranges
        ),
        8,
    )


def _follows(before: str, number: str) -> bool:
    return bool(before) and int(number) == int(before) + 1
