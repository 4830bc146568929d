"""Create, change and delete jobs, files, results and events one by one.

Input: ids and values. Output: the record as JSON, or a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.events import record_of
from torc_tui.cli.job_filters import named_jobs
from torc_tui.cli.user_data_fast import UNSET, given_data
from torc_tui.errors import NotFound, UsageError
from torc_tui.operations import record_changes
from torc_tui.operations.job_records import NewJob, create_job, delete_jobs
from torc_tui.store import queries
from torc_tui.wording import count, listed, with_timestamps


def create_one_job(call: Call) -> None:
    """Add a job to a workflow."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    new = NewJob(
        options.name,
        options.command,
        options.resource_requirements_id,
        _ids(options.blocking_job_ids),
        _ids(options.input_file_ids),
        _ids(options.output_file_ids),
    )
    job_id = create_job(call.store, workflow_id, new, actor=call.actor)
    call.done(queries.get_job(call.store, job_id), f"Created job {job_id} ({options.name})")


def delete_some_jobs(call: Call) -> None:
    """Delete jobs."""
    _delete_jobs(call, named_jobs(call, call.options.jobs, call.options.workflow))


def delete_all_jobs(call: Call) -> None:
    """Delete all jobs of a workflow."""
    found = queries.list_jobs(call.store, call.workflow_id(call.options.workflow))
    _delete_jobs(call, [int(job["id"]) for job in found])


def _delete_jobs(call: Call, ids: Sequence[int]) -> None:
    records = [with_timestamps(queries.get_job(call.store, job_id)) for job_id in ids]
    names = listed(job["name"] for job in records)
    jobs = f"{count(len(ids), 'job')}{f' ({names})' if names else ''}"
    call.confirm(f"Delete {jobs}?", "Other jobs no longer wait for them.")
    delete_jobs(call.store, ids, actor=call.actor)
    if call.json:
        output.json_value({"jobs": records} if call.wrapped else records)
    else:
        output.line(f"Deleted {jobs}")


def _ids(given: Sequence[str] | None) -> list[int]:
    """Return the ids of ``1 2``, ``1,2`` or both; UsageError for anything else."""
    words = [word for text in given or () for word in text.split(",") if word]
    for word in words:
        if not (word.isascii() and word.isdigit()):
            raise UsageError(f"{word!r} is not an id", hint="ids are numbers, such as 1 2 or 1,2")
    return list(map(int, words))


def create_file(call: Call) -> None:
    """Add a file to a workflow."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    number = record_changes.create_file(
        call.store, workflow_id, options.name, options.path, actor=call.actor
    )
    call.done(queries.get_file(call.store, number), f"Created file {number} ({options.name})")


def update_file(call: Call) -> None:
    """Change the name or path of a file."""
    options = call.options
    if options.name is None and options.path is None:
        raise UsageError("nothing to update", hint="give --name or --path")
    record_changes.update_file(
        call.store, options.id, name=options.name, path=options.path, actor=call.actor
    )
    record = queries.get_file(call.store, options.id)
    call.done(record, f"Updated file {options.id} ({record['name']})")


def delete_file(call: Call) -> None:
    """Delete a file that no job uses."""
    record = queries.get_file(call.store, call.options.id)
    call.confirm(f"Delete file {record['id']} ({record['name']})?")
    record_changes.delete_file(call.store, record["id"], actor=call.actor)
    call.done(record, f"Deleted file {record['id']} ({record['name']})")


def delete_results(call: Call) -> None:
    """Delete results, with ``--include-logs`` also their log files."""
    ids = list(dict.fromkeys(call.options.ids))
    records = [with_timestamps(queries.get_result(call.store, one)) for one in ids]
    call.confirm(f"Delete {count(len(ids), 'result')}?")
    paths = _logs(call, records) if call.options.include_logs else []
    record_changes.delete_results(call.store, ids, actor=call.actor)
    deleted = f"Deleted {count(len(ids), 'result')}"
    if call.options.include_logs:
        from torc_tui.operations.log_removal import delete_logs

        deleted += f" and {count(delete_logs(paths), 'log file')}"
    if call.json:
        output.json_value({"results": records} if call.wrapped else records)
    else:
        output.line(deleted)


def _logs(call: Call, results: Sequence[dict[str, Any]]) -> list[str]:
    """Return the paths of the logs of the attempts to which the results belong."""
    from torc_tui.store import log_files

    return [
        path
        for result in results
        for attempt in log_files.attempts(call.store, result["job_id"])
        if (attempt.run_id, attempt.attempt_id) == (result["run_id"], result["attempt_id"])
        for _, path in attempt.streams
    ]


def create_event(call: Call) -> None:
    """Add an event to a workflow."""
    from torc_tui.store import feed

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    data = given_data(options.data, options.data_file)
    if data is UNSET:
        raise UsageError("--data or --data-file is required")
    if not isinstance(data, dict):
        raise UsageError('the data of an event must be a JSON object, such as {"note": "text"}')
    record_changes.add_event(call.store, workflow_id, data, actor=call.actor)
    [event] = feed.list_events(
        call.store, workflow_id, kind=record_changes.USER_EVENT, newest_first=True, limit=1
    )
    call.done(record_of(event), f"Added event {event.seq} to workflow {workflow_id}")


def delete_events(call: Call) -> None:
    """Delete events of a workflow; all are looked up before one is deleted."""
    from torc_tui.store import feed

    workflow_id = call.workflow_id(call.options.workflow)
    ids = list(dict.fromkeys(call.options.ids))
    known = {event.seq: event for event in feed.list_events(call.store, workflow_id)}
    if unknown := [one for one in ids if one not in known]:
        raise NotFound(
            f"workflow {workflow_id} has no event {unknown[0]}",
            hint=f"`torc events list {workflow_id}` shows the ids",
        )
    call.confirm(f"Delete {count(len(ids), 'event')} of workflow {workflow_id}?")
    record_changes.delete_events(call.store, workflow_id, ids, actor=call.actor)
    records = [record_of(known[one]) for one in ids]
    if call.json:
        output.json_value({"events": records} if call.wrapped else records)
    else:
        output.line(f"Deleted {count(len(ids), 'event')} of workflow {workflow_id}")
