"""List, show, add and change jobs, and print how to repeat one.

Actions that follow from their row of the catalog alone are in `torc_tui.cli.actions`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torc_tui.cli import columns, output
from torc_tui.cli.actions import tell_jobs
from torc_tui.cli.call import Call
from torc_tui.errors import UsageError
from torc_tui.wording import count


def list_(call: Call) -> None:
    from torc_tui.store import queries

    options = call.options
    found = queries.list_jobs(
        call.store,
        call.workflow_id(options.workflow),
        status=None if options.status is None else options.status.lower().replace("-", "_"),
        failed=options.failed,
        name=options.name,
        limit=call.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
        include_relationships=options.include_relationships,
    )
    call.show_list("jobs", columns.JOBS, found)


def get(call: Call) -> None:
    from torc_tui.store import queries

    record = queries.get_job(call.store, call.job_id(call.options.job, call.options.workflow))
    if call.json:
        output.json_value(record)
    else:
        output.record(record)


def create_from_file(call: Call) -> None:
    from torc_tui.model import ResourceRequirements
    from torc_tui.operations.additions import add_jobs
    from torc_tui.units import parse_duration, parse_memory

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    commands = commands_of(options.file)
    memory, runtime = options.memory_per_job, options.runtime_per_job
    try:
        requirements = ResourceRequirements(
            name="from_file",
            num_cpus=options.cpus_per_job,
            memory=None if memory is None else parse_memory(memory),
            runtime=None if runtime is None else parse_duration(runtime),
        )
    except ValueError as error:
        raise UsageError(
            str(error.args[0]), hint=error.args[1] if len(error.args) > 1 else None
        ) from None
    ids = add_jobs(call.store, workflow_id, commands, requirements, actor=call.actor)
    record = {"workflow_id": workflow_id, "jobs_created": len(ids), "job_ids": list(ids)}
    call.done(record, f"Added {count(len(ids), 'job')} to workflow {workflow_id}")


def commands_of(path: str) -> list[str]:
    """Return the commands of a file, one per line, without empty lines and ``#`` comments."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not valid UTF-8") from None
    lines = [line.strip() for line in text.splitlines()]
    commands = [line for line in lines if line and not line.startswith("#")]
    if not commands:
        raise UsageError(
            f"{path} contains no command", hint="write one command per line; # begins a comment"
        )
    return commands


def update(call: Call) -> None:
    from torc_tui.operations.additions import update_job
    from torc_tui.units import parse_duration

    options = call.options
    job_id = call.job_id(options.job, options.workflow)
    runtime = None
    if options.runtime is not None:
        try:
            runtime = parse_duration(options.runtime)
        except ValueError as error:
            raise UsageError(
                str(error.args[0]), hint=error.args[1] if len(error.args) > 1 else None
            ) from None
    update_job(
        call.store,
        job_id,
        name=options.name,
        command=options.command,
        runtime=runtime,
        requirement_id=options.resource_requirements_id,
        actor=call.actor,
    )
    tell_jobs(call, [job_id], f"Updated job {job_id}")


def reproduce(call: Call) -> None:
    from torc_tui.operations import job_shell

    setting = job_shell.read(call.store, call.job_id(call.options.job, call.options.workflow))
    if call.json:
        record = {"id": setting.job_id, "name": setting.name, "directory": setting.directory}
        record |= {
            "environment": setting.variables,
            "command": setting.command,
            "line": setting.line,
        }
        output.json_value(record)
    elif sys.stdout.isatty():
        for part in setting.line.split("\n"):
            output.line(part)
    else:
        sys.stdout.write(setting.line + "\n")
