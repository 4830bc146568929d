"""Gather the facts that explain the status of jobs: from the database, the runners and the GPUs.

Input: a database and a workflow. Output: the facts for `torc_tui.views.why`; nothing is changed.
"""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torc_tui.errors import NotFound
from torc_tui.lifecycle.failure_policy import CHANGING
from torc_tui.model import EdgeKind, Job, Workflow
from torc_tui.operations.machine_state import MachineReader
from torc_tui.operations.request_lacks import Lack, RequestLacks, request_lacks
from torc_tui.operations.submitted import cluster_of
from torc_tui.plan.changes import key_of
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.records import fields
from torc_tui.status import FINISHED, FOLLOWING, STARTABLE, JobStatus
from torc_tui.store import queries, relations, run_context, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.views import why as views

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState


class JobFacts:
    """Gathers the facts about the jobs of one workflow, and reads each of them once."""

    def __init__(self, store: Store, workflow_id: int) -> None:
        self.store = store
        self.workflow: Workflow = workflows.get_workflow(store, workflow_id)
        self.now = time.time()
        with store.read() as conn:
            self.requirements = workflows.read_requirements(conn, workflow_id)

    @cached_property
    def lacks(self) -> RequestLacks:
        """Return what requests lack, read when it is first needed."""
        return request_lacks(
            self.store, self.workflow.id, self.requirements, MachineReader(), self._cluster
        )

    def of(self, job_id: int) -> views.Facts | None:
        """Return the facts about a job; None if it no longer exists."""
        try:
            record = queries.get_job(self.store, job_id)
        except NotFound:
            return None
        job = job_of(record)
        lack = Lack()
        if job.status is JobStatus.READY:
            lack = self.lacks.of(job_id, job.requirement_id) or lack
        may_miss = job.status in (JobStatus.READY, JobStatus.FAILED)
        return views.Facts(
            job=job,
            now=self.now,
            blockers=self._blockers(job_id) if job.status in FOLLOWING else (),
            shortfalls=lack.now,
            never=lack.never,
            paused=self.workflow.is_paused,
            canceled=self.workflow.is_canceled,
            runners=self._runners if job.status in STARTABLE else None,
            attempts=self._attempts(job),
            missing_inputs=self._missing(job_id) if may_miss else (),
            grown=grown_of(record),
            planned=_planned(record),
            recovering=self._recovering(job),
            unserved=self.lacks.unserved(job.labels) if job.status is JobStatus.READY else None,
            place=self._place(record) if job.status is JobStatus.RUNNING else None,
        )

    @property
    def _runners(self) -> int | None:
        """Return the number of runners; None if allocations bring them."""
        return None if self.lacks.waits else self.lacks.runners

    @cached_property
    def _cluster(self) -> ClusterState | None:
        return cluster_of(self.store, self.workflow.id)

    def _place(self, record: dict[str, Any]) -> Reason | None:
        """Return on which node of the cluster a job runs."""
        cluster = self._cluster
        return None if cluster is None else cluster.place_of(record["compute_node_id"])

    def attempts(self, job_id: int) -> tuple[int, int | None] | None:
        """Return the attempt of a job and the maximum number of attempts; None without the job."""
        try:
            job = job_of(queries.get_job(self.store, job_id))
        except NotFound:
            return None
        return job.attempt_id, self._attempts(job)

    def _attempts(self, job: Job) -> int | None:
        """Return the maximum number of attempts of a job that was retried, by its rules."""
        if job.attempt_id <= 1 or job.status not in (JobStatus.READY, JobStatus.RUNNING):
            return None
        with self.store.read() as conn:
            context = run_context.read(conn, self.workflow.id)
            row = conn.one(sql.RULES_OF_JOB, job_id=job.id)
        if row is None:
            return None
        rules = context.policies(row.failure_handler_id, row.options).all()
        left = max((rule.max_retries - row.retries for rule in rules), default=-1)
        return None if left < 0 else job.attempt_id + left

    def _recovering(self, job: Job) -> Reason | None:
        """Return that the recovery script of a job runs: its last event tells of the start."""
        if job.status is not JobStatus.RUNNING:
            return None
        found = list_events(self.store, self.workflow.id, job_id=job.id, newest_first=True, limit=1)
        is_recovering = bool(found) and found[0].kind == "job_recovering"
        return decode(found[0].data.get("reason")) if is_recovering else None

    def _blockers(self, job_id: int) -> list[views.Blocker]:
        found = relations.dependencies(self.store, job_id)
        return [self._blocker(one) for one in found if one.status is not JobStatus.COMPLETED]

    def _blocker(self, found: relations.Dependency) -> views.Blocker:
        code, reason, ignored = None, None, False
        if found.status in FINISHED and found.status is not JobStatus.COMPLETED:
            record = queries.get_job(self.store, found.job_id)
            code, reason = record["return_code"], record["reason"]
            ignored = record["ignored"]
        kind = EdgeKind(found.kind)
        return views.Blocker(
            found.job_id, found.name, found.status, kind, found.via, code, reason, ignored
        )

    def _missing(self, job_id: int) -> list[str]:
        folder = Path(self.workflow.directory)
        files = relations.job_io(self.store, job_id).input_files
        return [file["name"] for file in files if not (folder / file["path"]).exists()]


def _planned(record: dict[str, Any]) -> Reason | None:
    """Return what changes in a job when its attempt has ended."""
    planned = record["planned"]
    if not planned:
        return None
    keys = tuple(key_of(column) for column in planned if column not in ("script", "edited"))
    return because(Kind.PLANNED, keys=keys, removed=planned.get("removed"))


def grown_of(record: dict[str, Any]) -> Reason | None:
    """Return by how much retries have increased the request of a job; None if they have not.

    A request that a user has changed since is not the one that has grown.
    """
    grown = record["grown"] or {}
    if grown.get("grown_id") != record["resource_requirements_id"]:
        return None
    changes = {name: tuple(grown[name]) for name in CHANGING if name in grown}
    return because(Kind.GROWN, **changes) if changes else None


_FIELDS = frozenset(field.name for field in fields(Job)) - {"values"}


def job_of(record: dict[str, Any]) -> Job:
    """Return the row of a job from its record."""
    values = {name: value for name, value in record.items() if name in _FIELDS}
    values["status"] = JobStatus.from_word(record["status"])
    values["labels"] = tuple(record["labels"] or ())
    return Job(**values, requirement_id=record["resource_requirements_id"])
