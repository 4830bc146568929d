"""Find the job for which a runner reserves resources, by the rules of the runner.

Input: a runner, its resources and the allocations held. Output: the job and its reservation.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf

from torc_tui.model import Allocation, ResourceRequirements
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.explain import label
from torc_tui.resources.placement import DEFAULT_METHOD, Candidate, in_order
from torc_tui.resources.pool import Pool
from torc_tui.resources.reservation import Ends, Reservation, reserve
from torc_tui.store import ready_jobs, run_context
from torc_tui.store.database import Store
from torc_tui.store.ready_jobs import ReadyOf
from torc_tui.store.runner_liveness import ActiveRunner, Holding
from torc_tui.tuples import NamedTuple

_DAY = 72_000.0
"""Seconds after which a time of day is not clear without the date."""


class NextJob(NamedTuple):
    """The first job that does not fit, and why it waits.

    ``after`` are the requirements whose jobs all start after this job.
    """

    job_id: int
    name: str
    after: Collection[int]
    reservation: Reservation
    reason: Reason


def find(
    store: Store, runner: ActiveRunner, pool: Pool, held: Sequence[Holding], now: float
) -> NextJob | None:
    """Return the next job of a runner; None if nothing is reserved.

    ``held`` are the allocations of this runner in ``pool``.
    """
    with store.read() as conn:
        context = run_context.read(conn, runner.workflow_id)
        labels = ready_jobs.served_label_sets(conn, runner.workflow_id, runner.labels or ())
        of = ReadyOf(runner.workflow_id, now, labels)
        first = [
            job
            for one in ready_jobs.ready_classes(conn, of)
            for job in ready_jobs.ready_jobs(conn, of, one, 1)
        ]
    known = context.requirements
    jobs = {job.id: job for job in first}
    candidates = [Candidate(one.id, one.priority, known[one.requirement_id]) for one in first]
    method = str(context.settings.get("jobs_sort_method") or DEFAULT_METHOD)
    ends = _ends(held, known)
    ordered = in_order(candidates, method)
    for place, candidate in enumerate(ordered):
        if pool.fits(candidate.requirements):
            continue
        reservation = reserve(candidate.requirements, pool, ends)
        if reservation is None:
            continue
        job = jobs[candidate.job_id]
        others = [one.priority for one in candidates if one is not candidate]
        holds = bool(reservation.gpus) or (others and max(others) < candidate.priority)
        reason = _reason(reservation, pool, now) if holds else None
        if reason is None:
            return None
        before = {jobs[one.job_id].requirement_id for one in ordered[: place + 1]}
        return NextJob(job.id, job.name, known.keys() - before, reservation, reason)
    return None


def _ends(held: Sequence[Holding], known: Mapping[int, ResourceRequirements]) -> Ends:
    """Return the allocations of jobs, and the latest end of each."""
    found: list[tuple[Allocation, float | None]] = []
    for one in held:
        request = known.get(one.requirement_id)
        runtime = None if request is None else request.runtime
        started = one.started_at
        found.append(
            (one.allocation, None if runtime is None or started is None else started + runtime)
        )
    return found


def _reason(reservation: Reservation, pool: Pool, now: float) -> Reason:
    gpus = [one.gpu for one in pool.gpu_states if one.gpu and one.gpu.uuid in reservation.gpus]
    at = reservation.start if now < reservation.start < inf else None
    far = at is not None and at - now > _DAY
    return because(
        Kind.NEXT, gpus=tuple(map(label, gpus)) or None, at=at, far=True if far else None
    )
