"""Decide which jobs a retry puts back, and which it refuses.

A retry puts back the chosen jobs and their followers: the jobs downstream that were canceled
because of them, or that ran on their failed output.

Input: a connection inside a transaction, the chosen jobs. Output: ids and refusals. Nothing is
changed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torc_tui.reasons import Kind, because
from torc_tui.status import HELD, JobStatus
from torc_tui.store import user_actions
from torc_tui.store.connection import Connection
from torc_tui.store.user_actions import Culprit, JobState
from torc_tui.wording import sentence


@dataclass(slots=True)
class Retry:
    """The jobs that a retry puts back, the followers with names, and refusals by id."""

    chosen: list[int] = field(default_factory=list)
    followers: dict[int, str] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


def plan_retry(conn: Connection, jobs: Sequence[JobState]) -> Retry:
    """Return what a retry of these jobs puts back.

    A job is refused when one of its followers is running, and when it would be canceled at once
    because of a dependency that is not put back with it.
    """
    retry = Retry()
    followers: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for job in jobs:
        found = user_actions.followers(conn, job.id)
        held = next((one for one in found if one.status in HELD), None)
        if held is not None:
            told = f"its dependent {held.name} is {held.status.word}; stop it or wait for its end"
            retry.refused[job.id] = f"cannot retry {job.name}: {told}"
        else:
            followers[job.id] = [one.id for one in found]
            names |= {one.id: one.name for one in found}
    _refuse_doomed(conn, [job for job in jobs if job.id in followers], followers, retry)
    retry.chosen = list(followers)
    behind = dict.fromkeys(one for found in followers.values() for one in found)
    retry.followers = {one: names[one] for one in behind if one not in followers}
    return retry


def _refuse_doomed(
    conn: Connection, jobs: Sequence[JobState], followers: dict[int, list[int]], retry: Retry
) -> None:
    """Take the jobs out of ``followers`` that would be canceled again, until none is left."""
    canceled = [job for job in jobs if job.status is JobStatus.CANCELED]
    culprits = {job.id: user_actions.culprits(conn, job.id) for job in canceled}
    doomed = True
    while doomed:
        put_back = {*followers, *(one for found in followers.values() for one in found)}
        doomed = False
        for job in canceled:
            culprit = next((one for one in culprits[job.id] if one.id not in put_back), None)
            if job.id in followers and culprit is not None:
                retry.refused[job.id] = _refusal(job, culprit)
                del followers[job.id]
                doomed = True


def _refusal(job: JobState, culprit: Culprit) -> str:
    reason = because(
        Kind.DEPENDENCY,
        job=culprit.name,
        status=culprit.status.word,
        reason=None if culprit.status is JobStatus.CANCELED else culprit.reason,
    )
    return (
        f"cannot retry {job.name}: its dependency {sentence(reason)}; retry {culprit.name} instead"
    )
