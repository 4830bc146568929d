"""Find the jobs that a command is about: by name, or by filters such as ``--failed``.

Input: the options of a command. Output: ids of jobs.
"""

from __future__ import annotations

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import say
from torc_tui.errors import UsageError
from torc_tui.model import Cause
from torc_tui.operations.job_choice import JobFilter, choose
from torc_tui.status import JobStatus


def chosen_jobs(call: Call) -> list[int]:
    """Return the jobs that the options name or select; say so if a filter matches none.

    With a filter, the only word that may be given is the workflow.
    """
    options = call.options
    wanted = filter_of(call)
    if not wanted:
        if not options.jobs:
            hint = "name jobs, or select them with --failed, --status, --group, --cause, --where"
            raise UsageError("JOB is missing", hint=hint)
        return call.job_ids(options.jobs, options.workflow)
    given = [*options.jobs, *([options.workflow] if options.workflow else [])]
    if len(given) > 1:
        raise UsageError(
            "jobs and filters cannot be used together",
            hint="with a filter, name only the workflow: `torc rerun WORKFLOW --failed`",
        )
    workflow_id = call.workflow_id(given[0] if given else None)
    found = choose(call.store, workflow_id, wanted)
    if not found:
        report_none(call, workflow_id)
    return found


def report_none(call: Call, workflow_id: int) -> None:
    """Say that no job passes the filter."""
    if call.json:
        output.json_value({"jobs": []} if call.wrapped else [])
    else:
        say(f"no job of workflow {workflow_id} matches; no changes made")


def filter_of(call: Call) -> JobFilter:
    """Return the filter that the options make; UsageError for an unknown status."""
    options = call.options
    return JobFilter(
        statuses=None if options.status is None else _statuses(options.status),
        failed=options.failed,
        return_code=options.return_code,
        group=options.group,
        cause=None if options.cause is None else _cause(options.cause),
        where=options.where,
    )


def _cause(given: str) -> str:
    words = [cause.value for cause in Cause]
    if given not in words:
        raise UsageError(f"there is no cause {given!r}", hint=f"one of {', '.join(words)}")
    return given


def _statuses(given: str) -> frozenset[JobStatus]:
    """Return the statuses of ``failed,terminated``."""
    found = set()
    for word in given.split(","):
        try:
            found.add(JobStatus.from_word(word.strip().lower().replace("-", "_")))
        except KeyError:
            words = ", ".join(status.word for status in JobStatus)
            raise UsageError(f"there is no job status {word!r}", hint=f"one of {words}") from None
    return frozenset(found)
