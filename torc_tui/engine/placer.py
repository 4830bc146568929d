"""Choose the ready jobs that start now: those that fit on the machine and end in time."""

from __future__ import annotations

from typing import NamedTuple

from torc_tui.engine.deadline import Deadline
from torc_tui.engine.orders import OrderMaker
from torc_tui.model import Allocation, ResourceRequirements
from torc_tui.resources.placement import DEFAULT_METHOD, Candidate, place
from torc_tui.resources.pool import Pool
from torc_tui.store import scheduling
from torc_tui.store.connection import Connection
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import ReadyJob

BATCH = 256
"""Largest number of jobs that are claimed in one step, so that other runners get jobs, too."""
FEW_REQUESTS = 20
"""Largest number of different requests that are compared with the pool before ready jobs are
read."""


class Placed(NamedTuple):
    """A ready job with the resources that were taken from the pool for it."""

    job: ReadyJob
    allocation: Allocation
    allocation_text: str


class Placer:
    """Take resources from a pool for the ready jobs of one workflow."""

    def __init__(self, maker: OrderMaker, pool: Pool, deadline: Deadline) -> None:
        self._maker = maker
        self._pool = pool
        self._deadline = deadline
        self._context: RunContext | None = None
        self._requirements: dict[int, ResourceRequirements] = {}
        """What the jobs of each resource class request."""

    def place(self, conn: Connection, now: float, limit: int) -> list[Placed]:
        """Take resources for at most ``limit`` ready jobs."""
        context = self._maker.context
        if context is not self._context:
            self._context = context
            self._requirements.clear()
        if limit <= 0 or not self._anything_fits(context):
            return []
        jobs: dict[int, ReadyJob] = {}
        candidates: list[Candidate] = []
        for resource_class in scheduling.ready_classes(conn, context.workflow_id):
            for job in self._ready_jobs(conn, resource_class, now, limit):
                requirements = context.requirements[job.requirement_id]
                if self._deadline.allows(requirements.runtime, now):
                    jobs[job.id] = job
                    candidates.append(Candidate(job.id, job.priority, requirements))
        method = str(context.settings.get("jobs_sort_method") or DEFAULT_METHOD)
        return [
            Placed(jobs[job_id], allocation, scheduling.encode_allocation(allocation))
            for job_id, allocation in place(
                candidates, self._pool, min(limit, BATCH), method=method
            )
        ]

    def _anything_fits(self, context: RunContext) -> bool:
        """Return whether it is worth reading the ready jobs at all."""
        requests = context.requirements.values()
        return len(requests) > FEW_REQUESTS or any(map(self._pool.fits, requests))

    def _ready_jobs(
        self, conn: Connection, resource_class: int, now: float, limit: int
    ) -> list[ReadyJob]:
        """Return as many ready jobs of one class as may fit."""
        context = self._maker.context
        if (requirements := self._requirements.get(resource_class)) is None:
            first = scheduling.ready_jobs(conn, context.workflow_id, resource_class, now, 1)
            if not first:
                return []
            requirements = context.requirements[first[0].requirement_id]
            self._requirements[resource_class] = requirements
        number = self._number_that_fits(requirements, limit)
        if number == 0:
            return []
        return scheduling.ready_jobs(conn, context.workflow_id, resource_class, now, number)

    def _number_that_fits(self, requirements: ResourceRequirements, limit: int) -> int:
        """Return an upper limit of how many jobs with these requirements can start now."""
        if not self._pool.fits(requirements):
            return 0
        by_cpus = self._pool.free_cpus // requirements.num_cpus if requirements.num_cpus else BATCH
        return max(1, min(limit, by_cpus, BATCH))
