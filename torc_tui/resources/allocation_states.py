"""Name the states of an allocation, and how it can end. Pure."""

from __future__ import annotations

from enum import StrEnum


class AllocationState(StrEnum):
    """Where an allocation stands; the values are stored."""

    REQUESTED = "requested"
    """The row is written; whether the batch system knows the allocation is not known yet."""
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The batch system reports a state that torc does not know. It is never stored."""


class AllocationOutcome(StrEnum):
    """How an allocation ended; the values are stored."""

    DONE = "done"
    WALLTIME = "walltime"
    CANCELED = "canceled"
    PREEMPTED = "preempted"
    NODE_FAILED = "node_failed"
    FAILED = "failed"
    VANISHED = "vanished"
    """The batch system no longer knows it."""


OPEN = (AllocationState.REQUESTED, AllocationState.QUEUED, AllocationState.RUNNING)
"""The states of an allocation that runs jobs, or will."""
