"""Show the resources of this machine and of allocations, and which jobs hold them.

Input: the system, the GPUs, the database. Output: a few lines and two tables, or JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torc_tui.cli import columns, output
from torc_tui.cli.call import Call
from torc_tui.operations.machine_state import MachineReader, MachineState, OtherUse, other_use
from torc_tui.reasons import Reason
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import DEFAULT_RULES
from torc_tui.store import queries, sql
from torc_tui.wording import sentence, size
from torc_tui.wording.gpu_sentences import gpu_process, hidden_memory

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState

Record = dict[str, Any]


def resources(call: Call) -> None:
    """Print the resources of this machine, and of the nodes in allocations."""
    from torc_tui.resources.detect import detect_machine
    from torc_tui.resources.gpu_service import read_once

    usable = detect_machine(gpus=read_once().gpus)
    reader = MachineReader()
    host = reader.read(None if call.missing_store is not None else call.store)
    reader.close()
    mine = {gpu.uuid for gpu in usable.gpus}
    held = host.held
    set_aside = host.set_aside()
    record: Record = {
        "hostname": usable.hostname,
        "num_cpus": usable.num_cpus,
        "cpus_held": held.num_cpus,
        "memory_bytes": usable.memory,
        "memory_gb": round(usable.memory / (1 << 30), 3),
        "memory_held_bytes": held.memory,
        "memory_used_bytes": host.memory_used,
        "num_gpus": len(usable.gpus),
        "gpus": [_gpu(host, state, mine, set_aside) for state in host.gpu_states()],
        "held": [_holding(host, one) for one in host.holdings],
        "other_databases": [_other(host, one) for one in other_use(host.others)],
        "notices": [sentence(one) for one in host.notices],
    }
    clusters = [] if call.options.host else _clusters(call)
    if not call.options.host:
        record["allocations"] = [_cluster_record(one) for one in clusters]
    if call.json:
        output.json_value(record)
    else:
        _print(record)
        _print_clusters(clusters)


def _clusters(call: Call) -> list[ClusterState]:
    """Return the allocations of all workflows that have open ones."""
    from torc_tui.cli.cluster_reading import read_cluster_now

    if call.missing_store is not None:
        return []
    with call.store.read() as conn:
        ids = [row.workflow_id for row in conn.rows(sql.WORKFLOWS_WITH_ALLOCATIONS)]
    found = [read_cluster_now(call, workflow_id) for workflow_id in ids]
    return [one for one in found if one is not None]


def _cluster_record(cluster: ClusterState) -> Record:
    from torc_tui.operations.cluster_summary import node_record, state_record

    nodes = [node_record(cluster, one) for one in cluster.places]
    return {"workflow_id": cluster.workflow_id, **state_record(cluster), "nodes": nodes}


def _print_clusters(clusters: list[ClusterState]) -> None:
    """Print what the allocations of each workflow have, and what jobs hold of it."""
    from torc_tui.cli.cluster_columns import NODE_USE
    from torc_tui.operations.cluster_summary import node_record, summary

    for cluster in clusters:
        output.line("")
        output.line(f"Allocations of workflow {cluster.workflow_id}: {summary(cluster)}")
        output.table(NODE_USE, [node_record(cluster, one) for one in cluster.places])


def _print(record: Record) -> None:
    free = max(record["num_cpus"] - record["cpus_held"], 0)
    output.fields(
        [
            ("Host", record["hostname"]),
            ("CPUs", f"{record['num_cpus']}: {record['cpus_held']} held by jobs, {free} free"),
            (
                "Memory",
                f"{size(record['memory_bytes'])}: {size(record['memory_held_bytes'])} held by jobs,"
                f" {size(record['memory_used_bytes'])} in use",
            ),
            ("GPUs", record["num_gpus"]),
        ]
    )
    set_aside = [gpu["set_aside"] for gpu in record["gpus"] if gpu["set_aside"]]
    for text in [*record["notices"], *set_aside]:
        output.line(f"Note: {text}")
    hidden = any(not gpu["usable"] for gpu in record["gpus"])
    output.table(
        [one for one in columns.GPUS if hidden or one.key != "usable"],
        [
            {
                **gpu,
                "mode": None if gpu["compute_mode"] == "default" else gpu["compute_mode"],
                "users": _users(gpu),
            }
            for gpu in record["gpus"]
        ],
    )
    for gpu in record["gpus"]:
        for text in _programs(gpu):
            output.line(f"GPU {gpu['index']}: {text}")
    for shown, key in ((columns.HELD, "held"), (columns.OTHER_USE, "other_databases")):
        output.table(shown, [{**one, "devices": devices(one["gpus"])} for one in record[key]])


def _users(gpu: Record) -> str:
    """Return who uses a GPU: jobs, jobs of other databases, other programs."""
    words = [one["job_name"] for one in gpu["holders"]]
    words += [f"{one['job']} of {one['user']}" for one in gpu["others"]]
    for one in _foreign(gpu):
        name = one["name"] or f"pid {one['pid']}"
        words.append(f"{name} of {one['user']}" if one["user"] else name)
    return ", ".join(words)


def _foreign(gpu: Record) -> list[Record]:
    """Return the processes on a GPU that belong to no job, the largest first."""
    found = [one for one in gpu["processes"] if not one["own"]]
    return sorted(found, key=lambda one: (-(one["memory_bytes"] or 0), one["pid"]))


def _programs(gpu: Record) -> Iterator[str]:
    """Yield the processes on a GPU that belong to no job, and the memory that no process holds."""
    for one in _foreign(gpu):
        keys = ("pid", "name", "memory_bytes", "user", "idle_s")
        yield gpu_process(*(one[key] for key in keys))
    if gpu["memory_hidden_bytes"] > DEFAULT_RULES.idle_memory:
        yield hidden_memory(gpu["memory_hidden_bytes"])


def _gpu(
    host: MachineState, state: GpuState, usable: set[str], set_aside: Mapping[str, Reason]
) -> Record:
    gpu = state.gpu
    assert gpu is not None  # gpu_states() returns those of a reading
    reason = set_aside.get(gpu.uuid)
    return {
        "index": gpu.index,
        "uuid": gpu.uuid,
        "name": gpu.name,
        "parent": gpu.parent,
        "virtual": gpu.virtual,
        "usable": gpu.virtual or gpu.uuid in usable,
        "memory_bytes": gpu.memory,
        "memory_free_bytes": gpu.memory_free,
        "memory_own_bytes": state.own_used,
        "memory_others_bytes": state.others_used,
        "memory_foreign_bytes": state.foreign_memory,
        "memory_reserved_bytes": state.reserved,
        "memory_available_bytes": None if state.limitless else state.memory_available,
        "share_held": state.share / 1000,
        "utilization": gpu.utilization,
        "temperature": gpu.temperature,
        "power": gpu.power,
        "compute_mode": gpu.compute_mode,
        "set_aside": None if reason is None else sentence(reason),
        "memory_hidden_bytes": state.hidden,
        "processes": [
            {
                "pid": process.pid,
                "name": process.name,
                "user": process.user,
                "idle_s": process.idle,
                "memory_bytes": process.memory,
                "own": process.own,
                "graphics": process.graphics,
            }
            for process in gpu.processes
        ],
        "holders": [
            {"workflow_id": one.workflow_id, "job_id": one.job_id, "job_name": one.job_name}
            for one in host.holders(gpu.uuid)
        ],
        "others": [{"user": user, "job": job} for user, job in state.owners],
    }


def _holding(host: MachineState, one: Any) -> Record:
    index = {gpu.uuid: gpu.index for gpu in host.machine.gpus}
    return {
        "workflow_id": one.workflow_id,
        "workflow_name": one.workflow_name,
        "job_id": one.job_id,
        "job_name": one.job_name,
        "attempt_id": one.attempt_id,
        "user": one.user,
        "status": one.status.word,
        "suspended": one.suspended,
        "pid": one.pid,
        "seconds": None if one.started_at is None else round(host.at - one.started_at, 3),
        "num_cpus": one.allocation.num_cpus,
        "memory_bytes": one.allocation.memory,
        "gpus": grants(one.allocation.gpus, index),
    }


def _other(host: MachineState, one: OtherUse) -> Record:
    index = {gpu.uuid: gpu.index for gpu in host.machine.gpus}
    return {
        "user": one.user,
        "workflow": one.workflow,
        "jobs": one.jobs,
        "num_cpus": one.held.num_cpus,
        "memory_bytes": one.held.memory,
        "gpus": grants(one.held.gpus, index),
    }


def grants(allocated: Any, index: Mapping[str, int]) -> list[Record]:
    """Return the GPUs of an attempt as records; ``index`` has their numbers."""
    return [
        {"uuid": uuid, "index": index.get(uuid), "share": share / 1000, "memory_bytes": memory}
        for uuid, share, memory in (
            (g.uuid, g.share, g.memory) if hasattr(g, "uuid") else g for g in allocated
        )
    ]


def devices(gpus: list[Record]) -> str:
    """Return the GPUs of an attempt as one cell: ``0, 2``; ``1 (0.25)``; ``1 (40 GiB)``."""
    words = []
    for gpu in gpus:
        parts = [f"{gpu['share']:g}"] if 0 < gpu["share"] < 1 else []
        parts += [size(gpu["memory_bytes"])] if gpu["memory_bytes"] else []
        name = str(gpu["uuid"] if gpu["index"] is None else gpu["index"])
        words.append(f"{name} ({', '.join(parts)})" if parts else name)
    return ", ".join(words)


def with_devices(call: Call, workflow_id: int, results: list[Record]) -> list[Record]:
    """Return results, each with the GPUs that its attempt held."""
    index: dict[str, int] = {}
    if any(result["allocation"] and result["allocation"][2] for result in results):
        for node in queries.list_compute_nodes(call.store, workflow_id):
            index |= {gpu["uuid"]: gpu["index"] for gpu in node["gpus"]}
    return [
        {**result, "gpus": grants(result["allocation"][2] if result["allocation"] else [], index)}
        for result in results
    ]
