"""List, show, create, change, archive, export and import workflows.

Actions that follow from their row of the catalog alone are in `torc_tui.cli.actions`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from torc_tui import settings
from torc_tui.cli import columns, output, user_data_fast
from torc_tui.cli.actions import name_workflows
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import print_stderr
from torc_tui.errors import UsageError
from torc_tui.model import DEFAULT_REQUIREMENTS, Plan, Workflow, WorkflowSpec
from torc_tui.operations import catalog
from torc_tui.operations.user_action import function_of
from torc_tui.status import TROUBLED, JobStatus, WorkflowState, number_of
from torc_tui.store import workflows
from torc_tui.store.selection import ListSelection


def list_(call: Call) -> None:
    """List workflows."""
    if call.missing_store is not None:
        call.show_list("workflows", columns.WORKFLOWS, [])
        print_stderr(f"there is no database at {call.missing_store}; `torc create FILE` creates it")
        return
    options = call.options
    states = _states(options.state)
    archived_too = options.include_archived or WorkflowState.ARCHIVED in (states or ())
    wanted = ListSelection(
        user=None if options.all_users else settings.user_name(),
        is_archived=options.archived_only or (None if archived_too else False),
        directory=str(Path.cwd()) if options.here else None,
        project=options.project,
        **(call.page if states is None else {**call.page, "limit": None, "offset": 0}),
    )
    found = workflows.list_workflows(call.store, wanted)
    if states is not None:  # the database does not know states: they follow from the jobs
        found = [workflow for workflow in found if workflow.state in states]
        found = found[options.offset :][: call.limit]
    records = [record_of(workflow) | progress_of(workflow) for workflow in found]
    if call.format == "table":
        records = [
            record | {"created_at": workflow.created_at}
            for record, workflow in zip(records, found, strict=True)
        ]
    shown = [one for one in columns.WORKFLOWS if options.all_users or one.key != "user"]
    call.show_list("workflows", shown, records)


def _states(given: str | None) -> set[WorkflowState] | None:
    """Return the states that an option names; UsageError for an unknown one."""
    if given is None:
        return None
    try:
        return {WorkflowState(word.strip()) for word in given.split(",")}
    except ValueError as error:
        known = ", ".join(state.value for state in WorkflowState)
        raise UsageError(f"--state: {given!r} is not a state", hint=f"one of: {known}") from error


def get(call: Call) -> None:
    """Print a workflow."""
    workflow_id = call.workflow_id(call.options.workflow)
    record = record_of(workflows.get_workflow(call.store, workflow_id))
    if given := workflows.set_values(call.store, workflow_id):
        record["set_values"] = given
    call.show_record(record)


def new(call: Call) -> None:
    """Create an empty workflow."""
    from torc_tui.operations.workflows import create_workflow

    name = call.options.name.strip()
    spec = WorkflowSpec(name=name, description=call.options.description)
    call.creates = True
    plan = Plan(spec, (), (), (), (DEFAULT_REQUIREMENTS,), (), (), (), ())
    workflow_id = create_workflow(
        call.store, plan, user=settings.user_name(), directory=str(Path.cwd()), actor=call.actor
    )
    call.created(workflow_id, name=name)


def update(call: Call) -> None:
    """Change the properties of a workflow."""
    options = call.options
    changes = {
        "name": options.name,
        "description": options.description,
        "project": options.project,
        "user": options.owner_user,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    if options.metadata is not None:
        given["metadata"] = user_data_fast.parse(options.metadata, "--metadata")
    if not given:
        raise UsageError("nothing to update", hint="give at least one option, such as --name")
    workflow_id = call.workflow_id(options.workflow)
    workflow = workflows.update_workflow(
        call.store, workflow_id, given, at=time.time(), actor=call.actor
    )
    call.done(record_of(workflow), call.action.done.format(workflow=f"workflow {workflow_id}"))


def archive(call: Call) -> None:
    """Archive workflows, or restore them."""
    flag = call.options.state == "true"
    action = catalog.ARCHIVE if flag else catalog.RESTORE
    ids = [call.workflow_id(text) for text in call.options.workflows]
    function_of(action)(call.store, ids, actor=call.actor)
    record = {"status": "success", "updated_workflows": ids, "is_archived": flag}
    call.done(record, action.done.format(workflows=name_workflows(ids)))


def resize(call: Call) -> None:
    """Change the resources that a runner may use."""
    from torc_tui.operations.runners import resize_runner

    options = call.options
    if options.num_cpus is None and options.memory is None and options.max_parallel_jobs is None:
        raise UsageError(
            "nothing to change", hint="give --num-cpus, --memory or --max-parallel-jobs"
        )
    resize_runner(
        call.store,
        options.id,
        num_cpus=options.num_cpus,
        memory=options.memory,
        max_parallel_jobs=options.max_parallel_jobs,
        actor=call.actor,
    )
    sentence = call.action.done.format(runner=f"runner {options.id}")
    call.done({"id": options.id, "status": "success"}, sentence)


def export(call: Call) -> None:
    """Write a workflow as JSON."""
    from torc_tui.store import workflow_import

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    found = workflow_import.export_workflow(
        call.store,
        workflow_id,
        include_results=options.include_results,
        include_events=options.include_events,
    )
    if options.output in (None, "-"):
        output.json_value(found)
        return
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    try:
        data = text.encode()
    except UnicodeEncodeError:  # JSON has an escape for half a surrogate pair, UTF-8 has none
        data = (json.dumps(found, indent=2) + "\n").encode()
    Path(options.output).write_bytes(data)
    print_stderr(f"Wrote workflow {workflow_id} to {options.output}")


def import_(call: Call) -> None:
    """Create a workflow from exported JSON."""
    from torc_tui.store import workflow_import

    options = call.options
    if options.file == "-":
        found = user_data_fast.given_data("-", None)
    else:
        found = user_data_fast.from_file(options.file)
    if not isinstance(found, dict) or "workflow" not in found:
        raise UsageError(
            f"{options.file}: not an exported workflow",
            hint="write one with `torc workflows export`",
        )
    if options.skip_results:
        found.pop("results", None)
    if options.skip_events:
        found.pop("events", None)
    call.creates = True
    workflow_id = workflow_import.import_workflow(
        call.store,
        found,
        user=settings.user_name(),
        directory=str(Path.cwd()),
        at=time.time(),
        name=options.name,
        actor=call.actor,
    )
    call.created(workflow_id)


def record_of(workflow: Workflow) -> dict[str, Any]:
    """Return a workflow as JSON shows it; keys without a value are left out."""
    from torc_tui.wording import timestamp

    record: dict[str, Any] = {
        "id": workflow.id,
        "name": workflow.name,
        "user": workflow.user,
        "description": workflow.description,
        "timestamp": timestamp(workflow.created_at),
        "directory": workflow.directory,
        "project": workflow.project,
        "metadata": workflow.metadata,
        "status_id": workflow.id,
        "run_id": workflow.run_id,
        "is_canceled": workflow.is_canceled,
        "is_archived": workflow.is_archived,
        "use_pending_failed": workflow.use_pending_failed,
        **{key: value for key, value in workflow.settings.items() if key != "name"},
    }
    return {key: value for key, value in record.items() if value is not None}


def progress_of(workflow: Workflow) -> dict[str, Any]:
    """Return the state of a workflow of a list, and how many of its jobs completed or failed."""
    counts = workflow.counts
    return {
        "state": workflow.state.value,
        "total_jobs": sum(counts.values()),
        "completed_jobs": counts.get(JobStatus.COMPLETED, 0),
        "failed_jobs": number_of(counts, TROUBLED),
        "jobs_by_status": {status.word: counts.get(status, 0) for status in JobStatus},
    }
