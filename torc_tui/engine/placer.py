"""Choose the ready jobs that fit on the machine and end in time, and order their start."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from torc_tui.engine.attempt_record import join_notes
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.outputs import DeclaredOutputs, GroupFiles
from torc_tui.engine.state import LOOK_SECONDS, RunnerState
from torc_tui.executors.base import Executor
from torc_tui.model import Allocation, Exited, Order, Report, ResourceRequirements
from torc_tui.resources.gpus import WHOLE, gpu_need
from torc_tui.resources.placement import DEFAULT_METHOD, Candidate, place
from torc_tui.store import ready_jobs, scheduling
from torc_tui.store.connection import Connection
from torc_tui.store.ready_jobs import ReadyOf
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import ReadyJob
from torc_tui.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.engine.gpu_ledger import GpuLedger


BATCH = 256
"""Largest number of jobs that are claimed in one step, so that other runners get jobs, too."""
LONG_SECONDS = 600.0
"""Time after which a job that does not fit keeps jobs of its own priority from passing it."""
FEW_REQUESTS = 20
"""Largest number of different requests that are compared with the pool before ready jobs are
read."""


class Placed(NamedTuple):
    """A ready job with the resources that were taken from the pool for it."""

    job: ReadyJob
    allocation: Allocation
    allocation_text: str
    cpus: tuple[int, ...] = ()
    """The CPUs to which the job is bound."""


class Placer:
    """Takes resources for the ready jobs of one workflow from the pool of a runner."""

    def __init__(self, state: RunnerState) -> None:
        self._maker = state.maker
        self._pool = state.pool
        self._deadline = state.options.deadline
        self._cores = state.cores
        self._labels = state.node.labels
        self._ends = state.latest_ends
        self._served: str | None = None
        """The label sets that this runner serves, with the context in which they were read."""
        self._served_by: RunContext | None = None
        self._context: RunContext | None = None
        self._requirements: dict[int, ResourceRequirements] = {}
        """What the jobs of each resource class request."""
        self.ledger: GpuLedger | None = None
        self._now = 0.0
        self.classes: list[int] | None = None
        """The classes of the jobs that the last call of `place` left ready; None if unknown."""
        self._may_be_more = False
        """Whether there may be more ready jobs than were read."""
        self._whole: dict[int, ResourceRequirements] = {}
        """The requests of bound jobs, in whole cores, by the id of their requirements."""
        self._waiting: dict[int, float] = {}
        """Since when jobs that are first of their class have not fitted."""

    def place(self, conn: Connection, now: float, limit: int) -> list[Placed]:
        """Take resources for at most ``limit`` ready jobs."""
        context, self.classes = self._maker.context, None
        if context is not self._context:
            self._context = context
            self._requirements.clear()
            self._whole.clear()
        if limit <= 0 or not self._anything_fits(context):
            return []
        self._now = now
        of = self.ready_of(conn, now)
        self.classes = classes = self.ready_classes(conn, of)
        self._may_be_more = False
        self._pool.whole_is_ready = self._is_whole_ready(conn, of, classes)
        jobs: dict[int, ReadyJob] = {}
        candidates: list[Candidate] = []
        for resource_class in classes:
            for job in self._ready_jobs(conn, of, resource_class, limit):
                requirements = self._requested(job)
                if self._deadline.allows(requirements.runtime, now):
                    jobs[job.id] = job
                    waited = now - self._waiting.get(job.id, now) >= LONG_SECONDS
                    candidates.append(Candidate(job.id, job.priority, requirements, waited))
        if self.ledger is None or not any(gpu_need(one.requirements) for one in candidates):
            return self._place(candidates, jobs, limit)
        with self.ledger.placing(self._pool.read_at) as may_use_gpus:
            if not may_use_gpus:
                candidates = [one for one in candidates if gpu_need(one.requirements) is None]
            placed = self._place(candidates, jobs, limit)
            for one in placed:
                if one.allocation.gpus:
                    key = context.attempt_key(one.job.id, one.job.attempt_id)
                    self.ledger.claim(key, (context.name, one.job.name), one.allocation)
        return placed

    def _place(
        self, candidates: Sequence[Candidate], jobs: Mapping[int, ReadyJob], limit: int
    ) -> list[Placed]:
        method = str(self._maker.context.settings.get("jobs_sort_method") or DEFAULT_METHOD)
        chosen = place(
            candidates,
            self._pool,
            min(limit, BATCH),
            method=method,
            ends=self._ends(),
            now=self._now,
        )
        placed = []
        for job_id, allocation in chosen:
            cpus = self._bound(jobs[job_id], allocation)
            if cpus is None:
                self._pool.give(allocation)
            else:
                text = scheduling.encode_allocation(allocation)
                placed.append(Placed(jobs[job_id], allocation, text, cpus))
        if len(placed) == len(jobs) and not self._may_be_more:
            self.classes = []
        return placed

    def binds(self, job: ReadyJob) -> bool:
        """Return whether a job is bound to cores."""
        return self._cores.binds(self._maker.context, job.options)

    def _requested(self, job: ReadyJob) -> ResourceRequirements:
        """Return the request of a job; a bound job requests whole cores."""
        requirements = self._maker.context.requirements[job.requirement_id]
        if not self.binds(job):
            return requirements
        if job.requirement_id not in self._whole:
            whole = self._cores.whole(requirements, self._pool.num_cpus)
            self._whole[job.requirement_id] = whole
        return self._whole[job.requirement_id]

    def _bound(self, job: ReadyJob, allocation: Allocation) -> tuple[int, ...] | None:
        """Return the CPUs to which a job is bound; None while their cores are not free."""
        if not self.binds(job):
            return ()
        key = self._maker.context.attempt_key(job.id, job.attempt_id)
        return self._cores.take(key, allocation.num_cpus)

    def has_room(self) -> bool:
        """Return whether a job that becomes ready may fit."""
        return self._anything_fits(self._maker.context)

    def _anything_fits(self, context: RunContext) -> bool:
        """Return whether it is worth reading the ready jobs at all."""
        requests = context.requirements.values()
        return len(requests) > FEW_REQUESTS or any(map(self._pool.fits, requests))

    def ready_of(self, conn: Connection, now: float) -> ReadyOf:
        """Return which ready jobs this runner may claim."""
        context = self._maker.context
        if context is not self._served_by:  # read again only after other processes have written
            label_sets = ready_jobs.served_label_sets(conn, context.workflow_id, self._labels)
            self._served, self._served_by = label_sets, context
        return ReadyOf(context.workflow_id, now, self._served)

    def ready_classes(self, conn: Connection, of: ReadyOf) -> list[int]:
        """Return the resource classes that have a ready job; the only one also without."""
        most = len(self._maker.context.requirements)
        if most == 1 and self._requirements:
            [(only, requirements)] = self._requirements.items()
            if gpu_need(requirements) is None:
                return [only]
        return ready_jobs.ready_classes(conn, of, most)

    def _ready_jobs(
        self, conn: Connection, of: ReadyOf, resource_class: int, limit: int
    ) -> list[ReadyJob]:
        """Return as many ready jobs of one class as may fit."""
        requirements = self._requirements_of(conn, of, resource_class)
        if requirements is None:
            return []
        number = self._number_that_fits(requirements, limit)
        if number:
            found = ready_jobs.ready_jobs(conn, of, resource_class, number)
            self._may_be_more |= len(found) >= number
            return found
        self._may_be_more = True
        if len(self._requirements) > FEW_REQUESTS and gpu_need(requirements) is None:
            return []
        # The first job of a class that does not fit may reserve what it needs.
        first = ready_jobs.ready_jobs(conn, of, resource_class, 1)
        for job in first:
            self._waiting.setdefault(job.id, of.now)
        return first

    def _requirements_of(
        self, conn: Connection, of: ReadyOf, resource_class: int
    ) -> ResourceRequirements | None:
        """Return what the jobs of a class request; None if none of them is ready."""
        if (requirements := self._requirements.get(resource_class)) is None:
            first = ready_jobs.ready_jobs(conn, of, resource_class, 1)
            if not first:
                return None
            requirements = self._maker.context.requirements[first[0].requirement_id]
            self._requirements[resource_class] = requirements
        return requirements

    def _is_whole_ready(self, conn: Connection, of: ReadyOf, classes: Sequence[int]) -> bool:
        """Return whether a job that requests whole GPUs is ready."""
        requests = (self._requirements_of(conn, of, one) for one in classes)
        needs = (gpu_need(request) for request in requests if request is not None)
        return any(need is not None and need.share >= WHOLE for need in needs)

    def _number_that_fits(self, requirements: ResourceRequirements, limit: int) -> int:
        """Return an upper limit of how many jobs with these requirements can start now."""
        if not self._pool.fits(requirements):
            return 0
        by_cpus = self._pool.free_cpus / requirements.num_cpus if requirements.num_cpus else BATCH
        return max(1, min(limit, int(by_cpus), BATCH))


_NOTHING = Allocation()


class JobStarter:
    """Start the jobs of one runner."""

    def __init__(
        self,
        state: RunnerState,
        executor: Executor,
        files: GroupFiles,
        outputs: DeclaredOutputs,
    ) -> None:
        self._state = state
        self._executor = executor
        self._files = files
        self._outputs = outputs

    def start(self, claimed: Sequence[Placed]) -> None:
        """Order the start of jobs, which are in flight from here."""
        if claimed:
            self.prepare([placed.job for placed in claimed])
            self._executor.submit([self._order(placed) for placed in claimed])
            for placed in claimed:
                self._state.cores.started(placed.job.id)
                if self._state.ledger is not None:
                    self._state.ledger.started(placed.job.id)

    def prepare(self, jobs: Sequence[ReadyJob]) -> None:
        """Read what the orders of jobs need, for all of them at once."""
        groups = ((job.input_files, job.output_files) for job in jobs)
        self._files.read(group for pair in groups for group in pair)
        self._state.recorder.look_ahead(jobs)

    def start_prefetched(self, reports: Sequence[Report]) -> bool:
        """Start prefetched jobs with the resources of attempts that have ended.

        Return whether every attempt that has ended is replaced, so that the caller may wait for
        more reports: the next step records all of them.
        """
        ended = [report for report in reports if isinstance(report, Exited)]
        if not ended:
            return True
        if not self._may_start_prefetched():
            return False
        state = self._state
        orders = [order for report in ended if (order := self._replace(report)) is not None]
        if orders:
            self._executor.submit(orders)
        flights = [state.in_flight.get(report.key.job_id) for report in ended]
        return all(flight is not None and flight.is_replaced for flight in flights)

    def _may_start_prefetched(self) -> bool:
        state, ahead = self._state, self._state.prefetched
        if not ahead.jobs:
            return False
        now = state.options.monotonic()
        if now >= ahead.expires or not state.may_prefetch():
            return False
        if not ahead.looked <= now < ahead.looked + LOOK_SECONDS:
            if state.shared.has_changed():
                return False
            ahead.looked = now
        return True

    def _replace(self, exited: Exited) -> Order | None:
        """Return the order for a prefetched job that takes over the resources of an attempt."""
        flight = self._state.in_flight.get(exited.key.job_id)
        if flight is None or flight.key != exited.key or flight.is_replaced:
            return None
        if exited.cause is not None or flight.job.failure_handler_id or flight.allocation.gpus:
            return None
        if not self._state.ends_in_time(flight.job):
            return None
        job = self._state.prefetched.take(flight.job.requirement_id)
        if job is None:
            return None
        flight.is_replaced = True
        order = self._order(Placed(job, flight.allocation, flight.allocation_text))
        flight.allocation = _NOTHING
        self._state.granted.append(
            {
                "job_id": job.id,
                "attempt_id": job.attempt_id,
                "allocation": flight.allocation_text,
            }
        )
        return order

    def _order(self, placed: Placed) -> Order:
        maker, job = self._state.maker, placed.job
        start = self._state.recorder.begin(job, self._state.last_seq)
        directories: tuple[str, ...] = ()
        states = ""
        if job.output_files is not None:
            directories, states = self._outputs.before(job.output_files)
        order = maker.make(
            job,
            placed.allocation,
            output_directories=directories,
            note=join_notes(states, start.note()),
            locks=self._state.locks_of(job.id),
            cpus=placed.cpus,
        )
        self._state.in_flight[job.id] = InFlight(
            key=order.key,
            job=job,
            context=self._state.context,
            allocation=placed.allocation,
            allocation_text=placed.allocation_text,
            output_dir=maker.log_location,
            files=(order.stdout, order.stderr, order.exit_file),
            outputs_before=states,
            recorded=start,
            granted_at=time.time(),
            require_written=maker.requires_written(job.options),
        )
        return order
