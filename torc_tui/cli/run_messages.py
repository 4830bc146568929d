"""Put the events of a run into lines of text.

Input: events, and the store for names and log files. Output: lines without control characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.cli.output import unschedulable
from torc_tui.engine.report import UnschedulableJob
from torc_tui.model import FAILURE_EVENTS, Event, Machine, Workflow
from torc_tui.reasons import decode
from torc_tui.store.database import Store
from torc_tui.wording import IGNORED, KEPT, count, duration, end_sentence, lasted, readable, size

_STDERR_LINES = 5
_SHOWN_FAILURES = 10
"""Number of failures after which the standard error of failed jobs is no longer shown."""
_ENDS = {
    "job_completed": "completed",
    "job_failed": "FAILED",
    "job_terminated": "TERMINATED",
    "job_canceled": "canceled",
    "job_pending_failed": "FAILED (waits for a decision)",
}
WARNINGS = frozenset({"job_retried", "job_warning"})
RECOVERING = "job_recovering"
NOTICES = frozenset({"node_notice", "action_failed"})
"""Kinds of events that are about a runner, not about a job."""
JOB_MESSAGES = frozenset([*_ENDS, *WARNINGS, "job_started", RECOVERING])
"""Kinds of events about a job that have a message."""


class RunMessages:
    """The messages of one run. It counts the failures that it has reported."""

    def __init__(
        self, store: Store, workflow: Workflow, folder: str, *, in_allocation: bool = False
    ) -> None:
        self.in_allocation = in_allocation
        self.store = store
        self.workflow = workflow
        self.folder = folder
        self.run_id = workflow.run_id
        self.failures = 0

    def heading(
        self, run_id: int, machine: Machine, never: Sequence[UnschedulableJob]
    ) -> list[str]:
        """Return what is printed when the runner has started."""
        self.run_id = run_id
        gpus = f", {count(len(machine.gpus), 'GPU')}" if machine.gpus else ""
        return [
            f"Running workflow {self.workflow.id} ({printable(self.workflow.name)}), run {run_id},"
            f" on {printable(machine.hostname)}: {machine.num_cpus} CPUs,"
            f" {size(machine.memory)}{gpus}",
            *self.unschedulable(never),
        ]

    def unschedulable(self, never: Sequence[UnschedulableJob]) -> list[str]:
        """Return lines about jobs that cannot run here."""
        lines = unschedulable(never, in_allocation=self.in_allocation)
        return [printable(text, 1000) for text in lines]

    def of_job(self, event: Event, name: str) -> list[str]:
        """Return a line about an event of `JOB_MESSAGES`, and error output if the job failed."""
        job = f"{printable(name)} (job {event.job_id})"
        if event.kind in _ENDS:
            return self._end(event, job)
        if event.kind == "job_started":
            return [f"started: {job}"]
        if event.kind == RECOVERING:
            return [f"recovering: {job}: {printable(str(readable(event.data)['reason']))}"]
        if event.kind == "job_retried":
            return [f"retrying: {job}: {printable(_attempt(event))}"]
        return [f"warning: {job}: {printable(str(readable(event.data).get('message') or ''))}"]

    def _end(self, event: Event, job: str) -> list[str]:
        if event.data.get("kept"):
            return [f"kept: {job}: {KEPT}"]
        text = f"{_ENDS[event.kind]}: {job}"
        failed = event.kind in FAILURE_EVENTS
        if failed or event.kind == "job_canceled":
            reason = end_sentence(decode(event.data.get("reason")), event.data.get("return_code"))
            text += f": {printable(reason)}" if reason else ""
        seconds = lasted(event)
        if seconds is not None and event.kind != "job_canceled":
            text += f" {'after' if failed else 'in'} {duration(seconds)}"
        if event.data.get("ignored"):
            text += f"; {IGNORED}"
        if not failed or event.job_id is None:
            return [text]
        self.failures += 1
        if self.failures > _SHOWN_FAILURES:
            return [text]
        return [text, *self._stderr_tail(event.job_id, event.data.get("attempt", 1))]

    def _stderr_tail(self, job_id: int, attempt: int) -> list[str]:
        from torc_tui.operations.stderr_tail import tail
        from torc_tui.store import log_files

        found = log_files.attempts(self.store, job_id)
        known = [one for one in found if (one.run_id, one.attempt_id) == (self.run_id, attempt)]
        if known:
            path = known[-1].stderr
        else:  # a row that cannot be read any more
            ids = self.workflow.id, job_id, self.run_id, attempt
            path = f"{log_files.attempt_stem(self.folder, *ids)}.e"
        return [] if path is None else [f"    {line}" for line in tail(path, _STDERR_LINES)]


def notice_line(event: Event) -> str:
    """Return a warning of a runner about its machine or its actions."""
    return f"warning: {printable(str(readable(event.data).get('message', '')))}"


def stopping_line(running: int, grace: float) -> str:
    """Return what happens after Ctrl-C."""
    if not running:
        return "Stopping."
    jobs = count(running, "running job")
    if not grace:
        return f"Killing {jobs}."
    verb, them = ("gets", "it") if running == 1 else ("get", "them")
    return (
        f"Stopping: {jobs} {verb} SIGTERM, and SIGKILL after {duration(grace)};"
        f" Ctrl-C again kills {them} now"
    )


def printable(text: str, limit: int = 200) -> str:
    """Return a name or message on one line, at most ``limit`` characters long."""
    if len(text) <= limit and text.isprintable():
        return text
    from torc_tui.views.ansi import one_line

    return one_line(text, limit)


def _attempt(event: Event) -> str:
    """Return which attempt of a job begins, and why: ``attempt 2 of 4: exit 3``."""
    data = readable(event.data)
    number, of, reason = data.get("number", data.get("attempt")), data.get("of"), data.get("reason")
    attempt = "" if number is None else f"attempt {number}" + (f" of {of}" if of else "")
    if data.get("not_before") is not None:
        attempt += f" in {duration(max(0.0, round(data['not_before'] - event.timestamp, 1)))}"
    if data.get("grown"):
        attempt += f", {data['grown']}"
    return ": ".join(str(part) for part in (attempt, reason) if part)
