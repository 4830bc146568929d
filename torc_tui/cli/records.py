"""Show the records that commands only read: files, results, requirements, handlers, runners."""

from __future__ import annotations

from torc_tui.cli import columns, lists
from torc_tui.cli.call import Call
from torc_tui.cli.job_filters import statuses_of
from torc_tui.cli.resources import devices, with_devices
from torc_tui.cli.result_reports import with_logs
from torc_tui.errors import NotFound
from torc_tui.store import queries
from torc_tui.store.selection import ListSelection


def files(call: Call) -> None:
    """List the files of a workflow."""
    options = call.options
    wanted = ListSelection(producer=options.produced_by_job_id, **call.page)
    found = queries.list_files(call.store, call.workflow_id(options.workflow), wanted)
    call.show_list("files", columns.FILES, found)


def required_files(call: Call) -> None:
    """List the files that must exist before the start."""
    found = queries.required_files(call.store, call.workflow_id(call.options.workflow))
    if call.json:
        lists.show_ids(call, "files", [record["id"] for record in found])
    else:
        call.show_list("required_files", columns.FILES, found)


def file(call: Call) -> None:
    """Print a file."""
    call.show_record(queries.get_file(call.store, call.options.id))


def results(call: Call) -> None:
    """List results."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    wanted = ListSelection(
        job_id=options.job_id,
        run_id=options.run_id,
        return_code=options.return_code,
        failed=options.failed or None,
        statuses=statuses_of(options.status),
        current=None if options.all_runs or options.run_id is not None else True,
        compute_node_id=options.compute_node,
        **call.page,
    )
    found = queries.list_results(call.store, workflow_id, wanted)
    found = with_devices(call, workflow_id, found)
    if call.format == "table":
        found = [{**record, "devices": devices(record["gpus"])} for record in found]
    if options.include_logs:
        found = with_logs(call, workflow_id, found)
    call.show_list("results", columns.RESULTS, found)


def result(call: Call) -> None:
    """Print a result."""
    found = queries.get_result(call.store, call.options.id)
    call.show_record(with_devices(call, found["workflow_id"], [found])[0])


def requirements(call: Call) -> None:
    """List resource requirements."""
    found = queries.list_requirements(call.store, call.workflow_id(call.options.workflow))
    call.show_list("resource_requirements", columns.REQUIREMENTS, lists.part(call, found))


def job_requirements(call: Call) -> None:
    """List the resource requirements of each job."""
    workflow_id = call.workflow_id(call.options.workflow)
    known = {one["id"]: one for one in queries.list_requirements(call.store, workflow_id)}
    keys = ("num_cpus", "num_gpus", "num_nodes", "memory", "runtime")
    found = []
    for job in _jobs(call, workflow_id):
        one = known[job["resource_requirements_id"]]
        found.append(
            {
                "job_id": job["id"],
                "job_name": job["name"],
                "resource_requirements_id": one["id"],
                "resource_requirements_name": one["name"],
                **{key: one[key] for key in keys},
            }
        )
    call.show_list("resource_requirements", columns.JOB_REQUIREMENTS, found)


def job_failure_handlers(call: Call) -> None:
    """List the jobs that have a failure handler."""
    workflow_id = call.workflow_id(call.options.workflow)
    known = {one["id"]: one for one in queries.list_failure_handlers(call.store, workflow_id)}
    found = [
        {
            "job_id": job["id"],
            "job_name": job["name"],
            "failure_handler_id": job["failure_handler_id"],
            "failure_handler_name": known[job["failure_handler_id"]]["name"],
        }
        for job in _jobs(call, workflow_id)
        if job["failure_handler_id"] is not None
    ]
    call.show_list("failure_handlers", columns.JOB_HANDLERS, found)


def _jobs(call: Call, workflow_id: int) -> list[queries.Record]:
    only = call.options.job_id
    jobs = queries.list_jobs(call.store, workflow_id)
    return [job for job in jobs if only is None or job["id"] == only]


def failure_handler(call: Call) -> None:
    """Print a failure handler of a workflow."""
    number, workflow_id = call.options.id, call.workflow_id(call.options.workflow)
    for one in queries.list_failure_handlers(call.store, workflow_id):
        if one["id"] == number:
            call.show_record(one)
            return
    raise NotFound(f"workflow {workflow_id} has no failure handler {number}")


def failure_handlers(call: Call) -> None:
    """List failure handlers."""
    found = queries.list_failure_handlers(call.store, call.workflow_id(call.options.workflow))
    call.show_list("failure_handlers", columns.FAILURE_HANDLERS, lists.part(call, found))


def actions(call: Call) -> None:
    """List actions."""
    found = queries.list_actions(call.store, call.workflow_id(call.options.workflow))
    call.show_list("actions", columns.ACTIONS, [one | {"status": _status(one)} for one in found])


def _status(action: queries.Record) -> str:
    if action["return_code"]:
        return "failed"
    return "waiting" if action["executed_run_id"] is None else "executed"


def compute_nodes(call: Call) -> None:
    """List runners."""
    found = queries.list_compute_nodes(call.store, call.workflow_id(call.options.workflow))
    call.show_list("compute_nodes", columns.NODES, lists.part(call, found))


def compute_node(call: Call) -> None:
    """Print a runner."""
    call.show_record(queries.get_compute_node(call.store, call.options.id))
