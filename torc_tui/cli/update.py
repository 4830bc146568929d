"""Change a workflow to what its file says now, and show what users have changed since the file.

Input: a file and a workflow. Output: what is added, removed and changed, as lines or JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.create import given_values
from torc_tui.cli.diagnostics import note, print_stderr, without_runner
from torc_tui.errors import NotFound, UsageError
from torc_tui.model import Json, Plan, Workflow
from torc_tui.operations.workflow_changes import WorkflowChanges
from torc_tui.operations.workflow_update import update_from_plan
from torc_tui.plan.changes import ColumnChange, SectionChanges
from torc_tui.plan.resolve import load_plan
from torc_tui.quoting import shorten
from torc_tui.reasons import Kind, because
from torc_tui.store import workflows
from torc_tui.store.selection import ListSelection
from torc_tui.wording import count, listed, sentence

_LISTED = 50
"""Jobs of each kind that are listed one by one."""
_LONGEST = 60
"""Characters of a value that a line shows."""
_SECTIONS = {
    "files": "file",
    "user_data": "record",
    "resource_requirements": "resource requirements",
    "failure_handlers": "failure handler",
    "slurm_schedulers": "Slurm scheduler",
}


def update(call: Call) -> None:
    """Change a workflow to its file."""
    options = call.options
    if len(options.words) > 2:
        raise UsageError(
            f"unexpected argument {options.words[2]!r}", hint="`torc update [WORKFLOW] FILE`"
        )
    path = options.words[-1]
    if len(options.words) == 2:
        workflow_id = call.workflow_id(options.words[0])
    else:
        workflow_id = workflow_from(call, path)
    workflow = workflows.get_workflow(call.store, workflow_id)
    plan = load_plan(path, {**workflows.set_values(call.store, workflow_id), **given_values(call)})
    apply_plan(call, workflow.id, plan, dry_run=options.dry_run)


def apply_plan(
    call: Call,
    workflow_id: int,
    plan: Plan,
    *,
    dry_run: bool = False,
    keep: bool = False,
    quiet: bool = False,
) -> None:
    """Update a workflow to match a plan and print the changes; ``keep`` reruns no job."""
    for warning in () if quiet else plan.warnings:
        print_stderr(f"warning: {warning}")
    changes = update_from_plan(
        call.store, workflow_id, plan, dry_run=dry_run, keep=keep, actor=call.actor
    )
    if quiet:
        return
    if call.json:
        output.json_value(record_of(changes) | {"dry_run": dry_run})
        return
    _print(changes, dry_run=dry_run, keep=keep)
    starts = changes.jobs_added or changes.jobs_restored or changes.rerun
    if starts and not dry_run and call.command.names[0] == "update":
        _note_runner(call, workflow_id)


def _note_runner(call: Call, workflow_id: int) -> None:
    from torc_tui.store import runner_liveness

    if not runner_liveness.runners(call.store, workflow_id=workflow_id):
        print_stderr(without_runner(call.store, workflow_id))


def workflow_from(call: Call, path: str) -> int:
    """Return the newest workflow that was made from a file, those of this directory first."""
    wanted, here = Path(path).resolve(), str(Path.cwd())
    found = workflows.list_workflows(
        call.store, ListSelection(user=settings.user_name(), is_archived=False)
    )
    made = [one for one in found if is_made_from(one, wanted)]
    if not made:
        raise NotFound(
            f"no workflow was made from {path} yet",
            hint=f"run it with `torc run {path}`, or name the workflow: `torc update WORKFLOW"
            f" {path}`",
        )
    newest = max(made, key=lambda one: (one.directory == here, one.created_at, one.id))
    note(f"{path} is workflow {newest.id} ({newest.name})")
    return newest.id


def is_made_from(workflow: Workflow, wanted: Path) -> bool:
    """Return whether a workflow was made from the file with this real path."""
    if workflow.file is None:
        return False
    return (Path(workflow.directory) / workflow.file).resolve() == wanted


# -- printing --------------------------------------------------------------------------------------


def _print(changes: WorkflowChanges, *, dry_run: bool, keep: bool) -> None:
    head = f"Workflow {changes.workflow_id} ({changes.name})"
    if not changes:
        output.line(f"{head}: nothing changes")
        return
    added = [*changes.jobs_added, *(one.name for one in changes.jobs_restored)]
    numbers = [
        f"{count(len(found), 'job')} {verb}"
        for verb, found in (
            ("added", added),
            ("removed", changes.jobs_removed),
            ("changed", changes.jobs_changed),
        )
        if found
    ]
    would = " (dry run)" if dry_run else ""
    output.line(f"{head}{would}: {', '.join(numbers) or 'no job changes'}")
    _print_lines("added", added)
    _print_lines("removed", (_removed(one.name, one.status.word) for one in changes.jobs_removed))
    _print_lines("changed", (line for one in changes.jobs_changed for line in _job_lines(one)))
    _print_others(changes)
    changed = {one.id for one in changes.jobs_changed}
    others = [name for number, name in changes.rerun.items() if number not in changed]
    if others:
        more = count(len(others), "more job reruns", "more jobs rerun")
        output.line(f"{more}: {listed(others, 8)}")
    if changes.stale:
        names = listed(changes.stale.values(), 8)
        why = "--keep keeps their results" if keep else "dependents are running"
        output.line(f"stale until rerun, because {why}: {names}")


def _removed(name: str, status: str) -> str:
    return f"{name} ({status}; its history is kept)"


def _print_lines(what: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if not found:
        return
    output.line(f"{what}:")
    for line in found[:_LISTED]:
        output.line(f"  {line}")
    if len(found) > _LISTED:
        output.line(f"  and {len(found) - _LISTED} more (-f json lists all)")


def _job_lines(one: Any) -> list[str]:
    first, *rest = [change_line(key, change) for key, change in one.shown.items()] or ["command"]
    head = f"{one.name} ({one.effect.value}): "
    return [head + first, *(f"  {text}" for text in rest)]


def change_line(key: str, change: ColumnChange) -> str:
    """Return the change of a key of the file in words."""
    if key in ("command", "invocation_script"):
        return sentence(because(Kind.COMMAND_CHANGED, before=change.before, after=change.after))
    return f"{key}: {_value(change.before)} → {_value(change.after)}"


def _value(value: Json) -> str:
    if value is None:
        return "none"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return listed(value, 5)
    return shorten(str(value), _LONGEST)


def _print_others(changes: WorkflowChanges) -> None:
    lines = []
    for section, noun in _SECTIONS.items():
        found = changes.sections.get(section) or SectionChanges()
        lines += [f"{noun} {name} added" for name in found.added]
        lines += [f"{noun} {name} removed" for name in found.removed]
        lines += [
            f"{noun} {name}: {'; '.join(change_line(key, one) for key, one in columns.items())}"
            for name, columns in found.changed.items()
        ]
    lines += [
        f"{count(number, 'action')} {verb}"
        for verb, number in zip(("added", "removed"), changes.actions, strict=True)
        if number
    ]
    lines += [f"workflow: {change_line(key, one)}" for key, one in changes.workflow.items()]
    if any(changes.dependencies):
        added, removed = changes.dependencies
        lines.append(f"dependencies: {added} added, {removed} removed")
    _print_lines("also", lines)


def record_of(changes: WorkflowChanges) -> dict[str, Any]:
    """Return the changes as JSON."""
    return {
        "workflow_id": changes.workflow_id,
        "name": changes.name,
        "changes": bool(changes),
        "jobs": {
            "added": [*changes.jobs_added, *(one.name for one in changes.jobs_restored)],
            "removed": [
                {"id": one.id, "name": one.name, "status": one.status.word}
                for one in changes.jobs_removed
            ],
            "changed": [
                {
                    "id": one.id,
                    "name": one.name,
                    "status": one.status.word,
                    "effect": one.effect.name.lower(),
                    "fields": _fields(one.shown),
                }
                for one in changes.jobs_changed
            ],
            "rerun": list(changes.rerun.values()),
            "stale": list(changes.stale.values()),
        },
        **{
            section: {
                "added": found.added,
                "removed": found.removed,
                "changed": {name: _fields(columns) for name, columns in found.changed.items()},
            }
            for section, found in changes.sections.items()
        },
        "actions": dict(zip(("added", "removed"), changes.actions, strict=True)),
        "dependencies": dict(zip(("added", "removed"), changes.dependencies, strict=True)),
        "workflow": _fields(changes.workflow),
    }


def _fields(columns: Mapping[str, ColumnChange]) -> dict[str, Any]:
    return {key: {"before": one.before, "after": one.after} for key, one in columns.items()}
