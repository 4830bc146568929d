"""Carry out the user actions of the catalog: one handler for each kind of target.

A handler finds the target, refuses what the action is not legal for, asks for confirmation where
the row wants it, calls the function of the row, and prints the answer of the row.

Exit codes of actions on several jobs: 0 if all were changed, 1 if only some were, 2 if none was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torc_tui import settings
from torc_tui.cli import output, targets
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, WRONG_USE, Failure, print_stderr, without_runner
from torc_tui.errors import UsageError
from torc_tui.model import Workflow
from torc_tui.operations.user_action import (
    ActionSelection,
    JobLike,
    UserAction,
    and_dependents,
    check_workflow,
    dependents_sentence,
    describe_jobs,
    function_of,
    must_confirm,
)
from torc_tui.status import number_of
from torc_tui.wording import count, listed, size, status_counts, with_timestamps

DEPENDENTS = 8
"""Number of dependents that a question names."""
_LISTED = 200
"""Jobs that a dry run lists one by one."""
_REFUSALS = 20
"""How many refusals are printed one by one."""


def on_jobs(call: Call) -> int:
    """Carry out an action on the jobs that it is legal for, and name the others."""
    from torc_tui.cli.job_filters import chosen_jobs

    return decide(call, call.action, chosen_jobs(call))


def decide(call: Call, action: UserAction, ids: Sequence[int], **more: Any) -> int:
    """Carry out an action on jobs, or only show the jobs; do nothing without jobs."""
    if not ids:
        return OK
    if call.options.dry_run:
        return dry_run(call, action, ids)
    return carry_out(call, action, ids, **more)


def retry(call: Call) -> int:
    """Retry jobs, changed as the options say."""
    from torc_tui.cli.job_filters import chosen_jobs

    ids = chosen_jobs(call)
    return decide(call, call.action, ids, **changes_of(call))


def update(call: Call) -> int:
    """Change jobs as the options say."""
    from torc_tui.cli.job_filters import chosen_jobs
    from torc_tui.operations.catalog import update_action

    changes, when_done = changes_of(call), call.options.when_done
    if not changes:
        raise UsageError("nothing to update", hint="give at least one option, such as --command")
    ids = chosen_jobs(call)
    action = update_action(when_done=when_done)
    return decide(call, action, ids, **changes, when_done=when_done)


def changes_of(call: Call) -> dict[str, Any]:
    """Return what the options change in the jobs; UsageError for wrong values."""
    from torc_tui.operations.job_changes import parse_changes

    changes = parse_changes(vars(call.options))
    return {"changes": changes} if changes else {}


def carry_out(
    call: Call,
    action: UserAction,
    ids: Sequence[int],
    scope: Mapping[str, bool] | None = None,
    **more: Any,
) -> int:
    """Carry out an action on those of the jobs that it is legal for, and name the others.

    ``scope`` says which jobs a rerun includes; ``more`` are keywords for the function of the
    action.
    """
    from torc_tui.operations.jobs import select

    more |= scope or {}
    selection = select(call.store, action, ids, actor=call.actor, **(scope or {}))
    report_refusals(call, selection.refused.values(), FAILED if selection.jobs else WRONG_USE)
    if not selection.jobs:
        print_jobs(call, [], "")
        return WRONG_USE
    argument = () if action.argument is None else (getattr(call.options, action.argument.name),)
    words = {"argument": argument[0] if argument else ""}
    dependents = dependents_of(action, selection)
    if must_confirm(action, Counter(job.status for job in selection.jobs)):
        jobs = describe_jobs(selection.jobs)
        _confirm(call, action, {**words, "jobs": jobs}, dependents)
    if scope is not None and dependents and not call.asks and not call.json:
        print_stderr(dependents)
    chosen = [job.id for job in selection.jobs]
    result = function_of(action)(call.store, chosen, *argument, actor=call.actor, **more)
    report_refusals(call, result.refused.values())  # their status changed during the confirmation
    moved = [job for job in selection.jobs if job.id not in result.refused]
    sentence = action.done.format(**words, jobs=describe_jobs(moved))
    print_jobs(call, result.moved, sentence + and_dependents(len(moved), result.dependents))
    if action.wants_runner and not call.json:
        _note_missing_runners(call, result.moved)
    if not result.moved:
        return WRONG_USE
    return FAILED if selection.refused or result.refused else OK


def dry_run(
    call: Call, action: UserAction, ids: Sequence[int], scope: Mapping[str, bool] | None = None
) -> int:
    """Print the jobs that an action would change, with those that follow them."""
    from torc_tui.operations.jobs import select

    found = select(call.store, action, ids, actor=call.actor, **(scope or {}))
    if call.json:
        jobs = [{"id": job.id, "name": job.name, "status": job.status.word} for job in found.jobs]
        refused = [{"id": job_id, "reason": reason} for job_id, reason in found.refused.items()]
        dependents = list(found.dependents)
        output.json_value({"jobs": jobs, "dependents": dependents, "refused": refused})
        return OK if found.jobs else WRONG_USE
    report_refusals(call, found.refused.values())
    kinds = Counter(job.status for job in found.jobs)
    statuses = f" ({status_counts(kinds)})" if len(kinds) > 1 else ""
    output.line(f"would {action.verb} {count(len(found.jobs), 'job')}{statuses}:")
    for job in found.jobs[:_LISTED]:
        output.line(f"  {job.name} (job {job.id}, {job.status.word})")
    if len(found.jobs) > _LISTED:
        output.line(f"  and {len(found.jobs) - _LISTED} more (-f json lists all)")
    if sentence := dependents_of(action, found):
        output.line(sentence)
    return OK if found.jobs else WRONG_USE


def on_workflow(call: Call) -> None:
    """Carry out an action on one workflow."""
    from torc_tui.store import workflows

    action = call.action
    workflow = workflows.get_workflow(call.store, call.workflow_id(call.options.workflow))
    check_workflow(action, workflow)
    number = number_of(workflow.counts, action.needs or action.legal)
    words = {"workflow": f"workflow {workflow.id}", "jobs": count(number, "job")}
    if must_confirm(action, workflow.counts):
        _confirm(call, action, {**words, "workflow": describe_workflow(workflow)})
    flags = {one.keyword: getattr(call.options, one.name) for one in action.flags}
    result = function_of(action)(call.store, workflow.id, actor=call.actor, **flags)
    record: dict[str, Any] = {"workflow_id": workflow.id}
    record |= _RECORDS.get(action.id, _set_flag)(action, result)
    call.done(record, action.done.format(**words))
    for error in record.get("errors", ()):
        print_stderr(error)


def on_workflows(call: Call) -> None:
    """Delete workflows, and their log files if that is wanted."""
    from torc_tui.cli.workflows import record_of
    from torc_tui.operations.log_removal import delete_logs, find_logs
    from torc_tui.operations.lost_runners import free_lost_jobs
    from torc_tui.store import workflows

    action = call.action
    ids = list(dict.fromkeys(call.workflow_id(text) for text in call.options.workflows))
    flags = {one.keyword: getattr(call.options, one.name) for one in action.flags}
    free_lost_jobs(call.store, action, ids, call.actor)
    found = [workflows.get_workflow(call.store, one) for one in ids]
    for workflow in found if not flags.get("force") else ():
        check_workflow(action, workflow)
    if call.options.logs and call.options.keep_logs:
        raise UsageError("--logs and --keep-logs cannot be used together")
    question = action.question.format(workflows=listed(map(describe_workflow, found), 10))
    call.confirm(question, "Jobs, results, user data and events are deleted.")
    logs = find_logs(call.store, ids)
    with_logs = call.options.logs
    if logs.paths and call.asks and not (with_logs or call.options.keep_logs):
        files = f"{count(len(logs.paths), 'log file')} ({size(logs.size)})"
        with_logs = targets.ask(f"Delete {files}, too? [y/N] ").lower() in ("y", "yes")
    deleted = function_of(action)(
        call.store, ids, user=settings.user_name(), actor=call.actor, **flags
    )
    if call.json:
        output.json_value([record_of(workflow) for workflow in deleted])
    else:
        output.line(action.done.format(workflows=name_workflows(ids)))
    if with_logs:
        print_stderr(f"deleted {count(delete_logs(logs.paths), 'log file')}")


def print_jobs(call: Call, ids: Sequence[int], sentence: str) -> None:
    """Print the jobs as they are now (JSON), or a sentence."""
    from torc_tui.store import queries

    if call.json:
        found = [with_timestamps(queries.get_job(call.store, job_id)) for job_id in ids]
        output.json_value({"jobs": found} if call.wrapped else found)
    elif ids:
        output.line(sentence)


def describe_workflow(workflow: Workflow) -> str:
    """Return a workflow with its name: ``workflow 4 (small)``."""
    return f"workflow {workflow.id} ({workflow.name})"


def name_workflows(ids: Sequence[int]) -> str:
    """Return workflows by their ids: ``workflow 4``, ``workflows 4, 5 and 6``."""
    if len(ids) == 1:
        return f"workflow {ids[0]}"
    return f"workflows {listed(map(str, ids), 20)}"


def dependents_of(action: UserAction, selection: ActionSelection[JobLike]) -> str | None:
    """Return which dependents the action changes, too; None where there are none."""
    names = selection.dependents
    sentence = dependents_sentence(action, len(selection.jobs), len(names))
    return sentence and f"{sentence}: {listed(names, DEPENDENTS)}."


def _confirm(
    call: Call, action: UserAction, words: Mapping[str, object], dependents: str | None = None
) -> None:
    reason = action.confirm.reason if action.confirm is not None else None
    reasons = " ".join(one for one in (reason, dependents) if one)
    call.confirm(action.question.format(**words), reasons or None)


def report_refusals(call: Call, refusals: Iterable[str], code: int = FAILED) -> None:
    """Print why the action does not apply to jobs; as JSON, one error with the exit code."""
    sentences = list(refusals)
    if call.json and sentences:
        message = f"{count(len(sentences), 'job was', 'jobs were')} not changed"
        print_stderr(Failure(message, code, problems=sentences).json())
    else:
        print_refusals(sentences)


def print_refusals(refusals: Iterable[str]) -> None:
    """Print why the action does not apply to jobs."""
    sentences = list(refusals)
    for sentence in sentences[:_REFUSALS]:
        print_stderr(sentence)
    if len(sentences) > _REFUSALS:
        print_stderr(f"and {count(len(sentences) - _REFUSALS, 'job')} more")


def _note_missing_runners(call: Call, ids: Sequence[int]) -> None:
    """Name the workflows of these jobs that have no active runner, and how to start one."""
    from torc_tui.operations.runners import active_runners
    from torc_tui.store import queries

    jobs = [queries.get_job(call.store, job_id) for job_id in ids]
    for workflow_id in sorted({int(job["workflow_id"]) for job in jobs}):
        if not active_runners(call.store, workflow_id):
            print_stderr(without_runner(call.store, workflow_id))


def _set_flag(action: UserAction, result: Any) -> dict[str, Any]:
    return {"status": "success"} if action.sets is None else {action.sets[0]: action.sets[1]}


_RECORDS: Mapping[str, Callable[[UserAction, Any], dict[str, Any]]] = {
    "workflow-cancel": lambda action, result: {
        "status": "success",
        "canceled_jobs": result.jobs,
        "canceled_slurm_jobs": result.allocations,
        "errors": list(result.errors),
    },
    "workflow-stop": lambda action, result: {"compute_node_ids": result, "status": "success"},
}
"""What the JSON answer of an action contains besides the id of the workflow."""
