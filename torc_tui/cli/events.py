"""List the events of a workflow, or follow them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from math import inf
from pathlib import Path
from typing import Any, TextIO

from torc_tui.cli import columns, lists, output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import INTERRUPTED, OK
from torc_tui.cli.terminal_text import sanitize
from torc_tui.errors import UsageError
from torc_tui.model import Event
from torc_tui.wording import event_words, moment, readable

LEVELS = ("debug", "info", "warning", "error")
_LEVELS = {
    "job_failed": "error",
    "job_terminated": "error",
    "node_lost": "error",
    "job_canceled": "warning",
    "job_pending_failed": "warning",
    "job_retried": "warning",
    "job_warning": "warning",
    "user_data_warning": "warning",
    "node_notice": "warning",
    "action_failed": "warning",
    "allocation_refused": "warning",
    "queue_group_paused": "warning",
    "workflow_canceled": "warning",
}


def list_(call: Call) -> int:
    """Print the events of a workflow, and follow them on request."""
    from torc_tui.store import feed

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    parted = bool(options.offset or options.sort_by or options.reverse_sort)
    newest = options.limit is not None and not parted
    if (
        options.follow
    ):  # read first: what is committed between the two looks is in the list, or follows it
        from torc_tui.store import workflows

        last = workflows.get_workflow(call.store, workflow_id).last_seq
    found = feed.list_events(
        call.store,
        workflow_id,
        kind=options.type,
        job_id=options.job_id,
        limit=options.limit if newest else None,
        newest_first=newest,
    )
    if newest:
        found.reverse()
    if not options.follow:
        records = [record_of(event) for event in found]
        if call.format == "table":
            words = [event_words(event).detail for event in found]
            records = [
                {**one, "details": details} for one, details in zip(records, words, strict=True)
            ]
        call.show_list("events", columns.EVENTS, lists.part(call, records) if parted else records)
        return OK
    for event in found:
        _print(_line(call, event))
        last = max(last, event.seq)
    return _follow(call, workflow_id, last, lambda event: _print(_line(call, event)))


def monitor(call: Call) -> int:
    """Print new events of some levels for some time, and append them to a file on request."""
    from torc_tui.store import workflows

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    last = workflows.get_workflow(call.store, workflow_id).last_seq
    lowest = LEVELS.index(options.level)
    minutes = options.duration
    with _appended(options.filename) as file:

        def show(event: Event) -> None:
            if LEVELS.index(_LEVELS.get(event.kind, "info")) < lowest:
                return
            line = _line(call, event)
            _print(line)
            if file is not None:
                file.write(sanitize(line) + "\n")
                file.flush()

        return _follow(call, workflow_id, last, show, None if minutes is None else minutes * 60)


def _appended(path: str | None) -> AbstractContextManager[TextIO | None]:
    """Open a file for more lines; raise UsageError if that is impossible."""
    if path is None:
        return nullcontext()
    try:
        return Path(path).open("a", encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a path"
        raise UsageError(f"{path}: cannot be written: {reason}") from error


def latest(call: Call) -> None:
    """Print the newest event of a workflow."""
    from torc_tui.store import feed

    workflow_id = call.workflow_id(call.options.workflow)
    # Every workflow has the event of its creation, or of the deletion of events.
    [event] = feed.list_events(call.store, workflow_id, newest_first=True, limit=1)
    call.show_record(record_of(event))


def record_of(event: Event) -> dict[str, Any]:
    """Return an event as JSON shows it; ``timestamp`` is in milliseconds."""
    return {
        "id": event.seq,
        "workflow_id": event.workflow_id,
        "timestamp": int(event.timestamp * 1000),
        "timestamp_formatted": moment(event.timestamp),
        "event_type": event.kind,
        "level": _LEVELS.get(event.kind, "info"),
        "job_id": event.job_id,
        "actor": event.actor,
        "data": readable(event.data),
    }


def _follow(
    call: Call,
    workflow_id: int,
    last: int,
    show: Callable[[Event], None],
    seconds: float | None = None,
) -> int:
    """Show new events until the workflow is deleted, the time is over or the user interrupts."""
    from torc_tui.store.feed import Feed

    options = call.options
    until = inf if seconds is None else time.monotonic() + seconds
    feed = Feed(call.store, workflow_id, last)
    try:
        while (left := until - time.monotonic()) > 0:
            for event in feed.wait(min(left, 3600.0)):
                if options.type in (None, event.kind) and options.job_id in (None, event.job_id):
                    show(event)
                if event.kind == "workflow_deleted":
                    return OK
    except KeyboardInterrupt:  # the usual way to stop following
        return INTERRUPTED
    finally:
        feed.close()
    return OK


def _line(call: Call, event: Event) -> str:
    record = record_of(event)
    if call.json:
        return json.dumps(record, ensure_ascii=True)
    job = "" if event.job_id is None else f"  job {event.job_id}"
    who = "" if event.actor is None else f"  by {event.actor}"
    details = event_words(event).detail
    details = f"  {details}" if details else ""
    return f"{record['timestamp_formatted']}  {event.kind}{job}{who}{details}"


def _print(line: str) -> None:
    output.line(line)
    sys.stdout.flush()
