"""Decide which of the ready jobs start now.

Input: candidates, a pool, and when running jobs end. Output: (job id, allocation) pairs in the
order of the choice; their resources are taken from the pool. Pure.

Invariant: jobs with a higher priority come first; among equals, the larger request by what
``jobs_sort_method`` compares; then the smaller id. Jobs after one that does not fit may start if
they do not delay it (see `reservation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torc_tui.model import Allocation, ResourceRequirements
from torc_tui.resources.pool import Pool
from torc_tui.resources.reservation import Ends, Reservation, reserve
from torc_tui.tuples import NamedTuple


class Candidate(NamedTuple):
    """A ready job; ``has_waited`` is set if it has not fitted for a long time."""

    job_id: int
    priority: int
    requirements: ResourceRequirements
    has_waited: bool = False


_SIZES: dict[str, Callable[[ResourceRequirements], tuple[float, ...]]] = {
    "gpus_runtime_memory": lambda req: (-req.num_gpus, -req.planned_runtime, -req.planned_memory),
    "gpus_memory_runtime": lambda req: (-req.num_gpus, -req.planned_memory, -req.planned_runtime),
    "none": lambda req: (),
}
DEFAULT_METHOD = "gpus_runtime_memory"


def place(
    candidates: Sequence[Candidate],
    pool: Pool,
    limit: int,
    *,
    method: str = DEFAULT_METHOD,
    ends: Ends = (),
    now: float = 0.0,
) -> list[tuple[int, Allocation]]:
    """Take resources for as many candidates as fit, at most ``limit``.

    ``method`` is a ``jobs_sort_method``; ``ends`` are what the running jobs hold and when each of
    them ends at the latest.
    """
    round_ = _Round(pool, list(ends), now)
    try:
        for candidate in in_order(candidates, method):
            if len(round_.placed) >= limit:
                break
            round_.try_to_place(candidate)
    finally:
        pool.reserved = frozenset()
    return round_.placed


def in_order(candidates: Iterable[Candidate], method: str = DEFAULT_METHOD) -> list[Candidate]:
    """Return candidates in the order in which they get resources."""
    size = _SIZES.get(method, _SIZES[DEFAULT_METHOD])
    return sorted(candidates, key=lambda one: (-one.priority, size(one.requirements), one.job_id))


class _Round:
    """One placement; it reserves what the first job that does not fit will need."""

    def __init__(self, pool: Pool, ends: list[tuple[Allocation, float | None]], now: float) -> None:
        self.placed: list[tuple[int, Allocation]] = []
        self._pool = pool
        self._ends = ends
        self._now = now
        self._refused: set[int] = set()
        """Requests that did not fit: they will not fit later, because the pool only shrinks."""
        self._first: Candidate | None = None
        self._reservation: Reservation | None = None

    def try_to_place(self, candidate: Candidate) -> None:
        """Take resources for a candidate if it fits and passes nobody whom it must not pass."""
        req = candidate.requirements
        if id(req) in self._refused:
            return
        ends_in_time = self._reservation is not None and self._reservation.lets_pass(req, self._now)
        if not ends_in_time and not self._leaves_counts(candidate):
            return
        reserved = self._reservation.gpus if self._reservation is not None else frozenset()
        self._pool.reserved = frozenset() if ends_in_time else reserved
        allocation = self._pool.take(req)
        if allocation is None:
            self._refused.add(id(req))
            self._reserve(candidate)
            return
        self.placed.append((candidate.job_id, allocation))
        end = None if req.runtime is None else self._now + req.runtime
        self._ends.append((allocation, end))
        if self._reservation is not None and not ends_in_time:
            self._reservation = self._reservation._replace(
                spare_cpus=self._reservation.spare_cpus - req.num_cpus,
                spare_memory=self._reservation.spare_memory - req.planned_memory,
            )

    def _leaves_counts(self, candidate: Candidate) -> bool:
        """Return whether a candidate leaves the reserved CPUs and memory, where they hold for it.

        They hold against jobs of lower priority, and for a job that has waited for long.
        """
        first, reservation = self._first, self._reservation
        if first is None or reservation is None:
            return True
        holds = first.has_waited or first.priority > candidate.priority
        return not holds or reservation.leaves(candidate.requirements)

    def _reserve(self, candidate: Candidate) -> None:
        if self._first is None:
            self._reservation = reserve(candidate.requirements, self._pool, self._ends)
            self._first = candidate if self._reservation is not None else None
