"""Decide what becomes of jobs that a job has made, when an attempt of that job ends.

Input: how each child was made, and the end. Output: the children to be discarded. Nothing is read
or written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Mode = Literal["staged", "now", "independent"]


class Spawn(NamedTuple):
    """How a job was made.

    ``run`` and ``attempt`` are those in which its parent made it last. A ``staged`` job waits for
    the success of that attempt, the others start at once; nobody waits for an ``independent`` job
    because of its parent. ``digest`` stands for its text in the fragment, ``generation`` counts
    from 1 in each lineage.
    """

    run: int
    attempt: int
    mode: Mode
    digest: str
    lineage: str
    generation: int


def discarded(
    children: Iterable[tuple[int, Spawn]], attempt: tuple[int, int], *, succeeded: bool
) -> list[int]:
    """Return the staged children that no attempt stands for after the end of this one.

    After a success those are the children of earlier attempts, otherwise those of this one.
    """
    return [
        job_id
        for job_id, spawn in children
        if spawn.mode == "staged" and ((spawn.run, spawn.attempt) != attempt) == succeeded
    ]


MOST_GENERATIONS = 1000
"""Generations of a lineage, unless ``dynamic_jobs.max_iterations`` says otherwise."""
MOST_JOBS = 100_000
"""Jobs of a workflow, unless ``dynamic_jobs.max_jobs`` says otherwise; only `torc spawn` counts."""
