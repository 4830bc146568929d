"""Show in which order the jobs of a workflow become ready, and which jobs depend on which.

Input: a workflow; for the order, a workflow file is also accepted. Output: events or pairs, as
text, tables or JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from torc_tui.cli import columns, lists, output
from torc_tui.cli.call import Call
from torc_tui.cli.command_line import names_file
from torc_tui.cli.create import plan_of
from torc_tui.store import queries, relations, workflows
from torc_tui.views.execution_plan import ExecutionEvent, execution_events, short_list
from torc_tui.wording import count


def execution_plan(call: Call) -> None:
    """Print the events of a workflow file or of a stored workflow."""
    what = call.options.what
    if what is not None and names_file(what):
        source, name, names, waits = _of_file(call, what)
    else:
        source, name, names, waits = _of_workflow(call, call.workflow_id(what))
    events = execution_events(names, waits)
    if call.json:
        output.json_value(_record(source, name, names, events))
        return
    output.line(f"{name}: {count(len(events), 'event')}, {count(len(names), 'job')}")
    for event in events:
        output.line(f"{event.id}: {_trigger(event, names)}")
        output.line(f"  ready: {short_list([names[job] for job in event.ready])}")


def _of_file(
    call: Call, path: str
) -> tuple[str, str, Mapping[int, str], Iterable[tuple[int, int]]]:
    plan = plan_of(call, path)
    names = {number: job.spec.name for number, job in enumerate(plan.jobs)}
    waits = [(edge[0], edge[1]) for edge in plan.edges]
    for number, gate in enumerate(plan.gates, 1):
        waits += [(job, -number) for job in gate.waiting]
        waits += [(-number, job) for job in gate.members]
    return "spec", plan.spec.name, names, waits


def _of_workflow(
    call: Call, workflow_id: int
) -> tuple[str, str, Mapping[int, str], Iterable[tuple[int, int]]]:
    found = workflows.snapshot(call.store, workflow_id)
    edges = relations.edges(call.store, workflow_id)
    names = {job.id: job.name for job in found.jobs}
    return "database", found.workflow.name, names, ((one.job, one.depends_on) for one in edges)


def _trigger(event: ExecutionEvent, names: Mapping[int, str]) -> str:
    if not event.after:
        return "the workflow starts"
    verb = "has" if len(event.after) == 1 else "have"
    return f"{short_list([names[job] for job in event.after])} {verb} finished"


def _record(
    source: str, name: str, names: Mapping[int, str], events: list[ExecutionEvent]
) -> dict[str, Any]:
    return {
        "status": "success",
        "source": source,
        "workflow_name": name,
        "total_events": len(events),
        "total_jobs": len(names),
        "root_events": [one.id for one in events if not one.depends_on],
        "leaf_events": [one.id for one in events if not one.unlocks],
        "events": [
            {
                "id": one.id,
                "trigger": {
                    "type": "JobsComplete" if one.after else "WorkflowStart",
                    "data": {"jobs": [names[job] for job in one.after]} if one.after else None,
                },
                "trigger_description": _trigger(one, names),
                "scheduler_allocations": [],
                "jobs_becoming_ready": [names[job] for job in one.ready],
                "depends_on_events": list(one.depends_on),
                "unlocks_events": list(one.unlocks),
            }
            for one in events
        ],
    }


# -- pairs -----------------------------------------------------------------------------------------


def job_job(call: Call) -> None:
    """List the pairs of a job and a job that it depends on."""
    workflow_id = call.workflow_id(call.options.workflow)
    names = _names(call, workflow_id)
    edges = list(relations.edges(call.store, workflow_id))
    members: dict[int, list[int]] = {}
    for edge in edges:
        if edge.job < 0:
            members.setdefault(edge.job, []).append(edge.depends_on)
    pairs = {
        (edge.job, other)
        for edge in edges
        if edge.job > 0
        for other in members.get(edge.depends_on, (edge.depends_on,))
    }
    found = [
        {
            "job_id": job,
            "job_name": names[job],
            "depends_on_job_id": other,
            "depends_on_job_name": names[other],
            "workflow_id": workflow_id,
        }
        for job, other in sorted(pairs)
        if job in names and other in names  # skip jobs that were removed
    ]
    call.show_list("job_dependencies", columns.JOB_JOB, lists.part(call, found))


def job_file(call: Call) -> None:
    """List the jobs that write and read each file."""
    workflow_id = call.workflow_id(call.options.workflow)
    paths = {one["id"]: one["path"] for one in queries.list_files(call.store, workflow_id)}
    found = [
        {**one, "file_path": paths[one["file_id"]]} for one in _writers(call, workflow_id, "file")
    ]
    call.show_list("job_file_relationships", columns.JOB_FILE, lists.part(call, found))


def job_user_data(call: Call) -> None:
    """List the jobs that write and read each user data record."""
    workflow_id = call.workflow_id(call.options.workflow)
    found = _writers(call, workflow_id, "user_data")
    call.show_list("job_user_data_relationships", columns.JOB_USER_DATA, lists.part(call, found))


def _writers(call: Call, workflow_id: int, kind: str) -> list[dict[str, Any]]:
    """Return a record for each pair of writer and reader; a missing writer or reader is None."""
    names = _names(call, workflow_id)
    return [
        {
            f"{kind}_id": one.id,
            f"{kind}_name": one.name,
            "producer_job_id": writer,
            "producer_job_name": writer and names[writer],
            "consumer_job_id": reader,
            "consumer_job_name": reader and names[reader],
            "workflow_id": workflow_id,
        }
        for one in relations.artifacts(call.store, workflow_id)
        if one.kind == kind
        for writer, reader in product(one.producers or (None,), one.consumers or (None,))
    ]


def _names(call: Call, workflow_id: int) -> dict[int, str]:
    return {job.id: job.name for job in workflows.snapshot(call.store, workflow_id).jobs}
