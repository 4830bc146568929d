"""List, read and write user data: the JSON that flows between jobs.

``get`` and ``update`` end in the same function as the fast path of `torc_tui.cli.user_data_fast`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from torc_tui import settings
from torc_tui.cli import columns, lists, output, targets, user_data_fast
from torc_tui.cli.call import Call
from torc_tui.cli.terminal_text import is_id
from torc_tui.errors import NotFound, UsageError
from torc_tui.store import user_data, user_data_records
from torc_tui.store.connection import Connection
from torc_tui.store.selection import ListSelection
from torc_tui.views.json_document import path_of, value_at


def list_(call: Call) -> None:
    """List the records of a workflow."""
    options = call.options
    workflow_id = _of(call, options.workflow)
    wanted = ListSelection(
        name=options.name,
        is_ephemeral=None if options.is_ephemeral is None else options.is_ephemeral == "true",
        consumer=options.consumer_job_id,
        producer=options.producer_job_id,
        **call.page,
    )
    with _connection(call) as connection:
        found = user_data_records.list_records(connection, workflow_id, wanted)
    call.show_list("user_data", columns.USER_DATA, found)


def get(call: Call) -> int:
    """Print a record, its value, or a part of its value."""
    if not (call.options.value or call.options.path):
        return _fast(call, "get")
    with _connection(call) as connection:
        record = user_data.get(connection, call.options.record, _workflow(call))
    value = part_of(record["data"], call.options.path or ".")
    if isinstance(value, str):
        output.text(value)
    else:
        output.json_value(value)
    return 0


def part_of(value: Any, path: str) -> Any:
    """Return the part of a value at a path as jq writes it: ``.a[0]["a key"]``.

    Raise UsageError if the text is not a path, NotFound if there is no such part.
    """
    parts = path_of(path)
    if parts is None:
        raise UsageError(f"{path!r} is not a path", hint="""write a path such as .a[0]["a key"]""")
    try:
        return value_at(value, parts)
    except KeyError:
        raise NotFound(f"the value has no part {path!r}") from None


def update(call: Call) -> int:
    """Change a record."""
    return _fast(call, "update")


def create(call: Call) -> None:
    """Create a record."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    data = user_data_fast.given_data(options.data, options.data_file)
    new = user_data_records.NewRecord(
        name=options.name,
        data=None if data is user_data_fast.UNSET else data,
        is_ephemeral=options.ephemeral,
        consumer=options.consumer_job_id,
        producer=options.producer_job_id,
    )
    with _connection(call) as connection:
        author = user_data_fast.author(call.database)
        record = user_data_records.create(connection, workflow_id, new, author)
    call.done(record, f"Created user data {record['id']} ({record['name']})")


def delete(call: Call) -> None:
    """Delete a record."""
    with _connection(call) as connection:
        author = user_data.Author(time.time(), actor=call.actor)
        record = user_data_records.delete(
            connection, call.options.record, author, workflow_id=_workflow(call)
        )
    call.done(record, f"Deleted user data {record['id']} ({record['name']})")


def delete_all(call: Call) -> None:
    """Delete all records of a workflow."""
    workflow_id = call.workflow_id(call.options.workflow)
    with _connection(call) as connection:
        count = len(user_data_records.list_records(connection, workflow_id))
        if count:
            call.confirm(f"Delete all {count} records of workflow {workflow_id}?")
        author = user_data.Author(time.time(), actor=call.actor)
        records = user_data_records.delete_all(connection, workflow_id, author)
    if call.json:
        output.json_value({"user_data": records} if call.wrapped else records)
    else:
        output.line(f"Deleted {len(records)} records")


def list_missing(call: Call) -> None:
    """List the records that have no value and that no job writes."""
    workflow_id = _of(call, call.options.workflow)
    with _connection(call) as connection:
        ids = user_data_records.missing(connection, workflow_id)
        if call.json:
            lists.show_ids(call, "user_data", ids)
            return
        records: list[dict[str, Any]] = [user_data.get(connection, record_id) for record_id in ids]
    call.show_list("missing_user_data", columns.USER_DATA, records)


def history(call: Call) -> None:
    """List the versions of a record."""
    with _connection(call) as connection:
        versions = user_data_records.history(connection, call.options.record, _workflow(call))
    shown = [{**version, "author": author_of(version)} for version in versions]
    call.show_list("versions", columns.VERSIONS, versions if call.json else shown)


def restore(call: Call) -> None:
    """Give a record the value of an earlier version."""
    from torc_tui.views.json_schema import violation_texts

    with _connection(call) as connection:
        record = user_data_records.restore(
            connection,
            call.options.record,
            call.options.version,
            user_data.Author(time.time(), actor=call.actor),
            workflow_id=_workflow(call),
            check=violation_texts,
        )
    named = f"user data {record['id']} ({record['name']})"
    sentence = call.action.done.format(argument=call.options.version, record=named)
    call.done(record, sentence)


def author_of(record: Mapping[str, Any]) -> str:
    """Return who wrote a version: a user, or a job with its run and attempt."""
    if record.get("job_id") is not None:
        return f"job {record['job_id']}, run {record['run_id']}, attempt {record['attempt_id']}"
    return record.get("actor") or ""


def _fast(call: Call, verb: str) -> int:
    names = ("data", "data_file", "name", "ephemeral", "expected_version")
    given = {name: getattr(call.options, name, None) for name in names}
    workflow = _workflow(call)
    given |= {"workflow": None if workflow is None else str(workflow), "database": call.database}
    given["format"] = call.given_format
    request = user_data_fast.UserDataCall(
        verb, call.options.record, {k: v for k, v in given.items() if v is not None}
    )
    return request.answer(call.program)


def _of(call: Call, given: str | None) -> int:
    """Return the id of the workflow; the query itself reports an unknown id."""
    return int(given) if given is not None and is_id(given) else call.workflow_id(given)


def _workflow(call: Call) -> int | None:
    """Return the workflow in which the name of a record is looked up; None if an id needs none."""
    given = call.options.workflow
    if given is not None:
        return int(given) if is_id(given) else call.workflow_id(given)
    if os.environ.get("TORC_WORKFLOW_ID"):
        return user_data_fast.workflow_of(None)
    name = call.options.record
    if is_id(name):
        return None
    with _connection(call) as connection:
        having = user_data_records.workflows_with(connection, name)
    return call.workflow_id(targets.workflow_with(call, having, f"user data {name!r}"))


def _connection(call: Call) -> closing[Connection]:
    return closing(user_data.connect(settings.database_url(call.database)))
