"""Rank resource requirements by size, for the order in which jobs get resources.

Input: requirements. Output: numbers. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.model import ResourceRequirements


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
