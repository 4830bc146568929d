"""Define job statuses, named sets of them, the legal transitions and the state of a workflow.

Every status number, set of statuses and transition in the program comes from this module. The SQL
lists of the database are generated from the sets, and each statement that changes a status is
checked against `TRANSITIONS`.

A job is created `uninitialized`. Initialization makes it `blocked` or `ready`. A runner claims it
(`pending`), starts it (`running`) and records its end. A blocked job whose earlier result turns out
to be up to date becomes completed without an attempt. A finished job changes again only by a user
action: a retry, a reset or a new initialization. Only the runner that holds a job (`HELD`) changes
its status; everybody else asks that runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum

from torc_tui.errors import Refused


class JobStatus(IntEnum):
    """Status of a job; the numbers are stored and are those of the Torc file and API formats."""

    UNINITIALIZED = 0
    BLOCKED = 1
    READY = 2
    PENDING = 3
    RUNNING = 4
    COMPLETED = 5
    FAILED = 6
    CANCELED = 7
    TERMINATED = 8
    DISABLED = 9
    PENDING_FAILED = 10

    @property
    def word(self) -> str:
        """Return the name that users see, such as ``pending_failed``."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> JobStatus:
        """Return the status of that name; raise KeyError if there is none."""
        return cls[word.upper()]


_S = JobStatus

FINISHED = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELED, _S.TERMINATED})
"""The job has ended in some way."""
SETTLED = FINISHED | {_S.DISABLED}
"""Nothing is left to do for the job; a workflow is complete when all its jobs are settled."""
UNSETTLED = frozenset(_S) - SETTLED
"""Something is left to do for the job."""
HELD = frozenset({_S.PENDING, _S.RUNNING})
"""A runner has claimed the job, and the job uses resources."""
UNHELD = frozenset(_S) - HELD
"""No runner has claimed the job."""
UNSUCCESSFUL = frozenset({_S.FAILED, _S.CANCELED, _S.TERMINATED})
"""The job finished without success; by default its dependents are canceled."""
TROUBLED = frozenset({_S.FAILED, _S.TERMINATED, _S.PENDING_FAILED})
"""The job itself ended badly, so that a person wants to look at it."""
WAITING = frozenset({_S.UNINITIALIZED, _S.BLOCKED})
"""The job waits for others, or for its initialization."""
STARTABLE = frozenset({_S.BLOCKED, _S.READY})
"""The job starts as soon as its dependencies have finished and nothing holds it back."""
BEGUN = frozenset({_S.READY}) | HELD | FINISHED
"""The dependencies of the job have finished: it is ready, or further."""
FOLLOWING = frozenset({_S.BLOCKED, _S.CANCELED})
"""Other jobs may be the reason why the job is where it is."""
UNTOUCHED = frozenset({_S.UNINITIALIZED, _S.DISABLED})
"""The job was never initialized; a workflow of such jobs is initialized before it runs."""
NOT_STARTED = WAITING | {_S.READY}
"""No attempt of the job is running, and its next attempt can still be changed."""
CANCELABLE = NOT_STARTED | {_S.PENDING_FAILED}
"""A user may cancel the job at once, because no runner holds it and it has not finished."""
RETRYABLE = UNSUCCESSFUL | {_S.PENDING_FAILED}
"""The job may be run once more by `jobs retry`."""
HAS_RESULT = FINISHED | {_S.PENDING_FAILED}
"""The job may have a result of its last attempt."""

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    _S.UNINITIALIZED: frozenset({_S.BLOCKED, _S.READY, _S.CANCELED, _S.DISABLED}),
    _S.BLOCKED: frozenset({_S.READY, _S.COMPLETED, _S.CANCELED, _S.DISABLED, _S.UNINITIALIZED}),
    _S.READY: frozenset({_S.PENDING, _S.CANCELED, _S.DISABLED, _S.UNINITIALIZED, _S.BLOCKED}),
    _S.PENDING: FINISHED | {_S.RUNNING, _S.READY, _S.PENDING_FAILED},
    _S.RUNNING: FINISHED | {_S.READY, _S.PENDING_FAILED},
    _S.COMPLETED: frozenset({_S.UNINITIALIZED, _S.DISABLED}),
    _S.FAILED: frozenset({_S.READY, _S.UNINITIALIZED, _S.DISABLED}),
    _S.CANCELED: frozenset({_S.READY, _S.UNINITIALIZED, _S.DISABLED}),
    _S.TERMINATED: frozenset({_S.READY, _S.UNINITIALIZED, _S.DISABLED}),
    _S.DISABLED: frozenset({_S.UNINITIALIZED, _S.BLOCKED, _S.READY}),
    _S.PENDING_FAILED: frozenset({_S.READY, _S.FAILED, _S.UNINITIALIZED, _S.CANCELED, _S.DISABLED}),
}
"""Status before -> statuses that may follow it."""


def sources(after: JobStatus) -> frozenset[JobStatus]:
    """Return the statuses from which a job may change to ``after``."""
    return frozenset(before for before, targets in TRANSITIONS.items() if after in targets)


def is_legal(before: JobStatus, after: JobStatus) -> bool:
    """Return whether a job may change from one status to the other."""
    return after in TRANSITIONS[before]


def check(name: str, before: JobStatus, after: JobStatus) -> None:
    """Raise Refused when the job ``name`` must not change from ``before`` to ``after``."""
    if not is_legal(before, after):
        raise Refused(f"job {name!r} is {before.word} and cannot become {after.word}")


class WorkflowState(StrEnum):
    """State of a whole workflow, derived from the statuses of its jobs and its flags."""

    EMPTY = "empty"
    UNINITIALIZED = "uninitialized"
    READY = "ready"
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    CANCELING = "canceling"
    CANCELED = "canceled"
    FAILED = "failed"
    COMPLETED = "completed"
    ARCHIVED = "archived"


def number_of(counts: Mapping[JobStatus, int], statuses: Iterable[JobStatus]) -> int:
    """Return how many jobs are in one of the ``statuses``; ``counts`` may leave zeros out."""
    return sum(counts.get(status, 0) for status in statuses)


def is_complete(counts: Mapping[JobStatus, int]) -> bool:
    """Return whether every job is settled; a workflow without jobs is complete."""
    return not number_of(counts, UNSETTLED)


def workflow_state(
    counts: Mapping[JobStatus, int],
    *,
    is_canceled: bool = False,
    is_paused: bool = False,
    is_archived: bool = False,
    interrupted: int = 0,
    ignored: int = 0,
) -> WorkflowState:
    """Return the one state that every command and screen shows for a workflow.

    ``counts`` is the number of jobs per status. ``interrupted`` is how many of the terminated jobs
    were stopped with their runner and run again with the next one, ``ignored`` how many jobs did
    not succeed and count as if they had.
    """
    if is_archived:
        return WorkflowState.ARCHIVED
    if not any(counts.values()):
        return WorkflowState.EMPTY
    if is_complete(counts) and not interrupted:
        if number_of(counts, UNSUCCESSFUL) <= ignored:
            return WorkflowState.COMPLETED
        return WorkflowState.CANCELED if is_canceled else WorkflowState.FAILED
    active = number_of(counts, HELD) > 0
    if is_canceled:
        return WorkflowState.CANCELING if active else WorkflowState.CANCELED
    if is_paused:
        return WorkflowState.PAUSED
    if active:
        return WorkflowState.RUNNING
    return _idle_state(counts, interrupted)


def _idle_state(counts: Mapping[JobStatus, int], interrupted: int) -> WorkflowState:
    if interrupted:
        return WorkflowState.INTERRUPTED
    if counts.get(_S.READY, 0):
        return WorkflowState.READY
    if number_of(counts, frozenset(_S) - {_S.UNINITIALIZED, _S.DISABLED}):
        return WorkflowState.WAITING
    return WorkflowState.UNINITIALIZED
