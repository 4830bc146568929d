"""Show which jobs are stale and why, and make them ready to run again.

Input: a workflow, or a file of which a workflow was made. Output: verdicts with their evidence, as
lines or JSON. `torc_tui.operations.rerun` finds them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.command_line import names_file
from torc_tui.cli.diagnostics import FAILED, OK, note, print_stderr
from torc_tui.cli.targets import ask
from torc_tui.errors import NotFound, UsageError
from torc_tui.lifecycle.rerun_plan import JobVerdict, RerunDecision
from torc_tui.operations.rerun import RerunPlan, plan_rerun, reinitialize
from torc_tui.reasons import Kind, Reason
from torc_tui.status import JobStatus
from torc_tui.store import workflows
from torc_tui.wording import count, sentence

if TYPE_CHECKING:
    from torc_tui.model import Workflow

_LISTED = 200
"""Jobs that are listed one by one."""


def plan(call: Call) -> int:
    """Show which jobs of a workflow would run again, and why."""
    options = call.options
    if options.what is not None and names_file(options.what):
        workflow_id = _made_from(call, options.what)
    else:
        workflow_id = call.workflow_id(options.what)
    found = plan_rerun(call.store, workflow_id)
    if options.job is None:
        show(call, found)
        stale = bool(found.stale)
    else:
        verdict = found.verdicts[call.job_id(options.job, str(workflow_id))]
        _show_job(call, found, verdict)
        stale = verdict.verdict is RerunDecision.RUN
    return FAILED if stale and options.check else OK


def _made_from(call: Call, path: str) -> int:
    """Return the newest workflow that was made from a file."""
    wanted = Path(path).resolve()
    made = [one for one in workflows.list_workflows(call.store) if _is_made_from(one, wanted)]
    if not made and not wanted.exists():
        raise NotFound(
            f"there is no file {path}", hint="`torc plan WORKFLOW` takes an id or a name"
        )
    if not made:
        raise NotFound(
            f"no workflow was made from {path} yet", hint=f"run it with `torc run {path}`"
        )
    newest = max(made, key=lambda one: (one.created_at, one.id))
    if wanted.is_file() and wanted.stat().st_mtime > newest.created_at:
        print_stderr(
            f"{path} was modified after workflow {newest.id} was created from it; edits are not"
            f" part of this plan\n  `torc update {path}` takes them over"
        )
    else:
        note(f"{path} is workflow {newest.id} ({newest.name})")
    return newest.id


def _is_made_from(workflow: Workflow, wanted: Path) -> bool:
    if workflow.file is None:
        return False
    return (Path(workflow.directory) / workflow.file).resolve() == wanted


def reinit(call: Call) -> int:
    """Begin a new run of the stale jobs."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    if options.dry_run:
        show(call, plan_rerun(call.store, workflow_id))
        return OK
    done = reinitialize(call.store, workflow_id, force=options.force, actor=call.actor)
    ready = done.counts.get(JobStatus.READY, 0)
    blocked = done.counts.get(JobStatus.BLOCKED, 0)
    message = f"Reinitialized workflow {workflow_id}: "
    if done.stale:
        certain = count(done.stale - done.undecided, "stale job")
        message += f"{certain}{_undecided(done.undecided)} ({ready} ready, {blocked} blocked)"
    else:
        message += "no job is stale"
    record = {"workflow_id": workflow_id, "status": "success", "message": message}
    numbers = {
        "run_id": done.run_id,
        "stale": done.stale - done.undecided,
        "undecided": done.undecided,
        "ready": ready,
        "blocked": blocked,
    }
    call.done(record | numbers, message)
    return OK


def offer_rerun(call: Call, workflow: Workflow) -> int:
    """Say how many jobs of a finished workflow are stale, and run them again if that is wanted.

    Return how many stale jobs and failed actions are left as they are without ``--keep``.
    """
    options = call.options
    if options.stale and options.keep:
        raise UsageError("--stale and --keep cannot be used together")
    found = plan_rerun(call.store, workflow.id)
    quiet = options.quiet or call.json
    left = len(found.stale) + found.failed_actions
    if not left:
        if not quiet:
            print_stderr(
                f"workflow {workflow.id} has finished, and {headline(found)}\n"
                f"  `torc init {workflow.id}` runs all jobs again"
            )
        return 0
    if not quiet or not (options.stale or options.keep):
        print_stderr(f"{headline(found)}; run `torc plan {workflow.id}` for the reasons")
    if not options.stale and not options.keep and not _wants_rerun(call):
        print_stderr(
            f"`torc run {workflow.id} --stale` runs them again, --keep keeps their results"
        )
        return left
    if not options.keep:
        reinitialize(call.store, workflow.id, force=options.force, actor=call.actor)
    return 0


def _wants_rerun(call: Call) -> bool:
    """Ask on a terminal whether the stale jobs run again."""
    if call.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return ask("Run them again? [y/N] ").lower() in ("y", "yes")


# -- printing --------------------------------------------------------------------------------------


def headline(found: RerunPlan) -> str:
    """Return how many jobs are stale, and of how many that is not decided yet."""
    stale, total = len(found.certain), count(len(found.verdicts), "job")
    actions = f", {count(found.failed_actions, 'action')} failed" if found.failed_actions else ""
    if found.unknown:
        actions = f", {len(found.unknown)} unknown{actions}"
    if not found.stale:
        none = f"none of {total} is stale" if len(found.verdicts) != 1 else "the job is not stale"
        return none + actions
    verb = "is" if stale == 1 else "are"
    return f"{stale} of {total} {verb} stale{_undecided(len(found.undecided))}{actions}"


def _undecided(number: int) -> str:
    """Return the words to add for jobs that may be kept."""
    if number == 1:
        return ", 1 more runs if its inputs change"
    return f", {number} more run if their inputs change" if number else ""


def show(call: Call, found: RerunPlan) -> None:
    """Print the verdicts on all jobs: as JSON all of them, as text those that are not kept."""
    with call.store.read() as conn:
        held = workflows.holds(conn, found.workflow_id)
    if call.json:
        holds = [{**reason.to_json(), "number": number} for reason, number in held]
        output.json_value(_record(found) | {"held": holds})
        return
    output.line(f"Workflow {found.workflow_id} ({found.name}): {headline(found)}")
    _print_jobs("run", found.certain)
    _print_jobs("run if inputs change", found.undecided)
    _print_jobs("unknown, kept", found.unknown)
    for text in output.holds(held, found.workflow_id):
        output.line(text)


def _print_jobs(what: str, verdicts: Sequence[JobVerdict]) -> None:
    if not verdicts:
        return
    output.line(f"{what}:")
    width = min(30, max(len(one.name) for one in verdicts[:_LISTED]))
    for one in verdicts[:_LISTED]:
        output.line(f"  {one.name:<{width}}  {_sentences(one.reasons)}")
    if len(verdicts) > _LISTED:
        output.line(f"  and {len(verdicts) - _LISTED} more (-f json lists all)")


def _sentences(reasons: Iterable[Reason]) -> str:
    return "; ".join(sentence(reason) for reason in reasons)


def _show_job(call: Call, found: RerunPlan, verdict: JobVerdict) -> None:
    if call.json:
        output.json_value(_job_record(verdict) | {"workflow_id": found.workflow_id})
        return
    words = {
        RerunDecision.KEEP: "is up to date",
        RerunDecision.UNKNOWN: "is kept; it is unknown whether it is stale",
        RerunDecision.RUN: "is stale"
        if verdict.certain
        else "is stale unless its inputs remain unchanged",
    }
    output.line(f"{verdict.name} (job {verdict.id}) {words[verdict.verdict]}")
    for reason in verdict.reasons:
        output.line(f"  {sentence(reason)}")
        if reason.kind is Kind.DATA_CHANGED:
            _print_data_diff(call, found.workflow_id, reason)


def _print_data_diff(call: Call, workflow_id: int, reason: Reason) -> None:
    from torc_tui.operations.rerun import data_before_and_after
    from torc_tui.views.json_diff import diff

    old, new = data_before_and_after(call.store, workflow_id, reason)
    for change in diff(old, new)[:_LISTED]:
        output.line(f"    {change.text}")


def _record(found: RerunPlan) -> dict[str, Any]:
    verdicts = list(found.verdicts.values())
    counts = {word.value: sum(one.verdict is word for one in verdicts) for word in RerunDecision}
    return {
        "workflow_id": found.workflow_id,
        "name": found.name,
        "stale": len(found.certain),
        "undecided": len(found.undecided),
        "total": len(verdicts),
        "failed_actions": found.failed_actions,
        "counts": counts,
        "jobs": [_job_record(one) for one in verdicts],
    }


def _job_record(verdict: JobVerdict) -> dict[str, Any]:
    return {
        "job_id": verdict.id,
        "name": verdict.name,
        "verdict": verdict.verdict.value,
        "certain": verdict.certain,
        "reasons": [{**reason.to_json(), "text": sentence(reason)} for reason in verdict.reasons],
    }
