"""List failed jobs by reason, and show, retry or skip all jobs of one reason.

Input: a workflow, and for one reason what to do with it and its number. Output: a table with one
row per reason, or a sample with the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.actions import carry_out, changes_of
from torc_tui.cli.call import Call
from torc_tui.cli.columns import FAILURES, when
from torc_tui.cli.diagnostics import note
from torc_tui.errors import UsageError
from torc_tui.operations import catalog
from torc_tui.operations.failures import failure_group, failure_groups
from torc_tui.store import log_files
from torc_tui.store.database import Store
from torc_tui.views.failure_groups import FailureGroup
from torc_tui.views.text_cells import shorten, width_of
from torc_tui.wording import count, failure_line, kind_words, listed, with_timestamps

_ACTS = ("show", "retry", "skip")
_REASONS = 8
"""How many reasons the summary of a run has."""
_SHOWN = 20
"""How many jobs of a group are named."""
_WIDEST, _NARROWEST = 80, 20
"""Columns of a message on a terminal."""
_INDENT = 2
"""Columns in front of each line of a summary."""


def failures(call: Call) -> int | None:
    """List the reasons of failures, or act on the jobs of one reason."""
    given, what, number = _read(call.options.words)
    if what != "retry" and changes_of(call):
        raise UsageError(
            "options that change jobs are for retry", hint="write `torc failures WORKFLOW retry N`"
        )
    if what in ("retry", "skip"):
        call.command = call.command._replace(changes=True)
    workflow_id = call.workflow_id(given)
    run_id = call.options.run
    if what is None:
        groups = failure_groups(call.store, workflow_id, run_id)
        call.show_list("failures", FAILURES, [record_of(group) for group in groups])
        if groups and call.format == "table":
            note(f"`torc failures {workflow_id} show {groups[0].number}` shows a sample")
        return None
    group = failure_group(call.store, workflow_id, number, run_id)
    if what == "show":
        _show(call, workflow_id, group)
        return None
    if run_id is not None:
        raise UsageError(f"--run cannot be used with {what}: only the last run can be changed")
    ids = [job.job_id for job in group.jobs]
    if what == "retry":
        return carry_out(call, catalog.RETRY, ids, **changes_of(call))
    return carry_out(call, catalog.DISABLE, ids)


def _read(words: list[str]) -> tuple[str | None, str | None, int]:
    """Return workflow, what to do, and the number of the group."""
    if len(words) < 2:
        return (words[0] if words else None), None, 0
    if words[-1] in _ACTS and len(words) == 2:
        words = [*words, ""]
    *before, what, number = words
    if len(before) > 1 or what not in _ACTS:
        raise UsageError(
            f"unexpected argument {words[1]!r}",
            hint="write `torc failures [WORKFLOW] [show|retry|skip N]`",
        )
    if not (number.isascii() and number.isdigit()):
        raise UsageError(
            f"{what} needs the number of a group{number and f', not {number!r}'}",
            hint=f"`{' '.join(['torc failures', *before])}` shows the numbers",
        )
    return (before[0] if before else None), what, int(number)


def record_of(group: FailureGroup) -> dict[str, Any]:
    """Return a group for JSON."""
    signature, sample = group.signature, group.sample
    return {
        "number": group.number,
        "failed": len(group.jobs),
        "jobs": listed(group.names),
        "failure": failure_line(*signature.key),
        "canceled": len(group.canceled),
        "first_at": group.first_at,
        "last_at": group.last_at,
        "cause": signature.cause,
        "return_code": signature.code,
        "kind": signature.kind or None,
        "error": signature.error or None,
        "message": signature.message,
        "sample": {
            "job_id": sample.job_id,
            "name": sample.name,
            "attempt_id": sample.attempt_id,
            "stream": signature.stream or None,
            "line": signature.line,
            "offset": signature.offset,
            "text": signature.text,
            "context": signature.context,
        },
        "job_ids": [job.job_id for job in group.jobs],
        "canceled_job_ids": group.canceled,
    }


def _show(call: Call, workflow_id: int, group: FailureGroup) -> None:
    """Print a sample of a group, its jobs, and what can be done."""
    if call.format != "table":
        output.json_value(with_timestamps(record_of(group)))
        return
    signature, sample = group.signature, group.sample
    kind = f" [{kind_words(signature.kind)}]" if signature.kind and signature.message else ""
    output.line(f"{failure_line(*signature.key)}{kind}")
    number = len(group.canceled)
    canceled = f", {count(number, 'job was', 'jobs were')} canceled because of it" if number else ""
    output.line(f"{count(len(group.jobs), 'job')} ({listed(group.names)}) failed{canceled}")
    output.line(f"first {when(group.first_at)}, last {when(group.last_at)}")
    output.line("")
    log = _log_of(call.store, group, call.options.run)
    place = log or ("log unknown" if log is None else "no output")
    output.line(f"{sample.name} (job {sample.job_id}): {place}")
    for text in signature.context:
        output.line(f"    {text}")
    output.line("")
    output.line(f"Jobs: {listed((job.name for job in group.jobs), _SHOWN)}")
    do = f"torc failures {workflow_id}"
    note(f"`{do} retry {group.number}` retries them, `{do} skip {group.number}` skips them")


def _log_of(store: Store, group: FailureGroup, run: int | None = None) -> str | None:
    """Return the place in the sample's log that shows the cause: ``PATH:LINE``.

    Return "" if the job printed nothing, None if its log is not known.
    """
    signature, sample = group.signature, group.sample
    # Attempts are numbered in each run; the newest run is the last.
    for attempt in reversed(log_files.attempts(store, sample.job_id)):
        if attempt.attempt_id == sample.attempt_id and run in (None, attempt.run_id):
            path = attempt.stdout if signature.stream == "stdout" else attempt.stderr
            line = f":{signature.line}" if signature.line else ""
            return f"{path}{line}" if path and signature.stream else ""
    return None


def summary_lines(store: Store, workflow_id: int, groups: Sequence[FailureGroup]) -> list[str]:
    """Return the failures of the last run: a line for each reason, with a sample and its log.

    The reason with the most jobs comes first.
    """
    if not groups:
        return []
    number = sum(len(group.jobs) for group in groups)
    reasons = count(len(groups), "reason")
    lines = [f"{number} failed for {reasons}; `torc failures {workflow_id}`"]
    for group in sorted(groups, key=lambda one: -len(one.jobs))[:_REASONS]:
        message = failure_line(*group.signature.key)
        lines.append(_bounded(f"  {len(group.jobs)} × ", message, f" {_members(group)}"))
        if len(group.jobs) > 1:
            sample = group.sample
            text = f": {sample.signature.text}" if sample.signature.text else ""
            lines.append(_bounded(f"      such as {sample.name} (job {sample.job_id})", text))
        if log := _log_of(store, group):
            lines.append(f"      {log}")
    if len(groups) > _REASONS:
        lines.append(f"  and {count(len(groups) - _REASONS, 'more reason')}")
    return lines


def _bounded(before: str, message: str, after: str = "") -> str:
    """Return a line with the message cut at 80 columns or the width of the terminal."""
    width = output.terminal_width()
    if width is not None:
        room = width - _INDENT - width_of(before) - width_of(after)
        mark = "…" if output.unicode() else "..."
        message = shorten(message, min(_WIDEST, max(room, _NARROWEST)), mark=mark)
    return f"{before}{message}{after}"


def _members(group: FailureGroup) -> str:
    canceled = f", {len(group.canceled)} canceled" if group.canceled else ""
    number = f", job {group.sample.job_id}" if len(group.jobs) == 1 else ""
    return f"({listed(group.names)}{number}){canceled}"
