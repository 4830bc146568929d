"""Show what users have changed in a workflow since its file, and the lines that the file needs."""

from __future__ import annotations

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.update import change_line
from torc_tui.operations.workflow_edits import WorkflowEdits, workflow_edits
from torc_tui.views.json_diff import diff as json_diff
from torc_tui.wording import count

_CHANGES = 20
"""Changes of one record that are listed."""


def diff(call: Call) -> None:
    """Print what differs from the file."""
    found = workflow_edits(call.store, call.workflow_id(call.options.workflow))
    if call.json:
        output.json_value(_record(found))
        return
    head = f"Workflow {found.workflow_id} ({found.name})"
    if not found:
        output.line(f"{head}: nothing was changed since {_file(found)}")
        return
    output.line(f"{head}: {', '.join(_numbers(found))} changed since {_file(found)}")
    for name, columns in (*found.jobs.items(), *found.resource_requirements.items()):
        for key, change in columns.items():
            output.line(f"  {name}: {change_line(key, change)}")
    for name in found.jobs_added:
        output.line(f"  {name}: added")
    for name, change in found.user_data.items():
        for one in json_diff(change.before, change.after)[:_CHANGES]:
            output.line(f"  {name}: {one.text}")
    output.line(f"lines for {_file(found)}:")
    for text in found.lines:
        output.line(text)


def _file(found: WorkflowEdits) -> str:
    return found.file or "the workflow file"


def _numbers(found: WorkflowEdits) -> list[str]:
    jobs = len(found.jobs) + len(found.jobs_added)
    entries, records = len(found.resource_requirements), len(found.user_data)
    parts = [
        (jobs, count(jobs, "job")),
        (entries, count(entries, "entry", "entries") + " of resource requirements"),
        (records, count(records, "record")),
    ]
    return [text for number, text in parts if number]


def _record(found: WorkflowEdits) -> dict[str, object]:
    return {
        "workflow_id": found.workflow_id,
        "name": found.name,
        "file": found.file,
        "jobs": {
            name: {key: one._asdict() for key, one in columns.items()}
            for name, columns in found.jobs.items()
        },
        "jobs_added": found.jobs_added,
        "resource_requirements": {
            name: {key: one._asdict() for key, one in columns.items()}
            for name, columns in found.resource_requirements.items()
        },
        "user_data": {name: one._asdict() for name, one in found.user_data.items()},
        "lines": found.lines,
    }
