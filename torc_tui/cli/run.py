"""Run a workflow file or a workflow: create and initialize it where needed, then start the runner.

Input: a file or a workflow, and what the runner may use. Output: progress while it runs, and a
report at the end. The engine chooses and starts the jobs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torc_tui.cli import notify, output
from torc_tui.cli.call import Call
from torc_tui.cli.command_line import names_file
from torc_tui.cli.create import warn_existing_outputs
from torc_tui.cli.diagnostics import after_failure, note, print_stderr
from torc_tui.cli.run_options import arguments_of, options_of
from torc_tui.cli.targets import refuse_own_job
from torc_tui.cli.terminal_text import is_id
from torc_tui.engine.report import (
    EXIT_STALE,
    EXIT_UNSUCCESSFUL,
    Observer,
    RunOptions,
    RunReport,
)
from torc_tui.errors import NotFound, Refused, UsageError
from torc_tui.model import Workflow
from torc_tui.quoting import nearest
from torc_tui.reasons import Kind
from torc_tui.status import UNSUCCESSFUL, JobStatus, is_complete, number_of
from torc_tui.wording import count, duration, sentence, status_counts
from torc_tui.workflow_file import FORMATS

if TYPE_CHECKING:
    from torc_tui.store.database import Store

_LISTED = 20


def run(call: Call) -> int:
    """Run a workflow here or in the background; return the exit code of the run."""
    from torc_tui.store import workflows

    given = call.options
    options, notifiers = options_of(given), notify.notifiers(given)
    if options.allocation is not None:
        from torc_tui.cli.node_check import open_in_allocation

        open_in_allocation(call)
    what = given.what or _only_file()
    if what is not None and names_file(what):
        from torc_tui.cli.run_file import attached, workflow_of_file

        workflow_id, runs = workflow_of_file(call, what)
        if runs:
            return attached(call, workflow_id)
    else:
        _refuse_file_options(call)
        workflow_id = _workflow_named(call, what)
    workflow = workflows.get_workflow(call.store, workflow_id)
    if options.allocation is not None and (workflow.is_canceled or workflow.is_archived):
        note(f"workflow {workflow_id} was {'canceled' if workflow.is_canceled else 'archived'}")
        return 0
    if (checked := _check_file(call, options)) is None:
        return EXIT_UNSUCCESSFUL
    options = checked
    stale = _make_ready(call, workflow)
    is_idle = _is_finished(workflows.get_workflow(call.store, workflow_id))
    if given.tui or (given.detach and not is_idle):
        return _in_background(call, workflow, options)
    with notify.if_it_fails(notifiers, workflow):
        report, summary = run_here(call, workflow, options, stale, is_idle=is_idle)
    if not is_idle:
        notify.of_end(notifiers, workflow.id, report.run_id, summary, report.exit_code)
    if options.allocation is not None:  # the results of the jobs are in the database
        return EXIT_UNSUCCESSFUL if report.has_broken_off else 0
    return report.exit_code


def _check_file(call: Call, options: RunOptions) -> RunOptions | None:
    if call.store.dialect != "sqlite" or "SLURMD_NODENAME" not in os.environ:
        return options
    from torc_tui.cli.node_check import check_file

    return check_file(call.store, options)


def _refuse_file_options(call: Call) -> None:
    """Raise UsageError for an option that is about the file, if there is none."""
    for name in ("set", "name", "new", "update"):
        if getattr(call.options, name):
            raise UsageError(f"--{name} needs a workflow file", hint="`torc run FILE`")


def _only_file() -> str | None:
    """Return the default workflow file: ``workflow.yaml``, or the only one in this directory.

    None inside a job, where the workflow of the job is the default.
    """
    if "TORC_WORKFLOW_ID" in os.environ:
        return None
    endings = tuple(ending for ending in FORMATS if ending != ".json")  # often data
    found = sorted(name for name in os.listdir() if name.lower().endswith(endings))  # noqa: PTH208
    usual = [name for name in found if name.lower().startswith("workflow.")]
    chosen = usual if usual else found
    if len(chosen) != 1:
        return None
    note(f"running {chosen[0]}")
    return chosen[0]


def _workflow_named(call: Call, what: str | None) -> int:
    """Return the workflow that a word names; raise NotFound if there is none."""
    if what is None or is_id(what):
        return call.workflow_id(what)
    found = None
    if call.missing_store is None:
        try:
            return call.workflow_id(what)
        except NotFound as error:
            found = error
    near = nearest(what, filter(names_file, os.listdir()))  # noqa: PTH208
    hint = f"did you mean {near}?" if near else "`torc workflows list` shows the workflows"
    raise NotFound(f"there is neither a file nor a workflow {what!r}", hint=hint) from found


def _make_ready(call: Call, workflow: Workflow) -> int:
    """Initialize a workflow that was never initialized, and look for stale jobs in a finished one.

    Return how many stale jobs are left as they are without ``--keep``.
    """
    from torc_tui.operations.workflows import initialize, needs_initialization

    if workflow.is_archived:
        raise Refused(
            f"workflow {workflow.id} is archived",
            hint=f"restore it with `torc workflows archive false {workflow.id}`",
        )
    if not workflow.counts:
        raise Refused(
            f"workflow {workflow.id} has no jobs",
            hint=f"add some with `torc jobs create-from-file {workflow.id} FILE`",
        )
    if needs_initialization(workflow):
        report = initialize(
            call.store, workflow.id, force=call.options.force, once=True, actor=call.actor
        )
        if not call.options.quiet:
            warn_existing_outputs(report.existing_outputs)
        return 0
    if _is_finished(workflow) and (call.options.stale or not workflow.is_canceled):
        from torc_tui.cli.rerun import offer_rerun

        return offer_rerun(call, workflow)
    if workflow.is_canceled:
        raise Refused(
            f"workflow {workflow.id} is canceled",
            hint=f"run its stale jobs again with `torc reinit {workflow.id}`, or all jobs with"
            f" `torc init {workflow.id}`",
        )
    return 0


def _is_finished(workflow: Workflow) -> bool:
    """Return whether a runner would find no job to run."""
    return is_complete(workflow.counts) and not workflow.interrupted


def run_here(
    call: Call,
    workflow: Workflow,
    options: RunOptions,
    stale: int = 0,
    *,
    is_idle: bool = False,
    wrap: Callable[[Observer], Observer] = lambda observer: observer,
) -> tuple[RunReport, str]:
    """Run the workflow in this process; return the report, also as one line.

    A run without jobs to run is shown only if it failed. ``wrap`` may replace the observer of the
    run.
    """
    from torc_tui.cli.lost_terminal import redirect
    from torc_tui.cli.progress import watcher
    from torc_tui.engine.runner import run as run_workflow

    refuse_own_job(call, workflow.id, "run")
    quiet = call.options.quiet or call.json or is_idle
    in_allocation = options.allocation is not None
    with watcher(
        call.store, workflow, options.output_dir, quiet=quiet, in_allocation=in_allocation
    ) as observer:
        report = run_workflow(call.store, workflow.id, options, wrap(observer))
    if stale and not report.exit_code:
        report.jobs_code = EXIT_STALE
    summary = _summary(report, workflow, is_idle=is_idle)
    try:
        if call.json:
            output.json_value(record_of(report, workflow))
        elif not call.options.quiet and not (is_idle and report.exit_code in (0, EXIT_STALE)):
            _print_report(call.store, report, workflow, summary, in_allocation=in_allocation)
        elif call.options.quiet and report.exit_code:
            print_stderr(f"torc: {summary}")
        sys.stdout.flush()
    except BrokenPipeError:
        redirect([sys.stdout])  # the report cannot be printed; the exit code remains
    return report, summary


def _in_background(call: Call, workflow: Workflow, options: RunOptions) -> int:
    from torc_tui.operations.runners import active_runners, start_runner

    working = [] if call.options.force else active_runners(call.store, workflow.id)
    if working and not call.options.tui:
        who = ", ".join(f"runner {node.id} (pid {node.pid} on {node.hostname})" for node in working)
        raise Refused(
            f"workflow {workflow.id} is already running: {who}",
            hint=f"watch it with `torc {workflow.id}`, stop it with `torc workflows stop"
            f" {workflow.id}`, or start another runner with --force",
        )
    if not working:
        words = [*arguments_of(options), *notify.arguments_of(call.options)]
        started = start_runner(call.store, workflow.id, words, actor=call.actor)
    if call.options.tui:
        from torc_tui.cli.open_app import open_app

        call.close()
        return open_app(str(workflow.id), call.database)
    if call.json:
        output.json_value(
            {
                "workflow_id": workflow.id,
                "status": "started",
                "pid": started.pid,
                "log": str(started.log),
            }
        )
        return 0
    output.line(f"Workflow {workflow.id} is running in the background (pid {started.pid})")
    for what, line in (
        ("watch", f"torc {workflow.id}"),
        ("status", f"torc status {workflow.id}"),
        ("stop", f"torc workflows stop {workflow.id}"),
        ("log", str(started.log)),
    ):
        output.line(f"  {what + ':':<8}{line}")
    return 0


def record_of(report: RunReport, workflow: Workflow) -> dict[str, Any]:
    """Return the final report as JSON shows it."""
    return {
        "workflow_id": report.workflow_id,
        "name": workflow.name,
        "run_id": report.run_id,
        "status": _outcome(report),
        "exit_code": report.exit_code,
        "interrupted": report.interrupted,
        "message": report.message,
        "exec_time_s": round(report.exec_time, 3),
        "ignored": report.ignored,
        "jobs_with_warnings": report.warned,
        "counts": {state.word: report.counts.get(state, 0) for state in JobStatus},
        "failed": report.failed,
        "failed_actions": report.failed_actions,
        "never": [
            {"job_id": job.job_id, "name": job.name, "reason": job.reason}
            for job in report.unschedulable
        ],
        "waiting": report.waiting,
        "held": [{"reason": sentence(reason), "number": number} for reason, number in report.holds],
    }


def _outcome(report: RunReport) -> str:
    """Return one word for the end of a run."""
    if report.interrupted:
        return "interrupted"
    if report.jobs_code == EXIT_UNSUCCESSFUL and report.failed:
        kinds = {job["reason"].kind if job["reason"] else None for job in report.failed}
        others = number_of(report.counts, UNSUCCESSFUL - {JobStatus.TERMINATED})
        if kinds <= _STOPPED and not others:
            return "stopped"
    endings = {0: "completed", 1: "failed", 3: "incomplete", EXIT_STALE: "completed"}
    return endings.get(report.jobs_code, "failed")


_STOPPED = frozenset({Kind.TIME_LIMIT, Kind.RUNNER_STOPPED})
"""Reasons of jobs that were stopped together with their runner."""


def _summary(report: RunReport, workflow: Workflow, *, is_idle: bool) -> str:
    """Return how a run ended, as one line; a run without jobs to run has no time."""
    counts = [status_counts(report.counts)] if any(report.counts.values()) else []
    if report.failed_actions:
        counts.append(f"{count(len(report.failed_actions), 'action')} failed")
    if report.ignored:
        counts.append(f"{count(report.ignored, 'failure')} ignored")
    if report.warned:
        counts.append(f"{count(report.warned, 'job')} with warnings")
    if not is_idle:
        counts.append(f"in {duration(report.exec_time)}")
    return f"Workflow {workflow.id} ({workflow.name}) {_outcome(report)}: {', '.join(counts)}"


def _print_report(
    store: Store, report: RunReport, workflow: Workflow, summary: str, *, in_allocation: bool
) -> None:
    output.line(summary)
    _print_failed_jobs(store, report, workflow)
    for action in report.failed_actions[:_LISTED]:
        output.line(f"  {sentence(action['reason'])}")
    for text in output.unschedulable(report.unschedulable, in_allocation=in_allocation):
        output.line(f"  {text}")
    sys.stdout.flush()
    for text in output.holds(report.holds, workflow.id):
        print_stderr(text)
    if report.message:
        print_stderr(report.message)
    if report.interrupted and report.exit_code == 130:
        print_stderr(f"interrupted; continue with `torc run {workflow.id}`")


def _print_failed_jobs(store: Store, report: RunReport, workflow: Workflow) -> None:
    """Print the failed jobs by reason, then jobs that failed in earlier runs or were stopped."""
    ended = [job for job in report.failed if job["status"] != "canceled"]
    if not ended:
        return
    from torc_tui.cli.failures import summary_lines
    from torc_tui.cli.lost_terminal import goes_nowhere
    from torc_tui.operations.failures import failure_groups
    from torc_tui.wording import end_sentence, listed

    groups = failure_groups(store, workflow.id)
    grouped = {job.job_id for group in groups for job in group.jobs}
    lines = summary_lines(store, workflow.id, groups)
    others: dict[str, list[str]] = {}
    for job in ended:
        if job["job_id"] not in grouped:
            reason = end_sentence(job["reason"], job["return_code"])
            others.setdefault(reason, []).append(job["name"])
    lines += [f"{len(names)} × {reason} ({listed(names)})" for reason, names in others.items()]
    for text in lines:
        output.line(f"  {text}")
    sys.stdout.flush()
    if any(job["status"] == "failed" for job in ended) and not goes_nowhere(sys.stdout):
        print_stderr(after_failure(store, workflow.id))
