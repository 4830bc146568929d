"""The commands that only show records: files, results, requirements, failure handlers, runners, the
machine.

What comes in: calls. What goes out: lists and single records (facts, 7.4 and 7.5). Nothing is
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torc_tui.cli import lists, output
from torc_tui.cli.call import Call
from torc_tui.cli.resources import devices, with_devices
from torc_tui.units import show_bytes, show_duration

if TYPE_CHECKING:
    pass

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
GPU_RESULTS: tuple[tuple[str, Callable[[Mapping[str, Any]], object]], ...] = (
    ("GPUs", lambda record: devices(record["gpus"])),
    ("Peak GPU Mem", lambda record: _bytes(record["peak_gpu_memory_bytes"])),
    ("Avg GPU %", lambda record: _percent(record["avg_gpu_percent"])),
)
"""Shown where some job had cards."""
GPU_REQUIREMENTS = (("GPU Memory", "gpu_memory"), ("GPU Model", "gpu_model"))
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
    from torc_tui.store import queries

    options = call.options
    found = queries.list_files(
        call.store,
        call.workflow_id(options.workflow),
        limit=call.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
    )
    call.show_list("files", output.FILES, found)


def required_files(call: Call) -> None:
    from torc_tui.store import queries

    found = queries.required_files(call.store, call.workflow_id(call.options.workflow))
    if call.json:
        lists.show_ids(call, "files", [record["id"] for record in found])
    else:
        call.show_list("required_files", output.FILES, found)


def file(call: Call) -> None:
    from torc_tui.store import queries

    show_one(call, queries.get_file(call.store, call.options.id))


def results(call: Call) -> None:
    from torc_tui.store import queries

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    found = queries.list_results(
        call.store,
        workflow_id,
        job_id=options.job_id,
        run_id=options.run_id,
        return_code=options.return_code,
        failed=options.failed,
        status=None if options.status is None else options.status.lower().replace("-", "_"),
        all_runs=options.all_runs,
        limit=call.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
    )
    found = with_devices(call, workflow_id, found)
    measured = [column for column in GPU_RESULTS if any(column[1](record) for record in found)]
    call.show_list("results", (*RESULTS[:-2], *measured, *RESULTS[-2:]), found)


def result(call: Call) -> None:
    from torc_tui.store import queries

    found = queries.get_result(call.store, call.options.id)
    show_one(call, with_devices(call, found["workflow_id"], [found])[0])


def requirements(call: Call) -> None:
    from torc_tui.store import queries

    found = queries.list_requirements(call.store, call.workflow_id(call.options.workflow))
    asked = [column for column in GPU_REQUIREMENTS if any(record[column[1]] for record in found)]
    call.show_list("resource_requirements", (*output.REQUIREMENTS, *asked), found)


def failure_handlers(call: Call) -> None:
    from torc_tui.store import queries

    found = queries.list_failure_handlers(call.store, call.workflow_id(call.options.workflow))
    call.show_list("failure_handlers", output.FAILURE_HANDLERS, found)


def compute_nodes(call: Call) -> None:
    from torc_tui.store import queries

    found = queries.list_compute_nodes(call.store, call.workflow_id(call.options.workflow))
    call.show_list("compute_nodes", NODES, found)


def compute_node(call: Call) -> None:
    from torc_tui.store import queries

    show_one(call, queries.get_compute_node(call.store, call.options.id))


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
