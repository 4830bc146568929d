"""What follows from what. What comes in: a stimulus and the facts around it. What goes out:
changes, as values.

Nothing is read or written here: no clock, no store, no process. The graph is reached through the
port `Graph`, which the store implements with counters in SQL and the tests with plain dictionaries.

Laws
* A job becomes ready the moment the last job it waits for has ended, and never before.
* It is canceled instead when one of those did not succeed and it did not ask to go on regardless; a
  canceled job has ended too, so the wave rolls on until nothing moves.
* A stop of the runner is no verdict on the job: what it interrupts releases nobody, and is taken up
  again later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torc_tui.model import Cause, Exited, FailureRule
from torc_tui.status import UNSUCCESSFUL, JobStatus


@dataclass(frozen=True, slots=True)
class Waiting:
    """A blocked job, or one being initialized, that waits for nothing any more."""

    job_id: int
    unsuccessful: int
    cancel_on_blocking_job_failure: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A job goes into a state, for a reason where the state alone does not tell it."""

    job_id: int
    status: JobStatus
    reason: str | None = None


class Graph(Protocol):
    """The slice of the graph that a decision needs."""

    def release(self, ended: Sequence[tuple[int, bool]]) -> Sequence[Waiting]:
        """Tell the dependents of each (job id, succeeded) that it has ended; those left with
        nothing to wait for."""

    def blame(self, job_id: int) -> str:
        """The name of the dependency that did not succeed, and how it ended, in words: ``prep
        failed (exit 3)``."""


def verdict(graph: Graph, waiting: Sequence[Waiting]) -> list[Change]:
    """Ready or canceled, for jobs that wait for nothing any more."""
    return [
        Change(job.job_id, JobStatus.CANCELED, graph.blame(job.job_id))
        if job.unsuccessful and job.cancel_on_blocking_job_failure
        else Change(job.job_id, JobStatus.READY)
        for job in waiting
    ]


def settle(graph: Graph, ended: Sequence[tuple[int, JobStatus]]) -> Iterator[list[Change]]:
    """All changes that the end of these jobs brings to others, wave by wave, to the fixed point.
    The caller writes each wave before it takes the next, so that `Graph.blame` can name who was
    canceled a moment ago."""
    wave = [(job_id, status not in UNSUCCESSFUL) for job_id, status in ended]
    while wave:
        decided = verdict(graph, graph.release(wave))
        if decided:
            yield decided
        wave = [(change.job_id, False) for change in decided if change.status is JobStatus.CANCELED]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """What the outcome of an attempt depends on, besides the exit itself. ``retries`` counts those
    used in this run; the lists name declared outputs that are not there."""

    rules: Sequence[FailureRule] = ()
    retries: int = 0
    missing_files: Sequence[str] = ()
    missing_user_data: Sequence[str] = ()
    require_user_data: bool = False
    use_pending_failed: bool = False
    timeout_exit_code: int = 152
    oom_exit_code: int = 137


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to. With ``retry`` the job goes back to ready for the next attempt;
    ``status`` is then the state its result keeps. ``releases`` is False when dependents must not
    hear of it."""

    status: JobStatus
    return_code: int | None
    reason: str | None = None
    warning: str | None = None
    retry: FailureRule | None = None
    releases: bool = True


LOST_RETURN_CODE = -128
"""For an attempt whose end nobody saw (reference facts, section 4.6)."""

SIGNALS = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
    10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU",
    25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip


def outcome(exited: Exited, facts: AttemptFacts) -> Outcome:
    """What this end of an attempt means for its job (product decisions; reference facts, sections
    6.7 and 9.1)."""
    code = exited.return_code
    match exited.cause:
        case Cause.CANCELED:
            return Outcome(JobStatus.CANCELED, code, exited.detail or "canceled by a user")
        case Cause.TERMINATED:
            return Outcome(JobStatus.TERMINATED, code, exited.detail or "terminated by a user")
        case Cause.STOPPED:
            if code == 0:
                return _by_code(exited, facts)
            return Outcome(
                JobStatus.TERMINATED,
                code,
                exited.detail or "the runner was stopped",
                releases=False,
            )
        case Cause.RUNTIME:
            reason = exited.detail or "ran longer than its runtime"
            return Outcome(JobStatus.TERMINATED, facts.timeout_exit_code, reason)
        case Cause.MEMORY:
            return _failed(
                facts.oom_exit_code, exited.detail or "used more memory than it asked for", facts
            )
        case Cause.LAUNCH:
            return _failed(code, exited.detail or "could not be started", facts)
        case Cause.LOST:
            reason = exited.detail or "its process is gone and left no exit code"
            return _failed(LOST_RETURN_CODE, reason, facts)
        case _:
            return _by_code(exited, facts)


def _by_code(exited: Exited, facts: AttemptFacts) -> Outcome:
    code = exited.return_code
    if code != 0:
        return _failed(code, _describe(code), facts)
    if facts.missing_files:
        files = "file" if len(facts.missing_files) == 1 else "files"
        return _failed(
            1, f"exit 0, but did not write its output {files} {_list(facts.missing_files)}", facts
        )
    if facts.missing_user_data:
        message = f"did not write its user data {_list(facts.missing_user_data)}"
        if facts.require_user_data:
            return _failed(1, f"exit 0, but {message}", facts)
        return Outcome(JobStatus.COMPLETED, 0, None, warning=message)
    return Outcome(JobStatus.COMPLETED, 0)


def _failed(code: int | None, reason: str, facts: AttemptFacts) -> Outcome:
    rule = _rule(code, facts.rules)
    if rule is not None and facts.retries < rule.max_retries:
        return Outcome(JobStatus.FAILED, code, reason, retry=rule)
    status = JobStatus.PENDING_FAILED if facts.use_pending_failed else JobStatus.FAILED
    return Outcome(status, code, reason, releases=status is JobStatus.FAILED)


def _rule(code: int | None, rules: Sequence[FailureRule]) -> FailureRule | None:
    """The first rule that names the code; otherwise the first that takes all."""
    named = (rule for rule in rules if code in rule.exit_codes)
    general = (rule for rule in rules if rule.match_all_exit_codes)
    return next(named, None) or next(general, None)


def _describe(code: int | None) -> str:
    if code is None:
        return "ended in a way that nobody saw"
    signal = SIGNALS.get(code - 128)
    return f"exit {code} ({signal})" if signal else f"exit {code}"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} (+{len(names) - 3})" if len(names) > 3 else shown
