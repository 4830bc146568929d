"""Decide what becomes of a job whose definition in the workflow file has changed.

Input: its status, and the columns that changed. Output: an effect. Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from enum import StrEnum

from torc_tui.lifecycle.freshness import Aspect
from torc_tui.status import HAS_RESULT, HELD, JobStatus


class Effect(StrEnum):
    """What an update of its definition means for a job."""

    AT_ONCE = "at once"
    """The job has not started; its next attempt is of the new version."""
    RERUN = "runs again"
    """Its result is of the old version."""
    STALE = "stale: a dependent is running"
    """Its result is of the old version, and a job that uses it is running."""
    STALE_KEPT = "stale: result kept"
    """The result is that of the old version, and the user keeps it."""
    KEPT = "result kept"
    """Its result is valid."""
    AFTER_ATTEMPT = "after this attempt"
    """It is running; the change waits for the end of the attempt."""


_ASPECTS = {
    "command": Aspect.COMMAND,
    "invocation_script": Aspect.COMMAND,
    "env": Aspect.ENV,
    "input_files": Aspect.FILES,
    "input_user_data": Aspect.DATA,
    "output_files": Aspect.OUTPUTS,
}
"""Column -> what makes a job stale if the column changes."""


def effect(status: JobStatus, columns: Iterable[str], rerun_on: Set[Aspect]) -> Effect:
    """Return what a change of these columns means for a job."""
    if status in HELD:
        return Effect.AFTER_ATTEMPT
    if status not in HAS_RESULT:
        return Effect.AT_ONCE
    aspects = {_ASPECTS[one] for one in columns if one in _ASPECTS}
    return Effect.KEPT if aspects.isdisjoint(rerun_on) else Effect.RERUN
