"""Placement: which of the candidates start now.

In: candidates and the pool. Out: (job id, allocation) pairs, in the order of the choice; the pool
has them taken.

The law: higher priority first; within one priority the larger request, by what the workflow's
``jobs_sort_method`` compares; then the smaller id. What does not fit is passed over, and what
stands behind it may go (backfill).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torc_tui.model import Allocation, ResourceRequirements
from torc_tui.resources.pool import Pool


class Candidate(NamedTuple):
    """A ready job."""

    job_id: int
    priority: int
    requirements: ResourceRequirements


_SIZES: dict[str, Callable[[ResourceRequirements], tuple[float, ...]]] = {
    "gpus_runtime_memory": lambda req: (-req.num_gpus, -req.planned_runtime, -req.planned_memory),
    "gpus_memory_runtime": lambda req: (-req.num_gpus, -req.planned_memory, -req.planned_runtime),
    "none": lambda req: (),
}
DEFAULT_METHOD = "gpus_runtime_memory"


def place(
    candidates: Sequence[Candidate],
    pool: Pool,
    limit: int | None = None,
    *,
    method: str = DEFAULT_METHOD,
) -> list[tuple[int, Allocation]]:
    """Take from the pool for as many candidates as fit, at most ``limit``. ``method`` is a
    ``jobs_sort_method``.
    """
    if limit is not None and limit <= 0:
        return []
    placed: list[tuple[int, Allocation]] = []
    refused: set[int] = (
        set()
    )  # requests that did not fit: while the pool only shrinks, they will not fit later
    size = _SIZES.get(method, _SIZES[DEFAULT_METHOD])
    for candidate in sorted(
        candidates, key=lambda one: (-one.priority, size(one.requirements), one.job_id)
    ):
        req = candidate.requirements
        if id(req) in refused:
            continue
        allocation = pool.take(req)
        if allocation is None:
            refused.add(id(req))
            continue
        placed.append((candidate.job_id, allocation))
        if limit is not None and len(placed) >= limit:
            break
    return placed


def rank(requirements: Sequence[ResourceRequirements]) -> list[int]:
    """For each request its place by size: 0 the largest. Requests of one rank are the same to the
    pool.
    """
    shapes = [
        (
            -r.num_gpus,
            -r.planned_runtime,
            -r.planned_memory,
            -(r.gpu_memory or 0),
            -r.num_cpus,
            -r.num_nodes,
            r.gpu_model or "",
        )
        for r in requirements
    ]
    places = {shape: place for place, shape in enumerate(sorted(set(shapes)))}
    return [places[shape] for shape in shapes]
