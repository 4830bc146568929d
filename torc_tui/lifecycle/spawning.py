"""Decide which jobs that a job has added are discarded when an attempt of that job ends.

Input: how each child was added, and the end of the attempt. Output: the children to be discarded.
Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torc_tui.tuples import NamedTuple

Mode = Literal["staged", "now", "independent"]


class Spawn(NamedTuple):
    """How a job was added by another job.

    ``run`` and ``attempt`` are the latest in which its parent added it. A ``staged`` job waits for
    the success of that attempt, other jobs start at once; jobs with ``wait_for_spawned`` do not
    wait for an ``independent`` job. ``digest`` identifies its definition in the fragment,
    ``generation`` counts from 1 in each lineage.
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
    """Return the staged children that are discarded after the end of this attempt.

    After a success those are the children of earlier attempts, otherwise those of this one.
    """
    return [
        job_id
        for job_id, spawn in children
        if spawn.mode == "staged" and ((spawn.run, spawn.attempt) != attempt) == succeeded
    ]


MOST_GENERATIONS = 1000
"""Maximum number of generations of a lineage, unless ``dynamic_jobs.max_iterations`` is set."""
MOST_JOBS = 100_000
"""Maximum number of jobs for `torc spawn`, unless ``dynamic_jobs.max_jobs`` is set."""
