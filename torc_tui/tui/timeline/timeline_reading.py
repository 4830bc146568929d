"""Read the attempts of a run and arrange them; called in the reader thread. No Textual.

Input: a database, a run. Output: lanes, and the critical path.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from torc_tui.model import Job
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tuples import NamedTuple
from torc_tui.views.report import CriticalStep, ReportAttempt, critical_path
from torc_tui.views.timeline_lanes import Grouping, Timeline, timeline


class Reading(NamedTuple):
    """What the reader thread found; ``last`` is the last attempt of each job, by its id."""

    timeline: Timeline | None
    last: Mapping[int, ReportAttempt] = {}
    has_gpus: bool = False
    seconds: float = 0.0


def read_timeline(
    source: FeedReader,
    run: tuple[int, int],
    jobs: Sequence[Job],
    grouping: Grouping | None,
    now: float,
    *,
    is_last: bool,
) -> Reading:
    """Return the lanes of a run (workflow, number); called in the reader thread."""
    from torc_tui.operations.run_attempts import run_attempts, runners

    began = time.perf_counter()
    names = {job.id: job.name for job in jobs}
    with source.store.read() as conn:
        attempts = run_attempts(conn, *run, names, now, running=is_last)
    found = timeline(attempts, runners(source.store, run[0]), grouping)
    last = {} if found is None else {one.job_id: one for one in found.attempts}
    has_gpus = any(one.gpus for one in attempts)
    return Reading(found, last, has_gpus, time.perf_counter() - began)


def read_path(
    source: FeedReader, workflow_id: int, attempts: Sequence[ReportAttempt]
) -> Sequence[CriticalStep]:
    """Return the critical path of the attempts; called in the reader thread."""
    from torc_tui.store import relations

    edges = relations.edges(source.store, workflow_id)
    return critical_path(attempts, [(edge.job, edge.depends_on) for edge in edges])
