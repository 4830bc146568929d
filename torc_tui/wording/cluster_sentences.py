"""Turn reasons about allocations of a cluster into sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torc_tui.reasons import Kind, Reason
from torc_tui.wording.quantities import count, duration, listed, size, start_time


def _paused(reason: Reason) -> str:
    group, workflow = reason["group"], reason["workflow"]
    command = f"`torc slurm resume {workflow} {group}` continues"
    if reason["cause"] is None:
        return f"queue group '{group}' is paused; {command}"
    words = CLUSTER_SENTENCES[reason["cause"].kind](reason["cause"])
    return f"queue group '{group}' is paused: {words}; {command}"


def _plain(number: float | None) -> str:
    return f"{number:g}" if number is not None else ""


def _detailed(text: str, reason: Reason) -> str:
    return f"{text} ({reason['detail']})" if reason["detail"] else text


def _no_partition(reason: Reason) -> str:
    resource, requested, largest = reason["resource"], reason["requested"], reason["largest"]
    where = f" ({reason['partition']})" if reason["partition"] else ""
    if resource == "gpu_model":
        return f"no partition has GPUs of the model {requested}"
    if resource == "runtime":
        longest = f"the longest partition allows {duration(largest or 0)}{where}"
        return f"runs {duration(requested or 0)}, {longest} including 90 s for start and end"
    if resource == "all" or largest is None:
        return "no partition has all that it requests"
    amounts: dict[str, Callable[[float], str]] = {
        "memory": size,
        "cpus": lambda number: count(number, "CPU"),
        "gpus": lambda number: count(number, "GPU"),
    }
    words = amounts[resource]
    return f"needs {words(requested or 0)}, the largest nodes have {words(largest)}{where}"


REASONS_OF_SLURM: Mapping[str, str] = {
    "Priority": "other jobs have a higher priority",
    "Resources": "waits until nodes are free",
    "Dependency": "waits for an earlier allocation",
    "BeginTime": "its start time has not been reached",
    "Licenses": "waits for a license",
    "Reservation": "waits for its reservation",
    "Cleaning": "its nodes are being prepared",
    "Prolog": "its nodes are being prepared",
    "NodeDown": "a node that it needs is down",
    "ReqNodeNotAvail": "a node that it needs is not available",
    "PartitionDown": "its partition is down",
    "PartitionTimeLimit": "its walltime is above the limit of the partition",
    "PartitionNodeLimit": "its nodes are above the limit of the partition",
    "PartitionConfig": "the partition does not allow it",
    "BadConstraints": "no node can meet its constraints",
    "JobHeldUser": "held by a user",
    "JobHeldAdmin": "held by an administrator",
    "QOSMaxJobsPerUserLimit": "you have as many jobs as the QOS allows",
}
"""What the common reasons of Slurm mean."""
_STUCK = (
    *("PartitionTimeLimit", "PartitionNodeLimit", "PartitionConfig", "QOSMaxJobsPerUserLimit"),
    *("AssocGrp", "JobHeld", "BadConstraints", "ReqNodeNotAvail"),
)
"""Beginnings of reasons with which an allocation does not start by itself."""


STUCK_WORDS = "will not start by itself"


def slurm_reason(reason: str) -> str:
    """Return what a reason of Slurm means; "" if that is unknown."""
    stuck = STUCK_WORDS if reason.startswith(_STUCK) else ""
    return "; ".join(filter(None, (_meaning(reason), stuck)))


def _meaning(reason: str) -> str:
    return REASONS_OF_SLURM.get(reason.split(",")[0].split(" ")[0], "")


def slurm_name(native_id: str | None, allocation: int | None) -> str:
    """Return the name of an allocation: the id that Slurm gave, or ours before that."""
    return f"Slurm {native_id}" if native_id else f"allocation {allocation}"


def _queued(reason: Reason) -> str:
    """Return the estimate first: where there is little room, the end is cut."""
    words, estimate = reason["reason"] or "", reason["starts_at"]
    when = f"est. {start_time(estimate, far=bool(reason['far']))}" if estimate else "no estimate"
    if not reason["native_id"]:
        when = "requested just now"
    elif words.startswith(_STUCK):
        when = STUCK_WORDS
    meaning = _meaning(words)
    about = f" ({words}: {meaning})" if meaning else f" ({words})" if words else ""
    name = slurm_name(reason["native_id"], reason["allocation"])
    return f"{name} is queued, {when}{about}"


def _starts(reason: Reason) -> str:
    name = slurm_name(reason["native_id"], reason["allocation"])
    where = f" on {reason['nodes']}" if reason["nodes"] else ""
    return f"{name} has started{where}; its runner starts now"


def _no_allocation(reason: Reason) -> str:
    if reason["watched"]:
        return "an allocation is requested soon"
    return f"no process requests an allocation: `torc submit {reason['workflow']}` continues"


def _walltime_left(reason: Reason) -> str:
    nodes, left = reason["nodes"] or (), reason["left"] or ()
    ends = [
        f"{node} has {duration(max(0.0, seconds))}" + (" left" if place == 0 else "")
        for place, (node, seconds) in enumerate(zip(nodes, left, strict=True))
    ]
    requested = duration(reason["requested"] or 0)
    return f"requests a runtime of {requested}; {listed(ends, 4)}"


def _runs_on(reason: Reason) -> str:
    where = f" (Slurm {reason['native_id']})" if reason["native_id"] else ""
    text = f"runs on {reason['node']}{where}"
    if reason["quiet"] is None:
        return text
    text += f", no heartbeat for {duration(reason['quiet'])}"
    state = reason["state"]
    if state is None:
        return text
    if state == "running":
        return f"{text}; Slurm says that it runs; once Slurm ends it, the job runs on another node"
    return f"{text}; its allocation has ended ({ended_words(state)}): it will run on another node"


_OUTCOMES = {
    "walltime": "walltime reached",
    "node_failed": "node failure",
    "vanished": "unknown to Slurm",
}


def ended_words(outcome: str) -> str:
    """Return the outcome of an allocation in words."""
    return _OUTCOMES.get(outcome, outcome)


CLUSTER_SENTENCES: Mapping[Kind, Callable[[Reason], str]] = {
    Kind.ALLOCATOR_TAKEN: lambda reason: (
        f"the process that requested allocations is gone; the runner on {reason['hostname']}"
        " requests them now"
    ),
    Kind.NO_ALLOCATOR: lambda reason: (
        "the process that requested allocations is gone, and the runner on"
        f" {reason['hostname']} cannot request any: {reason['error']};"
        " continue with `torc slurm watch` on a login node"
    ),
    Kind.NO_PARTITION: _no_partition,
    Kind.UNKNOWN_PARTITION: lambda reason: (
        f"there is no partition '{reason['name']}'; `torc hpc partitions` lists them"
    ),
    Kind.SEVERAL_NODES: lambda reason: (
        f"jobs with several nodes ({reason['requested']}) are not supported yet"
    ),
    Kind.WALLTIME_TOO_SHORT: lambda reason: (
        f"runs {duration(reason['requested'] or 0)}, which does not fit into a walltime of"
        f" {duration(reason['limit'] or 0)} (90 s are for start and end)"
    ),
    Kind.ALLOCATION_LIMIT: lambda reason: (
        f"the limit {reason['name']} = {_plain(reason['limit'])} is reached"
    ),
    Kind.ONE_NODE: lambda _reason: (
        "with SQLite, one node at a time until `torc database check --slurm` has passed"
    ),
    Kind.DATABASE_UNFIT: lambda reason: str(reason["detail"]),
    Kind.GROUP_PAUSED: _paused,
    Kind.GROUP_WAITS: lambda reason: (
        f"this queue group requests no more for {duration(reason['seconds'] or 0)}"
    ),
    Kind.ALLOCATION_QUEUED: _queued,
    Kind.ALLOCATION_STARTS: _starts,
    Kind.NO_ALLOCATION: _no_allocation,
    Kind.WALLTIME_LEFT: _walltime_left,
    Kind.RUNS_ON: _runs_on,
    Kind.FUTILE: lambda reason: _detailed(
        f"{count(reason['number'] or 0, 'allocation')} ended without starting a job", reason
    ),
    Kind.GROUP_REFUSED: lambda reason: _detailed(
        f"{count(reason['number'] or 0, 'request was', 'requests were')} refused", reason
    ),
}
