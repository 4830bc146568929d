"""Show the records that commands only read: files, results, requirements, handlers, runners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torc_tui.cli import columns, lists, output
from torc_tui.cli.call import Call
from torc_tui.cli.resources import devices, with_devices
from torc_tui.store import queries


def files(call: Call) -> None:
    options = call.options
    found = queries.list_files(
        call.store,
        call.workflow_id(options.workflow),
        limit=call.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
    )
    call.show_list("files", columns.FILES, found)


def required_files(call: Call) -> None:
    found = queries.required_files(call.store, call.workflow_id(call.options.workflow))
    if call.json:
        lists.show_ids(call, "files", [record["id"] for record in found])
    else:
        call.show_list("required_files", columns.FILES, found)


def file(call: Call) -> None:
    show_one(call, queries.get_file(call.store, call.options.id))


def results(call: Call) -> None:
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
    if call.format == "table":
        found = [{**record, "devices": devices(record["gpus"])} for record in found]
    call.show_list("results", columns.RESULTS, found)


def result(call: Call) -> None:
    found = queries.get_result(call.store, call.options.id)
    show_one(call, with_devices(call, found["workflow_id"], [found])[0])


def requirements(call: Call) -> None:
    found = queries.list_requirements(call.store, call.workflow_id(call.options.workflow))
    call.show_list("resource_requirements", columns.REQUIREMENTS, found)


def failure_handlers(call: Call) -> None:
    found = queries.list_failure_handlers(call.store, call.workflow_id(call.options.workflow))
    call.show_list("failure_handlers", columns.FAILURE_HANDLERS, found)


def compute_nodes(call: Call) -> None:
    found = queries.list_compute_nodes(call.store, call.workflow_id(call.options.workflow))
    call.show_list("compute_nodes", columns.NODES, found)


def compute_node(call: Call) -> None:
    show_one(call, queries.get_compute_node(call.store, call.options.id))


def show_one(call: Call, record: Mapping[str, Any]) -> None:
    """Print one record: as JSON, or one value per line."""
    if call.json:
        output.json_value(record)
    else:
        output.record(record)
