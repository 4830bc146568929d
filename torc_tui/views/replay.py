"""Replay a run: the view of a workflow at any moment, made from the recorded events.

Input: the present jobs of a workflow, and all of its events. Output: views, and the events from one
moment to another, which a view applies like new ones.

The rows of the jobs before the run are not recorded. They follow from the events: a job that is
claimed was ready before. Events that change many jobs without naming them are replaced: where the
next event of a job could not follow its status, an event is added that moves the job.

Invariants: the views that are made know every job, and never need a reload. The present jobs are
not modified.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from torc_tui.model import (
    RELOAD_EVENTS,
    STATUS_EVENTS,
    Event,
    Job,
    Json,
    ResourceRequirements,
    Workflow,
)
from torc_tui.records import replace
from torc_tui.status import JobStatus, is_legal
from torc_tui.views.workflow_view import JOB_FLAGS, WorkflowView

_S = JobStatus
BEFORE: Mapping[str, JobStatus] = {
    "job_blocked": _S.UNINITIALIZED,
    "job_ready": _S.BLOCKED,
    "job_claimed": _S.READY,
    "job_started": _S.PENDING,
    "job_completed": _S.RUNNING,
    "job_failed": _S.RUNNING,
    "job_terminated": _S.RUNNING,
    "job_pending_failed": _S.RUNNING,
    "job_canceled": _S.BLOCKED,
    "job_disabled": _S.BLOCKED,
    "job_reset": _S.COMPLETED,
    "job_retried": _S.FAILED,
    "job_rerun": _S.FAILED,
}
"""The status of a job before its first event of a kind."""
_EVENTS = {status: kind for kind, status in reversed([*STATUS_EVENTS.items()])}
"""The plain event of each status."""
_ATTEMPT = "job_claimed"
"""The first event of an attempt."""
_NODE_EVENTS = frozenset({"node_started", "node_stopped", "node_lost"})
_ADDS_JOBS = frozenset({"jobs_created", "jobs_spawned", "requirements_updated"})
"""Events that leave the jobs from before as they are."""


class Recording:
    """The events of a run, and the jobs before the first one."""

    def __init__(
        self, before: WorkflowView, events: Sequence[Event], begin: float, end: float
    ) -> None:
        self._before = before
        self._events = events
        self.begin = begin
        self.end = end
        first = next((place for place, one in enumerate(events) if one.kind == _ATTEMPT), 0)
        times = (begin if place < first else one.timestamp for place, one in enumerate(events))
        # A clock that was set back must not hide the events that follow.
        self._times = list(accumulate(times, max))

    @property
    def seconds(self) -> float:
        """Return the length of the run."""
        return max(self.end - self.begin, 0.001)

    def view_at(self, moment: float) -> WorkflowView:
        """Return a new view of the workflow at a moment."""
        before = self._before
        jobs = [replace(job) for job in before.jobs.values()]
        view = WorkflowView(before.workflow, jobs, before.requirements, 0, before.nodes)
        view.apply(self.until(0, moment))
        return view

    def until(self, cursor: int, moment: float) -> Sequence[Event]:
        """Return the events after those that a view has applied, up to a moment."""
        return self._events[cursor : max(cursor, bisect_right(self._times, moment))]


def record(
    workflow: Workflow,
    jobs: Sequence[Job],
    requirements: Mapping[int, ResourceRequirements],
    events: Sequence[Event],
    run_id: int | None = None,
) -> Recording | None:
    """Return the recording of a run, None: the last one; None if no attempt has started in it."""
    run_id = workflow.run_id if run_id is None else run_id
    first = _first_attempt(events, run_id)
    if first is None:
        return None
    end = _end_of_run(events, run_id)
    jobs, events = _rows_after(WorkflowView(workflow, jobs, requirements, 0), events, end)
    unnamed = (place for place in range(first) if events[place].kind in RELOAD_EVENTS)
    recorded = events[max(unnamed, default=-1) + 1 :]
    present = {job.id: job for job in jobs}
    rows = [_row_before(job, own) for job, own in _by_job(present, recorded)]
    fresh = replace(workflow, run_id=run_id, is_canceled=False, is_paused=False, is_archived=False)
    before = WorkflowView(fresh, rows, requirements, 0, _runners_before(recorded))
    kept = (_usable(event, requirements) for event in _completed(recorded, rows, present))
    numbered = [_numbered(event, number) for number, event in enumerate(kept, 1)]
    ends = [event.timestamp for event in recorded if event.kind in STATUS_EVENTS]
    begin = events[first].timestamp
    return Recording(before, numbered, begin, max(begin, *ends))


def _first_attempt(events: Sequence[Event], run_id: int) -> int | None:
    claimed = (
        place
        for place, event in enumerate(events)
        if event.kind == _ATTEMPT and event.data.get("run") == run_id
    )
    return next(claimed, None)


def _end_of_run(events: Sequence[Event], run_id: int) -> int:
    """Return how many events happened before the next run."""
    runs = (event.data.get("run" if event.kind == _ATTEMPT else "run_id") for event in events)
    later = (place for place, run in enumerate(runs) if isinstance(run, int) and run > run_id)
    end = next(later, len(events))
    # The event that names a run comes after those of its jobs, which have the same time.
    while 0 < end < len(events) and events[end - 1].timestamp == events[end].timestamp:
        end -= 1
    return end


def _rows_after(
    present: WorkflowView, events: Sequence[Event], end: int
) -> tuple[Sequence[Job], Sequence[Event]]:
    """Return the rows of the jobs after the first ``end`` events, and these events.

    A row follows from the last event of its job, unless what comes later contradicts it.
    """
    earlier, later = events[:end], events[end:]
    if not later:
        return list(present.jobs.values()), events
    rows = [_row_before(job, own) for job, own in _by_job(present.jobs, later)]
    last = {event.job_id: event for event in earlier if event.kind in STATUS_EVENTS}
    next_ = _next_events(later)
    view = WorkflowView(present.workflow, rows, present.requirements, 0)
    fitting = (
        last[row.id]
        for row in rows
        if row.id in last and _leads_to(last[row.id], next_.get(row.id))
    )
    usable = (_usable(event, present.requirements) for event in fitting)
    view.apply([_numbered(event, number) for number, event in enumerate(usable, 1)])
    return rows, earlier


def _leads_to(event: Event, next_kind: str | None) -> bool:
    """Return whether the status after an event allows the next event, None: there is none."""
    return next_kind is None or is_legal(STATUS_EVENTS[event.kind], STATUS_EVENTS[next_kind])


def _by_job(
    present: Mapping[int, Job], events: Iterable[Event]
) -> Iterator[tuple[Job, Sequence[Event]]]:
    """Yield each job with its events."""
    own: dict[int, list[Event]] = {job_id: [] for job_id in present}
    for event in events:
        if event.job_id in own:
            own[event.job_id].append(event)
    for job_id, job in present.items():
        yield job, own[job_id]


def _row_before(job: Job, own: Sequence[Event]) -> Job:
    """Return the row of a job before its first event."""
    first = next((event for event in own if event.kind in STATUS_EVENTS), None)
    flags = dict(JOB_FLAGS[event.kind] for event in reversed(own) if event.kind in JOB_FLAGS)
    row = replace(job)
    for flag, value in flags.items():
        setattr(row, flag, not value)
    if first is None:
        return row
    row.status = BEFORE[first.kind]
    row.attempt_id = int(first.data.get("attempt") or 1)
    row.started_at = row.ended_at = row.return_code = row.not_before = None
    row.reason = row.compute_node_id = None
    row.interrupted = row.ignored = False
    return row


def _runners_before(events: Iterable[Event]) -> set[int]:
    """Return the runners that were active before their first event."""
    first: dict[int, str] = {}
    for event in events:
        node = event.data.get("node")
        if isinstance(node, int) and event.kind in _NODE_EVENTS:
            first.setdefault(node, event.kind)
    return {node for node, kind in first.items() if kind != "node_started"}


def _completed(
    events: Sequence[Event], rows: Iterable[Job], present: Mapping[int, Job]
) -> Iterator[Event]:
    """Yield the events of known jobs; others are replaced by events that name the jobs."""
    statuses = {row.id: row.status for row in rows}
    for place, event in enumerate(events):
        if event.kind in RELOAD_EVENTS:
            if event.kind not in _ADDS_JOBS:
                yield from _moves(event, statuses, _next_events(events[place + 1 :]), present)
        elif event.job_id is None or event.job_id in statuses:
            after = STATUS_EVENTS.get(event.kind)
            if event.job_id is not None and after is not None:
                statuses[event.job_id] = after
            yield event


def _next_events(events: Iterable[Event]) -> Mapping[int, str]:
    """Return the kind of the next event of each job that changes its status."""
    found: dict[int, str] = {}
    for event in events:
        if event.job_id is not None and event.kind in STATUS_EVENTS:
            found.setdefault(event.job_id, event.kind)
    return found


def _moves(
    event: Event,
    statuses: dict[int, JobStatus],
    next_: Mapping[int, str],
    present: Mapping[int, Job],
) -> Iterator[Event]:
    """Yield the moves of jobs whose status does not lead to what follows."""
    for job_id, status in statuses.items():
        kind = next_.get(job_id)
        if kind is not None and is_legal(status, STATUS_EVENTS[kind]):
            continue
        wanted = present[job_id].status if kind is None else BEFORE[kind]
        if wanted is not status:
            statuses[job_id] = wanted
            data = _end_of(present[job_id]) if kind is None else {}
            yield replace(event, kind=_EVENTS[wanted], job_id=job_id, data=data)


def _end_of(job: Job) -> dict[str, Json]:
    """Return how the last attempt of a job ended, as its event has it."""
    return {
        "attempt": job.attempt_id,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "return_code": job.return_code,
        "reason": None if job.reason is None else job.reason.to_json(),
    }


def _numbered(event: Event, number: int) -> Event:
    return Event(event.workflow_id, number, event.timestamp, event.kind, event.job_id, event.data)


def _usable(event: Event, requirements: Mapping[int, ResourceRequirements]) -> Event:
    """Return an event without requirements that exist no more."""
    if event.data.get("requirement_id", None) in (None, *requirements):
        return event
    data = {key: value for key, value in event.data.items() if key != "requirement_id"}
    return replace(event, data=data)
