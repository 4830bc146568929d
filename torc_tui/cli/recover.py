"""Retry the failed jobs of a workflow with more memory or time, and decide about pending failures.

Input: a workflow, factors, and what to do about unknown reasons. Output: one line per kind of
failure, or JSON. `torc_tui.operations.recover` does it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.actions import changes_of, decide, print_refusals
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, note, print_stderr, without_runner
from torc_tui.cli.job_filters import chosen_jobs, filter_of
from torc_tui.errors import Refused, TorcError, UsageError
from torc_tui.lifecycle.failure_classes import FailureClass, Recovery, RecoveryRules
from torc_tui.lifecycle.failure_policy import CHANGING
from torc_tui.model import FailureRule
from torc_tui.operations import catalog
from torc_tui.operations.recover import Recovered, plan
from torc_tui.operations.recover import recover as carry_out_recovery
from torc_tui.operations.runners import active_runners
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.store import workflows
from torc_tui.store.log_files import output_folder
from torc_tui.wording import count, listed, sentence

INSIDE = "TORC_RECOVERY_HOOK"
"""Variable of the environment that marks a recovery hook; its value is the workflow."""
HOOK_SECONDS = FailureRule().recovery_timeout
"""Time after which a recovery hook is ended, in seconds."""
_WORDS = {
    FailureClass.OUT_OF_MEMORY: "ran out of memory",
    FailureClass.TIMEOUT: "timed out",
    FailureClass.LOST: "lost with their runner",
    FailureClass.UNKNOWN: "failed for other reasons",
}
_DECISIONS = ("retry", "fail")


def recover(call: Call) -> int:
    """Retry the failed jobs of a workflow once."""
    options = call.options
    refuse_inside_hook()
    workflow_id = call.workflow_id(options.workflow)
    rules = rules_of(call)
    if options.dry_run:
        found = Recovered(plan(call.store, workflow_id, rules))
    else:
        found = recover_now(call, workflow_id, rules, options.recovery_hook)
    left = [one for one in found.verdicts if not one.is_retried]
    if call.json:
        output.json_value(record_of(workflow_id, found, dry_run=options.dry_run))
    else:
        print_recovery(workflow_id, found, dry_run=options.dry_run)
        if found.retried and not active_runners(call.store, workflow_id):
            print_stderr(without_runner(call.store, workflow_id))
    return FAILED if (left or found.refused) and not options.dry_run else OK


def rules_of(call: Call) -> RecoveryRules:
    """Return the rules that the options give; a hook means that unknown failures are retried."""
    options, usual = call.options, RecoveryRules()
    return RecoveryRules(
        memory=options.memory_multiplier or usual.memory,
        runtime=options.runtime_multiplier or usual.runtime,
        retry_unknown=options.retry_unknown or options.recovery_hook is not None,
    )


def recover_now(call: Call, workflow_id: int, rules: RecoveryRules, hook: str | None) -> Recovered:
    """Run the hook if there are unknown failures, ask, and retry the failed jobs."""
    planned = plan(call.store, workflow_id, rules)
    number = sum(one.is_retried for one in planned)
    if number:
        kinds = "; ".join(lines_of(planned))
        call.confirm(f"Retry {count(number, 'job')} of workflow {workflow_id}?", f"{kinds}.")
    if hook is not None and any(one.kind is FailureClass.UNKNOWN for one in planned):
        run_hook(call, workflow_id, hook)
    return carry_out_recovery(call.store, workflow_id, rules, actor=call.actor)


def refuse_inside_hook() -> None:
    """Raise Refused in a recovery hook: it would be run again without end."""
    if INSIDE in os.environ:
        raise Refused(
            f"this is the recovery hook of workflow {os.environ[INSIDE]}; it cannot recover",
            hint="`torc recover` and `torc watch` retry the jobs after the hook has ended",
        )


def run_hook(call: Call, workflow_id: int, hook: str) -> None:
    """Run the recovery hook with the id of the workflow; raise TorcError if it fails."""
    from queue import SimpleQueue

    from torc_tui.engine.scripts import ScriptEnd, Scripts
    from torc_tui.operations.job_environment import user_environment, with_commands

    directory = workflows.get_workflow(call.store, workflow_id).directory
    folder = output_folder(directory)
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    environment = user_environment()
    scripts = Scripts(directory, folder, environment)
    variables = {
        "PATH": with_commands(environment.get("PATH")),
        "TORC_WORKFLOW_ID": str(workflow_id),
        "TORC_DATABASE": call.store.url,
        INSIDE: str(workflow_id),
    }
    ends: SimpleQueue[ScriptEnd] = SimpleQueue()
    name = f"recovery_hook_wf{workflow_id}"
    scripts.start([f"{hook} {workflow_id}"], name, ends.put, variables, limit=HOOK_SECONDS)
    try:
        end = ends.get()
    except BaseException:
        scripts.stop(hard=True)
        raise
    if end.return_code:
        reason = sentence(end.reason).partition(": ")[2]
        raise TorcError(f"the recovery hook failed: {reason}", hint="no job was retried")


# -- what is shown ---------------------------------------------------------------------------------


def print_recovery(workflow_id: int, found: Recovered, *, dry_run: bool = False) -> None:
    """Print what a recovery does with the failed jobs, a line per kind of failure."""
    number = sum(one.is_retried for one in found.verdicts) if dry_run else len(found.retried)
    if not found.verdicts:
        output.line(f"Workflow {workflow_id}: no job has failed")
        return
    for line in lines_of(found.verdicts):
        output.line(line)
    print_refusals(found.refused.values())
    behind = f", with {count(found.dependents, 'dependent')}" if found.dependents else ""
    verb = "Would retry" if dry_run else "Retrying"
    if number:
        output.line(f"{verb} {count(number, 'job')} of workflow {workflow_id}{behind}")
    if any(one.kind is FailureClass.UNKNOWN and not one.is_retried for one in found.verdicts):
        note("--retry-unknown also retries the jobs that failed for other reasons")


def lines_of(verdicts: Iterable[Recovery]) -> list[str]:
    """Return a line for the jobs of one class with one change: ``3 jobs out of memory (…): …``."""
    groups: dict[tuple[FailureClass, str], list[str]] = {}
    for one in verdicts:
        groups.setdefault((one.kind, _change(one)), []).append(one.job.name)
    order = list(FailureClass)
    return [
        f"{count(len(names), 'job')} {_WORDS[kind]} ({listed(names)}): {change}"
        for (kind, change), names in sorted(groups.items(), key=lambda one: order.index(one[0][0]))
    ]


def _change(one: Recovery) -> str:
    if one.growth.stop is not None:
        return sentence(one.growth.stop)
    if not one.is_retried:
        return "not retried"
    changes = _changes(one)
    if not changes:
        return "retried without a change"
    return sentence(because(Kind.GROWN, **changes)).removeprefix("requests ")


def _changes(one: Recovery) -> dict[str, Any]:
    """Return (before, after) of each amount that changes."""
    after = one.growth.requirements
    if after is None:
        return {}
    pairs = {name: (getattr(one.before, name), getattr(after, name)) for name in CHANGING}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def record_of(workflow_id: int, found: Recovered, *, dry_run: bool) -> dict[str, Any]:
    """Return a recovery as JSON: the counts of upstream, and each failed job."""
    retried = [one for one in found.verdicts if one.is_retried]
    return {
        "workflow_id": workflow_id,
        "dry_run": dry_run,
        "oom_fixed": _number(retried, FailureClass.OUT_OF_MEMORY),
        "timeout_fixed": _number(retried, FailureClass.TIMEOUT),
        "unknown_retried": _number(retried, FailureClass.UNKNOWN),
        "other_failures": len(found.verdicts) - len(retried),
        "jobs_to_retry": [one.job.id for one in retried],
        "retried": found.retried,
        "refused": [{"id": job_id, "reason": reason} for job_id, reason in found.refused.items()],
        "jobs": [
            {
                "job_id": one.job.id,
                "job_name": one.job.name,
                "class": one.kind.value,
                "cause": one.attempt.cause,
                "return_code": one.attempt.return_code,
                "retried": one.is_retried,
                "changes": {name: list(pair) for name, pair in _changes(one).items()},
                "reason": one.growth.stop and sentence(one.growth.stop),
            }
            for one in found.verdicts
        ],
    }


def _number(verdicts: Sequence[Recovery], kind: FailureClass) -> int:
    return sum(one.kind is kind for one in verdicts)


# -- pending failures ------------------------------------------------------------------------------


def classify(call: Call) -> int:
    """Decide about jobs whose failure waits for a decision: ``JOBS retry`` or ``JOBS fail``."""
    *words, decision = call.options.jobs
    call.options.jobs = words
    if decision not in _DECISIONS or not (words or filter_of(call)):
        raise UsageError(
            "the jobs are followed by retry or fail",
            hint="write `torc jobs classify JOB … retry` or `torc jobs classify JOB … fail`",
        )
    ids = chosen_jobs(call)
    changes = changes_of(call)
    if decision == "fail":
        if changes:
            raise UsageError("--memory, --command and the like are for retry")
        return decide(call, catalog.FAIL, ids)
    action = catalog.RETRY._replace(
        legal=frozenset({JobStatus.PENDING_FAILED}), refusal=catalog.FAIL.refusal
    )
    return decide(call, action, ids, **changes)
