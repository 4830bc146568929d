"""Decide which of the ready jobs start now.

Input: candidates and a pool. Output: (job id, allocation) pairs in the order of the choice; their
resources are taken from the pool. Pure.

Invariant: jobs with a higher priority come first; among equals, the larger request by what
``jobs_sort_method`` compares; then the smaller id. A job that does not fit is skipped, and smaller
jobs after it may start (backfill).
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
    candidates: Sequence[Candidate], pool: Pool, limit: int, *, method: str = DEFAULT_METHOD
) -> list[tuple[int, Allocation]]:
    """Take resources for as many candidates as fit, at most ``limit``.

    ``method`` is a ``jobs_sort_method``.
    """
    placed: list[tuple[int, Allocation]] = []
    refused: set[int] = set()
    """Requests that did not fit: they will not fit later, because the pool only shrinks here."""
    size = _SIZES.get(method, _SIZES[DEFAULT_METHOD])
    for candidate in sorted(
        candidates, key=lambda one: (-one.priority, size(one.requirements), one.job_id)
    ):
        if len(placed) >= limit:
            break
        requirements = candidate.requirements
        if id(requirements) in refused:
            continue
        allocation = pool.take(requirements)
        if allocation is None:
            refused.add(id(requirements))
        else:
            placed.append((candidate.job_id, allocation))
    return placed


def rank(requirements: Sequence[ResourceRequirements]) -> list[int]:
    """Return the rank of each request by size: 0 is the largest.

    A pool serves requests of one rank alike.
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
    ranks = {shape: rank for rank, shape in enumerate(sorted(set(shapes)))}
    return [ranks[shape] for shape in shapes]
