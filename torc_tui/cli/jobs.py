"""The commands about jobs: list, get, add, and the acts on them.

What comes in: calls. What goes out: records (facts, 7.5) or sentences. Acts go through
``operations``; every job that is named is looked up before any is touched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, WRONG_USE, say
from torc_tui.errors import UsageError

if TYPE_CHECKING:
    from torc_tui.operations.jobs import Done
    from torc_tui.store.database import Store


def list_(call: Call) -> None:
    from torc_tui.store import queries

    options = call.options
    found = queries.list_jobs(
        call.store,
        call.workflow_id(options.workflow),
        status=None if options.status is None else options.status.lower().replace("-", "_"),
        failed=options.failed,
        name=options.name,
        limit=options.limit,
        offset=options.offset,
        sort_by=options.sort_by or "id",
        reverse=options.reverse_sort,
        include_relationships=options.include_relationships,
    )
    call.show_list("jobs", output.JOBS, found)


def get(call: Call) -> None:
    from torc_tui.store import queries

    record = queries.get_job(call.store, call.job_id(call.options.job, call.options.workflow))
    if call.json:
        output.json_value(record)
    else:
        output.record(record)


def create_from_file(call: Call) -> None:
    from torc_tui.model import DEFAULT_REQUIREMENTS, ResourceRequirements
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
            memory=DEFAULT_REQUIREMENTS.memory if memory is None else parse_memory(memory),
            runtime=DEFAULT_REQUIREMENTS.runtime if runtime is None else parse_duration(runtime),
            enforced=memory is not None and runtime is not None,
        )
    except ValueError as error:
        raise UsageError(
            str(error.args[0]), hint=error.args[1] if len(error.args) > 1 else None
        ) from None
    ids = add_jobs(call.store, workflow_id, commands, requirements, actor=call.actor)
    record = {"workflow_id": workflow_id, "jobs_created": len(ids), "job_ids": list(ids)}
    call.done(record, f"Added {len(ids)} jobs to workflow {workflow_id}")


def commands_of(path: str) -> list[str]:
    """The commands of a file: a line each, without empty ones and ``#`` comments. UsageError when
    there is none."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    lines = [line.strip() for line in text.splitlines()]
    commands = [line for line in lines if line and not line.startswith("#")]
    if not commands:
        raise UsageError(
            f"{path} holds no command", hint="one command per line; lines with # are comments"
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
    _told(call, [job_id], "Updated")


def cancel(call: Call) -> int:
    from torc_tui.operations.jobs import cancel_jobs

    return _act(call, cancel_jobs, "Canceled", ask="Cancel")


def terminate(call: Call) -> int:
    from torc_tui.operations.jobs import terminate_jobs

    return _act(call, terminate_jobs, "Stopping", ask="Stop")


def hold(call: Call) -> int:
    from torc_tui.operations.jobs import hold_jobs

    return _act(call, hold_jobs, "Holding")


def release(call: Call) -> int:
    from torc_tui.operations.jobs import release_jobs

    return _act(call, release_jobs, "Released", runner=True)


def retry(call: Call) -> int:
    from torc_tui.operations.jobs import retry_jobs

    return _act(call, retry_jobs, "Made ready again:", runner=True)


def disable(call: Call) -> int:
    from torc_tui.operations.jobs import disable_jobs

    return _act(call, disable_jobs, "Disabled")


def enable(call: Call) -> int:
    from torc_tui.operations.jobs import enable_jobs

    return _act(call, enable_jobs, "Enabled")


def priority(call: Call) -> int:
    from torc_tui.operations.jobs import set_priority

    number = call.options.priority

    def act(store: Store, ids: list[int], *, actor: str) -> Done:
        return set_priority(store, ids, number, actor=actor)

    return _act(call, act, f"Priority {number} for")


def _act(
    call: Call,
    operation: Callable[..., Done],
    done: str,
    *,
    ask: str | None = None,
    runner: bool = False,
) -> int:
    """Do it to every job that is named. Those it cannot be done to are told; exit code 2 when that
    is all of them. With ``runner`` it is told, too, where nobody is there to run them."""
    ids = call.job_ids(call.options.jobs, call.options.workflow)
    if ask is not None:
        call.confirm(f"{ask} {_named(ids)}?")
    result = operation(call.store, ids, actor=call.actor)
    for sentence in result.refused.values():
        say(sentence)
    if result.moved or call.json:
        _told(call, result.moved, done)
    if runner and not call.json:
        _tell_idle(call, result.moved)
    return OK if not result.refused else FAILED if result.moved else WRONG_USE


def _tell_idle(call: Call, ids: list[int]) -> None:
    """The workflows of these jobs that no runner works on, and how to start one."""
    from torc_tui.store import allocations_held, queries

    for workflow_id in sorted(
        {int(queries.get_job(call.store, job_id)["workflow_id"]) for job_id in ids}
    ):
        if not allocations_held.runners(call.store, workflow_id=workflow_id):
            say(f"nothing runs workflow {workflow_id} now: `torc run {workflow_id}` does")


def _told(call: Call, ids: list[int], done: str) -> None:
    """The jobs as they are now, or a sentence."""
    from torc_tui.store import queries

    if call.json:
        found = [queries.get_job(call.store, job_id) for job_id in ids]
        output.json_value({"jobs": found} if call.wrapped else found)
    else:
        output.line(f"{done} {_named(ids)}")


def _named(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:10])) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
    return f"job{'s' if len(ids) > 1 else ''} {shown}"


def reproduce(call: Call) -> None:
    from torc_tui.store import job_shell

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
