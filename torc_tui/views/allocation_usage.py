"""Compute how well allocations were used. Pure.

Input: allocations, the attempts that ran in them, what the accounting of the cluster knows. Output:
one record for each allocation, and their sum.

The accounting takes precedence where it has a figure. The idle share is always computed from the
attempts: it is the part of the CPU time that no job held.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torc_tui.tuples import NamedTuple


class UsedAllocation(NamedTuple):
    """An allocation that has started. ``cpus`` and ``memory`` (bytes) are of each node."""

    id: int
    native_id: str | None
    queue_group: str | None
    state: str
    nodes: int
    cpus: int
    memory: int | None
    elapsed: float


class UsedAttempt(NamedTuple):
    """An attempt of a job on a runner: what it held, and what it used; None: not measured."""

    runner: int
    started_at: float
    ended_at: float
    cpus: float
    cpu_time: float | None
    peak_memory: int | None


class AccountedUse(NamedTuple):
    """What the accounting knows of an allocation on all of its nodes; None: unknown."""

    elapsed: float
    cpus: int | None
    nodes: int | None
    memory: int | None
    cpu_time: float | None
    peak_memory: int | None


class AllocationUse(NamedTuple):
    """How an allocation was used.

    ``elapsed`` and ``cpu_time`` are in seconds, ``memory`` and ``peak_memory`` in bytes on a node.
    Shares are between 0 and 1, None if unknown. ``source`` says who measured CPU time and memory.
    """

    id: int
    native_id: str | None
    queue_group: str | None
    state: str
    nodes: int
    cpus: int
    elapsed: float
    jobs: int
    node_hours: float
    cpu_hours: float
    cpu_time: float | None
    cpu_efficiency: float | None
    memory: int | None
    peak_memory: int | None
    memory_efficiency: float | None
    idle_share: float | None
    source: str


class TotalUse(NamedTuple):
    """The use of all allocations together."""

    allocations: int
    node_hours: float
    cpu_hours: float
    cpu_efficiency: float | None
    idle_share: float | None


def allocation_use(
    one: UsedAllocation, attempts: Sequence[UsedAttempt], accounted: AccountedUse | None
) -> AllocationUse:
    """Return how an allocation was used."""
    known = accounted or AccountedUse(one.elapsed, None, None, None, None, None)
    nodes = known.nodes or one.nodes
    cpus = known.cpus or one.nodes * one.cpus
    cpu_time = known.cpu_time or _sum(attempt.cpu_time for attempt in attempts)
    peak = known.peak_memory or _peak_memory(attempts)
    memory = known.memory // nodes if known.memory else one.memory
    available = cpus * known.elapsed
    held = sum(attempt.cpus * (attempt.ended_at - attempt.started_at) for attempt in attempts)
    return AllocationUse(
        id=one.id,
        native_id=one.native_id,
        queue_group=one.queue_group,
        state=one.state,
        nodes=nodes,
        cpus=cpus,
        elapsed=known.elapsed,
        jobs=len(attempts),
        node_hours=nodes * known.elapsed / 3600,
        cpu_hours=available / 3600,
        cpu_time=cpu_time,
        cpu_efficiency=_share(cpu_time, available),
        memory=memory,
        peak_memory=peak,
        memory_efficiency=_share(peak, memory),
        idle_share=max(1 - held / available, 0.0) if available else None,
        source="torc" if accounted is None else "accounting",
    )


def total_use(uses: Sequence[AllocationUse]) -> TotalUse:
    """Return the use of all allocations together."""
    hours = sum(one.cpu_hours for one in uses)
    idle = sum(one.cpu_hours * (one.idle_share or 0.0) for one in uses)
    return TotalUse(
        allocations=len(uses),
        node_hours=sum(one.node_hours for one in uses),
        cpu_hours=hours,
        cpu_efficiency=_share(_sum(one.cpu_time for one in uses), hours * 3600),
        idle_share=idle / hours if hours else None,
    )


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _peak_memory(attempts: Iterable[UsedAttempt]) -> int | None:
    """Return the most memory that attempts used on one runner at a time, at their peaks."""
    changes = []
    for one in attempts:
        if one.peak_memory is not None:
            changes.append((one.runner, one.started_at, one.peak_memory))
            changes.append((one.runner, one.ended_at, -one.peak_memory))
    most = used = 0
    for _, _, change in sorted(changes):
        used += change
        most = max(most, used)
    return most if changes else None
