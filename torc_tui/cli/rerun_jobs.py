"""Rerun finished jobs, or show which jobs that would be.

Input: names of jobs, or filters. Output: what was reset, or the jobs of a dry run.
"""

from __future__ import annotations

from typing import Any

from torc_tui.cli import output
from torc_tui.cli.actions import carry_out, dependents_of, print_refusals
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import OK, WRONG_USE
from torc_tui.cli.job_filters import chosen_jobs
from torc_tui.errors import UsageError
from torc_tui.operations.catalog import rerun_action
from torc_tui.operations.job_choice import JobFilter, choose
from torc_tui.operations.jobs import select
from torc_tui.operations.rerun_jobs import rerun_jobs
from torc_tui.status import HAS_RESULT, RETRYABLE
from torc_tui.wording import count

_LISTED = 200
"""Jobs that a dry run lists one by one."""


def rerun(call: Call) -> int:
    """Rerun jobs, with the jobs that used their output unless ``--only`` is given."""
    options = call.options
    if options.only and options.with_dependents:
        raise UsageError("--only and --with-dependents cannot be used together")
    ids = chosen_jobs(call)
    if not ids:
        return OK
    scope = {"alone": options.only, "stop": options.stop}
    if options.dry_run:
        return _show(call, ids, scope)
    return carry_out(call, rerun_action(stop=options.stop), ids, scope)


def _show(call: Call, ids: list[int], scope: dict[str, bool]) -> int:
    """Print the jobs that a rerun would reset."""
    action = rerun_action(stop=scope["stop"])
    found = select(call.store, action, ids, actor=call.actor, **scope)
    if call.json:
        jobs = [{"id": job.id, "name": job.name, "status": job.status.word} for job in found.jobs]
        refused = [{"id": job_id, "reason": told} for job_id, told in found.refused.items()]
        dependents = list(found.dependents)
        output.json_value({"jobs": jobs, "dependents": dependents, "refused": refused})
        return OK if found.jobs else WRONG_USE
    print_refusals(found.refused.values())
    output.line(f"{count(len(found.jobs), 'job')} would run again:")
    for job in found.jobs[:_LISTED]:
        output.line(f"  {job.name} (job {job.id}, {job.status.word})")
    if len(found.jobs) > _LISTED:
        output.line(f"  and {len(found.jobs) - _LISTED} more (-f json lists all)")
    if told := dependents_of(action, found):
        output.line(told)
    return OK if found.jobs else WRONG_USE


def reset_status(call: Call) -> int:
    """Rerun all finished jobs of a workflow, or the failed ones, under the name of upstream."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    statuses = RETRYABLE if options.failed_only else HAS_RESULT
    ids = choose(call.store, workflow_id, JobFilter(statuses=statuses))
    what = "failed" if options.failed_only else "finished"
    messages = [f"{count(len(ids), f'{what} job')} of workflow {workflow_id} reset"]
    if ids:
        call.confirm(f"Reset {count(len(ids), f'{what} job')} of workflow {workflow_id}?")
        done = rerun_jobs(call.store, ids, stop=options.force, actor=call.actor)
        messages = [f"{count(len(done.moved), f'{what} job')} of workflow {workflow_id} reset"]
        print_refusals(done.refused.values())
    if options.reinitialize:
        from torc_tui.operations.rerun import reinitialize

        stale = reinitialize(call.store, workflow_id, actor=call.actor).stale
        messages.append(f"{count(stale, 'stale job')} made ready to run again")
    _report(call, workflow_id, messages)
    return OK


def _report(call: Call, workflow_id: int, messages: list[str]) -> None:
    record: dict[str, Any] = {
        "status": "success",
        "workflow_id": workflow_id,
        "operations": {
            "workflow_reset": True,
            "job_reset": True,
            "reinitialize": call.options.reinitialize,
        },
        "failed_only": call.options.failed_only,
        "messages": messages,
    }
    call.done(record, "; ".join(messages))
