"""The commands about workflows as wholes: list, get, status, cancel, delete, archive, export,
import …

What comes in: calls. What goes out: records (facts, 7.5) or sentences. Acts go through
``operations``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torc_tui import settings
from torc_tui.cli import output, user_data_fast
from torc_tui.cli.actions import name_workflows
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import say
from torc_tui.errors import UsageError
from torc_tui.model import DEFAULT_REQUIREMENTS, Plan, Workflow, WorkflowSpec
from torc_tui.operations import catalog
from torc_tui.operations.user_action import function_of
from torc_tui.status import SETTLED, UNSUCCESSFUL, JobStatus

if TYPE_CHECKING:
    from torc_tui.operations.job_facts import Stuck

FAILED = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
"""What a list counts as failed."""


def list_(call: Call) -> None:
    from torc_tui.store import workflows

    if call.missing_store is not None:
        call.show_list("workflows", (), [])
        say(f"There is no store at {call.missing_store} yet: `torc create FILE` makes it.")
        return
    options = call.options
    found = workflows.list_workflows(
        call.store,
        user=None if options.all_users else settings.user_name(),
        include_archived=options.include_archived,
        archived_only=options.archived_only,
        limit=call.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
    )
    listed = [record_of(workflow) | standing_of(workflow) for workflow in found]
    columns = [
        (heading, source)
        for heading, source in output.WORKFLOWS
        if source not in output.SOME_WORKFLOWS or any(record.get(str(source)) for record in listed)
    ]
    if options.all_users:
        columns.insert(1, ("User", "user"))
    call.show_list("workflows", columns, listed)


def get(call: Call) -> None:
    record = record_of(_workflow(call))
    if call.json:
        output.json_value(record)
    else:
        output.record(record)


def status(call: Call) -> None:
    workflow = _workflow(call)
    counts = {state.word: number for state, number in workflow.counts.items() if number}
    record: dict[str, Any] = {
        "id": workflow.id,
        "name": workflow.name,
        "run_id": workflow.run_id,
        "is_canceled": workflow.is_canceled,
        "is_archived": workflow.is_archived,
        "is_paused": workflow.is_paused,
        "is_complete": complete(workflow.counts),
        "has_detected_need_to_run_completion_script": False,
        "total_jobs": sum(counts.values()),
        "jobs_by_status": counts,
    }
    state = state_of(workflow)
    never: list[Stuck] = []
    if workflow.counts.get(JobStatus.READY) and state in ("ready to run", "running"):
        from torc_tui.operations.job_facts import stuck

        never, all_of_them = stuck(call.store, workflow.id)
        if never:
            record["never"] = [one._asdict() for one in never]
        if all_of_them and state == "ready to run":
            state = "stuck: no ready job can ever run here"
    if call.json:
        output.json_value(record)
        return
    output.fields(
        [
            ("Workflow", f"{workflow.id} ({workflow.name})"),
            ("Run ID", workflow.run_id),
            ("State", state),
            ("Jobs", ", ".join(f"{number} {word}" for word, number in counts.items()) or "none"),
        ]
    )
    output.never(never)


def is_complete(call: Call) -> None:
    workflow = _workflow(call)
    done = complete(workflow.counts)
    record = {
        "is_canceled": workflow.is_canceled,
        "is_complete": done,
        "needs_to_run_completion_script": False,
    }
    call.done(record, f"Workflow {workflow.id} is {'' if done else 'not '}complete")


def new(call: Call) -> None:
    from torc_tui.operations.workflows import create_workflow

    name = call.options.name.strip()
    if not name:
        raise UsageError("a workflow needs a name")
    spec = WorkflowSpec(name=name, description=call.options.description)
    call.creates = True
    plan = Plan(spec, (), (), (), (DEFAULT_REQUIREMENTS,), (), (), (), ())
    workflow_id = create_workflow(
        call.store, plan, user=settings.user_name(), directory=str(Path.cwd()), actor=call.actor
    )
    message = f"Created workflow {workflow_id}"
    record = {
        "id": workflow_id,
        "workflow_id": workflow_id,
        "name": name,
        "status": "success",
        "message": message,
    }
    call.done(record, message)


def update(call: Call) -> None:
    from torc_tui.store import workflows

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
    workflow_id = call.workflow_id(options.workflow)
    workflow = workflows.update_workflow(
        call.store, workflow_id, at=time.time(), actor=call.actor, **given
    )
    call.done(record_of(workflow), f"Updated workflow {workflow_id}")


def archive(call: Call) -> None:
    flag = call.options.state == "true"
    action = catalog.ARCHIVE if flag else catalog.RESTORE
    ids = [call.workflow_id(text) for text in call.options.workflows]
    function_of(action)(call.store, ids, actor=call.actor)
    record = {"status": "success", "updated_workflows": ids, "is_archived": flag}
    call.done(record, action.done.format(workflows=name_workflows(ids)))


def resize(call: Call) -> None:
    from torc_tui.operations.runners import resize_runner
    from torc_tui.units import parse_memory

    options = call.options
    if options.num_cpus is None and options.memory is None and options.max_parallel_jobs is None:
        raise UsageError("nothing to change", hint="--num-cpus, --memory, --max-parallel-jobs")
    try:
        memory = None if options.memory is None else parse_memory(options.memory)
    except ValueError as error:
        raise UsageError(
            f"--memory: {error.args[0]}", hint=error.args[1] if len(error.args) > 1 else None
        ) from None
    resize_runner(
        call.store,
        options.id,
        num_cpus=options.num_cpus,
        memory=memory,
        max_parallel_jobs=options.max_parallel_jobs,
        actor=call.actor,
    )
    call.done({"id": options.id, "status": "success"}, f"Resized runner {options.id}")


def export(call: Call) -> None:
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
    except UnicodeEncodeError:  # half of a surrogate pair has an escape in JSON, and no letter
        data = (json.dumps(found, indent=2) + "\n").encode()
    Path(options.output).write_bytes(data)
    say(f"Wrote workflow {workflow_id} to {options.output}")


def import_(call: Call) -> None:
    from torc_tui.store import workflow_import

    options = call.options
    if options.file == "-":
        found = user_data_fast.given_data("-", None)
    else:
        found = user_data_fast.from_file(options.file)
    if not isinstance(found, dict) or "workflow" not in found:
        raise UsageError(
            f"{options.file} is not an exported workflow",
            hint="`torc workflows export` writes such",
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
    message = f"Created workflow {workflow_id}"
    call.done(
        {"id": workflow_id, "workflow_id": workflow_id, "status": "success", "message": message},
        message,
    )


def record_of(workflow: Workflow) -> dict[str, Any]:
    """A workflow as users see it in JSON (facts, 7.5); keys without a value are left out."""
    from torc_tui.store.queries import timestamp

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


def standing_of(workflow: Workflow) -> dict[str, Any]:
    """How a workflow of a list stands: its state and how many of its jobs have ended, and how."""
    counts = workflow.counts
    return {
        "state": state_of(workflow),
        "total_jobs": sum(counts.values()),
        "completed_jobs": counts.get(JobStatus.COMPLETED, 0),
        "failed_jobs": sum(counts.get(state, 0) for state in FAILED),
        "jobs_by_status": {state.word: number for state, number in counts.items() if number},
    }


def complete(counts: Mapping[JobStatus, int]) -> bool:
    """Whether every job has ended (or is left out)."""
    return all(state in SETTLED or not number for state, number in counts.items())


def state_of(workflow: Workflow) -> str:
    """One word for the whole of it."""
    counts = {state for state, number in workflow.counts.items() if number}
    if workflow.is_archived:
        return "archived"
    if workflow.is_canceled:
        return "canceled"
    if workflow.is_paused:
        return "paused"
    if counts and counts <= SETTLED:
        return "failed" if counts & UNSUCCESSFUL else "complete"
    if JobStatus.RUNNING in counts or JobStatus.PENDING in counts:
        return "running"
    return (
        "not initialized"
        if counts <= {JobStatus.UNINITIALIZED, JobStatus.DISABLED}
        else "ready to run"
    )


def _workflow(call: Call) -> Workflow:
    from torc_tui.store import workflows

    return workflows.get_workflow(call.store, call.workflow_id(call.options.workflow))
