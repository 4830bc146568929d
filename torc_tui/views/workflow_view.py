"""Keep the rows of one workflow up to date: a snapshot, and the events since.

Input: the records of a snapshot, then events in the order of their numbers. Output: rows, counts
and the ids that changed. Nothing is read from a database or a clock.

Where events do not say enough (a gap in the numbers, a kind that changes everything),
``needs_reload`` is set and the rest of the events is ignored: the caller takes a new snapshot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Any

from torc_tui.model import RELOAD_EVENTS, STATUS_EVENTS, Event, Job, ResourceRequirements, Workflow
from torc_tui.reasons import BY_USER, decode
from torc_tui.records import replace
from torc_tui.status import HELD, SETTLED, UNSUCCESSFUL, JobStatus, WorkflowState, workflow_state
from torc_tui.views.run_progress import Durations, Progress, estimate

_AGAIN = frozenset({"job_ready", "job_blocked", "job_retried", "job_rerun"})
_BY_USER = frozenset({"job_retried", "job_rerun"})
"""A user or the engine put the job back; the reason is not one of its status."""
_FLAGS: Mapping[str, Mapping[str, bool]] = {
    "workflow_paused": {"is_paused": True},
    "workflow_resumed": {"is_paused": False},
}
"""Fields of the workflow that an event sets."""
_FIELDS: Mapping[str, UnionType | type] = {
    "name": str,
    "user": str,
    "description": str | None,
    "project": str | None,
}
JOB_FLAGS: Mapping[str, tuple[str, bool]] = {
    "job_held": ("held", True),
    "job_released": ("held", False),
    "job_suspended": ("suspended", True),
    "job_resumed": ("suspended", False),
}
"""Flags of a job that an event sets."""
_NODE_GONE = frozenset({"node_stopped", "node_lost"})
_FAILED = UNSUCCESSFUL - {JobStatus.CANCELED}
_SETTLED = tuple(status in SETTLED for status in JobStatus)


class WorkflowView:
    """The rows of one workflow as of event number ``cursor``.

    ``counts`` has a number per JobStatus, ``group_sizes`` one per job group. ``running`` contains
    the ids of the running jobs, ``nodes`` those of the runners known to be active, ``stopped`` is
    the number of jobs stopped on request. ``version`` grows with every change. The jobs are
    modified in place: the caller must not use them afterwards.
    """

    __slots__ = (
        "_left",
        "_unsuccessful",
        "counts",
        "cursor",
        "durations",
        "group_sizes",
        "ignored",
        "interrupted",
        "jobs",
        "needs_reload",
        "nodes",
        "requirements",
        "running",
        "stopped",
        "version",
        "workflow",
    )

    def __init__(
        self,
        workflow: Workflow,
        jobs: Iterable[Job],
        requirements: Mapping[int, ResourceRequirements],
        cursor: int,
        nodes: Iterable[int] = (),
    ) -> None:
        self.workflow = workflow
        self.jobs: dict[int, Job] = {job.id: job for job in jobs}
        self.requirements = requirements
        self.cursor = cursor
        self.nodes: set[int] = set(nodes)
        self.needs_reload = False
        self.version = 0
        self.counts: list[int] = [0] * len(JobStatus)
        self.interrupted = sum(job.interrupted for job in self.jobs.values())
        self.ignored = sum(job.ignored for job in self.jobs.values())
        self.stopped = sum(job.was_stopped for job in self.jobs.values())
        self.running: set[int] = set()
        self.durations: dict[str, Durations] = {}
        self.group_sizes: Counter[str] = Counter(job.group for job in self.jobs.values())
        self._unsuccessful: Counter[tuple[str, JobStatus]] = Counter()
        self._left: dict[str, int] = {}
        for job in self.jobs.values():
            self._add(job)

    def _add(self, job: Job) -> None:
        status = job.status
        self.counts[status] += 1
        if status in UNSUCCESSFUL:
            self._unsuccessful[job.group, status] += 1
        if not _SETTLED[status]:
            self._left[job.group] = self._left.get(job.group, 0) + 1
            if status is JobStatus.RUNNING:
                self.running.add(job.id)
        elif status is JobStatus.COMPLETED:
            self._add_duration(job)
        if status in HELD and job.compute_node_id is not None:
            self.nodes.add(job.compute_node_id)

    def apply(self, events: Sequence[Event]) -> set[int]:
        """Apply events and return the ids of the jobs whose row changed.

        Events up to ``cursor`` are skipped.
        """
        changed: set[int] = set()
        for event in events:
            if event.seq <= self.cursor:
                continue
            if event.seq != self.cursor + 1 or event.kind in RELOAD_EVENTS:
                self.needs_reload = True
            if self.needs_reload or not self._apply_one(event, changed):
                self.needs_reload = True
                break
            self.cursor = event.seq
            self.version += 1
        return changed

    def _apply_one(self, event: Event, changed: set[int]) -> bool:
        """Apply an event; return False if its job is unknown and has a new status."""
        if event.job_id is None:
            self._workflow_event(event)
            return True
        job = self.jobs.get(event.job_id)
        if job is None:
            return event.kind not in STATUS_EVENTS
        if self._job_event(job, event):
            changed.add(job.id)
        return True

    def count(self, *statuses: JobStatus) -> int:
        """Return how many jobs have one of these statuses."""
        return sum(self.counts[status] for status in statuses)

    @property
    def state(self) -> WorkflowState:
        """Return the state that every command and screen shows."""
        workflow = self.workflow
        return workflow_state(
            {status: self.counts[status] for status in JobStatus},
            is_canceled=workflow.is_canceled,
            is_paused=workflow.is_paused,
            is_archived=workflow.is_archived,
            interrupted=self.interrupted,
            ignored=self.ignored,
        )

    def progress(self, now: float, *, critical: float | None = None) -> Progress:
        """Return the progress of the run at ``now``; ``critical`` as in `run_progress.estimate`."""
        jobs = self.jobs
        running = [
            (job.group, max(0.0, now - job.started_at) if job.started_at is not None else 0.0)
            for job in map(jobs.__getitem__, self.running)
        ]
        lanes = self.count(*HELD)  # pending jobs will run at once
        eta = estimate(self._left, self.durations, running, parallelism=lanes, critical=critical)
        return Progress(
            self.count(*SETTLED),
            len(jobs),
            self.count(*_FAILED),
            self.count(JobStatus.CANCELED),
            len(running),
            eta,
        )

    def group_progress(self, now: float) -> list[tuple[str, Progress]]:
        """Return the progress of each job group, in the order of the workflow.

        The estimate of a group counts with as many jobs at a time as it runs now.
        """
        running: dict[str, list[float]] = {}
        for job in map(self.jobs.__getitem__, self.running):
            elapsed = 0.0 if job.started_at is None else max(0.0, now - job.started_at)
            running.setdefault(job.group, []).append(elapsed)
        found = []
        for group, total in self.group_sizes.items():
            left, active = self._left.get(group, 0), running.get(group, [])
            known = {group: self.durations[group]} if group in self.durations else {}
            eta = None
            if left and active:
                eta = estimate({group: left}, known, [(group, elapsed) for elapsed in active])
            failed = sum(self._unsuccessful[group, status] for status in _FAILED)
            canceled = self._unsuccessful[group, JobStatus.CANCELED]
            progress = Progress(total - left, total, failed, canceled, len(active), eta)
            found.append((group, progress))
        return found

    def _job_event(self, job: Job, event: Event) -> bool:
        """Apply an event to its job; return whether the row changed."""
        new = event.data.get("requirement_id")
        if new is not None and new not in self.requirements:
            self.needs_reload = True
        status = STATUS_EVENTS.get(event.kind)
        if status is None:
            return _set_field(job, event)
        self.stopped -= job.was_stopped
        self._move(job, status)
        self.interrupted -= job.interrupted
        self.ignored -= job.ignored
        job.interrupted = job.suspended = job.ignored = False
        if event.kind == "job_started":
            _started(job, event)
        elif event.kind == "job_disabled":
            job.reason = decode(event.data.get("reason"))
        elif status in SETTLED or status is JobStatus.PENDING_FAILED:
            self._ended(job, event, status)
        elif event.kind == "job_retried" and ("of" in event.data or "attempt" in event.data):
            _retried(job, event)
        else:
            _put_back(job, event)
        self.stopped += job.was_stopped
        return True

    def _ended(self, job: Job, event: Event, status: JobStatus) -> None:
        data, at = event.data, event.timestamp
        began = data.get("started_at", job.started_at)
        seconds = data.get("exec_time")
        if began is None and seconds is not None:
            began = at - seconds
        job.started_at = began
        job.ended_at = data.get("ended_at", at)
        job.return_code = data.get("return_code")
        job.reason = decode(data.get("reason"))
        job.interrupted = bool(data.get("interrupted"))
        self.interrupted += job.interrupted
        job.ignored = bool(data.get("ignored"))
        self.ignored += job.ignored
        job.attempt_id = data.get("attempt", job.attempt_id)
        job.not_before = None
        if status is JobStatus.CANCELED and began is None:
            job.compute_node_id = None  # claimed ahead, and canceled before it started
        if status is JobStatus.COMPLETED:
            self._add_duration(job)
        elif status is JobStatus.CANCELED and job.reason and job.reason.kind in BY_USER:
            job.held = False  # the store releases a job that a user cancels
            job.hold_reason = None

    def _move(self, job: Job, status: JobStatus) -> None:
        before = job.status
        if before is status:
            return
        job.status = status
        self.counts[before] -= 1
        self.counts[status] += 1
        self._unsuccessful[job.group, before] -= before in UNSUCCESSFUL
        self._unsuccessful[job.group, status] += status in UNSUCCESSFUL
        was, now = _SETTLED[before], _SETTLED[status]
        if was is not now:
            rest = self._left.get(job.group, 0) + (1 if was else -1)
            if rest:
                self._left[job.group] = rest
            else:
                self._left.pop(job.group, None)
        if status is JobStatus.RUNNING:
            self.running.add(job.id)
        elif before is JobStatus.RUNNING:
            self.running.discard(job.id)

    def _add_duration(self, job: Job) -> None:
        if job.started_at is not None and job.ended_at is not None:
            durations = self.durations.setdefault(job.group, Durations())
            durations.add(max(0.0, job.ended_at - job.started_at))

    def _workflow_event(self, event: Event) -> None:
        kind, data = event.kind, event.data
        changes: dict[str, Any] = {}
        if kind in _FLAGS:
            changes = {**_FLAGS[kind]}
        elif kind == "workflow_archived":
            changes = {"is_archived": bool(data.get("archived", True))}
        elif kind == "workflow_updated":
            changes = {
                key: value
                for key, value in data.items()
                if key in _FIELDS and isinstance(value, _FIELDS[key])
            }
        elif kind == "node_started" and data.get("node") is not None:
            self.nodes.add(data["node"])
        elif kind in _NODE_GONE:
            self.nodes.discard(data.get("node"))
        if changes:
            self.workflow = replace(self.workflow, **changes)


def _set_field(job: Job, event: Event) -> bool:
    """Apply an event that changes no status; return whether the row changed."""
    if event.kind in JOB_FLAGS:
        flag, value = JOB_FLAGS[event.kind]
        setattr(job, flag, value)
        if flag == "held":
            job.hold_reason = decode(event.data.get("reason"))
    elif event.kind == "job_updated":
        for name in ("name", "priority", "requirement_id"):
            setattr(job, name, event.data.get(name, getattr(job, name)))
    elif event.kind == "job_priority":
        job.priority = event.data.get("priority", job.priority)
    else:
        return False
    return True


def _started(job: Job, event: Event) -> None:
    job.started_at = event.data.get("at", event.timestamp)
    job.ended_at = job.return_code = job.reason = job.not_before = None
    job.attempt_id = event.data.get("attempt", job.attempt_id)
    job.compute_node_id = event.data.get("node", job.compute_node_id)


def _retried(job: Job, event: Event) -> None:
    """Apply a retry by a failure handler, or of a job that was stopped with its runner."""
    data = event.data
    job.attempt_id = data.get("attempt", job.attempt_id)
    if "of" in data:  # the end of the last attempt stays until the next one starts
        job.reason = decode(data.get("reason"))
        job.not_before = data.get("not_before")
        job.requirement_id = data.get("requirement_id", job.requirement_id)
    else:
        job.reason = job.return_code = None


def _put_back(job: Job, event: Event) -> None:
    """Apply a move to a status before the start, which removes the end of the last attempt."""
    data = event.data
    if job.started_at is not None and event.kind in _AGAIN:
        job.attempt_id += 1
    job.started_at = job.ended_at = job.return_code = job.not_before = None
    job.compute_node_id = data.get("node")
    job.reason = decode(data.get("reason")) if event.kind not in _BY_USER else None
    job.attempt_id = data.get("attempt", job.attempt_id)
