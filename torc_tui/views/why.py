"""Why a job is where it is: one line for the table, and the whole chain of reasons as a small tree.

In: facts that somebody else gathered (`Facts`). Out: text and `Reason` nodes. Never done here:
looking anything up, and deciding anything: what fits or may start was decided elsewhere, this only
says it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from signal import Signals
from typing import NamedTuple

from torc_tui.model import EdgeKind, Job
from torc_tui.status import FINISHED, UNSUCCESSFUL, JobStatus
from torc_tui.units import show_duration

NAMED = 2
"""So many of the jobs that are waited for are named in the one line; the rest is a number."""


class Blocker(NamedTuple):
    """A dependency that is not completed. ``via`` names the file, record or pattern that makes the
    edge."""

    job_id: int
    name: str
    status: JobStatus
    kind: EdgeKind | None = None
    via: str | None = None
    return_code: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a job that is not in its row.

    ``blockers`` are dependencies that are not completed, or ended badly; ``blocking`` says how many
    there are, where not all are listed. ``shortfalls`` are texts of what is missing now, ``never``
    of what this machine cannot ever give. ``runners`` is the number of active runners, None where
    nobody looked. ``attempts`` is the highest number of attempts that the failure handler allows.
    ``ahead`` counts ready jobs that come first. ``looked`` is False where nobody has looked yet
    what is missing: then nothing is said of it.
    """

    job: Job
    now: float = 0.0
    blockers: Sequence[Blocker] = ()
    blocking: int | None = None
    shortfalls: Sequence[str] = ()
    never: Sequence[str] = ()
    paused: bool = False
    canceled: bool = False
    runners: int | None = None
    attempts: int | None = None
    ahead: int | None = None
    looked: bool = True
    missing_inputs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """A node of the chain. ``job_id`` is set where the reason is about a job; ``children`` say why
    in turn."""

    text: str
    job_id: int | None = None
    status: JobStatus | None = None
    children: tuple[Reason, ...] = field(default=())


def exit_text(return_code: int | None) -> str:
    """``exit 3``, ``exit 137, SIGKILL``; empty when nobody knows."""
    if return_code is None:
        return ""
    if return_code > 128:
        try:
            return f"exit {return_code}, {Signals(return_code - 128).name}"
        except ValueError:
            pass
    return f"exit {return_code}"


def why(facts: Facts) -> str:
    """The answer in one line; empty where the state says it all."""
    job = facts.job
    status = job.status
    if status is JobStatus.COMPLETED:
        return ""
    if status in (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED):
        return _ended(job)
    if status is JobStatus.CANCELED:
        return _canceled(facts)
    if status is JobStatus.RUNNING:
        return _attempt(facts)
    if status is JobStatus.PENDING:
        return "starting"
    if status is JobStatus.DISABLED:
        return job.reason or "disabled"
    if status is JobStatus.UNINITIALIZED:
        return job.reason or "not initialized"
    if status is JobStatus.BLOCKED:
        return _waits(facts)
    return _stopped(facts) or _ready(facts)


def explain(
    job_id: int, facts_of: Callable[[int], Facts | None], *, depth: int = 12, width: int = 20
) -> Reason:
    """The chain of reasons from a job down to where it starts.

    ``facts_of`` gives the facts of a job, None if it is gone. A job that was explained before is
    named but not explained again; deeper than ``depth`` or more than ``width`` beside each other is
    said as a number.
    """
    return _explain(job_id, facts_of, depth, width, set())


def lines(reason: Reason, *, plain: bool = False) -> list[str]:
    """The chain as text, a line per reason; ``plain`` draws with ASCII only."""
    tee, corner, bar = ("|- ", "`- ", "|  ") if plain else ("├─ ", "└─ ", "│  ")
    out: list[str] = []

    def walk(node: Reason, first: str, rest: str) -> None:
        out.append(first + node.text)
        for number, child in enumerate(node.children, 1):
            last = number == len(node.children)
            walk(child, rest + (corner if last else tee), rest + ("   " if last else bar))

    walk(reason, "", "")
    return out


def _explain(
    job_id: int,
    facts_of: Callable[[int], Facts | None],
    depth: int,
    width: int,
    seen: set[int],
    via: str = "",
) -> Reason:
    facts = facts_of(job_id)
    if facts is None:
        return Reason(f"job {job_id}: no longer there", job_id)
    job = facts.job
    text = f"{job.name} is {job.status.word}{via}"
    if job_id in seen:
        return Reason(f"{text} (explained above)", job_id, job.status)
    seen.add(job_id)
    return Reason(text, job_id, job.status, tuple(_children(facts, facts_of, depth, width, seen)))


def _children(
    facts: Facts, facts_of: Callable[[int], Facts | None], depth: int, width: int, seen: set[int]
) -> list[Reason]:
    job, status = facts.job, facts.job.status
    out: list[Reason] = []
    if status in (JobStatus.BLOCKED, JobStatus.CANCELED):
        if status is JobStatus.CANCELED and not facts.blockers:
            out.append(Reason(_canceled(facts)))
        listed = sorted(facts.blockers, key=_urgency)
        shown = listed[:width] if depth > 0 else []
        out += [_explain(one.job_id, facts_of, depth - 1, width, seen, _via(one)) for one in shown]
        more = (facts.blocking if facts.blocking is not None else len(listed)) - len(shown)
        if more > 0:
            out.append(Reason(f"and {more} more" if shown else f"waits for {more} more jobs"))
    elif status is JobStatus.READY:
        out += [Reason(f"can never run here: {text}") for text in facts.never]
        out += [Reason(text) for text in facts.shortfalls if not facts.never]
        if (
            not facts.never
            and not facts.shortfalls
            and not _stopped(facts)
            and (line := _ready(facts))
        ):
            out.append(Reason(line))
    elif line := why(facts):
        out.append(Reason(line))
    if status in (JobStatus.READY, JobStatus.BLOCKED):
        out += [Reason(text) for text in _stops(facts)]
    if (
        job.reason
        and status in UNSUCCESSFUL
        and not any(job.reason in reason.text for reason in out)
    ):
        out.append(Reason(job.reason))
    out += [Reason(f"input is missing: {name}") for name in facts.missing_inputs]
    return out


def _stops(facts: Facts) -> list[str]:
    """What keeps any job from starting, whatever it needs."""
    out = []
    if facts.canceled:
        out.append("workflow is canceled")
    if facts.paused:
        out.append("workflow is paused")
    if facts.job.held:
        out.append("held")
    if facts.runners == 0:
        out.append("no runner")
    return out


def _stopped(facts: Facts) -> str:
    stops = _stops(facts)
    if facts.never and not facts.canceled:
        return f"can never run here: {', '.join(facts.never)}"
    return "held" if facts.job.held and not facts.canceled else stops[0] if stops else ""


def _ready(facts: Facts) -> str:
    if text := _attempt(facts):
        return text
    if facts.shortfalls:
        return ", ".join(facts.shortfalls)
    if facts.ahead:
        return f"{facts.ahead} jobs come first" if facts.ahead > 1 else "1 job comes first"
    return "starts next" if facts.looked else ""


def _attempt(facts: Facts) -> str:
    """``attempt 2 of 4 in 8 s``; empty on a first attempt that waits for no time."""
    job = facts.job
    wait = (
        0.0
        if job.not_before is None or job.status is not JobStatus.READY
        else job.not_before - facts.now
    )
    if job.attempt_id <= 1 and wait <= 0:
        return ""
    of = f" of {facts.attempts}" if facts.attempts and facts.attempts >= job.attempt_id else ""
    return f"attempt {job.attempt_id}{of}" + (f" in {_soon(wait)}" if wait > 0 else "")


def _ended(job: Job) -> str:
    code = exit_text(job.return_code)
    if not job.reason:
        return code
    known = job.return_code is not None and f"exit {job.return_code}" in job.reason
    known = known or job.reason.startswith(
        "exit 0, but"
    )  # its command ended well: the code of the job is another
    return f"{job.reason} ({code})" if code and not known else job.reason


def _canceled(facts: Facts) -> str:
    culprits = [blocker for blocker in facts.blockers if blocker.status in UNSUCCESSFUL]
    if culprits and not (facts.job.reason or "").startswith("canceled by"):
        first = min(culprits, key=_urgency)
        told = first.status is not JobStatus.CANCELED and not (first.reason or "").startswith(
            "exit 0, but"
        )
        code = exit_text(first.return_code) if told else ""
        more = f" (+{len(culprits) - 1})" if len(culprits) > 1 else ""
        return f"canceled: {first.name} {_ended_word(first.status)}{f' ({code})' if code else ''}{more}"
    reason = facts.job.reason
    if not reason:
        return "canceled"
    return reason if reason.startswith("canceled") else f"canceled: {reason}"


def _ended_word(status: JobStatus) -> str:
    return (
        "was " + status.word
        if status in (JobStatus.CANCELED, JobStatus.TERMINATED)
        else status.word
    )


def _waits(facts: Facts) -> str:
    waiting = sorted(
        (one for one in facts.blockers if one.status is not JobStatus.COMPLETED), key=_urgency
    )
    total = facts.blocking if facts.blocking is not None else len(waiting)
    if not waiting:
        count = total or facts.job.unmet
        return f"waits for {count} job{'s' if count > 1 else ''}" if count else _stopped(facts)
    names = ", ".join(blocker.name for blocker in waiting[:NAMED])
    more = total - min(NAMED, len(waiting))
    return f"waits for {names}" + (f" (+{more})" if more > 0 else "")


_FIRST = {
    JobStatus.FAILED: 0,
    JobStatus.PENDING_FAILED: 1,
    JobStatus.TERMINATED: 1,
    JobStatus.CANCELED: 2,
}


def _urgency(blocker: Blocker) -> tuple[int, int]:
    """What went wrong before what runs before what waits; then by id."""
    status = blocker.status
    rank = _FIRST.get(status, 3 if status is JobStatus.RUNNING else 9 if status in FINISHED else 4)
    return rank, blocker.job_id


def _via(blocker: Blocker) -> str:
    if not blocker.via:
        return ""
    match blocker.kind:
        case EdgeKind.FILE:
            return f", writes file {blocker.via}"
        case EdgeKind.USER_DATA:
            return f", writes user data {blocker.via}"
        case _:
            return f", matches {blocker.via}"


def _soon(seconds: float) -> str:
    """Whole seconds up to a minute: a countdown that ticks."""
    return f"{ceil(seconds)} s" if seconds <= 60 else show_duration(seconds)
