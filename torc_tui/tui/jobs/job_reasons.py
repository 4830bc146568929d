"""Keep the known reasons for the statuses of jobs. No Textual, no clock.

Input: the view, dependencies from the database (``learn``), and what ready jobs lack. Output: one
line per job, and the chain of reasons. Missing facts are collected for the reader thread
(``unexplained``, ``wanted``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.model import EdgeKind, Job
from torc_tui.reasons import Kind, Reason
from torc_tui.records import replace
from torc_tui.status import FOLLOWING, JobStatus
from torc_tui.views.why import Blocker, Facts, explain, reason_of, why
from torc_tui.views.why import lines as chain_lines
from torc_tui.views.workflow_view import WorkflowView

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState
    from torc_tui.operations.request_lacks import RequestLacks
    from torc_tui.store.relations import Dependency


class JobReasons:
    """The reasons of the jobs of one workflow."""

    def __init__(self, view: WorkflowView, *, now: float = 0.0) -> None:
        self.view = view
        self.now = now
        self.dependencies: dict[int, Sequence[Dependency]] = {}
        self.unexplained: set[int] = set()
        """Jobs whose dependencies are not known yet."""
        self.request_lacks: RequestLacks | None = None
        self.cluster: ClusterState | None = None
        """The allocations of a workflow that was submitted to a cluster."""
        self.dead: frozenset[int] = frozenset()
        """Lost runners: active in the database, without a process."""
        self.wanted: set[int] = set()
        """Requirements of ready jobs on screen, which the reader thread checks."""
        self.retried: set[int] = set()
        """Retried jobs whose maximum number of attempts is not known yet."""
        self._attempts: dict[int, tuple[int, int | None]] = {}
        """The attempt of retried jobs, and the maximum number of attempts in it."""
        self._ready: set[int] = set()
        """Ready jobs on screen."""
        self._waiting: dict[int, set[int]] = {}
        """The known dependents of each job."""

    def learn(self, found: Mapping[int, Sequence[Dependency]]) -> None:
        """Store the dependencies of jobs, which do not change."""
        for key, dependencies in found.items():
            self.dependencies[key] = dependencies
            for one in dependencies:
                self._waiting.setdefault(one.job_id, set()).add(key)

    def learn_attempts(self, found: Mapping[int, tuple[int, int | None]]) -> None:
        """Store the attempt of jobs, and its maximum number of attempts."""
        self._attempts |= found

    def _most_attempts(self, job: Job) -> int | None:
        """Return the maximum number of attempts of a retried job, if it is known."""
        if job.attempt_id <= 1 or job.status not in (JobStatus.READY, JobStatus.RUNNING):
            return None
        attempt, most = self._attempts.get(job.id, (0, None))
        if attempt != job.attempt_id:
            self.retried.add(job.id)
            return None
        return most

    def touched_by(self, changed: Collection[int]) -> set[int]:
        """Return the jobs whose reasons may have changed because they depend on these."""
        waiting = self._waiting
        return set().union(*(waiting[key] for key in changed if key in waiting))

    def ready_on_screen(self) -> set[int]:
        """Return the ready jobs on screen."""
        jobs = self.view.jobs
        self._ready = {
            key
            for key in list(self._ready)  # a filter in the reader thread may add to it
            if key in jobs and jobs[key].status is JobStatus.READY
        }
        return self._ready

    def lacks_dependencies(self, job: Job) -> bool:
        """Return whether the reason needs dependencies that are not known yet."""
        return job.status in FOLLOWING and job.id not in self.dependencies

    def facts(self, job_id: int) -> Facts | None:
        """Return all known facts about a job."""
        workflow, job = self.view.workflow, self.view.jobs.get(job_id)
        if job is None:
            return None
        found = Facts(
            job=job,
            now=self.now,
            blockers=self._blockers(job_id),
            paused=workflow.is_paused,
            canceled=workflow.is_canceled,
            runners=len(self.view.nodes - self.dead) if self.cluster is None else None,
            attempts=self._most_attempts(job),
            place=self._place(job),
        )
        if job.status is not JobStatus.READY:
            return found
        self.wanted.add(job.requirement_id)
        self._ready.add(job.id)
        if self.request_lacks is None or job.requirement_id not in self.request_lacks.lacks:
            return replace(found, looked=False)
        lack = self.request_lacks.of(job_id, job.requirement_id)
        assert lack is not None  # it was just looked up
        unserved = self.request_lacks.unserved(job.labels)
        return replace(found, shortfalls=lack.now, never=lack.never, unserved=unserved)

    def _place(self, job: Job) -> Reason | None:
        """Return on which node of the cluster a job runs."""
        if self.cluster is None or job.status is not JobStatus.RUNNING:
            return None
        return self.cluster.place_of(job.compute_node_id)

    def _blockers(self, job_id: int) -> list[Blocker]:
        jobs, blockers = self.view.jobs, []
        for one in self.dependencies.get(job_id, ()):
            other = jobs.get(one.job_id)
            status = one.status if other is None else other.status
            if status is not JobStatus.COMPLETED:
                code, reason = (None, None) if other is None else (other.return_code, other.reason)
                blockers.append(
                    Blocker(one.job_id, one.name, status, EdgeKind(one.kind), one.via, code, reason)
                )
        return blockers

    def why(self, job: Job) -> str:
        """Return the known reason in one line."""
        if self.lacks_dependencies(job):
            self.unexplained.add(job.id)
        facts = self.facts(job.id)
        return "" if facts is None else why(facts)

    def is_unschedulable(self, job: Job) -> bool:
        """Return whether the job can never start here."""
        facts = self.facts(job.id)
        reason = None if facts is None else reason_of(facts)
        return reason is not None and reason.kind is Kind.UNSCHEDULABLE

    def attempt(self, job: Job) -> str:
        """Return the note about a running job."""
        return why(Facts(job=job, now=self.now, attempts=self._most_attempts(job)))

    def chain(self, job_id: int) -> list[str]:
        """Return the chain of reasons as the lines of a tree."""
        return chain_lines(explain(job_id, self.facts))
