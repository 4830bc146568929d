"""The law of a job's life. What comes in: two states. What goes out: whether the move is legal.
Nothing else.

A job is created `uninitialized`; initialization makes it `blocked` or `ready`; a runner claims it
(`pending`), starts it (`running`) and reports its end. What has ended lives on only by an act: a
retry, a reset, a new initialization. A job that a runner holds is moved by that runner alone;
others ask it to stop. (Reference facts, section 4.2.)
"""

from __future__ import annotations

from torc_tui.errors import Refused
from torc_tui.model import JobStatus as S

MOVES: dict[S, frozenset[S]] = {
    S.UNINITIALIZED: frozenset({S.BLOCKED, S.READY, S.CANCELED, S.DISABLED}),
    S.BLOCKED: frozenset({S.READY, S.CANCELED, S.DISABLED, S.UNINITIALIZED}),
    S.READY: frozenset({S.PENDING, S.CANCELED, S.DISABLED, S.UNINITIALIZED, S.BLOCKED}),
    S.PENDING: frozenset(
        {S.RUNNING, S.READY, S.COMPLETED, S.FAILED, S.CANCELED, S.TERMINATED, S.PENDING_FAILED}
    ),
    S.RUNNING: frozenset(
        {S.READY, S.COMPLETED, S.FAILED, S.CANCELED, S.TERMINATED, S.PENDING_FAILED}
    ),
    S.COMPLETED: frozenset({S.UNINITIALIZED}),
    S.FAILED: frozenset({S.READY, S.UNINITIALIZED, S.DISABLED}),
    S.CANCELED: frozenset({S.READY, S.UNINITIALIZED, S.DISABLED}),
    S.TERMINATED: frozenset({S.READY, S.UNINITIALIZED, S.DISABLED}),
    S.DISABLED: frozenset({S.UNINITIALIZED, S.BLOCKED, S.READY}),
    S.PENDING_FAILED: frozenset({S.READY, S.FAILED, S.UNINITIALIZED, S.CANCELED, S.DISABLED}),
}


def legal(before: S, after: S) -> bool:
    """Whether a job may go from one state to the other."""
    return after in MOVES[before]


def check(name: str, before: S, after: S) -> None:
    """Raise Refused when the move is not legal."""
    if not legal(before, after):
        raise Refused(f"job {name!r} is {before.word} and cannot become {after.word}")
