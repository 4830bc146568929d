"""Define the options of a run, its report, and what watches it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from torc_tui.model import Event, Machine
from torc_tui.reasons import Reason
from torc_tui.records import dataclass, field
from torc_tui.resources.gpus import DEFAULT_RULES, GpuRules
from torc_tui.status import JobStatus

EXIT_COMPLETED, EXIT_UNSUCCESSFUL, EXIT_UNSCHEDULABLE, EXIT_INTERRUPTED = 0, 1, 3, 130
EXIT_STALE = 4
NO_NAMES: Mapping[int, str] = {}


class JobSource:
    """A source that adds jobs to the workflow while it runs; this base class adds none.

    A runner waits for more jobs while the source is open. ``halt`` ends the run: ``soon`` after the
    running jobs have ended, ``now`` by stopping them. Jobs that have not started keep their status.
    """

    is_open = False
    halt: Literal["soon", "now"] | None = None
    follows_failures = False
    """Whether `failed` may end the run; if so, no job is claimed before the ends are known."""

    def failed(self, job_ids: Iterable[int]) -> None:
        """Process the jobs that have failed for good, before other jobs are claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of a run.

    ``time_limit`` and ``grace`` are in seconds, ``end_time`` is in seconds since the epoch.
    ``on_oom`` and ``on_timeout`` are the factors by which memory and runtime grow for a retry.
    ``persistent`` runners stay while unfinished jobs remain whose labels are all in ``labels``.
    None means no limit, the detected value, or the value of the workflow file. ``source`` may add
    jobs during the run. ``allocation`` is the id of the requested allocation that started the
    runner. ``silent_elsewhere`` is set if only one node may use the database: the runners of other
    nodes that are known to be silent.
    """

    num_cpus: int | None = None
    memory_gb: float | None = None
    num_gpus: int | None = None
    max_parallel_jobs: int | None = None
    time_limit: float | None = None
    end_time: float | None = None
    output_dir: str | None = None
    limit_resources: bool = True
    grace: float | None = None
    gpu_rules: GpuRules = DEFAULT_RULES
    gpus: str | None = None
    virtual_gpus: int | None = None
    gpu_wait: float = 120.0
    gpus_by_index: bool = False
    on_oom: float | None = None
    on_timeout: float | None = None
    source: JobSource = field(default_factory=JobSource)
    labels: tuple[str, ...] = ()
    persistent: bool = False
    allocation: int | None = None
    silent_elsewhere: frozenset[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnschedulableJob:
    """A job that cannot run here, and the reason."""

    job_id: int
    name: str
    reason: Reason


@dataclass(slots=True, kw_only=True)
class RunReport:
    """How a run ended.

    The lists contain at most 1000 jobs each. ``message`` says why the run ended before its jobs.
    ``ignored`` is how many of the jobs in ``counts`` did not succeed and count as if they had,
    ``warned`` how many have warnings.
    ``jobs_code`` is the exit code that follows from the jobs, without the failed actions.
    """

    workflow_id: int
    run_id: int
    counts: dict[JobStatus, int] = field(default_factory=dict)
    ignored: int = 0
    warned: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)
    unschedulable: list[UnschedulableJob] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    holds: list[tuple[Reason, int]] = field(default_factory=list)
    """Why jobs are held, and how many for each reason."""
    interrupted: bool = False
    message: str | None = None
    jobs_code: int = 0
    failed_actions: list[dict[str, Any]] = field(default_factory=list)
    exec_time: float = 0.0
    has_broken_off: bool = False
    """Whether the runner could not go on: its directory is gone, or no process can start."""

    @property
    def exit_code(self) -> int:
        """Return the exit code of the run: a failed action is a failure, too."""
        if self.failed_actions and not self.interrupted:
            return EXIT_UNSUCCESSFUL
        return self.jobs_code


class Observer:
    """Watch a run from inside its process; this one shows nothing."""

    live = False
    """Whether `tick` is to be called while nothing happens."""

    def began(self, run_id: int, machine: Machine, never: Sequence[UnschedulableJob]) -> None:
        """Show that the runner has joined, and the jobs that cannot run here."""

    def unschedulable(self, never: Sequence[UnschedulableJob]) -> None:
        """Show jobs that cannot run here, once the GPUs are known."""

    def events(self, events: Sequence[Event], names: Mapping[int, str] = NO_NAMES) -> None:
        """Show events that were just written; ``names`` are of some of their jobs, by id."""

    def stopping(self, running: int, grace: float) -> None:
        """Show that ``running`` jobs are being stopped, and killed after ``grace`` seconds."""

    def notice(self, reason: Reason) -> None:
        """Show a message about the run that no event contains, such as a database that fails."""

    def hung_up(self) -> None:
        """Continue without the terminal, which was closed."""

    def tick(self, now: float) -> None:
        """Show the time."""
