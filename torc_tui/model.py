"""Define the records that all packages share.

Times are in seconds since the epoch (UTC), sizes in bytes and durations in seconds, unless a name
says otherwise. The methods only derive values from the fields.

The module is long because it is a list: the records of all layers are in one place, in the order
of the data flow, and a record may hold records of an earlier section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Any, Literal

from torc_tui.reasons import ON_REQUEST, Reason
from torc_tui.records import dataclass, field
from torc_tui.status import FINISHED, TROUBLED, JobStatus, WorkflowState, workflow_state
from torc_tui.tuples import NamedTuple

Value = int | float | str
"""A value of a parameter."""

Json = Any
"""A value that JSON can hold."""


class EdgeKind(IntEnum):
    """Why a job waits for another; the numbers are stored."""

    EXPLICIT = 1
    REGEX = 2
    FILE = 3
    USER_DATA = 4


# -- the workflow file, as written -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where an entry is in the workflow file; ``lines`` maps each key to its line, from 1."""

    file: str | None = None
    line: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, key: str | None) -> int | None:
        """Return the line of a key; of the entry for None or an unknown key."""
        return self.lines.get(key, self.line) if key else self.line


NOWHERE = SourceLocation()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """One job, with its parameters filled in.

    ``group`` is the name of its job group: the name as written in the file (``train_{lr}``).
    ``was`` is its name before it was renamed.
    ``canary`` marks the jobs of an entry that run first; it is False for those that wait for them.
    ``labels`` are those that its runner must have, sorted.
    """

    name: str
    command: str
    invocation_script: str | None = None
    cancel_on_blocking_job_failure: bool = True
    supports_termination: bool = False
    resource_requirements: str | None = None
    failure_handler: str | None = None
    scheduler: str | None = None
    priority: int = 0
    canary: bool | None = None
    depends_on: tuple[str, ...] = ()
    depends_on_regexes: tuple[str, ...] = ()
    input_files: tuple[str, ...] = ()
    output_files: tuple[str, ...] = ()
    input_file_regexes: tuple[str, ...] = ()
    output_file_regexes: tuple[str, ...] = ()
    input_user_data: tuple[str, ...] = ()
    output_user_data: tuple[str, ...] = ()
    input_user_data_regexes: tuple[str, ...] = ()
    output_user_data_regexes: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    stdio: Mapping[str, Json] | None = None
    require_user_data: bool | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    group: str = ""
    values: tuple[tuple[str, Value], ...] = ()
    labels: tuple[str, ...] = ()
    was: str | None = None
    source: SourceLocation = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSpec:
    """A file that jobs read or write; ``report`` has its caption and group in reports."""

    name: str
    path: str
    rerun_check: str | None = None
    output_check: str | None = None
    report: Mapping[str, str] | None = None
    source: SourceLocation = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDataSpec:
    """A record of user data.

    ``schema`` is a JSON Schema for its value. ``declared`` is False if only a command names it.
    """

    name: str
    data: Json = None
    is_ephemeral: bool = False
    schema: Json = None
    declared: bool = True
    was: str | None = None
    source: SourceLocation = NOWHERE


PLANNED_MEMORY = 1 << 20
PLANNED_RUNTIME = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequirements:
    """What a job requests.

    ``num_cpus`` is a number of CPUs, in thousandths. ``num_gpus`` is a whole number of GPUs, or a
    share of one GPU between 0 and 1. ``gpu_memory`` reserves bytes on each of its GPUs;
    ``gpu_model`` is a regular expression searched in the name of the GPU. ``memory`` and
    ``runtime`` are None if they are not declared: they are then not enforced, and planning assumes
    `PLANNED_MEMORY` and `PLANNED_RUNTIME`.
    """

    name: str
    num_cpus: float = 1
    memory: int | None = None
    num_gpus: float = 0
    gpu_memory: int | None = None
    gpu_model: str | None = None
    num_nodes: int = 1
    runtime: float | None = None
    source: SourceLocation = NOWHERE

    @property
    def planned_memory(self) -> int:
        """Return the bytes that placement counts with."""
        return PLANNED_MEMORY if self.memory is None else self.memory

    @property
    def planned_runtime(self) -> float:
        """Return the seconds that the order of jobs counts with."""
        return PLANNED_RUNTIME if self.runtime is None else self.runtime


DECLARES_CPUS = "declares_cpus"
"""Key of ``JobSpec.options``; false if the file declares no CPUs in the requirements of the job."""

DEFAULT_REQUIREMENTS = ResourceRequirements(name="default")
"""The requirements of jobs that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRule:
    """What to do after some ends of an attempt.

    ``memory``, ``gpu_memory`` and ``runtime`` are factors by which the request of the job grows for
    its next attempt, up to ``memory_limit`` and ``runtime_limit``. ``then`` says what becomes of
    the job when it is not retried; None: what the workflow says.
    """

    exit_codes: tuple[int, ...] = ()
    causes: tuple[str, ...] = ()
    match_all_exit_codes: bool = False
    max_retries: int = 3
    delay: float = 0.0
    backoff: float = 1.0
    max_delay: float | None = None
    memory: float | None = None
    gpu_memory: float | None = None
    runtime: float | None = None
    memory_limit: int | None = None
    runtime_limit: float | None = None
    recovery_script: str | None = None
    recovery_timeout: float = 600.0
    if_script_fails: Literal["retry", "fail"] = "retry"
    then: Literal["fail", "pending", "ignore"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureHandler:
    """Rules that decide about retries; the first one that matches counts."""

    name: str
    rules: tuple[FailureRule, ...] = ()
    source: SourceLocation = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmScheduler:
    """How to request nodes from Slurm; ``settings`` are its other keys."""

    name: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    source: SourceLocation = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Commands that run on a trigger; ``settings`` has the keys that only schedulers use."""

    trigger_type: str
    action_type: str
    jobs: tuple[str, ...] = ()
    job_name_regexes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    persistent: bool = False
    settings: Mapping[str, Json] = field(default_factory=dict)
    source: SourceLocation = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionConfig:
    """How jobs are run and stopped.

    Without ``enforce_runtime``, a declared runtime is used for planning only. ``gpu_binding`` says
    how CUDA_VISIBLE_DEVICES names the GPUs.
    """

    limit_resources: bool = True
    enforce_runtime: bool = True
    termination_signal: str = "SIGTERM"
    sigterm_lead_seconds: float = 30.0
    sigkill_headroom_seconds: float = 60.0
    timeout_exit_code: int = 152
    oom_exit_code: int = 137
    staggered_start: bool = True
    stdio_mode: Literal["separate", "combined", "no_stdout", "no_stderr", "none"] = "separate"
    delete_stdio_on_success: bool = False
    gpu_binding: Literal["uuid", "index"] = "uuid"
    settings: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSpec:
    """A whole workflow file, checked and with its parameters filled in.

    ``settings`` are the keys that are stored and shown but have no field here (slurm_defaults,
    resource_monitor, compute_node_*, jobs_sort_method, enable_ro_crate …), as plain JSON.
    ``entries`` counts the entries of the file: ``{"jobs": 3, "files": 1, "user_data": 1}``.
    ``warnings`` are the `Problem` records of reading the file. ``real_path`` is the path of the
    file without symbolic links, ``set_values`` are the variables and parameters of ``--set``,
    ``value_files`` the texts of the files from which parameters were read.
    """

    name: str
    description: str | None = None
    user: str | None = None
    project: str | None = None
    metadata: Json = None
    jobs: Sequence[JobSpec] = ()
    files: Sequence[FileSpec] = ()
    user_data: Sequence[UserDataSpec] = ()
    resource_requirements: Sequence[ResourceRequirements] = ()
    failure_handlers: Sequence[FailureHandler] = ()
    slurm_schedulers: Sequence[SlurmScheduler] = ()
    actions: Sequence[Action] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    execution_config: ExecutionConfig = ExecutionConfig()
    use_pending_failed: bool = False
    require_user_data: bool = False
    settings: Mapping[str, Json] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[Any] = ()
    file: str | None = None
    text: str | None = None
    format: str | None = None
    real_path: str | None = None
    set_values: Mapping[str, str] = field(default_factory=dict)
    value_files: Mapping[str, str] = field(default_factory=dict)
    source: SourceLocation = NOWHERE


# -- the plan: the workflow with every name resolved -----------------------------------------------

Script = str | tuple[str | int, ...]
"""A command. If it names user data, it is a tuple whose integers are indices of
``Plan.user_data``, because the database assigns the ids later."""


def render(script: Script, record_ids: Sequence[int]) -> str:
    """Return the command for bash; ``record_ids`` are those of the records of the plan."""
    if isinstance(script, str):
        return script
    return "".join(part if isinstance(part, str) else str(record_ids[part]) for part in script)


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job whose references are indices of the lists of its Plan.

    Files and records are indices of ``Plan.file_groups`` and ``Plan.user_data_groups``, because
    equal lists are stored once; None stands for the empty list.
    """

    spec: JobSpec
    command: Script
    invocation_script: Script | None
    requirement: int
    failure_handler: int | None
    input_files: int | None
    output_files: int | None
    input_user_data: int | None
    output_user_data: int | None


@dataclass(frozen=True, slots=True)
class Gate:
    """A set of jobs that several others all wait for, stored once.

    ``members`` and ``waiting`` are job indices. ``via`` is the index of the file or record behind
    the edge, or the pattern.
    """

    members: tuple[int, ...]
    waiting: tuple[int, ...]
    kind: EdgeKind
    via: int | str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A resolved workflow, ready to be stored.

    ``edges`` are (job, waits for job, kind, via): indices, the EdgeKind of the first reason, and
    the index of the file or record it goes through (None for explicit and regex edges). A pair
    appears once, and never both here and in a gate. ``requirements`` ends with the record
    ``default``. ``action_jobs`` has, for each action of the spec, the indices of its jobs.
    """

    spec: WorkflowSpec
    jobs: Sequence[PlannedJob]
    files: Sequence[FileSpec]
    user_data: Sequence[UserDataSpec]
    requirements: Sequence[ResourceRequirements]
    file_groups: Sequence[tuple[int, ...]]
    user_data_groups: Sequence[tuple[int, ...]]
    edges: Sequence[tuple[int, int, int, int | None]]
    gates: Sequence[Gate]
    warnings: Sequence[Any] = ()
    action_jobs: Sequence[tuple[int, ...]] = ()


# -- machines and allocations ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that holds memory of a GPU. ``memory`` is None if the driver does not tell it.

    ``own`` is set for processes of jobs; then ``leader`` is the first process of the attempt.
    ``graphics`` is set for processes that only draw or serve (a display server, the MPS server):
    they take memory, but do not count as use of the GPU. ``since`` is when the process began, or
    was seen first, in seconds since the epoch; 0 if it was there before. ``idle`` is the time in
    seconds in which it was seen not to compute, None where the driver does not tell.
    """

    pid: int
    name: str = ""
    memory: int | None = None
    own: bool = False
    graphics: bool = False
    user: str = ""
    leader: int = 0
    since: float = 0.0
    idle: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU, or a MIG instance of one.

    ``index`` is that of NVML. ``virtual`` GPUs are simulated, to try workflows without a GPU.
    ``memory`` includes ``memory_reserved``, which the driver keeps for itself. A ``unified`` GPU
    shares the memory of the machine. ``lists_processes`` is False where the driver does not list
    the processes on the GPU. ``order`` is its position among the GPUs that may be used, as the user
    has listed them.
    """

    uuid: str
    index: int
    name: str = ""
    memory: int = 0
    memory_free: int | None = None
    utilization: float | None = None
    temperature: float | None = None
    power: float | None = None
    compute_mode: str | None = None
    parent: str | None = None
    processes: tuple[GpuProcess, ...] = ()
    virtual: bool = False
    memory_reserved: int = 0
    unified: bool = False
    lists_processes: bool = True
    order: int = 0


class GpuDamage(NamedTuple):
    """The damage of a GPU; all values are 0 for an undamaged GPU.

    ``ecc`` counts the memory errors since the last reset that were not corrected. ``remap`` and
    ``reset`` are 1 where a memory row could not be remapped, and where the GPU needs a reset.
    ``xid`` is the last fatal error that the driver reported, at ``xid_at`` (epoch).
    """

    ecc: int = 0
    remap: int = 0
    reset: int = 0
    xid: int = 0
    xid_at: float = 0.0

    def is_after(self, known: GpuDamage, *, counters: bool = False) -> bool:
        """Return whether there is new damage since ``known``; ``counters`` ignores Xid errors."""
        return any(one > other for one, other in zip(self[:3], known[:3], strict=True)) or (
            not counters and self.xid_at > known.xid_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineIdentity:
    """The identity of a machine and its process table.

    ``booted_at`` is a wall clock time in seconds since the epoch. A field is empty where the system
    does not provide it.
    """

    machine_id: str
    boot_id: str
    pid_namespace: str
    hostname: str
    booted_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The resources of a machine that a runner may use.

    ``gpu_limit`` is how many of the GPUs it may use at a time; None: all. ``gpus_known`` is False
    until the driver has listed the GPUs.
    """

    hostname: str
    num_cpus: int
    memory: int
    gpus: tuple[Gpu, ...] = ()
    gpu_limit: int | None = None
    gpus_known: bool = True


@dataclass(frozen=True, slots=True)
class GpuGrant:
    """A part of a GPU.

    ``share`` is in thousandths (1000: the whole GPU), ``memory`` in bytes, 0 if not requested.
    """

    uuid: str
    share: int = 1000
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """The resources that an attempt holds while it runs."""

    num_cpus: float = 0
    memory: int = 0
    gpus: tuple[GpuGrant, ...] = ()


# -- attempts: orders to an executor, and its reports ----------------------------------------------


class AttemptKey(NamedTuple):
    """Identifies an attempt of a job; reports of other attempts are refused."""

    workflow_id: int
    job_id: int
    run_id: int
    attempt_id: int

    @property
    def ids(self) -> tuple[int, int, int, int]:
        """Workflow, run, job and attempt: the order in which names contain them."""
        return self.workflow_id, self.run_id, self.job_id, self.attempt_id


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """Limits for the whole process group that the executor enforces; None: not enforced."""

    memory: int | None = None
    runtime: float | None = None
    termination_signal: str = "SIGTERM"
    grace: float = 30.0
    wait_for_background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order to start an attempt.

    ``environment`` is the whole environment of the job. ``shell`` is the program that gets the
    command as its last argument (None: ``bash -c``). ``stdout`` and ``stderr`` are paths, equal for
    combined output, or None. The shell of the job writes the exit code and ``note`` to
    ``exit_file``. ``output_directories`` are created before the start. ``refusal`` is the reason
    why the job cannot be started, if it is already known. The process inherits the descriptors
    ``locks``, and is bound to ``cpus``, if any are given.
    """

    key: AttemptKey
    name: str
    command: str
    directory: str
    environment: Mapping[str, str]
    invocation_script: str | None = None
    shell: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    exit_file: str
    limits: JobLimits = JobLimits()
    allocation: Allocation = Allocation()
    output_directories: tuple[str, ...] = ()
    note: str = ""
    refusal: str | None = None
    locks: tuple[int, ...] = ()
    cpus: tuple[int, ...] = ()


class Cause(StrEnum):
    """Why an attempt ended; stored with its result.

    ``EXIT`` and ``SIGNAL`` come from the job itself. ``CANCELED`` is a stop by a user, ``STOPPED``
    and ``TIME_LIMIT`` are ends of the runner.
    """

    EXIT = "exit"
    SIGNAL = "signal"
    OOM = "oom"
    GPU_OOM = "gpu_oom"
    GPU_LOST = "gpu_lost"
    TIMEOUT = "timeout"
    TIME_LIMIT = "time_limit"
    STOPPED = "stopped"
    LOST = "lost"
    LAUNCH = "launch"
    MISSING_OUTPUT = "missing_output"
    CANCELED = "canceled"


_EARLIER_CAUSES = {"memory": "oom", "runtime": "timeout", "terminated": "canceled"}


def cause_word(stored: str | None) -> str | None:
    """Return the cause of a stored result; databases of version 0.1 have other words for some."""
    return _EARLIER_CAUSES.get(stored, stored) if stored else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptUsage:
    """What an attempt used; None: not measured. CPU percent: 100 is one core."""

    cpu_time: float | None = None
    peak_memory: int | None = None
    avg_memory: int | None = None
    peak_cpu_percent: float | None = None
    avg_cpu_percent: float | None = None
    peak_gpu_memory: int | None = None
    avg_gpu_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptUse(AttemptUsage):
    """What an attempt used that has ended."""

    run_id: int
    attempt_id: int
    status: JobStatus
    return_code: int | None
    cause: str
    started_at: float
    ended_at: float

    @property
    def seconds(self) -> float:
        """Return how long the attempt ran."""
        return max(0.0, self.ended_at - self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUse:
    """A job and its last attempt; None if it has none."""

    id: int
    name: str
    group: str
    status: JobStatus
    requirement_id: int
    attempt: AttemptUse | None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    is_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """The start of an attempt.

    ``process_started`` is the start time of the process in clock ticks of the kernel. With the boot
    id, it distinguishes the process from a later one with the same pid.
    """

    key: AttemptKey
    pid: int
    process_started: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """The end of an attempt, as the executor saw it.

    ``return_code`` is 128 + n for an end by signal n; None if it is not known (cause LOST).
    ``cause`` is set if the executor ended the job or could not start it (LAUNCH); ``reason`` gives
    the details. ``warnings`` do not change the outcome. ``series`` are the measures over time of an
    attempt that lasted long enough.
    """

    key: AttemptKey
    return_code: int | None
    started_at: float
    ended_at: float
    cause: Cause | None = None
    reason: Reason | None = None
    usage: AttemptUsage = AttemptUsage()
    warnings: tuple[Reason, ...] = ()
    series: bytes | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures over time of an attempt that runs, as `usage_series` packs them."""

    key: AttemptKey
    series: bytes


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The machine could not start the attempt because of a shortage; it may be ordered again."""

    key: AttemptKey
    shortage: Reason


Report = Started | Exited | NotStarted | Measured


# -- events and rows -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """A change, written in its own transaction; ``seq`` counts per workflow without gaps."""

    workflow_id: int
    seq: int
    timestamp: float
    kind: str
    job_id: int | None = None
    data: Mapping[str, Json] = field(default_factory=dict)
    actor: str | None = None


STATUS_EVENTS: Mapping[str, JobStatus] = {
    "job_blocked": JobStatus.BLOCKED,
    "job_ready": JobStatus.READY,
    "job_claimed": JobStatus.PENDING,
    "job_started": JobStatus.RUNNING,
    "job_completed": JobStatus.COMPLETED,
    "job_failed": JobStatus.FAILED,
    "job_canceled": JobStatus.CANCELED,
    "job_terminated": JobStatus.TERMINATED,
    "job_disabled": JobStatus.DISABLED,
    "job_pending_failed": JobStatus.PENDING_FAILED,
    "job_reset": JobStatus.UNINITIALIZED,
    "job_retried": JobStatus.READY,
    "job_rerun": JobStatus.READY,
}
"""Kinds of events that give their job a status. Applied to a snapshot, they give the rows of the
database."""

END_EVENTS = frozenset(
    kind for kind, status in STATUS_EVENTS.items() if status in FINISHED | TROUBLED
)
"""Kinds of events that say that a job has ended, or waits for a decision after a failure."""
FAILURE_EVENTS = frozenset(kind for kind, status in STATUS_EVENTS.items() if status in TROUBLED)
"""Kinds of events that say that a job has failed or was terminated."""

RELOAD_EVENTS = frozenset(
    {
        "workflow_initialized",
        "workflow_reinitialized",
        "workflow_reset",
        "workflow_canceled",
        "jobs_created",
        "jobs_discarded",
        "jobs_spawned",
        "requirements_updated",
        "workflow_changed",
        "job_removed",
    }
)
"""Kinds that change many jobs at once without naming them: a reader takes a new snapshot."""


@dataclass(slots=True)
class Job:
    """A row of the job table. It is not frozen, because views apply events to it.

    ``values`` are the parameters as JSON, or empty. They are parsed only where they are shown.
    """

    id: int
    name: str
    status: JobStatus
    group: str = ""
    values: str = ""
    priority: int = 0
    held: bool = False
    attempt_id: int = 1
    requirement_id: int = 0
    unmet: int = 0
    compute_node_id: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    return_code: int | None = None
    reason: Reason | None = None
    not_before: float | None = None
    interrupted: bool = False
    hold_reason: Reason | None = None
    suspended: bool = False
    ignored: bool = False
    labels: tuple[str, ...] = ()

    @property
    def was_stopped(self) -> bool:
        """Whether the job was stopped by a user or with its runner: it did not fail."""
        stopped = self.status is JobStatus.TERMINATED
        return stopped and self.reason is not None and self.reason.kind in ON_REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow as lists show it.

    ``counts`` has one number per status that occurs; ``interrupted`` is how many of the terminated
    jobs were stopped with their runner and run again with the next one, ``ignored`` how many jobs
    did not succeed and count as if they had, by their failure rule.
    """

    id: int
    name: str
    user: str
    description: str | None = None
    project: str | None = None
    metadata: Json = None
    directory: str = ""
    created_at: float = 0.0
    run_id: int = 0
    is_canceled: bool = False
    is_archived: bool = False
    is_paused: bool = False
    last_seq: int = 0
    counts: Mapping[JobStatus, int] = field(default_factory=dict)
    interrupted: int = 0
    ignored: int = 0
    settings: Mapping[str, Json] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    execution_config: ExecutionConfig = ExecutionConfig()
    use_pending_failed: bool = False
    require_user_data: bool = False
    file: str | None = None
    format: str | None = None

    @property
    def state(self) -> WorkflowState:
        """Return the state that every command and screen shows."""
        return workflow_state(
            self.counts,
            is_canceled=self.is_canceled,
            is_paused=self.is_paused,
            is_archived=self.is_archived,
            interrupted=self.interrupted,
            ignored=self.ignored,
        )


class FailedAttempt(NamedTuple):
    """An attempt that failed.

    ``is_open``: the job has not run again since then, and does not wait for another attempt.
    """

    job_id: int
    name: str
    group: str
    run_id: int
    attempt_id: int
    ended_at: float
    cause: str
    return_code: int | None
    reason: Reason | None
    signature: str | None
    hostname: str
    stdout: str | None
    stderr: str | None
    is_open: bool


class CanceledJob(NamedTuple):
    """A job that was canceled; its reason names the dependency that did not succeed."""

    job_id: int
    name: str
    reason: Reason | None


class Artifact(NamedTuple):
    """A file or record that jobs write or read; ``state`` of a record is empty or written."""

    kind: Literal["file", "user_data"]
    id: int
    name: str
    producers: Sequence[int]
    consumers: Sequence[int]
    state: str = ""
