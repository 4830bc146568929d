"""The commands that only show records: files, results, requirements, failure handlers, runners, the machine.

What comes in: calls. What goes out: lists and single records (facts, 7.4 and 7.5). Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.model import ACTIVE
from torc_tui.units import show_bytes, show_duration

if TYPE_CHECKING:
    from torc_tui.store.database import Store

RESULTS: tuple[output.Column, ...] = (
    ("ID", "id"),
    ("Job ID", "job_id"),
    ("Job Name", "job_name"),
    ("WF ID", "workflow_id"),
    ("Run ID", "run_id"),
    ("Attempt", "attempt_id"),
    ("Return Code", "return_code"),
    ("Exec Time (min)", lambda record: f"{record['exec_time_minutes']:.2f}"),
    ("Peak Mem", lambda record: _bytes(record["peak_memory_bytes"])),
    ("Peak CPU %", lambda record: _percent(record["peak_cpu_percent"])),
    ("Completion Time", lambda record: output.when(record["ended_at"])),
    ("Status", "status"),
)
NODES: tuple[output.Column, ...] = (
    ("ID", "id"),
    ("Hostname", "hostname"),
    ("PID", "pid"),
    ("CPUs", "num_cpus"),
    ("Memory (GB)", lambda record: f"{record['memory_gb']:.1f}"),
    ("GPUs", "num_gpus"),
    ("Active", "is_active"),
    ("Start Time", lambda record: output.when(record["started_at"])),
    ("Duration", lambda record: show_duration(record["duration_seconds"])),
)


def files(call: Call) -> None:
    from torc_tui.store import records

    options = call.options
    found = records.list_files(
        call.store,
        call.workflow_id(options.workflow),
        limit=options.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
    )
    call.show_list("files", output.FILES, found)


def required_files(call: Call) -> None:
    from torc_tui.store import records

    found = records.required_files(call.store, call.workflow_id(call.options.workflow))
    if call.json:
        ids = [record["id"] for record in found]
        output.json_value({"files": ids} if call.wrapped else ids)
    else:
        call.show_list("required_files", output.FILES, found)


def file(call: Call) -> None:
    from torc_tui.store import records

    show_one(call, records.get_file(call.store, call.options.id))


def results(call: Call) -> None:
    from torc_tui.store import records

    options = call.options
    found = records.list_results(
        call.store,
        call.workflow_id(options.workflow),
        job_id=options.job_id,
        run_id=options.run_id,
        return_code=options.return_code,
        failed=options.failed,
        status=None if options.status is None else options.status.lower().replace("-", "_"),
        all_runs=options.all_runs,
        limit=options.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
    )
    call.show_list("results", RESULTS, found)


def result(call: Call) -> None:
    from torc_tui.store import records

    show_one(call, records.get_result(call.store, call.options.id))


def requirements(call: Call) -> None:
    from torc_tui.store import records

    found = records.list_requirements(call.store, call.workflow_id(call.options.workflow))
    call.show_list("resource_requirements", output.REQUIREMENTS, found)


def failure_handlers(call: Call) -> None:
    from torc_tui.store import records

    found = records.list_failure_handlers(call.store, call.workflow_id(call.options.workflow))
    call.show_list("failure_handlers", output.FAILURE_HANDLERS, found)


def compute_nodes(call: Call) -> None:
    from torc_tui.store import records

    found = records.list_compute_nodes(call.store, call.workflow_id(call.options.workflow))
    call.show_list("compute_nodes", NODES, found)


def compute_node(call: Call) -> None:
    from torc_tui.store import records

    show_one(call, records.get_compute_node(call.store, call.options.id))


def holders(store: Store, hostname: str) -> list[dict[str, Any]]:
    """The jobs that runners of this store hold on a host now, of all users, with what each holds."""
    from torc_tui.store import records, workflows

    found: list[dict[str, Any]] = []
    for workflow in workflows.list_workflows(store, include_archived=True):
        if not ACTIVE & workflow.counts.keys():
            continue
        here = {node["id"] for node in records.list_compute_nodes(store, workflow.id) if node["hostname"] == hostname}
        for status in sorted(ACTIVE):
            for job in records.list_jobs(store, workflow.id, status=status):
                if job["compute_node_id"] not in here or not job["allocation"]:
                    continue
                cpus, memory, gpus = job["allocation"]
                found.append(
                    {
                        "workflow_id": workflow.id,
                        "job_id": job["id"],
                        "job_name": job["name"],
                        "user": workflow.user,
                        "num_cpus": cpus,
                        "memory_bytes": memory,
                        "gpus": [
                            {"uuid": uuid, "share": share / 1000, "memory_bytes": held} for uuid, share, held in gpus
                        ],
                    }
                )
    return found


def resources(call: Call) -> None:
    """What this machine has, the cards with what is free on each, and which jobs hold what."""
    from torc_tui.resources.detect import detect_machine

    machine = detect_machine()
    record: dict[str, Any] = {
        "hostname": machine.hostname,
        "num_cpus": machine.num_cpus,
        "memory_bytes": machine.memory,
        "memory_gb": round(machine.memory / (1 << 30), 3),
        "num_gpus": len(machine.gpus),
        "gpus": [
            {
                "index": gpu.index,
                "uuid": gpu.uuid,
                "name": gpu.name,
                "memory_bytes": gpu.memory,
                "memory_free_bytes": gpu.memory_free,
                "utilization": gpu.utilization,
                "temperature": gpu.temperature,
                "processes": [{"pid": process.pid, "name": process.name} for process in gpu.processes],
            }
            for gpu in machine.gpus
        ],
        "held": holders(call.store, machine.hostname),
    }
    if call.json:
        output.json_value(record)
        return
    output.fields(
        [
            ("Host", machine.hostname),
            ("CPUs", machine.num_cpus),
            ("Memory", show_bytes(machine.memory)),
            ("GPUs", len(machine.gpus)),
        ]
    )
    output.table(GPUS, record["gpus"])
    output.table(HELD, record["held"])


def show_one(call: Call, record: Mapping[str, Any]) -> None:
    """One record: JSON, or a line for each of its values."""
    if call.json:
        output.json_value(record)
    else:
        output.record(record)


def _bytes(value: int | None) -> str | None:
    return None if value is None else show_bytes(value)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _size(key: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda record: _bytes(record[key])


GPUS: tuple[output.Column, ...] = (
    ("GPU", "index"),
    ("Name", "name"),
    ("Memory", _size("memory_bytes")),
    ("Free", _size("memory_free_bytes")),
    ("Use %", lambda record: _percent(record["utilization"])),
    ("Programs", lambda record: ", ".join(f"{one['name']} ({one['pid']})" for one in record["processes"])),
    ("UUID", "uuid"),
)
HELD: tuple[output.Column, ...] = (
    ("WF ID", "workflow_id"),
    ("Job ID", "job_id"),
    ("Job Name", "job_name"),
    ("User", "user"),
    ("CPUs", "num_cpus"),
    ("Memory", _size("memory_bytes")),
    ("GPUs", lambda record: ", ".join(one["uuid"] for one in record["gpus"])),
)
