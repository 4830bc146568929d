"""Classify failures of last attempts, and decide which jobs a recovery retries, and with what.

Input: jobs with their last attempts, and what they request. Output: verdicts. Nothing is read or
written here. The classes are those of upstream: out of memory, time-out and unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from torc_tui.lifecycle.failure_policy import (
    KILLED,
    NO_POLICIES,
    Growth,
    Policies,
    RetryRequest,
    grow,
    rule_for,
)
from torc_tui.model import AttemptUse, Cause, FailureRule, JobUse, Machine, ResourceRequirements
from torc_tui.records import dataclass, replace
from torc_tui.status import JobStatus

NEAR_LIMIT = 0.9
"""Share of the runtime from which an end counts as a likely time-out, as upstream does."""
TIMEOUT_CODE = 152
_STOPPED = frozenset({Cause.CANCELED, Cause.STOPPED, Cause.TIME_LIMIT})
"""Ends by a user or with a runner: these jobs have not failed."""
_LOST = frozenset({Cause.LOST, Cause.GPU_LOST})
_RECOVERABLE = frozenset({JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED})


def out_of_memory(attempt: AttemptUse, requested: ResourceRequirements) -> str | None:
    """Return why an attempt counts as out of memory, in upstream's words; None if it does not."""
    if attempt.peak_memory and requested.memory and attempt.peak_memory > requested.memory:
        return "memory_exceeded"
    if attempt.cause in (Cause.OOM, Cause.GPU_OOM):
        return "oom"
    killed = attempt.return_code == KILLED and attempt.cause == Cause.SIGNAL
    return "sigkill_137" if killed else None


def timed_out(attempt: AttemptUse, requested: ResourceRequirements) -> str | None:
    """Return why an attempt counts as a time-out, in upstream's words; None if it does not."""
    if attempt.cause == Cause.TIMEOUT or attempt.return_code == TIMEOUT_CODE:
        return "sigxcpu_152" if attempt.return_code == TIMEOUT_CODE else "timeout"
    failed = attempt.return_code != 0
    near = requested.runtime and attempt.seconds >= NEAR_LIMIT * requested.runtime
    return "runtime_used" if failed and near else None


class FailureClass(StrEnum):
    """What a failure calls for; the values are those of JSON answers."""

    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    LOST = "lost"
    UNKNOWN = "unknown"


def failure_class(attempt: AttemptUse, requested: ResourceRequirements) -> FailureClass:
    """Return the class of a failure; the recorded cause comes before what only points to one."""
    if attempt.cause == Cause.TIMEOUT:
        return FailureClass.TIMEOUT
    if attempt.cause in _LOST:
        return FailureClass.LOST
    if out_of_memory(attempt, requested):
        return FailureClass.OUT_OF_MEMORY
    return FailureClass.TIMEOUT if timed_out(attempt, requested) else FailureClass.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRules:
    """By which factors requests grow, and whether failures for unknown reasons are retried."""

    memory: float = 1.5
    runtime: float = 1.5
    retry_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery does with a failed job.

    ``growth`` has its new request if that changes, or why it cannot grow; then it is not retried.
    """

    job: JobUse
    attempt: AttemptUse
    kind: FailureClass
    before: ResourceRequirements
    growth: Growth
    is_retried: bool


def plan_recovery(
    jobs: Iterable[JobUse],
    requirements: Mapping[int, ResourceRequirements],
    rules: RecoveryRules,
    machine: Machine | None,
    policies: Mapping[int, Policies] | None = None,
) -> Iterator[Recovery]:
    """Yield the action of a recovery for each failed job.

    No request grows beyond the limits of the rule for its end, among the ``policies`` of the job.
    """
    for job in jobs:
        attempt = job.attempt
        if attempt is None or job.is_ignored or job.status not in _RECOVERABLE:
            continue
        if attempt.cause in _STOPPED:
            continue
        before = requirements[job.requirement_id]
        kind = failure_class(attempt, before)
        own = (policies or {}).get(job.id, NO_POLICIES)
        request = RetryRequest(before, attempt.peak_memory, attempt.peak_gpu_memory, machine)
        growth = _growth(kind, attempt, request, rules, own)
        wanted = rules.retry_unknown or kind is not FailureClass.UNKNOWN
        yield Recovery(job, attempt, kind, before, growth, wanted and growth.stop is None)


def _growth(
    kind: FailureClass,
    attempt: AttemptUse,
    request: RetryRequest,
    rules: RecoveryRules,
    own: Policies,
) -> Growth:
    """Return the request of the next attempt, as a rule for this end would have it."""
    if kind is FailureClass.OUT_OF_MEMORY:
        cause = Cause.GPU_OOM if attempt.cause == Cause.GPU_OOM else Cause.OOM
        rule = FailureRule(memory=rules.memory, gpu_memory=rules.memory)
    elif kind is FailureClass.TIMEOUT:
        cause, rule = Cause.TIMEOUT, FailureRule(runtime=rules.runtime)
    else:
        return Growth()
    code = attempt.return_code
    limits = rule_for(code, Cause(attempt.cause), own) or rule_for(code, cause, own)
    if limits is not None:
        rule = replace(rule, memory_limit=limits.memory_limit, runtime_limit=limits.runtime_limit)
    return grow(rule, code, cause, request)
