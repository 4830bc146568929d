"""Decide when the commands of a workflow's actions run, and whether they run again.

Input: the trigger of an action, the jobs that it watches, what happened. Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Collection

from torc_tui.reasons import BY_USER, Reason
from torc_tui.records import dataclass
from torc_tui.status import TROUBLED, JobStatus

QUIET_SECONDS = 1.0
"""Time without another failure after which the actions on failures run."""
MOST_SECONDS = 5.0
"""Longest time from a failure to the actions on it, also while more jobs fail."""
_AT_THE_END = frozenset({"on_workflow_complete", "on_workflow_failed"})
_OF_JOBS = frozenset({"on_jobs_ready", "on_jobs_complete"})


def is_armed_again(
    trigger: str, watched: Collection[int], return_code: int | None, rerun: Collection[int]
) -> bool:
    """Return whether an action that was executed runs once more in a run of the jobs ``rerun``.

    An action that failed does. What prepares a workflow or a runner is not repeated otherwise.
    """
    if return_code:
        return True
    if trigger in _AT_THE_END:
        return bool(rerun)
    return trigger in _OF_JOBS and not set(watched).isdisjoint(rerun)


def is_failure(status: JobStatus, reason: Reason | None) -> bool:
    """Return whether a job that has this status now failed by itself, and is not retried."""
    return status in TROUBLED and (reason is None or reason.kind not in BY_USER)


@dataclass(slots=True)
class FailureBatch:
    """Failures that wait for their actions; times are on one clock."""

    first: float | None = None
    last: float = 0.0

    def add(self, now: float) -> None:
        """Count a failure."""
        self.first = now if self.first is None else self.first
        self.last = now

    def is_due(self, now: float) -> bool:
        """Return whether the actions run now, once for all failures so far."""
        if self.first is None:
            return False
        return now - self.last >= QUIET_SECONDS or now - self.first >= MOST_SECONDS

    def clear(self) -> None:
        """Start over."""
        self.first = None
