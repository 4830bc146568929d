"""Find the critical path of a workflow: the chain of jobs that takes longest.

Input: the graph, the jobs, the durations of finished jobs by group, the current time. Output:
`CriticalChain`. A job that has not finished counts as long as the finished jobs of its group took
on average.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torc_tui.model import Job
from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.run_progress import Durations

_PER_JOB = 1e-6
"""Seconds that every job counts for, so that of equal chains the one with most jobs is found."""


class CriticalChain(NamedTuple):
    """The jobs in their order, and the seconds they take.

    ``estimated`` is the number of jobs whose duration is estimated, ``unknown`` that of jobs that
    count for nothing.
    """

    jobs: Sequence[int]
    seconds: float
    estimated: int = 0
    unknown: int = 0


def critical_chain(
    graph: JobGraph, jobs: Iterable[Job], durations: Mapping[str, Durations], now: float
) -> CriticalChain:
    """Return the chain of jobs that takes longest."""
    seconds: dict[int, float] = {}
    finished: set[int] = set()
    for job in jobs:
        if job.started_at is not None and job.ended_at is not None:
            finished.add(job.id)
            seconds[job.id] = max(0.0, job.ended_at - job.started_at)
            continue
        known = durations.get(job.group)
        if known is not None and known.count:
            seconds[job.id] = known.mean
        if job.status is JobStatus.RUNNING and job.started_at is not None:
            seconds[job.id] = max(seconds.get(job.id, 0.0), now - job.started_at)
    chain = graph.heaviest_chain({job: seconds.get(job, 0.0) + _PER_JOB for job in graph.status})
    return CriticalChain(
        chain,
        sum(seconds.get(job, 0.0) for job in chain),
        sum(job in seconds and job not in finished for job in chain),
        sum(job not in seconds for job in chain),
    )
