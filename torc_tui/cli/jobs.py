"""List, show, add and change jobs, and print how to repeat one.

Actions that follow from their row of the catalog alone are in `torc_tui.cli.actions`.
"""

from __future__ import annotations

import sys

from torc_tui.cli import columns, output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import note, without_runner
from torc_tui.cli.job_filters import statuses_of
from torc_tui.cli.user_data_fast import file_bytes, standard_input
from torc_tui.errors import UsageError
from torc_tui.status import JobStatus
from torc_tui.wording import count


def list_(call: Call) -> None:
    """List the jobs of a workflow."""
    from torc_tui.store import queries
    from torc_tui.store.selection import ListSelection

    options = call.options
    wanted = ListSelection(
        statuses=statuses_of(options.status),
        failed=options.failed or None,
        name=options.name,
        upstream_job_id=options.upstream_job_id,
        **call.page,
    )
    found = queries.list_jobs(
        call.store,
        call.workflow_id(options.workflow),
        wanted,
        include_relationships=options.include_relationships,
    )
    call.show_list("jobs", columns.JOBS, found)


def running(call: Call) -> None:
    """List the jobs that are running."""
    from torc_tui.store import queries
    from torc_tui.store.selection import ListSelection

    wanted = ListSelection(status=JobStatus.RUNNING, **call.page)
    found = queries.list_jobs(call.store, call.workflow_id(call.options.workflow), wanted)
    call.show_list("jobs", columns.JOBS, found)


def get(call: Call) -> None:
    """Print a job."""
    from torc_tui.store import queries

    job_id = call.job_id(call.options.job, call.options.workflow)
    call.show_record(queries.get_job(call.store, job_id))


def create_from_file(call: Call) -> None:
    """Add a job for each line of a file."""
    from torc_tui.model import ResourceRequirements
    from torc_tui.operations.additions import add_jobs

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    commands = commands_of(options.file)
    requirements = ResourceRequirements(
        name="from_file",
        num_cpus=options.cpus_per_job,
        memory=options.memory_per_job,
        runtime=options.runtime_per_job,
    )
    ids = add_jobs(call.store, workflow_id, commands, requirements, actor=call.actor)
    record = {"workflow_id": workflow_id, "jobs_created": len(ids), "job_ids": list(ids)}
    call.done(record, f"Added {count(len(ids), 'job')} to workflow {workflow_id}")


def add(call: Call) -> None:
    """Add a job to a workflow that is open."""
    from torc_tui.model import ResourceRequirements
    from torc_tui.operations.additions import StartConditions, add_jobs
    from torc_tui.operations.runners import active_runners
    from torc_tui.store import queries
    from torc_tui.workflow_file.command_template import words_text

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    after = [call.job_id(one, str(workflow_id)) for one in options.after or ()]
    requirements = ResourceRequirements(
        name="added",
        num_cpus=options.cpus,
        memory=options.memory,
        num_gpus=options.gpus,
        runtime=options.runtime,
    )
    conditions = StartConditions(after, options.delay or 0.0)
    command = words_text(options.words)
    (job_id,) = add_jobs(
        call.store, workflow_id, [command], requirements, conditions, actor=call.actor
    )
    name = queries.get_job(call.store, job_id)["name"]
    record = {"workflow_id": workflow_id, "job_id": job_id, "name": name, "command": command}
    call.done(record, f"Added {name} (job {job_id}) to workflow {workflow_id}")
    if not (call.json or active_runners(call.store, workflow_id)):
        note(without_runner(call.store, workflow_id))


def commands_of(path: str) -> list[str]:
    """Return the commands of a file, one per line, without empty lines and ``#`` comments."""
    try:
        data = standard_input() if path == "-" else file_bytes(path)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not valid UTF-8") from None
    lines = [line.strip() for line in text.split("\n")]
    commands = [line for line in lines if line and not line.startswith("#")]
    if not commands:
        raise UsageError(
            f"{path} contains no command", hint="write one command per line; # begins a comment"
        )
    return commands


def reproduce(call: Call) -> None:
    """Print a bash command that repeats a job."""
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
