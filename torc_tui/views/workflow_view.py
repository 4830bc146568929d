"""One workflow as a person follows it: a snapshot, and a fold of events over it.

In: the records of a snapshot, then events in the order of their numbers. Out: rows, counts, the ids
that changed. Never done here: reading the store or a clock. Where events alone cannot tell (a gap
in the numbers, a kind that changes everything), ``needs_reload`` says so and the rest of the batch
is left alone: who follows takes a new snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import UnionType
from typing import Any

from torc_tui.model import RELOAD_EVENTS, STATUS_EVENTS, Event, Job, ResourceRequirements, Workflow
from torc_tui.reasons import BY_USER, decode
from torc_tui.status import HELD, SETTLED, UNSUCCESSFUL, JobStatus, WorkflowState, workflow_state
from torc_tui.views.run_progress import Durations, Progress, estimate

_ENDED = frozenset(
    {"job_completed", "job_failed", "job_terminated", "job_canceled", "job_pending_failed"}
)
_AGAIN = frozenset({"job_ready", "job_blocked", "job_retried"})
_FLAGS: Mapping[str, Mapping[str, bool]] = {
    "workflow_paused": {"is_paused": True},
    "workflow_resumed": {"is_paused": False},
}
_WORDS: Mapping[str, UnionType | type] = {
    "name": str,
    "user": str,
    "description": str | None,
    "project": str | None,
}
_NODE_GONE = frozenset({"node_stopped", "node_lost"})
_SETTLED = tuple(status in SETTLED for status in JobStatus)


class WorkflowView:
    """The rows of one workflow, kept up to date.

    ``counts`` has a number per state (index: JobStatus). ``running`` holds the ids of jobs that run
    now, ``nodes`` those of the runners that are known to work. ``version`` grows with every change,
    so that who paints can skip.
    """

    __slots__ = (
        "_left",
        "counts",
        "cursor",
        "durations",
        "interrupted",
        "jobs",
        "needs_reload",
        "nodes",
        "requirements",
        "running",
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
        self.running: set[int] = set()
        self.durations: dict[str, Durations] = {}
        self._left: dict[str, int] = {}
        counts, left = self.counts, self._left
        for job in self.jobs.values():
            status = job.status
            counts[status] += 1
            if not _SETTLED[status]:
                left[job.group] = left.get(job.group, 0) + 1
                if status is JobStatus.RUNNING:
                    self.running.add(job.id)
            elif (
                status is JobStatus.COMPLETED
                and job.started_at is not None
                and job.ended_at is not None
            ):
                self._lasted(job.group, job.ended_at - job.started_at)
            if status in HELD and job.compute_node_id is not None:
                self.nodes.add(job.compute_node_id)

    @classmethod
    def from_snapshot(
        cls,
        workflow: Workflow,
        jobs: Iterable[Job],
        requirements: Mapping[int, ResourceRequirements],
        cursor: int,
        nodes: Iterable[int] = (),
    ) -> WorkflowView:
        """The view as of event number ``cursor``. The jobs are kept and changed: the caller gives
        them away.

        ``nodes`` are the ids of the runners that are active, where the caller knows them.
        """
        return cls(workflow, jobs, requirements, cursor, nodes)

    def apply(self, events: Sequence[Event]) -> set[int]:
        """Fold events in; gives the ids of the jobs whose row changed. Events that are already in
        are skipped.
        """
        changed: set[int] = set()
        for event in events:
            seq = event.seq
            if seq <= self.cursor:
                continue
            kind = event.kind
            if self.needs_reload or seq != self.cursor + 1 or kind in RELOAD_EVENTS:
                self.needs_reload = True
                break
            job_id = event.job_id
            if job_id is None:
                self._workflow_event(event)
            else:
                job = self.jobs.get(job_id)
                if job is None:
                    if kind in STATUS_EVENTS:
                        self.needs_reload = True
                        break
                elif self._job_event(job, event):
                    changed.add(job_id)
            self.cursor = seq
            self.version += 1
        return changed

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return len(self.jobs)

    def count(self, *statuses: JobStatus) -> int:
        """How many jobs are in one of these states."""
        return sum(self.counts[status] for status in statuses)

    @property
    def is_complete(self) -> bool:
        """Every job is settled."""
        return self.count(*SETTLED) == len(self.jobs)

    @property
    def state(self) -> WorkflowState:
        """The state that every command and screen shows."""
        workflow = self.workflow
        return workflow_state(
            {status: self.counts[status] for status in JobStatus},
            is_canceled=workflow.is_canceled,
            is_paused=workflow.is_paused,
            is_archived=workflow.is_archived,
            interrupted=self.interrupted,
        )

    def progress(self, now: float, *, critical: float | None = None) -> Progress:
        """How the run stands at ``now``; ``critical`` as in `progress.estimate`."""
        jobs = self.jobs
        running = [
            (job.group, max(0.0, now - job.started_at) if job.started_at is not None else 0.0)
            for job in map(jobs.__getitem__, self.running)
        ]
        lanes = self.count(*HELD)  # between two jobs a lane is pending, not running
        eta = estimate(self._left, self.durations, running, parallelism=lanes, critical=critical)
        return Progress(
            self.count(*SETTLED), len(jobs), self.count(*UNSUCCESSFUL), len(running), eta
        )

    def _job_event(self, job: Job, event: Event) -> bool:
        kind, data = event.kind, event.data
        status = STATUS_EVENTS.get(kind)
        if status is None:
            if kind == "job_held":
                job.held = True
            elif kind == "job_released":
                job.held = False
            elif kind == "job_priority":
                job.priority = data.get("priority", job.priority)
            else:
                return False
            return True
        self._move(job, status)
        self.interrupted -= job.interrupted
        job.interrupted = False
        if kind == "job_started":
            job.started_at = data.get("at", event.timestamp)
            job.ended_at = job.return_code = job.reason = job.not_before = None
            job.attempt_id = data.get("attempt", job.attempt_id)
            job.compute_node_id = data.get("node", job.compute_node_id)
        elif kind in _ENDED:
            self._ended(job, event, status)
        elif (
            kind == "job_retried" and "of" in data
        ):  # by rule: what the attempt before left stands until the next
            job.attempt_id = data.get("attempt", job.attempt_id)
            job.reason = decode(data.get("reason"))
            job.not_before = data.get("not_before")
        elif (
            kind == "job_retried" and "attempt" in data
        ):  # a stop had interrupted it, now it is taken up
            job.attempt_id = data["attempt"]
            job.reason = job.return_code = None
        elif kind == "job_disabled":
            job.reason = decode(data.get("reason"))
        else:  # job_blocked, job_ready, job_claimed, job_reset, retried by a person: what an attempt left is gone
            if job.started_at is not None and kind in _AGAIN:
                job.attempt_id += 1
            job.started_at = job.ended_at = job.return_code = job.not_before = None
            job.compute_node_id = data.get("node")
            job.reason = None if kind == "job_retried" else decode(data.get("reason"))
            job.attempt_id = data.get("attempt", job.attempt_id)
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
        job.attempt_id = data.get("attempt", job.attempt_id)
        job.not_before = None
        if status is JobStatus.CANCELED and began is None:
            job.compute_node_id = None  # claimed ahead, and canceled before it started
        if status is JobStatus.COMPLETED and began is not None and job.ended_at is not None:
            self._lasted(job.group, job.ended_at - began)
        elif status is JobStatus.CANCELED and job.reason and job.reason.kind in BY_USER:
            job.held = False  # the store releases a job that a user cancels

    def _move(self, job: Job, status: JobStatus) -> None:
        before = job.status
        if before is status:
            return
        job.status = status
        counts = self.counts
        counts[before] -= 1
        counts[status] += 1
        was, now = _SETTLED[before], _SETTLED[status]
        if was is not now:
            left, group = self._left, job.group
            rest = left.get(group, 0) + (1 if was else -1)
            if rest:
                left[group] = rest
            else:
                left.pop(group, None)
        if status is JobStatus.RUNNING:
            self.running.add(job.id)
        elif before is JobStatus.RUNNING:
            self.running.discard(job.id)

    def _lasted(self, group: str, seconds: float) -> None:
        durations = self.durations.get(group)
        if durations is None:
            durations = self.durations[group] = Durations()
        durations.add(max(0.0, seconds))

    def _workflow_event(self, event: Event) -> None:
        flags = _FLAGS.get(event.kind)
        if event.kind == "workflow_archived":
            flags = {"is_archived": bool(event.data.get("archived", True))}
        elif event.kind == "workflow_updated":
            told: dict[str, Any] = {
                key: value
                for key, value in event.data.items()
                if key in _WORDS and isinstance(value, _WORDS[key])
            }
            self.workflow = replace(self.workflow, **told)
        if flags is not None:
            self.workflow = replace(self.workflow, **flags)  # type: ignore[arg-type]  # the table names bool fields only
        elif event.kind == "node_started":
            node = event.data.get("node")
            if node is not None:
                self.nodes.add(node)
        elif event.kind in _NODE_GONE:
            self.nodes.discard(event.data.get("node"))
