"""List the kinds of reasons, and the arguments of each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What a reason is about. The values are stored."""

    TEXT = "text"

    EXIT = "exit"
    MISSING_FILES = "missing_files"
    MISSING_USER_DATA = "missing_user_data"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    TIME_LIMIT = "time_limit"
    RUNNER_STOPPED = "runner_stopped"
    LOST = "lost"
    LAUNCH = "launch"
    GPU_LOST = "gpu_lost"

    CANCELED_BY_USER = "canceled_by_user"
    TERMINATED_BY_USER = "terminated_by_user"
    DISABLED_BY_USER = "disabled_by_user"
    RETRIED_BY_USER = "retried_by_user"
    RERUN_BY_USER = "rerun_by_user"
    REMOVED = "removed"
    WORKFLOW_DELETED = "workflow_deleted"
    DEPENDENCY = "dependency"
    RESUMED = "resumed"

    STARTING = "starting"
    NOT_INITIALIZED = "not_initialized"
    DISABLED = "disabled"
    CANCELED = "canceled"
    WORKFLOW_CANCELED = "workflow_canceled"
    WORKFLOW_PAUSED = "workflow_paused"
    HELD = "held"
    CANARY = "canary"
    CANARY_FAILED = "canary_failed"
    JOBS_HELD = "jobs_held"
    SUSPENDED = "suspended"
    NO_RUNNER = "no_runner"
    RUNNER_SILENT = "runner_silent"
    RUNNER_EXPIRED = "runner_expired"
    RUNNER_LOST = "runner_lost"
    WAITS = "waits"
    WAITS_FOR_TURN = "waits_for_turn"
    ATTEMPT = "attempt"
    MISSING_INPUT = "missing_input"
    UNSCHEDULABLE = "unschedulable"
    SHORTAGE = "shortage"
    CPUS = "cpus"
    MEMORY = "memory"
    NODES = "nodes"
    GPUS = "gpus"
    GPU_MEMORY = "gpu_memory"
    GPU_MODEL = "gpu_model"
    GPUS_IN_USE = "gpus_in_use"
    GPUS_HELD = "gpus_held"
    GPU_HIDDEN = "gpu_hidden"
    GPU_RETURNING = "gpu_returning"
    GPU_LIMIT = "gpu_limit"
    GPU_SHARED = "gpu_shared"
    GPU_FOREIGN = "gpu_foreign"
    GPU_SHARE_TAKEN = "gpu_share_taken"
    GPU_MEMORY_TAKEN = "gpu_memory_taken"
    RUNTIME_TOO_LONG = "runtime_too_long"
    PARALLEL_LIMIT = "parallel_limit"
    JOB = "job"
    EDGE = "edge"
    JOB_GONE = "job_gone"
    MORE = "more"

    MEMORY_EXCEEDED = "memory_exceeded"
    GPU_MEMORY_EXCEEDED = "gpu_memory_exceeded"
    FILES_NOT_WRITTEN = "files_not_written"
    USER_DATA_NOT_WRITTEN = "user_data_not_written"
    BACKGROUND_ENDED = "background_ended"
    SCRIPT_FAILED = "script_failed"
    RECOVERING = "recovering"
    NOT_GROWN = "not_grown"
    GROWN = "grown"
    UNKILLABLE = "unkillable"
    SCHEMA_MISMATCH = "schema_mismatch"

    START_SHORTAGE = "start_shortage"
    STARTS_FAIL = "starts_fail"
    STARTS_RESUMED = "starts_resumed"
    DIRECTORY_GONE = "directory_gone"
    DATABASE_AWAY = "database_away"
    DATABASE_BACK = "database_back"
    ACTION_FAILED = "action_failed"
    RECORDING_FAILED = "recording_failed"
    GPU_SILENT = "gpu_silent"
    GPU_BACK = "gpu_back"
    GPU_DRIVER = "gpu_driver"
    GPU_DRIVER_BACK = "gpu_driver_back"
    GPU_WITHOUT_INSTANCES = "gpu_without_instances"
    GPU_UNRETURNED = "gpu_unreturned"
    GPUS_VIRTUAL = "gpus_virtual"
    GPUS_TOO_FEW = "gpus_too_few"

    NEVER_RAN = "never_ran"
    UNSUCCESSFUL = "unsuccessful"
    INTERRUPTED = "interrupted"
    COMMAND_CHANGED = "command_changed"
    ENV_CHANGED = "env_changed"
    INPUT_CHANGED = "input_changed"
    INPUT_APPEARED = "input_appeared"
    INPUT_MISSING = "input_missing"
    CHANGED_WHILE_RUNNING = "changed_while_running"
    DATA_CHANGED = "data_changed"
    OUTPUT_MISSING = "output_missing"
    OUTPUT_CHANGED = "output_changed"
    INPUTS_DECLARED = "inputs_declared"
    FOLLOWS = "follows"
    NOT_RECORDED = "not_recorded"
    NOT_VISIBLE = "not_visible"
    MAY_BE_KEPT = "may_be_kept"


KINDS: Mapping[Kind, frozenset[str]] = {
    kind: frozenset(arguments.split())
    for kind, arguments in {
        Kind.TEXT: "text",
        # How an attempt ended. `disk_free` and `disk` are set when the disk of the output is full.
        Kind.EXIT: "code disk_free disk",
        Kind.MISSING_FILES: "files",  # (name, path) of each declared output that does not exist
        Kind.MISSING_USER_DATA: "names",
        Kind.OUT_OF_MEMORY: "used limit",
        Kind.TIMEOUT: "limit",
        Kind.TIME_LIMIT: "",
        Kind.RUNNER_STOPPED: "",
        # Hosts where it was lost in this run. `proof` is a `liveness.Proof`, or `expired`, or
        # `dropped`, then with the `actor`.
        Kind.LOST: "places proof actor",
        Kind.GPU_LOST: "gpus",  # labels of the GPUs that left while the attempt held them
        Kind.LAUNCH: "problem path error size",  # `problem`: environment, directory or None
        # What a user or the engine did to a job. `actor` is None when it is not known.
        Kind.CANCELED_BY_USER: "actor",
        Kind.TERMINATED_BY_USER: "actor",
        Kind.DISABLED_BY_USER: "actor",
        Kind.RETRIED_BY_USER: "actor",
        Kind.RERUN_BY_USER: "actor",
        Kind.REMOVED: "",
        Kind.WORKFLOW_DELETED: "",
        Kind.DEPENDENCY: "job status reason more",  # `reason`: why that job did not succeed
        Kind.RESUMED: "after",  # the reason of the end of the attempt before
        # Why a job that has not ended is where it is.
        Kind.STARTING: "",
        Kind.NOT_INITIALIZED: "",
        Kind.DISABLED: "",
        Kind.CANCELED: "",
        Kind.WORKFLOW_CANCELED: "",
        Kind.WORKFLOW_PAUSED: "",
        # Why a job is held: by a user, `after` another job, or until the canary jobs succeed.
        Kind.HELD: "after",
        Kind.CANARY: "jobs more",
        Kind.CANARY_FAILED: "job status reason more",
        Kind.JOBS_HELD: "number reason",
        Kind.SUSPENDED: "",
        Kind.NO_RUNNER: "",
        # A runner without a heartbeat for `quiet` seconds; what is lost is proven to be gone.
        Kind.RUNNER_SILENT: "runner hostname quiet",
        Kind.RUNNER_EXPIRED: "runner hostname quiet",
        Kind.RUNNER_LOST: "runner hostname quiet workflow",
        Kind.WAITS: "jobs more",
        Kind.WAITS_FOR_TURN: "ahead",
        Kind.ATTEMPT: "number of delay",
        Kind.MISSING_INPUT: "name",
        Kind.UNSCHEDULABLE: "lacks",  # a reason for each resource that this machine lacks
        Kind.SHORTAGE: "lacks",  # the same, of resources that are in use now
        # Resources that a request lacks: of the machine (`total`), or what is `free` of it.
        Kind.CPUS: "requested free total",
        Kind.MEMORY: "requested free total",
        Kind.NODES: "requested",
        # `number` is None for a share of one GPU, `memory` is requested on each GPU.
        Kind.GPUS: "number model memory joined usable prohibited",
        Kind.GPU_MEMORY: "requested largest",
        Kind.GPU_MODEL: "number model alike total names",
        Kind.GPUS_IN_USE: "number memory free obstacles",
        # Why a GPU cannot be had now. `gpu` is (index, MIG instance), `users` are (pid, name,
        # bytes) of processes that are not ours.
        Kind.GPUS_HELD: "gpus",
        Kind.GPU_HIDDEN: "gpu used total",  # memory in use by no process that the driver lists
        Kind.GPU_RETURNING: "gpu memory job",
        Kind.GPU_LIMIT: "limit",
        Kind.GPU_SHARED: "gpu jobs",
        Kind.GPU_FOREIGN: "gpu users",
        Kind.GPU_SHARE_TAKEN: "gpu free requested users",
        Kind.GPU_MEMORY_TAKEN: "gpu free total requested reserved users",
        Kind.RUNTIME_TOO_LONG: "requested left",
        Kind.PARALLEL_LIMIT: "running limit",
        Kind.JOB: "name status edge via explained",  # a job in the chain of an explanation
        Kind.EDGE: "edge via",  # why a job of a plan waits for another, as an EdgeKind
        Kind.JOB_GONE: "id",
        Kind.MORE: "number",
        # What deserves a warning although it is no failure.
        Kind.MEMORY_EXCEEDED: "used requested",
        Kind.GPU_MEMORY_EXCEEDED: "used requested",
        # (name, path) of declared outputs that did not change; `code` where that is a failure
        Kind.FILES_NOT_WRITTEN: "files code",
        Kind.USER_DATA_NOT_WRITTEN: "names",
        Kind.BACKGROUND_ENDED: "processes",  # (name, pid) of what the job left behind
        Kind.SCRIPT_FAILED: "code log error limited",  # `limited`: the seconds after which it ended
        Kind.RECOVERING: "log",
        Kind.NOT_GROWN: "resource requested limit",  # `limit`: machine, or the key of the rule
        Kind.GROWN: "memory gpu_memory runtime",  # (before, after) of each that has grown
        Kind.UNKILLABLE: "pids",
        Kind.SCHEMA_MISMATCH: "name violations",
        # What a runner reports about its machine, database and actions. `lack` of a shortage
        # is files, processes, memory, disk …; of STARTS_FAIL it is that reason.
        Kind.START_SHORTAGE: "lack limit directory",
        Kind.STARTS_FAIL: "lack",
        Kind.STARTS_RESUMED: "",
        Kind.DIRECTORY_GONE: "directory",
        Kind.DATABASE_AWAY: "error limit running",
        Kind.DATABASE_BACK: "seconds",
        Kind.ACTION_FAILED: "trigger command code log error",
        Kind.RECORDING_FAILED: "error",
        Kind.GPU_SILENT: "index uuid error",
        Kind.GPU_BACK: "index uuid",
        Kind.GPU_DRIVER: "problem error",
        Kind.GPU_DRIVER_BACK: "",
        Kind.GPU_WITHOUT_INSTANCES: "index uuid",
        Kind.GPU_UNRETURNED: "gpu memory job",
        Kind.GPUS_VIRTUAL: "number",
        Kind.GPUS_TOO_FEW: "requested usable",
        # Why a finished job is stale. `before` and `after` are texts of a command, (size,
        # modification time) of a file, versions of a record.
        Kind.NEVER_RAN: "status",
        Kind.UNSUCCESSFUL: "status",
        Kind.INTERRUPTED: "",
        Kind.COMMAND_CHANGED: "before after",
        Kind.ENV_CHANGED: "names",
        Kind.INPUT_CHANGED: "name path before after",
        Kind.INPUT_APPEARED: "name path after",
        Kind.INPUT_MISSING: "name path before",
        Kind.CHANGED_WHILE_RUNNING: "name path",  # without a path: a record
        Kind.DATA_CHANGED: "name before after",
        Kind.OUTPUT_MISSING: "name path before",
        Kind.OUTPUT_CHANGED: "name path before after",
        Kind.INPUTS_DECLARED: "added removed",  # names, and a number
        Kind.FOLLOWS: "jobs more",
        # What cannot be told about it.
        Kind.NOT_RECORDED: "",
        Kind.NOT_VISIBLE: "name path",
        # A job that was reset because it follows others, and is kept if its inputs are equal.
        Kind.MAY_BE_KEPT: "",
    }.items()
}
"""The arguments of each kind. An argument that is left out is None."""
