"""Turn reasons about allocations of a cluster into sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torc_tui.reasons import Kind, Reason
from torc_tui.wording.quantities import count, duration, size


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


CLUSTER_SENTENCES: Mapping[Kind, Callable[[Reason], str]] = {
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
    Kind.GROUP_PAUSED: _paused,
    Kind.GROUP_WAITS: lambda reason: (
        f"this queue group requests no more for {duration(reason['seconds'] or 0)}"
    ),
    Kind.FUTILE: lambda reason: _detailed(
        f"{count(reason['number'] or 0, 'allocation')} ended without starting a job", reason
    ),
    Kind.GROUP_REFUSED: lambda reason: _detailed(
        f"{count(reason['number'] or 0, 'request was', 'requests were')} refused", reason
    ),
}
