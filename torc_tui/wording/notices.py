"""Turn what a runner reports about its machine, and about retries, into sentences.

Input: `Reason` records. Output: text without a final period.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torc_tui.reasons import Kind, Reason
from torc_tui.wording.quantities import count, duration, exit_code, listed, size


def notice_sentences(
    sentence: Callable[[Reason], str],
) -> Mapping[Kind, str | Callable[[Reason], str]]:
    """Return the wording of notices; ``sentence`` words the reasons inside of one."""

    def starts_fail(reason: Reason) -> str:
        lack = "a process cannot be started" if reason["lack"] is None else sentence(reason["lack"])
        return f"cannot start more jobs: {lack}; retrying"

    def jobs_held(reason: Reason) -> str:
        jobs = count(reason["number"] or 0, "job is", "jobs are")
        return f"{jobs} {'held' if reason['reason'] is None else sentence(reason['reason'])}"

    return {
        Kind.RUNNER_SILENT: _no_heartbeat,
        Kind.RUNNER_EXPIRED: _runner_expired,
        Kind.RUNNER_LOST: _runner_lost,
        Kind.SCRIPT_FAILED: _script_failed,
        Kind.RECOVERING: lambda reason: f"its recovery script runs, see {reason['log']}",
        Kind.NOT_GROWN: _not_grown,
        Kind.GROWN: _grown,
        Kind.JOBS_HELD: jobs_held,
        Kind.START_SHORTAGE: _start_shortage,
        Kind.STARTS_FAIL: starts_fail,
        Kind.STARTS_RESUMED: "jobs can be started again",
        Kind.DIRECTORY_GONE: lambda reason: f"the working directory is gone: {reason['directory']}",
        Kind.DATABASE_AWAY: _database_away,
        Kind.DATABASE_BACK: lambda reason: (
            f"the database is available again, after {duration(reason['seconds'] or 0)}"
        ),
        Kind.ACTION_FAILED: _action_failed,
        Kind.RECORDING_FAILED: lambda reason: (
            f"internal error while recording files ({reason['error']}): jobs continue, but"
            " `torc plan` may not know their state; please report it"
        ),
        Kind.GPU_SILENT: _gpu_silent,
        Kind.GPU_BACK: lambda reason: f"{_gpu(reason)} answers again",
        Kind.GPU_DRIVER: _gpu_driver,
        Kind.GPU_DRIVER_BACK: "the GPU driver answers again",
        Kind.GPU_WITHOUT_INSTANCES: lambda reason: (
            f"{_gpu(reason)} is in MIG mode and has no instances, so it cannot be used"
        ),
        Kind.GPU_LIST: lambda reason: (
            f"CUDA_VISIBLE_DEVICES={reason['value']} names a GPU twice: CUDA uses none then, and"
            " so does torc"
        ),
        Kind.GPU_LEDGER: lambda reason: (
            f"the GPU ledger {reason['path']} cannot be used ({reason['problem'] or 'unknown'}):"
            " GPU jobs start up to 2 s later, and may meet those of other users"
        ),
        Kind.GPUS_VIRTUAL: lambda reason: (
            f"there is no GPU driver here: jobs get {count(reason['number'] or 0, 'virtual GPU')},"
            " and programs that need a real one fail"
        ),
        Kind.GPUS_TOO_FEW: lambda reason: (
            f"{count(reason['requested'] or 0, 'GPU')} requested,"
            f" {reason['usable'] or 0} usable here"
        ),
    }


def _start_shortage(reason: Reason) -> str:
    limit, directory = reason["limit"], reason["directory"] or "the output"
    match reason["lack"]:
        case "files":
            return f"no file descriptors are left (ulimit -n is {limit})"
        case "files of the machine":
            return "no file descriptors are left on this machine"
        case "processes":
            return "no more processes can be started" + (
                f" (ulimit -u is {limit})" if limit else ""
            )
        case "memory":
            return "no memory is left for another process"
        case "disk":
            return f"no space is left on the disk of {directory}"
        case "quota":
            return f"the disk quota of {directory} is used up"
    return "a process cannot be started"


def _database_away(reason: Reason) -> str:
    error = reason["error"] or "the database is not available"
    jobs = "running jobs continue; " if reason["running"] else ""
    return f"{error}: {jobs}retrying for {duration(reason['limit'] or 0)}"


def _action_failed(reason: Reason) -> str:
    end = reason["error"] or exit_code(reason["code"] or 0)
    log = f", see {reason['log']}" if reason["log"] and not reason["error"] else ""
    return f"the action {reason['trigger']} failed: {reason['command']}: {end}{log}"


def _gpu(reason: Reason) -> str:
    uuid = f" ({reason['uuid']})" if reason["uuid"] else ""
    return f"GPU {reason['index']}{uuid}"


def _gpu_silent(reason: Reason) -> str:
    error = f" ({reason['error']})" if reason["error"] else ""
    return f"{_gpu(reason)} does not answer{error}; it is not used"


def _gpu_driver(reason: Reason) -> str:
    words = _DRIVER.get(reason["problem"], "the NVIDIA driver fails; no NVIDIA GPU is used")
    return f"{words} ({reason['error']})" if reason["error"] else words


_DRIVER = {
    "package": "the Python package nvidia-ml-py is missing, so no NVIDIA GPU is used",
    "library": "NVIDIA's libnvidia-ml.so.1 cannot be loaded, so no NVIDIA GPU is used",
    "permission": "this user may not use the NVIDIA driver, so no NVIDIA GPU is used",
    "not loaded": "the NVIDIA driver is not loaded, so no NVIDIA GPU is used",
    "too old": "the NVIDIA driver is too old, so no NVIDIA GPU is used",
    "version": "the NVIDIA driver was updated, but not its kernel module, so no NVIDIA GPU is used;"
    " reboot the machine",
    "silent": "the GPU driver does not answer, so no job with GPUs is started; asking again",
    "processes": "the NVIDIA driver is too old to list the processes on its GPUs, so those of other"
    " programs are not seen",
}
"""The wording of the problems of a driver."""


IGNORED = "this failure is ignored: jobs that depend on it start"


def amount_of(resource: str, amount: float) -> str:
    """Return an amount of memory, GPU memory or runtime in words."""
    if amount < 0:  # a share of a GPU
        return f"{-amount:g} %"
    return duration(amount) if resource == "runtime" else size(amount)


def _script_failed(reason: Reason) -> str:
    detail = reason["error"] or f"exit {reason['code']}, see {reason['log']}"
    if reason["limited"] is not None:
        detail = (
            f"ended after {duration(reason['limited'])} (recovery_timeout), see {reason['log']}"
        )
    return f"its recovery script failed: {detail}"


def _not_grown(reason: Reason) -> str:
    resource = str(reason["resource"])
    amount = amount_of(resource, reason["requested"] or 0)
    limit = reason["limit"]
    all_of_it = "all that this machine has" if limit == "machine" else f"its {limit}"
    text = f"it already requests {amount} of {resource.replace('_', ' ')}"
    return f"not retried: {text}, {all_of_it}"


def _grown(reason: Reason) -> str:
    parts = []
    if reason["num_gpus"] is not None:
        before, after = reason["num_gpus"]
        parts.append(f"{'a whole GPU' if after == 1 else count(after, 'GPU')} instead of a share")
    for resource in ("memory", "gpu_memory", "runtime"):
        if reason[resource] is not None and reason[resource][1] is not None:
            before, after = reason[resource]
            was = "" if before is None else f" instead of {amount_of(resource, before)}"
            parts.append(f"{amount_of(resource, after)} of {resource.replace('_', ' ')}{was}")
    return f"requests {listed(parts)}"


def _no_heartbeat(reason: Reason) -> str:
    quiet = duration(reason["quiet"] or 0)
    return f"{_runner_name(reason)}: no heartbeat for {quiet}"


def _runner_name(reason: Reason) -> str:
    slurm = f" (Slurm {reason['native_id']})" if reason["native_id"] else ""
    return f"runner {reason['runner']} on {reason['hostname']}{slurm}"


def _runner_expired(reason: Reason) -> str:
    command = f"`torc compute-nodes drop {reason['runner']}`"
    return f"{_no_heartbeat(reason)}; if it is lost, free its jobs with {command}"


def _runner_lost(reason: Reason) -> str:
    runner = f"{_runner_name(reason)} is lost"
    if reason["native_id"]:
        return f"{runner}; runners in other allocations take over its jobs"
    return f"{runner}; `torc run {reason['workflow']}` takes over its jobs"
