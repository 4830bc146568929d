"""Fold failed attempts into groups with equal signatures.

Input: attempts with their signatures, and canceled jobs. Output: one group per signature, with the
jobs that were canceled because of it.

Invariant: a group keeps its number during a run. Groups are numbered by their first attempts, and
an attempt counts for that although its job runs again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from torc_tui.model import CanceledJob, FailedAttempt
from torc_tui.reasons import Kind
from torc_tui.records import dataclass, field
from torc_tui.tuples import NamedTuple
from torc_tui.views.failure_signature import Signature

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_SHORTEST = 3
"""A shorter parameter value is not blanked in messages: it would match parts of phrases."""

_MOST_VALUES = 4
"""Placeholders of a group whose values are looked for in the names of its jobs."""


class Member(NamedTuple):
    """A job of a group, with the signature of its failed attempt."""

    job_id: int
    name: str
    group: str
    attempt_id: int
    ended_at: float
    signature: Signature


@dataclass(slots=True)
class FailureGroup:
    """Jobs that failed for one reason. ``canceled`` are the ids of jobs canceled because of it."""

    number: int
    jobs: list[Member] = field(default_factory=list)
    canceled: list[int] = field(default_factory=list)

    @property
    def signature(self) -> Signature:
        """Return the signature that the jobs share: the message itself if all are equal."""
        signature = self.sample.signature
        same = all(job.signature.literal == signature.literal for job in self.jobs)
        return signature.own if same else signature

    @property
    def sample(self) -> Member:
        """Return the job that failed first."""
        return self.jobs[0]

    @property
    def names(self) -> list[str]:
        """Return the names of the jobs as globs: ``train_*``."""
        if len(self.jobs) == 1:
            return [self.jobs[0].name]
        members: dict[str, list[str]] = {}
        for job in self.jobs:
            members.setdefault(job.group, []).append(job.name)
        globs = (
            names[0] if len(names) == 1 else _PLACEHOLDER.sub("*", group)
            for group, names in members.items()
        )
        return list(dict.fromkeys(globs))

    @property
    def first_at(self) -> float:
        """Return when the first of the jobs failed."""
        return min(job.ended_at for job in self.jobs)

    @property
    def last_at(self) -> float:
        """Return when the last of the jobs failed."""
        return max(job.ended_at for job in self.jobs)


def fold(
    attempts: Iterable[tuple[FailedAttempt, Signature]], canceled: Sequence[CanceledJob]
) -> list[FailureGroup]:
    """Return the groups of jobs that have not run again, by number."""
    groups: dict[object, FailureGroup] = {}
    by_name: dict[str, FailureGroup] = {}
    for attempt, signature in attempts:
        message = _without_values(signature.message, attempt.name, attempt.group)
        if message is not signature.message:
            signature = signature.own._replace(message=message, literal=signature.own.message)
        group = groups.get(signature.key)
        if group is None:
            group = groups[signature.key] = FailureGroup(len(groups) + 1)
        if attempt.is_open:
            group.jobs.append(
                Member(
                    attempt.job_id,
                    attempt.name,
                    attempt.group,
                    attempt.attempt_id,
                    attempt.ended_at,
                    signature,
                )
            )
            by_name[attempt.name] = group
    _add_canceled(by_name, canceled)
    return [group for group in groups.values() if group.jobs]


def _add_canceled(by_name: Mapping[str, FailureGroup], canceled: Sequence[CanceledJob]) -> None:
    """Add each canceled job to the group of the job at the start of its chain."""
    before = {
        job.name: job.reason["job"]
        for job in canceled
        if job.reason is not None and job.reason.kind is Kind.DEPENDENCY
    }
    found: dict[str, FailureGroup | None] = dict(by_name)
    for job in canceled:
        chain = []
        name: str | None = job.name
        while name is not None and name not in found:
            found[name] = None  # a cycle ends here
            chain.append(name)
            name = before.get(name)
        group = None if name is None else found[name]
        found.update(dict.fromkeys(chain, group))
        if group is not None:
            group.canceled.append(job.job_id)


def _without_values(message: str, name: str, group: str) -> str:
    """Return the message without the values of the job's parameters, which its name contains."""
    if not message or not 1 <= group.count("{") <= _MOST_VALUES:
        return message
    match = _pattern(group).fullmatch(name)
    for value in match.groups() if match else ():
        if len(value) >= _SHORTEST and value in message:
            word = rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])"
            message = re.sub(word, "JOB", message)
    return message


@lru_cache(maxsize=1024)
def _pattern(group: str) -> re.Pattern[str]:
    """Return what finds the values in the name of a job of the group, ``train_{i}``."""
    parts = map(re.escape, _PLACEHOLDER.split(group))
    return re.compile("(.+?)".join(parts))
