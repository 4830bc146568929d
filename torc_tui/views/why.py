"""Explain the status of a job: as one reason for a table, or as the whole chain of reasons.

Input: facts that the caller gathered (`Facts`). Output: `Reason` records, and `Explanation` trees
whose text is made by `wording`. Nothing is looked up or decided here: other modules decide what
fits and what may start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torc_tui.model import EdgeKind, Job
from torc_tui.reasons import BY_USER, HOLDS, Kind, Reason, because
from torc_tui.records import dataclass
from torc_tui.status import FINISHED, STARTABLE, TROUBLED, UNSUCCESSFUL, JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.wording import IGNORED, canceled_sentence, end_sentence, sentence

NAMED = 2
"""How many dependencies the one line names; the others are counted."""


class Blocker(NamedTuple):
    """A dependency that is not completed. ``via`` names the file, record or pattern of the edge."""

    job_id: int
    name: str
    status: JobStatus
    kind: EdgeKind | None = None
    via: str | None = None
    return_code: int | None = None
    reason: Reason | None = None
    ignored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a job besides its row.

    ``blockers`` are the dependencies that are not completed; ``blocking`` is their number, if not
    all are listed. ``shortfalls`` are resources that are in use now, ``never`` those that no runner
    can ever provide. ``runners`` is the number of active runners, None if unknown. ``attempts`` is
    the highest number of attempts that the failure handler allows. ``ahead`` is the number of ready
    jobs that start first. ``looked`` is False while the shortfalls are unknown. ``unserved`` is set
    if no runner takes jobs with these labels. ``grown`` says by how much retries have increased the
    request of the job, ``planned`` which changes apply after this attempt, ``recovering`` whether
    its recovery script runs. ``place`` says where a running job runs, if not here.
    """

    job: Job
    now: float = 0.0
    blockers: Sequence[Blocker] = ()
    blocking: int | None = None
    shortfalls: Sequence[Reason] = ()
    never: Sequence[Reason] = ()
    paused: bool = False
    canceled: bool = False
    runners: int | None = None
    attempts: int | None = None
    ahead: int | None = None
    looked: bool = True
    missing_inputs: Sequence[str] = ()
    grown: Reason | None = None
    planned: Reason | None = None
    recovering: Reason | None = None
    unserved: Reason | None = None
    place: Reason | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A node of the chain: a reason, the job that it is about, and the reasons behind it."""

    text: str
    kind: Kind
    job_id: int | None = None
    status: JobStatus | None = None
    children: tuple[Explanation, ...] = ()


def why(facts: Facts) -> str:
    """Return the reason as one line; empty if the status explains itself."""
    reason = reason_of(facts)
    status = facts.job.status
    if status is JobStatus.CANCELED:
        return canceled_sentence(reason)
    if status in TROUBLED:
        words = end_sentence(reason, facts.job.return_code)
        return f"{words}; {IGNORED}" if facts.job.ignored else words
    return "" if reason is None else sentence(reason)


def reason_of(facts: Facts) -> Reason | None:
    """Return the main reason for the status of the job; None if the status explains itself."""
    job = facts.job
    match job.status:
        case JobStatus.CANCELED:
            return _cancellation(facts)
        case JobStatus.RUNNING:
            suspended = because(Kind.SUSPENDED) if job.suspended else None
            return facts.recovering or suspended or _attempt(facts)
        case JobStatus.PENDING:
            return because(Kind.STARTING)
        case JobStatus.DISABLED:
            return job.reason or because(Kind.DISABLED)
        case JobStatus.UNINITIALIZED:
            return job.reason or because(Kind.NOT_INITIALIZED)
        case JobStatus.BLOCKED:
            return _dependencies(facts) or next(iter(_stops(facts)), None)
        case JobStatus.READY:
            return _obstacle(facts) or _turn(facts)
        case JobStatus.COMPLETED:
            return None
        case _:
            return job.reason


def explain(
    job_id: int, facts_of: Callable[[int], Facts | None], *, depth: int = 12, width: int = 20
) -> Explanation:
    """Return the chain of reasons from a job down to where it starts.

    ``facts_of`` gives the facts of a job; None if it no longer exists. A job that was explained
    before is named without its reasons. Reasons deeper than ``depth``, and more than ``width`` of
    one job, are counted.
    """
    return _Explainer(facts_of, width).job(job_id, depth)


def lines(node: Explanation, *, plain: bool = False) -> list[str]:
    """Return the chain as text, a line per reason; ``plain`` draws with ASCII only."""
    tee, corner, bar = ("|- ", "`- ", "|  ") if plain else ("├─ ", "└─ ", "│  ")
    out: list[str] = []

    def walk(node: Explanation, first: str, rest: str) -> None:
        out.append(first + node.text)
        for number, child in enumerate(node.children, 1):
            last = number == len(node.children)
            walk(child, rest + (corner if last else tee), rest + ("   " if last else bar))

    walk(node, "", "")
    return out


class _Explainer:
    """Builds one chain; it explains each job and each stop once."""

    def __init__(self, facts_of: Callable[[int], Facts | None], width: int) -> None:
        self.facts_of = facts_of
        self.width = width
        self.seen: set[int] = set()
        self.given: set[Reason] = set()

    def job(self, job_id: int, depth: int, edge: Blocker | None = None) -> Explanation:
        facts = self.facts_of(job_id)
        if facts is None:
            return _node(because(Kind.JOB_GONE, id=job_id), job_id)
        job = facts.job
        explained = job_id in self.seen
        self.seen.add(job_id)
        reason = because(
            Kind.JOB,
            name=job.name,
            status=job.status.word,
            edge=None if edge is None or edge.kind is None else int(edge.kind),
            via=None if edge is None else edge.via,
            explained=explained or None,
        )
        children = () if explained else tuple(self.children(facts, depth))
        return _node(reason, job_id, job.status, children)

    def children(self, facts: Facts, depth: int) -> list[Explanation]:
        status = facts.job.status
        out: list[Explanation] = []
        if status is JobStatus.BLOCKED:
            out += self.blockers(facts, facts.blockers, facts.blocking, depth)
        elif status is JobStatus.CANCELED:
            culprits = _culprits(facts)
            if culprits:
                out += self.blockers(facts, culprits, None, depth)
            else:
                out.append(_line(facts))
        elif status is JobStatus.READY:
            out += self.ready(facts)
        elif reason_of(facts) is not None or status in TROUBLED:
            out.append(_line(facts))
        if status in STARTABLE:
            out += map(_node, self.new_stops(_stops(facts)))
        out += [_node(because(Kind.MISSING_INPUT, name=name)) for name in facts.missing_inputs]
        more = (facts.place, facts.grown, facts.planned)
        out += [_node(one) for one in more if one is not None]
        return [node for node in out if node.text]

    def blockers(
        self, facts: Facts, blockers: Sequence[Blocker], total: int | None, depth: int
    ) -> list[Explanation]:
        ordered = sorted(blockers, key=_urgency)
        shown = ordered[: self.width] if depth > 0 else []
        out = [self.job(one.job_id, depth - 1, one) for one in shown]
        more = (len(ordered) if total is None else total) - len(shown)
        if more > 0:
            kind = because(Kind.MORE, number=more) if shown else because(Kind.WAITS, more=more)
            out.append(_node(kind))
        return out

    def new_stops(self, stops: Sequence[Reason]) -> list[Reason]:
        """Return the stops that the chain does not contain yet; a hold is repeated for each job."""
        new = [one for one in stops if one not in self.given]
        self.given.update(one for one in new if one.kind not in HOLDS)
        return new

    @staticmethod
    def ready(facts: Facts) -> list[Explanation]:
        if facts.never:
            return [_node(because(Kind.UNSCHEDULABLE, lacks=(one,))) for one in facts.never]
        if facts.shortfalls:
            return [_node(one) for one in facts.shortfalls]
        turn = None if _obstacle(facts) else _turn(facts)
        return [] if turn is None else [_node(turn)]


def _node(
    reason: Reason,
    job_id: int | None = None,
    status: JobStatus | None = None,
    children: tuple[Explanation, ...] = (),
) -> Explanation:
    return Explanation(sentence(reason), reason.kind, job_id, status, children)


def _line(facts: Facts) -> Explanation:
    """Return the one line of a job as a node."""
    reason = reason_of(facts)
    return Explanation(why(facts), Kind.EXIT if reason is None else reason.kind)


def _stops(facts: Facts) -> list[Reason]:
    """Return what keeps the job from starting, whatever resources it requests."""
    out = []
    if facts.canceled:
        out.append(because(Kind.WORKFLOW_CANCELED))
    if facts.paused:
        out.append(because(Kind.WORKFLOW_PAUSED))
    if facts.job.held:
        out.append(_hold(facts.job))
    if facts.unserved is not None:
        out.append(facts.unserved)
    elif facts.runners == 0:
        out.append(because(Kind.NO_RUNNER))
    return out


def _hold(job: Job) -> Reason:
    return job.hold_reason or because(Kind.HELD)


def _obstacle(facts: Facts) -> Reason | None:
    """Return the first thing that keeps a ready job from starting, besides its turn."""
    if facts.never and not facts.canceled:
        return because(Kind.UNSCHEDULABLE, lacks=tuple(facts.never))
    if facts.job.held and not facts.canceled:
        return _hold(facts.job)
    return next(iter(_stops(facts)), None)


def _turn(facts: Facts) -> Reason | None:
    if attempt := _attempt(facts):
        return attempt
    if facts.shortfalls:
        return because(Kind.SHORTAGE, lacks=tuple(facts.shortfalls))
    if not facts.looked:
        return None
    return because(Kind.WAITS_FOR_TURN, ahead=facts.ahead or 0)


def _attempt(facts: Facts) -> Reason | None:
    """Return the number of the attempt; None on a first attempt that waits for no time."""
    job = facts.job
    delay = 0.0
    if job.not_before is not None and job.status is JobStatus.READY:
        delay = max(0.0, job.not_before - facts.now)
    if job.attempt_id <= 1 and not delay:
        return None
    most = facts.attempts if facts.attempts and facts.attempts >= job.attempt_id else None
    return because(Kind.ATTEMPT, number=job.attempt_id, of=most, delay=delay or None)


def _culprits(facts: Facts) -> list[Blocker]:
    """Return the dependencies for which a job was canceled; none where a user canceled it."""
    reason = facts.job.reason
    if reason is not None and reason.kind in BY_USER:
        return []
    return [
        blocker
        for blocker in facts.blockers
        if blocker.status in UNSUCCESSFUL and not blocker.ignored
    ]


def _cancellation(facts: Facts) -> Reason | None:
    culprits = _culprits(facts)
    if not culprits:
        return facts.job.reason
    first = min(culprits, key=_urgency)
    return because(
        Kind.DEPENDENCY,
        job=first.name,
        status=first.status.word,
        reason=_end_of(first),
        more=len(culprits) - 1 or None,
    )


def _end_of(blocker: Blocker) -> Reason | None:
    if blocker.status is JobStatus.CANCELED:
        return None
    if blocker.reason is None and blocker.return_code is not None:
        return because(Kind.EXIT, code=blocker.return_code)
    return blocker.reason


def _dependencies(facts: Facts) -> Reason | None:
    waiting = [one for one in facts.blockers if one.status is not JobStatus.COMPLETED]
    if not waiting:
        number = facts.blocking or facts.job.unmet
        return because(Kind.WAITS, more=number) if number else None
    total = facts.blocking if facts.blocking is not None else len(waiting)
    names = tuple(one.name for one in sorted(waiting, key=_urgency)[:NAMED])
    return because(Kind.WAITS, jobs=names, more=max(0, total - len(names)) or None)


_FIRST = {
    JobStatus.FAILED: 0,
    JobStatus.PENDING_FAILED: 1,
    JobStatus.TERMINATED: 1,
    JobStatus.CANCELED: 2,
}


def _urgency(blocker: Blocker) -> tuple[int, int]:
    """Order failures before running jobs before waiting jobs; then by id."""
    status = blocker.status
    rank = _FIRST.get(status, 3 if status is JobStatus.RUNNING else 9 if status in FINISHED else 4)
    return rank, blocker.job_id
