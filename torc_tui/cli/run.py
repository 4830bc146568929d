"""``torc run``: create and initialize where that is still to be done, run, and tell the truth in
the exit code.

What comes in: a file or a workflow, and what the runner may use. What goes out: progress while it
runs, a report at the end. How jobs are chosen and run is the engine's; this is only its face.
"""

from __future__ import annotations

import difflib
import os
import sys
from datetime import datetime
from typing import Any

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.command_line import names_file
from torc_tui.cli.create import create_from_file, tell_existing
from torc_tui.cli.diagnostics import say
from torc_tui.cli.identifiers import is_id
from torc_tui.engine.report import RunOptions, RunReport
from torc_tui.errors import NotFound, Refused, SettingsError
from torc_tui.model import Workflow
from torc_tui.status import SETTLED

_LISTED = 20


def run(call: Call) -> int:
    from torc_tui.store import workflows

    given = call.options
    options = options_of(call)
    if given.what is not None and names_file(given.what):
        workflow_id, _ = create_from_file(call, given.what, checked=True)
        if not (given.quiet or call.json):
            output.line(f"Created workflow {workflow_id}")
            sys.stdout.flush()
    else:
        workflow_id = _workflow_named(call, given.what)
    workflow = workflows.get_workflow(call.store, workflow_id)
    _make_ready(call, workflow)
    if given.detach or given.tui:
        return _in_background(call, workflow, options)
    return _here(call, workflow, options)


def _workflow_named(call: Call, what: str | None) -> int:
    """The workflow that is meant by a word that is no file; NotFound says that it is neither."""
    if what is None or is_id(what):
        return call.workflow_id(what)
    found = None
    if call.missing_store is None:
        try:
            return call.workflow_id(what)
        except NotFound as error:
            found = error
    near = difflib.get_close_matches(what, [name for name in os.listdir() if names_file(name)], 1)  # noqa: PTH208
    ways = (
        f"did you mean {near[0]}?"
        if near
        else "`torc workflows list` shows the workflows there are"
    )
    raise NotFound(f"there is neither a file nor a workflow {what!r}", hint=ways) from found


def options_of(call: Call) -> RunOptions:
    """What the runner may use: the line, then the settings (``client.run``), then what the machine
    has."""
    given = call.options
    preset = settings.load()

    def value(name: str) -> Any:
        own = getattr(given, name)
        return preset.get(f"client.run.{name}") if own is None else own

    foreign = value("gpu_foreign") or "avoid"
    if foreign not in ("avoid", "ignore"):
        raise SettingsError(f"client.run.gpu_foreign must be avoid or ignore, not {foreign!r}")
    for name in ("num_cpus", "max_parallel_jobs"):
        if value(name) is not None and value(name) < 1:
            raise SettingsError(f"client.run.{name} must be at least 1")
    folder = value("output_dir")
    return RunOptions(
        num_cpus=value("num_cpus"),
        memory_gb=value("memory_gb"),
        num_gpus=value("num_gpus"),
        max_parallel_jobs=value("max_parallel_jobs"),
        time_limit=given.time_limit,
        end_time=given.end_time,
        output_dir=None if folder is None else os.path.abspath(os.path.expanduser(folder)),  # noqa: PTH100, PTH111
        limit_resources=not given.no_limit_resources,
        grace=value("grace"),
        gpu_foreign=foreign,
        gpus_by_index=given.gpu_by_index,
    )


def arguments_of(options: RunOptions) -> list[str]:
    """The options as a line of ``torc run`` gives them, for a runner in the background."""
    arguments = []
    for name, value in (
        ("num-cpus", options.num_cpus),
        ("memory-gb", options.memory_gb),
        ("num-gpus", options.num_gpus),
        ("max-parallel-jobs", options.max_parallel_jobs),
        ("time-limit", options.time_limit),
        (
            "end-time",
            None
            if options.end_time is None
            else datetime.fromtimestamp(options.end_time).isoformat(),
        ),
        ("output-dir", options.output_dir),
        ("grace", options.grace),
        ("gpu-foreign", options.gpu_foreign),
    ):
        if value is not None:
            arguments += [f"--{name}", str(value)]
    if options.gpus_by_index:
        arguments.append("--gpu-by-index")
    return arguments if options.limit_resources else [*arguments, "--no-limit-resources"]


def _make_ready(call: Call, workflow: Workflow) -> None:
    """Initialize a workflow of which nothing was initialized yet; anything else runs as it is."""
    from torc_tui.operations.workflows import initialize, needs_initialization

    if workflow.is_archived:
        raise Refused(
            f"workflow {workflow.id} is archived",
            hint=f"`torc workflows archive false {workflow.id}` brings it back",
        )
    if not workflow.counts:
        raise Refused(
            f"workflow {workflow.id} has no jobs",
            hint=f"`torc jobs create-from-file {workflow.id} FILE`",
        )
    if needs_initialization(workflow):
        report = initialize(
            call.store, workflow.id, force=call.options.force, once=True, actor=call.actor
        )
        tell_existing(report.existing_outputs)
    elif workflow.is_canceled:
        raise Refused(
            f"workflow {workflow.id} is canceled",
            hint=f"`torc init {workflow.id}` makes its jobs ready again",
        )
    elif not (call.options.quiet or call.json) and all(
        one in SETTLED for one, number in workflow.counts.items() if number
    ):
        say(
            f"nothing is left to run: `torc jobs retry JOB` takes a failed job again, `torc init {workflow.id}` all"
        )


def _here(call: Call, workflow: Workflow, options: RunOptions) -> int:
    from torc_tui.cli.progress import lose_output, watcher
    from torc_tui.engine.runner import run as run_workflow

    quiet = call.options.quiet or call.json
    with watcher(call.store, workflow, options.output_dir, quiet=quiet) as observer:
        report = run_workflow(call.store, workflow.id, options, observer)
    try:
        if call.json:
            output.json_value(record_of(report, workflow))
        elif not call.options.quiet:
            _print_report(report, workflow)
        sys.stdout.flush()
    except BrokenPipeError:
        lose_output()  # nobody reads the report; what the run came to is in the exit code all the same
    return report.exit_code


def _in_background(call: Call, workflow: Workflow, options: RunOptions) -> int:
    from torc_tui.operations.runners import at_work, start_runner

    working = [] if call.options.force else at_work(call.store, workflow.id)
    if working and call.options.tui:
        from torc_tui.cli.open_app import open_app

        call.close()
        return open_app(str(workflow.id), call.database)
    if working:
        who = ", ".join(f"runner {node.id} (pid {node.pid} on {node.hostname})" for node in working)
        raise Refused(
            f"workflow {workflow.id} is at work already: {who}",
            hint=f"`torc {workflow.id}` watches it, `torc workflows stop {workflow.id}` stops it; "
            "--force starts another runner",
        )
    started = start_runner(call.store, workflow.id, arguments_of(options), actor=call.actor)
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
    output.line(f"Workflow {workflow.id} runs in the background (pid {started.pid})")
    for what, line in (
        ("watch it", f"torc {workflow.id}"),
        ("how it stands", f"torc status {workflow.id}"),
        ("stop it", f"torc cancel {workflow.id}"),
        ("its log", str(started.log)),
    ):
        output.line(f"  {what + ':':<15}{line}")
    return 0


def record_of(report: RunReport, workflow: Workflow) -> dict[str, Any]:
    """The final report as JSON."""
    return {
        "workflow_id": report.workflow_id,
        "name": workflow.name,
        "run_id": report.run_id,
        "status": _outcome(report),
        "exit_code": report.exit_code,
        "interrupted": report.interrupted,
        "message": report.message,
        "exec_time_s": round(report.exec_time, 3),
        "counts": {state.word: number for state, number in report.counts.items() if number},
        "failed": report.failed,
        "never": [
            {"job_id": job.job_id, "name": job.name, "reason": job.reason} for job in report.never
        ],
        "waiting": report.waiting,
    }


def _outcome(report: RunReport) -> str:
    if report.interrupted:
        return "interrupted"
    return {0: "completed", 1: "failed", 3: "incomplete"}.get(report.exit_code, "failed")


def _print_report(report: RunReport, workflow: Workflow) -> None:
    from torc_tui.units import show_duration
    from torc_tui.wording import end_sentence

    counts = ", ".join(
        f"{number} {state.word}" for state, number in report.counts.items() if number
    )
    outcome = _outcome(report)
    counts = f"{counts}, " if counts else ""
    output.line(
        f"Workflow {workflow.id} ({workflow.name}) {outcome}: {counts}in {show_duration(report.exec_time)}"
    )
    ended = [job for job in report.failed if job.get("status") != "canceled"]
    for job in ended[:_LISTED]:
        reason = end_sentence(job["reason"], job["return_code"])
        output.line(
            f"  {job.get('status', 'failed')}: {job['name']} (job {job['job_id']}): {reason}"
        )
        if path := job.get("stderr_path") or job.get("stdout_path"):
            output.line(f"    {path}")
    if len(ended) > _LISTED:
        output.line(
            f"  … and {len(ended) - _LISTED} more: torc results list {workflow.id} --failed"
        )
    output.never(report.never)
    sys.stdout.flush()
    held = sum(one["number"] for one in report.waiting if one.get("held"))
    if held:
        say(f"{held} jobs are held back: torc jobs release JOB")
    if report.message:
        say(report.message)
    if report.interrupted and report.exit_code == 130:
        say(f"Interrupted. `torc run {workflow.id}` goes on.")
