"""Create, check and initialize workflows, and write a commented file to start from.

Input: a workflow file, or a workflow. Output: what was created, or every error and warning. The
templates are the files in ``torc_tui/templates``; each is a complete workflow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.arguments import TEMPLATES
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, WRONG_USE, print_stderr
from torc_tui.errors import Refused, SpecError, UsageError
from torc_tui.model import Plan
from torc_tui.quoting import quoted
from torc_tui.records import replace
from torc_tui.status import FINISHED
from torc_tui.wording import in_lines, listed, sentence

SHOWN_EDGES = 40


def create(call: Call) -> int | None:
    """Create a workflow from a file."""
    options = call.options
    if options.dry_run:
        return validate(call)
    if options.commands:
        raise UsageError("--commands needs --dry-run")
    plan = plan_of(call, options.file)
    monitoring = not options.no_resource_monitoring
    workflow_id = store_plan(call, plan, options.file, monitoring=monitoring)
    call.created(workflow_id, name=plan.spec.name, jobs=len(plan.jobs))
    return None


def store_plan(
    call: Call,
    plan: Plan,
    path: str,
    *,
    monitoring: bool = True,
    checked: bool = False,
) -> int:
    """Store a plan and return the id of the workflow; print warnings.

    With ``checked``, refuse a workflow that could not start instead of storing it.
    """
    from torc_tui.operations.workflows import create_workflow
    from torc_tui.store.creation import without_monitoring

    if checked:
        _refuse_unready(call, plan, path)
    if not monitoring:
        preset = without_monitoring(plan.spec.settings)
        plan = replace(plan, spec=replace(plan.spec, settings=preset))
    if not getattr(call.options, "quiet", False):
        for warning in plan.warnings:
            print_stderr(f"warning: {warning}")
    call.creates = True
    return create_workflow(
        call.store, plan, user=settings.user_name(), directory=str(Path.cwd()), actor=call.actor
    )


def _refuse_unready(call: Call, plan: Plan, path: str) -> None:
    from torc_tui.operations.preflight import missing_files, missing_user_data
    from torc_tui.plan.names import listing

    if not plan.jobs:
        raise Refused(f"{path}: the workflow has no jobs; no changes made")
    records = missing_user_data(plan)
    if records:
        names = listing(one.name for one in records)
        raise Refused(
            f"{path}: user data that jobs read has no value and no job writes it: {names}",
            hint="give it data in the file; no changes made",
        )
    folder = str(Path.cwd())
    missing = [] if call.options.force else missing_files(plan, folder)
    if missing:
        files = in_lines(f"{file.name}: {Path(folder, file.path)}" for file in missing)
        raise Refused(
            f"{path}: files that jobs read do not exist and no job writes them:\n{files}",
            hint="create them, or use --force; no changes made",
        )


def plan_of(call: Call, path: str) -> Plan:
    """Return the plan of a workflow file with the values of ``--set`` and the name of ``--name``.

    Raise SpecError if the file cannot be used.
    """
    from torc_tui.plan.resolve import load_plan

    plan = load_plan(path, given_values(call))
    name = getattr(call.options, "name", None)
    return plan if name is None else replace(plan, spec=replace(plan.spec, name=name))


def given_values(call: Call) -> dict[str, str]:
    """Return the values of ``--set``."""
    return dict(name_and_value("--set", text) for text in call.options.set or ())


def name_and_value(option: str, text: str) -> tuple[str, str]:
    """Return both parts of ``NAME=VALUE``, the value of an option."""
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise UsageError(f"{option}: {text!r} is not NAME=VALUE")
    return name.strip(), value


def validate(call: Call) -> int:
    """Print the dry run of a workflow file; exit code 2 if it has errors."""
    from torc_tui.operations.preflight import local_warnings
    from torc_tui.operations.request_lacks import this_machine
    from torc_tui.plan.describe import describe, describe_problems

    try:
        plan = plan_of(call, call.options.file)
    except SpecError as error:
        if not call.json:
            raise
        output.json_value(describe_problems(error))
        return WRONG_USE
    here = this_machine(plan.requirements)
    plan = replace(plan, warnings=(*plan.warnings, *local_warnings(plan, str(Path.cwd()), here)))
    found = describe(plan, edges=call.json)
    commands = _commands(plan) if getattr(call.options, "commands", False) else {}
    if call.json:
        output.json_value(found | ({"commands": commands} if commands else {}))
        return 0
    _print_summary(found["summary"])
    if commands:
        for name, command in commands.items():
            output.line(f"  {name}:")
            for line in command.rstrip("\n").split("\n"):
                output.line(f"    {line}")
    else:
        _print_edges(plan, found["summary"]["edge_count"])
    sys.stdout.flush()
    for warning in plan.warnings:
        print_stderr(f"warning: {warning}")
    output.line("Validation passed" + (" with warnings" if plan.warnings else ""))
    return 0


def _print_summary(summary: dict[str, Any]) -> None:
    def number(key: str) -> str | None:
        count, before = summary[f"{key}_count"], summary.get(f"{key}_count_before_expansion")
        if not count and not before:
            return None
        return f"{count}" + (f" ({before} before expansion)" if before not in (None, count) else "")

    output.fields(
        [
            ("Workflow", summary["workflow_name"]),
            ("Description", summary["workflow_description"]),
            ("Jobs", number("job") or "0"),
            ("Files", number("file")),
            ("User data", number("user_data")),
            ("Resource requirements", number("resource_requirements")),
            ("Failure handlers", number("failure_handler")),
            ("Schedulers", number("slurm_scheduler")),
            ("Actions", number("action")),
            ("Dependencies", summary["edge_count"] or None),
        ]
    )


def _print_edges(plan: Plan, count: int) -> None:
    """Print the first dependencies with their reasons; JSON has all of them."""
    from itertools import islice

    from torc_tui.plan.describe import edge_reasons

    for job, other, reason in islice(edge_reasons(plan), SHOWN_EDGES):
        output.line(f"  {job} waits for {other}: {sentence(reason)}")
    if count > SHOWN_EDGES:
        output.line(f"  and {count - SHOWN_EDGES} more (-f json lists all)")


def _commands(plan: Plan) -> dict[str, str]:
    """Return the command of every job with its paths; the ids of records are known later."""
    return {
        job.spec.name: "".join(
            f"<id of {plan.user_data[part].name}>" if isinstance(part, int) else part
            for part in ([job.command] if isinstance(job.command, str) else job.command)
        )
        for job in plan.jobs
    }


def init(call: Call) -> int | None:
    """Initialize a workflow, or check whether that is possible."""
    from torc_tui.operations.workflows import initialize
    from torc_tui.store import workflows

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    if options.dry_run:
        return _check(call, workflow_id)
    counts = workflows.get_workflow(call.store, workflow_id).counts
    done = sum(number for status, number in counts.items() if status in FINISHED)
    if done:
        workflow = f"workflow {workflow_id}: {done} of its jobs have finished; run all jobs again"
        call.confirm(f"Initialize {workflow}?")
    report = initialize(call.store, workflow_id, force=options.force, actor=call.actor)
    warn_existing_outputs(report.existing_outputs)
    message = f"Initialized workflow {workflow_id}: {report.ready} ready, {report.blocked} blocked"
    record = {"run_id": report.run_id, "ready": report.ready, "blocked": report.blocked}
    call.succeeded(workflow_id, message, **record)
    if not call.json:
        output.line(f"  Workflow ID: {workflow_id}")
    return None


def warn_existing_outputs(files: Sequence[tuple[str, str]]) -> None:
    """Warn of output files (name, path) that exist before a job has run."""
    paths = [path for _, path in files]
    if paths:
        print_stderr(f"warning: output files exist and will be overwritten: {listed(paths, 5)}")


def _check(call: Call, workflow_id: int) -> int:
    from torc_tui.operations.workflows import init_check

    report = init_check(call.store, workflow_id)
    missing = [path for _, path in report.missing_files]
    existing = [path for _, path in report.existing_outputs]
    records = [name for _, name in report.missing_user_data]
    if call.json:
        output.json_value(
            {
                "workflow_id": workflow_id,
                "safe": report.safe,
                "missing_input_files": missing,
                "missing_input_file_count": len(missing),
                "missing_user_data": records,
                "existing_output_files": existing,
                "existing_output_file_count": len(existing),
            }
        )
    else:
        listed = [("missing file", missing), ("missing user data", records)]
        for what, found in [*listed, ("already exists", existing)]:
            for one in found:
                output.line(f"{what}: {one}")
        output.line("Safe to initialize" if report.safe else "Not safe to initialize")
    return 0 if report.safe else FAILED


_NAME = "workflow.yaml"


def new_file(call: Call) -> None:
    """Write a template to a new file; an existing file is left alone."""
    template = call.options.template or TEMPLATES[0]
    given = call.options.output
    path = Path(given or _NAME)
    from torc_tui.cli.editor_schema import comment

    text = (Path(__file__).parent.parent / "templates" / f"{template}.yaml").read_bytes()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(fd, "wb") as file:
            file.write(comment().encode() + text)
    except FileExistsError:
        hint = f"`torc new {template} -o FILE` writes another file"
        raise Refused(f"{path} already exists; no changes made", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{quoted(str(path))} cannot be written: {error.strerror}") from error
    run = "torc run" if given is None else f"torc run {path}"
    message = f"Wrote {path} ({template}); `torc validate {path}` checks it, `{run}` runs it"
    call.done({"path": str(path.absolute()), "template": template}, message)
