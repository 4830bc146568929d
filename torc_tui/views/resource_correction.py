"""Plan new resource requirements from what jobs used.

Input: jobs with their last attempts, requirements, rules. Output: one adjustment for each entry
of requirements that changes; nothing is written here.

Rules, as upstream has them: what was exceeded becomes the highest use times a factor. An entry
becomes smaller only if all of its jobs succeeded, all were measured, none exceeded anything, and
the saving is worth it (`_MEMORY_SAVING`, `_CPU_SAVING`, `_RUNTIME_SAVING`). Memory is rounded up to
whole g, m or k, a runtime to whole minutes, CPUs to whole CPUs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.lifecycle.failure_classes import out_of_memory, timed_out
from torc_tui.model import AttemptUse, JobUse, ResourceRequirements
from torc_tui.records import dataclass, field, replace
from torc_tui.status import FINISHED, JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.resource_use import Resource, comparisons

_MEMORY_SAVING = 1 << 30
_CPU_SAVING = 5.0
_RUNTIME_SAVING = 1800.0
_LEAST_MEMORY = 1 << 20


class Rules(NamedTuple):
    """How entries are corrected.

    The highest use is multiplied by a factor. ``only`` judges by these jobs, ``downsize`` allows
    lower requests, ``split`` adjusts the job groups of an entry apart.
    """

    memory: float = 1.2
    cpu: float = 1.2
    runtime: float = 1.2
    only: frozenset[int] = frozenset()
    downsize: bool = True
    split: bool = False


USUAL = Rules()
"""Upstream's rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An entry that changes: the jobs it is judged by, and its values before and after.

    ``members`` are all jobs that get the new values; ``is_own`` if they must get an entry of their
    own, because other jobs keep the old one.
    """

    requirement_id: int
    upscale: bool
    jobs: Sequence[JobUse]
    members: Sequence[int]
    is_own: bool
    before: ResourceRequirements
    after: ResourceRequirements
    peak_memory: int | None
    peak_cpu_percent: float | None

    def changed(self, name: str) -> bool:
        """Return whether a field of the requirements changes."""
        return bool(getattr(self.before, name) != getattr(self.after, name))


@dataclass(slots=True)
class _Unit:
    """Jobs that are adjusted together: those of an entry, or the job group among them."""

    requirement_id: int
    members: list[int] = field(default_factory=list)
    used: list[JobUse] = field(default_factory=list)
    exceeding: dict[int, set[Resource]] = field(default_factory=dict)


def plan_correction(
    jobs: Sequence[JobUse], requirements: Mapping[int, ResourceRequirements], rules: Rules = USUAL
) -> list[Adjustment]:
    """Return the adjustments, one for each entry that changes."""
    exceeding = exceeded(jobs, requirements)
    units: dict[tuple[int, str], _Unit] = {}
    sizes = Counter(job.requirement_id for job in jobs)
    for job in jobs:
        key = (job.requirement_id, (job.group or job.name) if rules.split else "")
        unit = units.setdefault(key, _Unit(job.requirement_id))
        unit.members.append(job.id)
        if rules.only and job.id not in rules.only:
            continue
        if job.attempt is not None and job.status in FINISHED:
            unit.used.append(job)
            if job.id in exceeding:
                unit.exceeding[job.id] = exceeding[job.id]
    found = []
    for unit in units.values():
        before = requirements[unit.requirement_id]
        after = _larger(unit, before, rules)
        upscale = after != before
        if not unit.exceeding and rules.downsize and _all_succeeded(unit, rules.only):
            after = _smaller(unit, before, rules)
        if after != before:
            is_own = len(unit.members) < sizes[unit.requirement_id]
            found.append(_adjustment(unit, before, after, upscale=upscale, is_own=is_own))
    return found


def exceeded(
    jobs: Iterable[JobUse], requirements: Mapping[int, ResourceRequirements]
) -> dict[int, set[Resource]]:
    """Return which jobs needed more than they requested, by id, and of what."""
    jobs = list(jobs)
    found: dict[int, set[Resource]] = {}
    for one in comparisons(jobs, requirements):
        if one.resource is not Resource.GPU_MEMORY and one.exceeds(0.0):
            found.setdefault(one.job.id, set()).add(one.resource)
    for job in jobs:
        requested = requirements.get(job.requirement_id)
        if job.attempt is None or requested is None:
            continue
        if requested.memory and out_of_memory(job.attempt, requested):
            found.setdefault(job.id, set()).add(Resource.MEMORY)
        if requested.runtime and timed_out(job.attempt, requested):
            found.setdefault(job.id, set()).add(Resource.RUNTIME)
    return found


def _all_succeeded(unit: _Unit, only: frozenset[int]) -> bool:
    judged = [one for one in unit.members if not only or one in only]
    completed = [job for job in unit.used if job.status is JobStatus.COMPLETED]
    return bool(judged) and len(completed) == len(judged)


def _peak(jobs: Iterable[JobUse], name: str) -> float | None:
    """Return the highest value of a field; None if one of the jobs has none."""
    values = [getattr(job.attempt, name) for job in jobs]
    return None if None in values else max(values, default=None)


def _exceeding(unit: _Unit, resource: Resource) -> list[AttemptUse]:
    return [
        job.attempt
        for job in unit.used
        if job.attempt is not None and resource in unit.exceeding.get(job.id, ())
    ]


def _larger(unit: _Unit, before: ResourceRequirements, rules: Rules) -> ResourceRequirements:
    after = before
    if (over := _exceeding(unit, Resource.MEMORY)) and before.memory:
        # A job that was killed may not have been measured at its peak.
        peak = max(before.memory, *(one.peak_memory or 0 for one in over))
        after = replace(after, memory=_whole_memory(peak * rules.memory))
    if (over := _exceeding(unit, Resource.RUNTIME)) and before.runtime:
        longest = max(before.runtime, *(one.seconds for one in over))
        after = replace(after, runtime=_whole_minutes(longest * rules.runtime))
    if over := _exceeding(unit, Resource.CPU):
        cpus = _whole_cpus(max(one.peak_cpu_percent or 0.0 for one in over), rules)
        after = replace(after, num_cpus=max(before.num_cpus, cpus))
    return after


def _smaller(unit: _Unit, before: ResourceRequirements, rules: Rules) -> ResourceRequirements:
    after = before
    memory = _peak(unit.used, "peak_memory")
    if memory is not None and before.memory:
        wanted = _whole_memory(max(memory * rules.memory, _LEAST_MEMORY))
        if before.memory - wanted >= _MEMORY_SAVING:
            after = replace(after, memory=wanted)
    seconds = _peak(unit.used, "seconds")
    if seconds is not None and before.runtime:
        wanted_runtime = _whole_minutes(seconds * rules.runtime)
        if before.runtime - wanted_runtime >= _RUNTIME_SAVING:
            after = replace(after, runtime=wanted_runtime)
    percent = _peak(unit.used, "peak_cpu_percent")
    if percent is not None and before.num_cpus * 100 - percent * rules.cpu >= _CPU_SAVING:
        after = replace(after, num_cpus=min(before.num_cpus, _whole_cpus(percent, rules)))
    return after


def _adjustment(
    unit: _Unit,
    before: ResourceRequirements,
    after: ResourceRequirements,
    *,
    upscale: bool,
    is_own: bool,
) -> Adjustment:
    judged = [job for job in unit.used if job.id in unit.exceeding] if upscale else unit.used
    memory = [job.attempt.peak_memory for job in judged if job.attempt and job.attempt.peak_memory]
    cpu = [
        job.attempt.peak_cpu_percent
        for job in judged
        if job.attempt and job.attempt.peak_cpu_percent is not None
    ]
    return Adjustment(
        requirement_id=unit.requirement_id,
        upscale=upscale,
        jobs=judged,
        members=unit.members,
        is_own=is_own,
        before=before,
        after=after,
        peak_memory=max(memory, default=None),
        peak_cpu_percent=max(cpu, default=None),
    )


def _whole_memory(amount: float) -> int:
    for shift in (30, 20, 10):
        if amount >= 1 << shift:
            return math.ceil(amount / (1 << shift)) << shift
    return math.ceil(amount)


def _whole_minutes(seconds: float) -> float:
    return max(1, math.ceil(seconds / 60)) * 60.0


def _whole_cpus(percent: float, rules: Rules) -> int:
    return max(1, math.ceil(percent / 100 * rules.cpu))
