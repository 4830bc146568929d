"""Keep the rerun plan of a workflow up to date, while a pane shows it.

Input: events, and panes that want the plan. Output: the newest `Forecast`. The plan is computed by
the thread for slow questions; the pause until the next one grows with the time that it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from torc_tui.model import Job
from torc_tui.reasons import Kind
from torc_tui.records import dataclass
from torc_tui.status import HELD, JobStatus
from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.ports import AppPort
from torc_tui.views.rerun_estimate import Estimate, estimate, most_at_once

if TYPE_CHECKING:
    from torc_tui.lifecycle.rerun_plan import JobVerdict
    from torc_tui.operations.rerun import RerunPlan
    from torc_tui.views.workflow_view import WorkflowView

PAUSE, PAUSE_SHARE = 3.0, 50
"""Seconds until files are looked at again, at least, and as a multiple of the time it took."""
SOON, SOON_SHARE = 0.5, 5
"""The same after an event."""
CHEAP = 0.1
"""Seconds of a plan that may also be computed while jobs run."""
LIGHT = 20_000
"""Jobs of a workflow whose plan other tabs than Rerun ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A rerun plan, and how long it will take: in all, and for each job that ran before.

    ``stale`` are the verdicts on the jobs that would run, by id. ``listed`` also has those of which
    that is unknown: changes first, then what follows from them.
    """

    plan: RerunPlan
    stale: Mapping[int, JobVerdict]
    listed: Mapping[int, JobVerdict]
    estimate: Estimate
    seconds: Mapping[int, float]


class PlanReader:
    """Asks for the plan of one workflow. ``then`` is called when there is a new one."""

    def __init__(self, workflow_id: int, then: Callable[[], None]) -> None:
        self._workflow_id = workflow_id
        self._then = then
        self.forecast: Forecast | None = None
        self.problem: str | None = None
        """Why there is no plan."""
        self._asked = self._changed = False
        self._answered = self._took = 0.0

    @property
    def is_cheap(self) -> bool:
        """Whether a plan takes so little time that a running workflow is not disturbed."""
        return self._took < CHEAP

    def request_if_light(self, torc: AppPort, view: WorkflowView) -> None:
        """Have the plan computed unless that would take long or disturb a running workflow."""
        if len(view.jobs) <= LIGHT and (self.is_cheap or not view.count(*HELD)):
            self.request(torc)

    def changed(self) -> None:
        """Take notice that the plan may be another one."""
        self._changed = True

    def request(self, torc: AppPort) -> None:
        """Have the plan computed, unless the last one is still fresh."""
        if self._asked or time.monotonic() < self._due:
            return
        self._asked, self._changed = True, False
        begin = time.monotonic()

        def take(forecast: Forecast) -> None:
            self._answer(time.monotonic() - begin)
            self.forecast, self.problem = forecast, None
            self._then()

        def fail(error: ReadError) -> None:
            self._answer(time.monotonic() - begin)
            self.problem = str(error)
            self._then()

        workflow_id = self._workflow_id
        torc.planner.ask(
            ("plan", workflow_id), lambda source: read_forecast(source, workflow_id), take, fail
        )

    @property
    def _due(self) -> float:
        if self.forecast is None and self.problem is None:
            return 0.0
        least, share = (SOON, SOON_SHARE) if self._changed else (PAUSE, PAUSE_SHARE)
        return self._answered + max(least, share * self._took)

    def _answer(self, took: float) -> None:
        self._asked, self._took, self._answered = False, took, time.monotonic()


def read_forecast(source: FeedReader, workflow_id: int) -> Forecast:
    """Return what would run again, and for how long; called in a reader thread."""
    from torc_tui.operations.rerun import plan_rerun
    from torc_tui.store import relations

    plan = plan_rerun(source.store, workflow_id)
    view = source.load(workflow_id)
    edges = ((edge.job, edge.depends_on) for edge in relations.edges(source.store, workflow_id))
    stale = {one.id: one for one in plan.stale}
    known = {job.id: _seconds(job, view) for job in view.jobs.values()}
    seconds = {number: took for number, took in known.items() if took is not None}
    return Forecast(
        plan=plan,
        stale=stale,
        listed={one.id: one for one in sorted([*stale.values(), *plan.unknown], key=_rank)},
        estimate=estimate(stale, seconds, edges, _lanes(view)) if stale else Estimate(),
        seconds=seconds,
    )


def _rank(verdict: JobVerdict) -> int:
    """Return where a job is listed: changed, follows for certain, perhaps, new, unknown."""
    from torc_tui.lifecycle.rerun_plan import RerunDecision

    kinds = {reason.kind for reason in verdict.reasons}
    if verdict.verdict is RerunDecision.UNKNOWN:
        return 4
    if kinds == {Kind.FOLLOWS}:
        return 1 if verdict.certain else 2
    return 3 if Kind.NEVER_RAN in kinds else 0


def _seconds(job: Job, view: WorkflowView) -> float | None:
    """Return how long a job took when it completed, or else others of its group."""
    if job.status is JobStatus.COMPLETED and job.started_at and job.ended_at:
        return max(0.0, job.ended_at - job.started_at)
    durations = view.durations.get(job.group)
    return None if durations is None else durations.mean


def _lanes(view: WorkflowView) -> int:
    """Return how many jobs ran at a time, as far as it is recorded."""
    times = ((job.started_at, job.ended_at) for job in view.jobs.values())
    return most_at_once((start, end) for start, end in times if start and end)
