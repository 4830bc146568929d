"""Decide whether the jobs behind canaries may start: when all canaries of their entry succeeded.

Input: the canaries of one entry of the workflow file. Output: why the other jobs of it are held.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.reasons import Kind, Reason, because
from torc_tui.status import UNSUCCESSFUL, JobStatus
from torc_tui.tuples import NamedTuple

_NAMED = 2
"""How many canaries a reason names; the others are counted."""
_PASSED = frozenset({JobStatus.COMPLETED, JobStatus.DISABLED})
_FAILED = UNSUCCESSFUL | {JobStatus.PENDING_FAILED}


class Canary(NamedTuple):
    """A job that runs before the others of its entry; ``reason`` says why it did not succeed."""

    name: str
    status: JobStatus
    reason: Reason | None = None
    interrupted: bool = False


def hold_of(canaries: Sequence[Canary]) -> Reason | None:
    """Return why the jobs behind these canaries are held; None if they may start."""
    failed = [one for one in canaries if one.status in _FAILED and not one.interrupted]
    if failed:
        first, *more = failed
        return because(
            Kind.CANARY_FAILED,
            job=first.name,
            status=first.status.word,
            reason=first.reason,
            more=len(more) or None,
        )
    names = tuple(one.name for one in canaries if one.status not in _PASSED)
    if not names:
        return None
    return because(Kind.CANARY, jobs=names[:_NAMED], more=len(names[_NAMED:]) or None)
