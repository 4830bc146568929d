"""Hold what one runner knows about itself: its jobs, its resources and its limits."""

from __future__ import annotations

import time
from collections.abc import Callable

from torc_tui.engine.core_binding import CoreBinding
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.orders import OrderMaker
from torc_tui.engine.recording import CutOff, Recorder
from torc_tui.engine.recovery import RecoveryScripts
from torc_tui.engine.report import JobSource
from torc_tui.engine.series_writer import SeriesWriter
from torc_tui.engine.shared_state import NodeIdentity, SharedState
from torc_tui.engine.start_backoff import StartBackoff
from torc_tui.model import Allocation, AttemptKey, Cause
from torc_tui.records import dataclass, field
from torc_tui.resources.gpu_health import GpuEnd
from torc_tui.resources.pool import Pool
from torc_tui.status import JobStatus
from torc_tui.store.compute_nodes import HeldAttempt
from torc_tui.store.database import Store
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import EndedAttempt, HeldElsewhere, ReadyJob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.engine.gpu_ledger import GpuLedger
    from torc_tui.engine.gpu_quarantine import GpuQuarantine


SHORT_SECONDS = 0.1
"""Jobs are prefetched only while attempts take less than this."""
PREFETCHED_JOBS = 48
"""Largest number of jobs that are prefetched at once."""
STALE_SECONDS = 0.25
"""Time after which a prefetched job goes back to ready."""
LOOK_SECONDS = 0.005
"""Time between two checks, while prefetched jobs start, for what others have written. A check takes
as long as a tenth of a short job."""


class Prefetched:
    """The prefetched jobs of one runner, in the order in which they are to start.

    Where jobs are short, the next one starts as soon as one has ended, with the same resources, and
    the database learns of several ends at once afterwards.

    Invariants
    * A prefetched job is pending in the database and holds nothing. It takes over the resources of
      a job with an equal request.
    * It never waits here for long: when attempts take longer, or anything changes, it goes back to
      ready.
    """

    def __init__(self) -> None:
        self.jobs: list[ReadyJob] = []
        self.since = 0.0
        self.expires = 0.0
        """Until when they may start, by the monotonic clock, which also counts while this process
        is stopped: later, another runner may have them."""
        self.looked = -LOOK_SECONDS
        """When it was checked last, by the monotonic clock, that nobody else has written."""
        self._typical: float | None = None

    def learn(self, seconds: float) -> None:
        """Take into account how long an attempt has taken."""
        self._typical = seconds if self._typical is None else 0.7 * self._typical + 0.3 * seconds

    def wanted(self, running: int) -> int:
        """Return how many jobs to prefetch, so that none waits too long before it starts."""
        if self._typical is None or self._typical >= SHORT_SECONDS:
            return 0
        return min(PREFETCHED_JOBS, int(running * STALE_SECONDS / max(self._typical, 0.001)))

    def is_stale(self, now: float) -> bool:
        """Return whether jobs have waited here for too long."""
        return bool(self.jobs) and not 0 <= now - self.since < STALE_SECONDS

    def take(self, requirement_id: int) -> ReadyJob | None:
        """Remove and return the first job with this request; None without one."""
        for at, job in enumerate(self.jobs):
            if job.requirement_id == requirement_id:
                return self.jobs.pop(at)
        return None


CLOCK_STEP = 2.0
"""Smallest change of the clock, in seconds, that moves a deadline."""


class Deadline:
    """The end of a run, in seconds since the epoch; None without a limit.

    ``wall`` and ``monotonic`` are the times of both clocks when the run began. ``usual`` is the
    time in seconds that must be left for a job that declares no runtime.
    """

    def __init__(
        self,
        end_time: float | None = None,
        wall: float = 0.0,
        monotonic: float = 0.0,
        usual: float = 0.0,
    ) -> None:
        self.end_time = end_time
        self._usual = usual
        self._planned = end_time
        self._difference = wall - monotonic

    def follow_clock(self, wall: float, monotonic: float) -> None:
        """Move the end of the run by as much as the clock of the machine was set."""
        if self._planned is None or self.end_time is None:
            return
        shifted = self._planned + (wall - monotonic) - self._difference
        if abs(shifted - self.end_time) > CLOCK_STEP:
            self.end_time = shifted

    def is_over(self, now: float) -> bool:
        """Return whether the run must end now."""
        return self.end_time is not None and now >= self.end_time

    def needed(self, runtime: float | None) -> float:
        """Return how many seconds must be left for a job that declares this runtime, or none."""
        return self._usual if runtime is None else runtime

    def allows(self, runtime: float | None, now: float) -> bool:
        """Return whether a job that declares this runtime in seconds would end in time."""
        needed = self.needed(runtime)
        return self.end_time is None or not needed or now + needed <= self.end_time


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """The connection of an engine to its runner.

    ``recovery`` runs recovery scripts; without it, none is run. ``is_in_use`` is explained in
    `SharedState`, ``source`` in `JobSource`.
    """

    deadline: Deadline = field(default_factory=Deadline)
    recovery: RecoveryScripts | None = None
    is_in_use: Callable[[HeldElsewhere], bool] = lambda held: True
    monotonic: Callable[[], float] = time.monotonic
    source: JobSource = field(default_factory=JobSource)


@dataclass(slots=True, kw_only=True)
class RunnerState:
    """The state that the steps of one runner read and change."""

    store: Store
    maker: OrderMaker
    pool: Pool
    node: NodeIdentity
    options: EngineOptions
    shared: SharedState
    recorder: Recorder
    cut_off: CutOff
    series: SeriesWriter
    cores: CoreBinding
    in_flight: dict[int, InFlight] = field(default_factory=dict)
    prefetched: Prefetched = field(default_factory=Prefetched)
    backoff: StartBackoff = field(default_factory=StartBackoff)
    ledger: GpuLedger | None = None
    """The ledger of the host, once this runner has GPUs that others could use."""
    quarantine: GpuQuarantine | None = None
    """The GPUs that are set aside, once GPUs are read."""
    stopping: Cause | None = None
    directory_is_gone: bool = False
    last_seq: int = 0
    """The number of the last event before the claims of the last step."""
    next_retry: float | None = None
    """When the first of the jobs that wait for their next attempt may start."""
    granted: list[dict[str, object]] = field(default_factory=list)
    """(allocation as text, job id, attempt id) of prefetched jobs that were started, for the next
    transaction."""

    @property
    def context(self) -> RunContext:
        """The workflow, as it was last read."""
        return self.maker.context

    def may_claim(self) -> bool:
        """Return whether this runner may claim jobs at all."""
        shared = self.shared
        return not (
            shared.is_paused
            or shared.is_canceled
            or self.stopping
            or self.options.source.halt
            or shared.stop_requested
            or self.directory_is_gone
        )

    def may_prefetch(self) -> bool:
        """Return whether this runner may hold and start prefetched jobs."""
        if self.options.source.follows_failures:
            return False
        return self.shared.may_prefetch and self.may_claim() and self.backoff.cap is None

    def ends_in_time(self, job: ReadyJob | HeldAttempt, now: float | None = None) -> bool:
        """Return whether a job that starts at ``now`` (None: now) ends before the run must end."""
        deadline = self.options.deadline
        if deadline.end_time is None:
            return True
        requirements = self.context.requirements[job.requirement_id]
        return deadline.allows(requirements.runtime, time.time() if now is None else now)

    def release(self, job_id: int) -> InFlight | None:
        """Forget the attempt of a job and give its resources back; None if it holds none."""
        flight = self.in_flight.pop(job_id, None)
        if flight is not None:
            self.pool.give(flight.allocation)
            self.leave_ledger(flight.key, flight.allocation)
        return flight

    def latest_ends(self) -> list[tuple[Allocation, float | None]]:
        """Return what each running job holds, and when it ends at the latest (epoch)."""
        found: list[tuple[Allocation, float | None]] = []
        for flight in self.in_flight.values():
            requirements = self.context.requirements.get(flight.job.requirement_id)
            runtime = requirements.runtime if requirements is not None else None
            end = None if runtime is None else flight.granted_at + runtime
            found.append((flight.allocation, end))
        return found

    def locks_of(self, job_id: int) -> tuple[int, ...]:
        """Return the file descriptors that the process of a job must inherit."""
        locks = self.cores.locks_of(job_id)
        lock = None if self.ledger is None else self.ledger.lock_of(job_id)
        return locks if lock is None else (*locks, lock)

    def leave_ledger(self, key: AttemptKey, held: Allocation) -> None:
        """Remove the GPU entry of an attempt from the ledger, and free its cores."""
        self.cores.release(key.job_id)
        if self.ledger is not None and held.gpus:
            self.ledger.release(key)

    def note_gpu_end(self, flight: InFlight, ended: EndedAttempt) -> None:
        """Record whether the job has failed, for the health of its GPUs."""
        outcome, exited, quarantine = ended.outcome, ended.exited, self.quarantine
        failed = outcome.status in (JobStatus.FAILED, JobStatus.PENDING_FAILED)
        if quarantine is None or not (failed or outcome.status is JobStatus.COMPLETED):
            return
        uuids = tuple(grant.uuid for grant in flight.allocation.gpus)
        lasted = exited.ended_at - exited.started_at
        job = str(exited.key.job_id)
        quarantine.ended(GpuEnd(uuids, job, not failed, lasted, exited.ended_at))
