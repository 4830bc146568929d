"""List the events of a workflow, or follow them."""

from __future__ import annotations

import json
import sys
from typing import Any

from torc_tui.cli import columns, output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import INTERRUPTED, OK
from torc_tui.model import Event
from torc_tui.wording import event_words, moment, readable

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
    "workflow_canceled": "warning",
}


def list_(call: Call) -> int:
    """Print the events of a workflow, and follow them on request."""
    from torc_tui.store import feed

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    newest = options.limit is not None
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
        limit=options.limit,
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
        call.show_list("events", columns.EVENTS, records)
        return OK
    for event in found:
        _print(call, event)
        last = max(last, event.seq)
    try:
        _follow(call, workflow_id, last)
    except KeyboardInterrupt:  # the usual way to stop following
        return INTERRUPTED
    return OK


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


def _follow(call: Call, workflow_id: int, last: int) -> None:
    """Print new events until the workflow is deleted or the user interrupts."""
    from torc_tui.store.feed import Feed

    options = call.options
    feed = Feed(call.store, workflow_id, last)
    try:
        while True:
            for event in feed.wait(3600.0):
                if options.type in (None, event.kind) and options.job_id in (None, event.job_id):
                    _print(call, event)
                if event.kind == "workflow_deleted":
                    return
    finally:
        feed.close()


def _print(call: Call, event: Event) -> None:
    record = record_of(event)
    if call.json:
        text = json.dumps(record, ensure_ascii=True)
    else:
        job = "" if event.job_id is None else f"  job {event.job_id}"
        who = "" if event.actor is None else f"  by {event.actor}"
        details = event_words(event).detail
        details = f"  {details}" if details else ""
        text = f"{record['timestamp_formatted']}  {event.kind}{job}{who}{details}"
    output.line(text)
    sys.stdout.flush()
