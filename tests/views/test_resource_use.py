"""Requested and used: when a request is exceeded, and how it is corrected."""

from __future__ import annotations

from typing import Any

import pytest

from torc_tui.model import AttemptUse, JobUse, ResourceRequirements
from torc_tui.status import JobStatus
from torc_tui.views.resource_correction import Rules, plan_correction
from torc_tui.views.resource_use import Resource, by_group, comparisons

GIB, MIB = 1 << 30, 1 << 20
BIG = ResourceRequirements(name="big", num_cpus=4, memory=8 * GIB, runtime=7200.0)


def job(
    number: int,
    *,
    requirement: int = 1,
    group: str = "",
    status: JobStatus = JobStatus.COMPLETED,
    seconds: float = 60.0,
    code: int = 0,
    cause: str = "exit",
    **used: Any,
) -> JobUse:
    attempt = AttemptUse(
        run_id=1,
        attempt_id=1,
        status=status,
        return_code=code,
        cause=cause,
        started_at=0.0,
        ended_at=seconds,
        **used,
    )
    return JobUse(
        id=number,
        name=f"j{number}",
        group=group,
        status=status,
        requirement_id=requirement,
        attempt=attempt,
    )


def failed(number: int, **more: Any) -> JobUse:
    return job(number, status=JobStatus.FAILED, **more)


def test_exceeds() -> None:
    used = job(1, peak_memory=9 * GIB, peak_cpu_percent=403.0, seconds=7300.0)
    over = {one.resource: one.exceeds(1.0) for one in comparisons([used], {1: BIG})}
    assert over == {Resource.MEMORY: True, Resource.CPU: False, Resource.RUNTIME: True}


def test_not_compared() -> None:
    """What is not declared or not measured is no violation."""
    bare = ResourceRequirements(name="default")
    assert [one.resource for one in comparisons([job(1, peak_memory=GIB)], {1: bare})] == []


def test_groups() -> None:
    jobs = [
        job(1, group="t_{i}", peak_memory=2 * GIB),
        job(2, group="t_{i}", peak_memory=4 * GIB),
        job(3, peak_memory=GIB),
    ]
    memory = [one for one in by_group(jobs, {1: BIG}) if one.resource is Resource.MEMORY]
    assert [(one.group, one.jobs, one.share, one.mean) for one in memory] == [
        ("t_{i}", 2, 0.5, 3 * GIB),
        ("j3", 1, 0.125, GIB),
    ]


@pytest.mark.parametrize(
    ("used", "after"),
    [
        (job(1, peak_memory=10 * GIB), {"memory": 12 * GIB}),
        (job(1, seconds=7500.0), {"runtime": 9000.0}),
        (job(1, peak_cpu_percent=620.0), {"num_cpus": 8}),
        (failed(1, code=137, cause="signal", peak_memory=GIB), {"memory": 10 * GIB}),
        (failed(1, code=42, cause="timeout", seconds=100.0), {"runtime": 8640.0}),
        (failed(1, code=1, seconds=6500.0), {"runtime": 8640.0}),
        (failed(1, code=1, peak_memory=GIB), {}),
        (job(1, peak_memory=GIB, seconds=600.0), {"memory": 2 * GIB, "runtime": 720.0}),
        (job(1, peak_cpu_percent=90.0, seconds=6000.0), {"num_cpus": 2}),
        (job(1, peak_memory=6 * GIB, peak_cpu_percent=330.0, seconds=5900.0), {}),
    ],
    ids=["memory", "runtime", "cpus", "killed", "timeout", "near", "failed", "less", "one", "fits"],
)
def test_correction(used: JobUse, after: dict[str, Any]) -> None:
    found = plan_correction([used], {1: BIG})
    got = {
        name: getattr(one.after, name)
        for one in found
        for name in ("memory", "runtime", "num_cpus")
        if one.changed(name)
    }
    assert got == after


def test_no_smaller_request() -> None:
    """An entry shrinks only if all of its jobs succeeded, were measured and exceeded nothing."""
    small = job(1, peak_memory=GIB, seconds=60.0)
    assert plan_correction([small], {1: BIG}, Rules(downsize=False)) == []
    assert plan_correction([small, failed(2, code=1)], {1: BIG}) == []
    [one] = plan_correction([small, job(2)], {1: BIG})
    assert not one.changed("memory") and one.changed("runtime")
    [more] = plan_correction([small, job(2, peak_memory=9 * GIB)], {1: BIG})
    assert more.upscale and not more.changed("runtime")


def test_split() -> None:
    """Each group that needs something else gets its own entry; the others keep the old one."""
    jobs = [
        job(1, group="big_{i}", peak_memory=10 * GIB, seconds=7000.0, peak_cpu_percent=390.0),
        job(2, group="fits_{i}", peak_memory=6 * GIB, seconds=7000.0, peak_cpu_percent=390.0),
    ]
    [one] = plan_correction(jobs, {1: BIG}, Rules(memory=1.5, split=True))
    assert (one.members, one.is_own, one.after.memory) == ([1], True, 15 * GIB)
    [whole] = plan_correction(jobs, {1: BIG})
    assert (whole.members, whole.is_own) == ([1, 2], False)


def test_only() -> None:
    jobs = [job(1, peak_memory=10 * GIB), job(2, peak_memory=20 * GIB)]
    [one] = plan_correction(jobs, {1: BIG}, Rules(only=frozenset({1})))
    assert (one.after.memory, one.members) == (12 * GIB, [1, 2])
