"""Decide which status changes follow from an event: the end of an attempt, or of jobs.

Input: a stimulus and the facts around it. Output: changes, as values. Nothing is read or written
here. The graph is reached through the port `DependencyGraph`, which the store implements with
counters in SQL and the tests with plain dictionaries.

Invariants
* A job becomes ready when the last job that it depends on has finished, and never before.
* It is canceled instead if one of those jobs did not succeed, unless the job is set to run
  regardless. A canceled job has also finished, so the rules are applied until no change follows.
* Jobs that end with their runner have not failed: they release no dependents, and run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from torc_tui.lifecycle.failure_policy import (
    NO_POLICIES,
    Policies,
    RetryRequest,
    delay_before,
    grow,
    rule_for,
)
from torc_tui.model import Cause, Exited, FailureRule, ResourceRequirements
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, field, replace
from torc_tui.status import UNSUCCESSFUL, JobStatus


@dataclass(frozen=True, slots=True)
class Waiting:
    """A blocked or uninitialized job whose dependencies have all finished.

    ``may_be_kept`` marks a job that was reset only because it follows others: if these succeed, it
    is not decided here whether the job runs again.
    """

    job_id: int
    unsuccessful: int
    cancel_on_blocking_job_failure: bool
    may_be_kept: bool = False


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A new status for a job, with a reason if the status alone does not explain it."""

    job_id: int
    status: JobStatus
    reason: Reason | None = None


class DependencyGraph(Protocol):
    """The part of the graph that a decision needs."""

    def release(self, ended: Sequence[tuple[int, bool]]) -> Sequence[Waiting]:
        """Record that each (job id, succeeded) has finished; return dependents that now may run."""

    def failed_dependency(self, job_id: int) -> Reason:
        """Return which dependency of a job did not succeed, and why."""


def verdict(graph: DependencyGraph, waiting: Sequence[Waiting]) -> list[StatusChange]:
    """Return whether each of these jobs becomes ready or is canceled."""
    return [
        StatusChange(job.job_id, JobStatus.CANCELED, graph.failed_dependency(job.job_id))
        if job.unsuccessful and job.cancel_on_blocking_job_failure
        else StatusChange(job.job_id, JobStatus.READY)
        for job in waiting
        if job.unsuccessful or not job.may_be_kept
    ]


def settle(
    graph: DependencyGraph, ended: Sequence[tuple[int, JobStatus]]
) -> Iterator[list[StatusChange]]:
    """Yield all changes that follow from the end of these jobs, one list per step of the graph.

    The caller writes each list before it asks for the next, so that
    `DependencyGraph.failed_dependency` can name the jobs that were canceled by the list before.
    """
    finished = [(job_id, status not in UNSUCCESSFUL) for job_id, status in ended]
    while finished:
        decided = verdict(graph, graph.release(finished))
        if decided:
            yield decided
        finished = [
            (change.job_id, False) for change in decided if change.status is JobStatus.CANCELED
        ]


CANCEL, TERMINATE, RERUN = "canceled", "terminated", "rerun"
"""Values of ``job.stop_requested``: what a user requests for a running job."""
REQUESTED: Mapping[str | None, JobStatus] = {
    CANCEL: JobStatus.CANCELED,
    TERMINATE: JobStatus.TERMINATED,
    RERUN: JobStatus.READY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """What the outcome of an attempt depends on, besides its end.

    ``retries`` counts those used in this run. ``missing_files`` are (name, path) of declared
    outputs that do not exist, ``unwritten_files`` of those that exist and did not change;
    ``written_files`` says of files by name whether that is a failure, ``require_written`` of the
    others. ``missing_user_data`` are names of records that were not written.
    ``requested`` is what a user asked for: to cancel the job, to terminate it or, as READY, to
    rerun it. ``stop_codes`` are the exit codes of a job that died by the signals with which it was
    stopped; any other code is the job's own. ``reruns`` is how often the job may still be run again
    after a loss, ``lost`` says where and how this attempt was lost, if it was. ``script_failed`` is
    set when the recovery script of the attempt has run and failed, ``is_ending`` when the runner
    starts no more scripts.
    """

    policies: Policies = NO_POLICIES
    request: RetryRequest | None = None
    script_failed: bool = False
    is_ending: bool = False
    retries: int = 0
    missing_files: Sequence[tuple[str, str]] = ()
    unwritten_files: Sequence[tuple[str, str]] = ()
    require_written: bool = False
    written_files: Mapping[str, bool] = field(default_factory=dict)
    missing_user_data: Sequence[str] = ()
    require_user_data: bool = False
    use_pending_failed: bool = False
    requested: JobStatus = JobStatus.CANCELED
    runtime: float | None = None
    timeout_exit_code: int = 152
    oom_exit_code: int = 137
    stop_codes: frozenset[int | None] = frozenset({137, 143, None})
    reruns: int = 0
    lost: Reason | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to.

    With ``retry`` the job becomes ready for its next attempt, ``delay`` seconds later and with the
    request ``grown`` if that is set, and ``status`` is that of the result only. With ``rerun`` it
    is reset, and starts again when its dependencies have finished. ``interrupted`` marks a job that
    was stopped with its runner and runs again with the next one. ``releases`` is False when the
    dependents keep waiting; they start as after a success if it is ``ignored``.
    """

    status: JobStatus
    return_code: int | None
    cause: Cause
    reason: Reason | None = None
    warnings: tuple[Reason, ...] = ()
    retry: FailureRule | None = None
    delay: float = 0.0
    grown: ResourceRequirements | None = None
    ignored: bool = False
    releases: bool = True
    interrupted: bool = False
    rerun: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the job is not retried automatically, and its failure counts."""
        return not (self.retry or self.rerun or self.interrupted or self.ignored)

    @property
    def seen_status(self) -> JobStatus:
        """The status of the job for the jobs that depend on it."""
        return JobStatus.COMPLETED if self.ignored else self.status


SUCCESS = Outcome(JobStatus.COMPLETED, 0, Cause.EXIT)
"""The outcome of an attempt that has ended with exit code 0 and left nothing out."""
MOST_LOST = 2
"""How often a job is run again in one run after its runner and its process were lost."""
LOST_RETURN_CODE = -128
"""Exit code of an attempt whose end was not seen, as in Torc."""
MISSING_OUTPUT_RETURN_CODE = 1
"""Exit code of an attempt that succeeded without its declared outputs, as in Torc."""
SIGNAL_CODES = frozenset(128 + number for number in (*range(1, 16), 24, 25, 31))
"""Exit codes of processes that a signal has killed."""


def reruns_left(on_lost: str | None, lost: int) -> int:
    """Return how often a job may still be rerun after a loss; ``lost`` counts those of this run."""
    return 0 if on_lost == "fail" else max(MOST_LOST - lost, 0)


def outlives_lease(on_lost: str | None) -> bool:
    """Return whether a job stays with a runner whose lease has expired, until a user drops it."""
    return on_lost not in ("rerun", "fail")


def outcome(exited: Exited, facts: AttemptFacts) -> Outcome:
    """Return what this end of an attempt means for its job."""
    code = exited.return_code
    match exited.cause:
        case Cause.CANCELED:
            return _stopped_by_user(exited, facts)
        case Cause.STOPPED | Cause.TIME_LIMIT:
            return _stopped_with_runner(exited, facts)
        case Cause.TIMEOUT:
            reason = exited.reason or because(Kind.TIMEOUT, limit=facts.runtime)
            code = _own_code(code, facts, facts.timeout_exit_code)
            return _unsuccessful(JobStatus.TERMINATED, code, Cause.TIMEOUT, reason, facts)
        case Cause.OOM | Cause.GPU_OOM:
            reason = exited.reason or because(Kind.OUT_OF_MEMORY)
            code = _own_code(code, facts, facts.oom_exit_code)
            return _failed(code, exited.cause, reason, facts)
        case Cause.LAUNCH:
            return _failed(code, Cause.LAUNCH, exited.reason or because(Kind.LAUNCH), facts)
        case Cause.LOST | Cause.GPU_LOST as cause:
            return _lost(exited, cause, facts)
        case _:
            return _by_code(exited, facts)


def _own_code(code: int | None, facts: AttemptFacts, otherwise: int) -> int | None:
    """Return the exit code that the job gave itself; ``otherwise`` when it died by the stop."""
    return otherwise if code in facts.stop_codes else code


def _lost(exited: Exited, cause: Cause, facts: AttemptFacts) -> Outcome:
    """Run the job again without using a retry, or fail it where it was lost too often."""
    reason = exited.reason or facts.lost or because(Kind.LOST)
    code = LOST_RETURN_CODE if exited.return_code is None else exited.return_code
    if facts.reruns <= 0:
        return _failed(code, cause, reason, facts)
    return Outcome(JobStatus.TERMINATED, code, cause, reason, releases=False, interrupted=True)


def _stopped_by_user(exited: Exited, facts: AttemptFacts) -> Outcome:
    if facts.requested is JobStatus.READY:
        reason = because(Kind.RERUN_BY_USER)
        status, code = JobStatus.TERMINATED, exited.return_code
        return Outcome(status, code, Cause.CANCELED, reason, releases=False, rerun=True)
    terminated = facts.requested is JobStatus.TERMINATED
    kind = Kind.TERMINATED_BY_USER if terminated else Kind.CANCELED_BY_USER
    reason = exited.reason or because(kind)
    return Outcome(facts.requested, exited.return_code, Cause.CANCELED, reason)


def _stopped_with_runner(exited: Exited, facts: AttemptFacts) -> Outcome:
    if exited.return_code == 0:
        return _by_code(exited, facts)
    timed = exited.cause is Cause.TIME_LIMIT
    code = exited.return_code
    if timed:
        code = _own_code(code, facts, facts.timeout_exit_code)
    reason = because(Kind.TIME_LIMIT if timed else Kind.RUNNER_STOPPED)
    cause = Cause.TIME_LIMIT if timed else Cause.STOPPED
    return Outcome(JobStatus.TERMINATED, code, cause, reason, releases=False, interrupted=True)


def _by_code(exited: Exited, facts: AttemptFacts) -> Outcome:
    code = exited.return_code
    if code != 0:
        cause = Cause.SIGNAL if code in SIGNAL_CODES else Cause.EXIT
        return _failed(code, cause, because(Kind.EXIT, code=code), facts)
    missing = _missing_output(facts)
    if missing is not None:
        return _failed(MISSING_OUTPUT_RETURN_CODE, Cause.MISSING_OUTPUT, missing, facts)
    warnings = _output_warnings(facts)
    return replace(SUCCESS, warnings=warnings) if warnings else SUCCESS


def _missing_output(facts: AttemptFacts) -> Reason | None:
    if facts.missing_files:
        return because(Kind.MISSING_FILES, files=tuple(facts.missing_files))
    unwritten = tuple(
        one
        for one in facts.unwritten_files
        if facts.written_files.get(one[0], facts.require_written)
    )
    if unwritten:
        return because(Kind.FILES_NOT_WRITTEN, files=unwritten, code=0)
    if facts.missing_user_data and facts.require_user_data:
        return because(Kind.MISSING_USER_DATA, names=tuple(facts.missing_user_data))
    return None


def _output_warnings(facts: AttemptFacts) -> tuple[Reason, ...]:
    warnings = []
    if facts.unwritten_files:
        files = tuple(facts.unwritten_files)
        warnings.append(because(Kind.FILES_NOT_WRITTEN, files=files))
    if facts.missing_user_data:
        names = tuple(facts.missing_user_data)
        warnings.append(because(Kind.USER_DATA_NOT_WRITTEN, names=names))
    return tuple(warnings)


def _failed(code: int | None, cause: Cause, reason: Reason, facts: AttemptFacts) -> Outcome:
    return _unsuccessful(JobStatus.FAILED, code, cause, reason, facts)


def _unsuccessful(
    status: JobStatus, code: int | None, cause: Cause, reason: Reason, facts: AttemptFacts
) -> Outcome:
    """Retry the job as its rules say, or settle it."""
    rule = rule_for(code, cause, facts.policies)
    if rule is None:
        return _settled(Outcome(status, code, cause, reason), None, facts)
    stop: Reason | None = None
    has_retries = facts.retries < rule.max_retries
    if has_retries and rule.recovery_script and facts.is_ending:
        # The next runner runs the job again: its script, which must come first, was not finished.
        return Outcome(JobStatus.TERMINATED, code, cause, reason, releases=False, interrupted=True)
    if has_retries and _may_retry(rule, facts):
        is_last = facts.retries + 1 >= rule.max_retries
        request = facts.request and replace(facts.request, is_last=is_last)
        grown, stop = grow(rule, code, cause, request)
        if stop is None:
            delay = delay_before(rule, facts.retries)
            return Outcome(status, code, cause, reason, retry=rule, delay=delay, grown=grown)
    warnings = () if stop is None else (stop,)
    return _settled(Outcome(status, code, cause, reason, warnings), rule.then, facts)


def _may_retry(rule: FailureRule, facts: AttemptFacts) -> bool:
    """Return whether the recovery script of a rule, if it has one, allows another attempt."""
    return not (facts.script_failed and rule.if_script_fails == "fail")


def _settled(found: Outcome, then: str | None, facts: AttemptFacts) -> Outcome:
    """Return the end of a job that is not retried, as its rule or the workflow wants it."""
    if then == "ignore":
        return replace(found, ignored=True)
    waits = facts.use_pending_failed and found.status is JobStatus.FAILED
    if then == "pending" or (then is None and waits):
        return replace(found, status=JobStatus.PENDING_FAILED, releases=False)
    return found
