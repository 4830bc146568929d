"""Decide which jobs a retry or a rerun puts back, and which it refuses.

Both put back the chosen jobs and their followers: the jobs downstream that were canceled because of
them, or that ran on their output.

Input: a connection inside a transaction, the chosen jobs. Output: ids and refusals. Nothing is
changed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.operations.user_action import UserAction
from torc_tui.reasons import Kind, because
from torc_tui.records import dataclass, field
from torc_tui.status import HELD, JobStatus
from torc_tui.store import user_actions
from torc_tui.store.connection import Connection
from torc_tui.store.user_actions import Culprit, Follower, JobState
from torc_tui.wording import sentence


@dataclass(slots=True)
class PutBack:
    """The jobs that are put back, their followers with names, and refusals by id.

    ``held`` are followers that a runner holds; they are refused unless they may be stopped.
    """

    chosen: list[int] = field(default_factory=list)
    followers: dict[int, str] = field(default_factory=dict)
    held: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def plan_put_back(
    conn: Connection,
    action: UserAction,
    jobs: Sequence[JobState],
    *,
    alone: bool = False,
    stop: bool = False,
) -> PutBack:
    """Return what an action on these jobs puts back; ``alone`` leaves out their followers.

    A job is refused when one of its followers is running, unless ``stop`` ends that follower, and
    when it would be canceled at once because of a dependency that is not put back with it.
    """
    plan = PutBack()
    left = {job.id: job for job in jobs}
    if not alone and not stop:
        _refuse_followed(conn, action, left, plan)
    certain = action.id != "job-retry"
    doubtful = [one.id for one in left.values() if certain or one.status is JobStatus.CANCELED]
    culprits = user_actions.culprits(conn, doubtful)
    while True:
        found = [] if alone else user_actions.followers(conn, list(left))
        back = left.keys() | {one.id for one in found}
        doomed = {
            job_id: next((one for one in culprits.get(job_id, ()) if one.id not in back), None)
            for job_id in left
        }
        refused = {job_id: one for job_id, one in doomed.items() if one is not None}
        if not refused:
            break
        for job_id, culprit in refused.items():
            plan.refused[job_id] = _refusal(action, left.pop(job_id), culprit)
    plan.chosen = list(left)
    behind = [one for one in found if one.id not in left]
    plan.followers = {one.id: one.name for one in behind}
    plan.held = [one.id for one in behind if one.status in HELD]
    return plan


def _refuse_followed(
    conn: Connection, action: UserAction, left: dict[int, JobState], plan: PutBack
) -> None:
    """Take the jobs out of ``left`` of which a follower is running."""
    if not _held(user_actions.followers(conn, list(left)), left):
        return
    for job in list(left.values()):
        held = _held(user_actions.followers(conn, [job.id]), left)
        if held:
            reason = (
                f"its dependent {held[0].name} is {held[0].status.word};"
                " stop it or wait for its end"
            )
            plan.refused[job.id] = f"cannot {action.verb} {job.name}: {reason}"
            del left[job.id]


def _held(found: Sequence[Follower], chosen: dict[int, JobState]) -> list[Follower]:
    return [one for one in found if one.status in HELD and one.id not in chosen]


def _refusal(action: UserAction, job: JobState, culprit: Culprit) -> str:
    reason = because(
        Kind.DEPENDENCY,
        job=culprit.name,
        status=culprit.status.word,
        reason=None if culprit.status is JobStatus.CANCELED else culprit.reason,
    )
    return (
        f"cannot {action.verb} {job.name}: its dependency {sentence(reason)};"
        f" {action.verb} {culprit.name} instead"
    )
