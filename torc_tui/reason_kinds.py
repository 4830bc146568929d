"""List the kinds of reasons, and the arguments of each."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a reason is about, with the names of its arguments; one that is left out is None.

    The values are stored.
    """

    arguments: frozenset[str]

    def __new__(cls, value: str, arguments: str = "") -> Kind:
        """Make the kind that is stored as ``value``."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.arguments = frozenset(arguments.split())
        return kind

    TEXT = "text", "text"
    # How an attempt ended. `disk_free` and `disk` are set when the disk of the output is full.
    EXIT = "exit", "code disk_free disk"
    # (name, path) of each declared output that does not exist
    MISSING_FILES = "missing_files", "files"
    MISSING_USER_DATA = "missing_user_data", "names"
    OUT_OF_MEMORY = "out_of_memory", "used limit"
    TIMEOUT = "timeout", "limit"
    TIME_LIMIT = "time_limit"
    RUNNER_STOPPED = "runner_stopped"
    # Hosts where it was lost in this run. `proof` is a `liveness.Proof`, or `expired`, or
    # `dropped`, then with the `actor`.
    LOST = "lost", "places proof actor"
    GPU_LOST = "gpu_lost", "gpus"  # labels of the GPUs that left while the attempt held them
    LAUNCH = "launch", "problem path error size"  # `problem`: environment, directory or None
    # What a user or the engine did to a job. `actor` is None when it is not known.
    CANCELED_BY_USER = "canceled_by_user", "actor"
    TERMINATED_BY_USER = "terminated_by_user", "actor"
    DISABLED_BY_USER = "disabled_by_user", "actor"
    RETRIED_BY_USER = "retried_by_user", "actor"
    RERUN_BY_USER = "rerun_by_user", "actor"
    REMOVED = "removed"
    PLANNED = "planned", "keys removed"  # what changes when the attempt has ended
    WORKFLOW_DELETED = "workflow_deleted"
    DEPENDENCY = "dependency", "job status reason more"  # `reason`: why that job did not succeed
    RESUMED = "resumed", "after"  # the reason of the end of the attempt before
    # Why a job that has not ended is where it is.
    STARTING = "starting"
    NOT_INITIALIZED = "not_initialized"
    DISABLED = "disabled"
    CANCELED = "canceled"
    WORKFLOW_CANCELED = "workflow_canceled"
    WORKFLOW_PAUSED = "workflow_paused"
    # Why a job is held: by a user, `after` another job, or until the canary jobs succeed.
    HELD = "held", "after"
    CANARY = "canary", "jobs more"
    CANARY_FAILED = "canary_failed", "job status reason more"
    JOBS_HELD = "jobs_held", "number reason"
    SUSPENDED = "suspended"
    NO_RUNNER = "no_runner"
    # No runner serves jobs with these `labels`, or `this` one does not.
    LABELS = "labels", "labels this"
    # A runner without a heartbeat for `quiet` seconds; what is lost is proven to be gone.
    RUNNER_SILENT = "runner_silent", "runner hostname quiet native_id"
    RUNNER_EXPIRED = "runner_expired", "runner hostname quiet native_id"
    RUNNER_LOST = "runner_lost", "runner hostname quiet workflow native_id"
    # A runner requests the allocations in the place of a lost watcher, or cannot.
    ALLOCATOR_TAKEN = "allocator_taken", "hostname"
    NO_ALLOCATOR = "no_allocator", "hostname error"
    WAITS = "waits", "jobs more"
    WAITS_FOR_TURN = "waits_for_turn", "ahead"
    ATTEMPT = "attempt", "number of delay"
    MISSING_INPUT = "missing_input", "name"
    UNSCHEDULABLE = "unschedulable", "lacks"  # a reason for each resource that this machine lacks
    # `gpus` that the job gets, `at` this time at the latest; `far`: not within a day
    NEXT = "next", "gpus at far"
    SHORTAGE = "shortage", "lacks"  # the same, of resources that are in use now
    # Resources that a request lacks: of the machine (`total`), or what is `free` of it.
    CPUS = "cpus", "requested free total"
    MEMORY = "memory", "requested free total"
    NODES = "nodes", "requested"
    CORES = "cores", "requested free total"  # free whole cores, to which no other job is bound
    OTHER_DATABASES = "other_databases", "users num_cpus memory"  # not counted, for display
    # `number` is None for a share of one GPU, `memory` is requested on each GPU.
    GPUS = "gpus", "number model memory joined usable prohibited"
    GPUS_UNREAD = "gpus_unread"  # the runner has just begun
    GPU_MEMORY = "gpu_memory", "requested largest"
    GPU_MODEL = "gpu_model", "number model alike total names"
    GPUS_IN_USE = "gpus_in_use", "number memory free obstacles"
    # Why a GPU cannot be had now. `gpu` is (index, MIG instance), `users` are (pid, name,
    # bytes) of processes that are not ours.
    GPUS_HELD = "gpus_held", "gpus"
    GPUS_RESERVED = "gpus_reserved", "gpus job"  # for the job that is next
    GPU_HELD_BY = "gpu_held_by", "gpu owners"  # (user, job) of other databases
    GPU_HIDDEN = "gpu_hidden", "gpu used total"  # memory in use by no process that the driver lists
    GPU_RETURNING = "gpu_returning", "gpu memory job"
    GPU_LIMIT = "gpu_limit", "limit"
    GPU_SHARED = "gpu_shared", "gpu jobs"
    GPU_FOREIGN = "gpu_foreign", "gpu users"
    GPU_SHARE_TAKEN = "gpu_share_taken", "gpu free requested users"
    GPU_MEMORY_TAKEN = "gpu_memory_taken", "gpu free total requested reserved users"
    RUNTIME_TOO_LONG = "runtime_too_long", "requested left"
    PARALLEL_LIMIT = "parallel_limit", "running limit"
    JOB = "job", "name status edge via explained"  # a job in the chain of an explanation
    EDGE = "edge", "edge via"  # why a job of a plan waits for another, as an EdgeKind
    JOB_GONE = "job_gone", "id"
    MORE = "more", "number"
    # Why jobs get no allocation of a cluster. `resource`: cpus, memory, gpus, gpu_model or runtime
    # with the `largest` amount that a `partition` has, or all: there is no partition for all of it.
    NO_PARTITION = "no_partition", "resource requested largest partition"
    UNKNOWN_PARTITION = "unknown_partition", "name"
    SEVERAL_NODES = "several_nodes", "requested"
    WALLTIME_TOO_SHORT = "walltime_too_short", "requested limit"
    # Which allocation a job waits for. `reason` is that of the cluster, `starts_at` its estimate;
    # `far`: not within a day.
    ALLOCATION_QUEUED = "allocation_queued", "allocation native_id reason starts_at far"
    ALLOCATION_STARTS = "allocation_starts", "allocation native_id nodes"  # without a runner yet
    NO_ALLOCATION = "no_allocation", "workflow watched"  # `watched`: a process requests the next
    WALLTIME_LEFT = "walltime_left", "requested nodes left"  # `left` seconds on each of the `nodes`
    # Where a job runs. `quiet` seconds without a heartbeat; `state` is what the cluster reports.
    RUNS_ON = "runs_on", "node native_id quiet state"
    ALLOCATION_LIMIT = "allocation_limit", "name limit"  # `name` is that of the limit
    ONE_NODE = "one_node"  # SQLite that no nodes have checked
    DATABASE_UNFIT = "database_unfit", "detail"  # for the node that tried to use it
    GROUP_PAUSED = "group_paused", "group cause workflow"  # `cause`: a reason, None: by a user
    GROUP_WAITS = "group_waits", "seconds"  # until the next request of the group
    FUTILE = "futile", "number detail"  # allocations that ended without starting a job
    GROUP_REFUSED = "group_refused", "number detail"  # in the words of the cluster
    # Warnings about jobs that did not fail.
    MEMORY_EXCEEDED = "memory_exceeded", "used requested"
    GPU_MEMORY_EXCEEDED = "gpu_memory_exceeded", "used requested"
    # (name, path) of declared outputs that did not change; `code` is set if that is a failure
    FILES_NOT_WRITTEN = "files_not_written", "files code"
    USER_DATA_NOT_WRITTEN = "user_data_not_written", "names"
    BACKGROUND_ENDED = "background_ended", "processes"  # (name, pid) of what the job left behind
    # `limited`: the seconds after which it ended
    SCRIPT_FAILED = "script_failed", "code log error limited"
    RECOVERING = "recovering", "log"
    NOT_GROWN = "not_grown", "resource requested limit"  # `limit`: machine, or the key of the rule
    GROWN = "grown", "memory gpu_memory runtime num_gpus"  # (before, after) of each that has grown
    UNKILLABLE = "unkillable", "pids"
    SCHEMA_MISMATCH = "schema_mismatch", "name violations"
    # What a runner reports about its machine, database and actions. `lack` of a shortage
    # is files, processes, memory, disk …; of STARTS_FAIL it is that reason.
    START_SHORTAGE = "start_shortage", "lack limit directory"
    STARTS_FAIL = "starts_fail", "lack"
    STARTS_RESUMED = "starts_resumed"
    DIRECTORY_GONE = "directory_gone", "directory"
    DATABASE_AWAY = "database_away", "error limit running"
    DATABASE_BACK = "database_back", "seconds"
    ACTION_FAILED = "action_failed", "trigger command code log error"
    RECORDING_FAILED = "recording_failed", "error"
    GPU_SILENT = "gpu_silent", "index uuid error"
    GPU_BACK = "gpu_back", "index uuid"
    GPU_DRIVER = "gpu_driver", "problem error"
    GPU_DRIVER_BACK = "gpu_driver_back"
    GPU_WITHOUT_INSTANCES = "gpu_without_instances", "index uuid"
    GPU_STRAY = "gpu_stray", "gpu pid name"  # a process of a job on a GPU that it was not given
    # `problem`: failures, suspected, user, or a field of GpuDamage with its `number`
    GPU_SET_ASIDE = "gpu_set_aside", "gpu until problem number user"
    GPU_USED_AGAIN = "gpu_used_again", "gpu user"
    GPU_OUT_OF_MEMORY = "gpu_out_of_memory", "used limit"
    GPU_LIST = "gpu_list", "value"  # CUDA_VISIBLE_DEVICES that names a device twice
    GPU_LEDGER = "gpu_ledger", "path problem"
    GPU_UNRETURNED = "gpu_unreturned", "gpu memory job"
    GPUS_VIRTUAL = "gpus_virtual", "number"
    GPUS_TOO_FEW = "gpus_too_few", "requested usable"
    # Why a finished job is stale. `before` and `after` are texts of a command, (size,
    # modification time) of a file, versions of a record.
    NEVER_RAN = "never_ran", "status"
    UNSUCCESSFUL = "unsuccessful", "status"
    INTERRUPTED = "interrupted"
    COMMAND_CHANGED = "command_changed", "before after"
    ENV_CHANGED = "env_changed", "names"
    INPUT_CHANGED = "input_changed", "name path before after"
    INPUT_APPEARED = "input_appeared", "name path after"
    INPUT_MISSING = "input_missing", "name path before"
    CHANGED_WHILE_RUNNING = "changed_while_running", "name path"  # without a path: a record
    DATA_CHANGED = "data_changed", "name before after"
    OUTPUT_MISSING = "output_missing", "name path before"
    OUTPUT_CHANGED = "output_changed", "name path before after"
    INPUTS_DECLARED = "inputs_declared", "added removed"  # names, and a number
    FOLLOWS = "follows", "jobs more"
    # What cannot be told about it.
    NOT_RECORDED = "not_recorded"
    NOT_VISIBLE = "not_visible", "name path"
    # A job that was reset because it follows others, and is kept if its inputs are equal.
    MAY_BE_KEPT = "may_be_kept"


ABOUT_ALLOCATIONS = (
    *(Kind.NO_PARTITION, Kind.UNKNOWN_PARTITION, Kind.SEVERAL_NODES, Kind.WALLTIME_TOO_SHORT),
    *(Kind.ALLOCATION_LIMIT, Kind.GROUP_PAUSED, Kind.GROUP_WAITS, Kind.FUTILE, Kind.GROUP_REFUSED),
    *(Kind.ALLOCATION_QUEUED, Kind.ALLOCATION_STARTS, Kind.NO_ALLOCATION, Kind.WALLTIME_LEFT),
    *(Kind.RUNS_ON, Kind.ONE_NODE, Kind.DATABASE_UNFIT),
    *(Kind.RUNS_ON, Kind.ALLOCATOR_TAKEN, Kind.NO_ALLOCATOR),
)
"""Why jobs get no allocation of a cluster, which one they wait for, and where they run."""
