"""Rerun finished jobs, or show which jobs that would be.

Input: names of jobs, or filters. Output: what was reset, or the jobs of a dry run.
"""

from __future__ import annotations

from typing import Any

from torc_tui.cli.actions import carry_out, dry_run, report_refusals
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import OK
from torc_tui.cli.job_filters import JobFilter, choose, chosen_jobs
from torc_tui.errors import UsageError
from torc_tui.operations.catalog import rerun_action
from torc_tui.operations.rerun_jobs import rerun_jobs
from torc_tui.status import HAS_RESULT, RETRYABLE
from torc_tui.wording import count


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
        return dry_run(call, rerun_action(stop=options.stop), ids, scope)
    return carry_out(call, rerun_action(stop=options.stop), ids, scope)


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
        report_refusals(call, done.refused.values())
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
