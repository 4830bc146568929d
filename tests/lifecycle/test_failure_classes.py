"""Classes of failures, and what a recovery does with each."""

from __future__ import annotations

from typing import Any

import pytest

from torc_tui.lifecycle.failure_classes import (
    FailureClass,
    RecoveryRules,
    failure_class,
    plan_recovery,
)
from torc_tui.model import AttemptUse, Cause, JobUse, Machine, ResourceRequirements
from torc_tui.status import JobStatus as S

MIB = 1 << 20
REQUESTED = ResourceRequirements(name="r", memory=100 * MIB, runtime=100.0)
MACHINE = Machine(hostname="m", num_cpus=4, memory=1 << 30)
OOM, TIMEOUT = FailureClass.OUT_OF_MEMORY, FailureClass.TIMEOUT
LOST, UNKNOWN = FailureClass.LOST, FailureClass.UNKNOWN


def attempt(
    code: int | None, cause: Cause = Cause.EXIT, seconds: float = 1.0, **more: Any
) -> AttemptUse:
    return AttemptUse(
        run_id=1,
        attempt_id=1,
        status=S.FAILED,
        return_code=code,
        cause=cause.value,
        started_at=0.0,
        ended_at=seconds,
        **more,
    )


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (attempt(137, Cause.OOM), OOM),
        (attempt(42, Cause.OOM), OOM),
        (attempt(1, Cause.GPU_OOM), OOM),
        (attempt(137, Cause.SIGNAL), OOM),
        (attempt(1, peak_memory=101 * MIB), OOM),
        (attempt(1, peak_memory=99 * MIB), UNKNOWN),
        (attempt(152, Cause.TIMEOUT), TIMEOUT),
        (attempt(0, Cause.TIMEOUT), TIMEOUT),
        (attempt(137, Cause.TIMEOUT, peak_memory=101 * MIB), TIMEOUT),
        (attempt(152), TIMEOUT),
        (attempt(1, seconds=90.0), TIMEOUT),
        (attempt(1, seconds=89.0), UNKNOWN),
        (attempt(-128, Cause.LOST), LOST),
        (attempt(1, Cause.GPU_LOST), LOST),
        (attempt(139, Cause.SIGNAL), UNKNOWN),
        (attempt(126, Cause.LAUNCH), UNKNOWN),
        (attempt(1, Cause.MISSING_OUTPUT), UNKNOWN),
    ],
)
def test_classes(end: AttemptUse, kind: FailureClass) -> None:
    assert failure_class(end, REQUESTED) is kind


def job(end: AttemptUse | None, status: S = S.FAILED, **more: Any) -> JobUse:
    return JobUse(id=1, name="a", group="a", status=status, requirement_id=7, attempt=end, **more)


@pytest.mark.parametrize(
    ("end", "rules", "retried", "memory", "runtime"),
    [
        (attempt(137, Cause.OOM), RecoveryRules(), True, 192, 100),
        (attempt(137, Cause.OOM), RecoveryRules(memory=2.0), True, 256, 100),
        (attempt(152, Cause.TIMEOUT), RecoveryRules(), True, 100, 180),
        (attempt(152, Cause.TIMEOUT), RecoveryRules(runtime=3.0), True, 100, 300),
        (attempt(1), RecoveryRules(), False, 100, 100),
        (attempt(1), RecoveryRules(retry_unknown=True), True, 100, 100),
        (attempt(-128, Cause.LOST), RecoveryRules(), True, 100, 100),
    ],
)
def test_recovery(
    end: AttemptUse, rules: RecoveryRules, retried: bool, memory: int, runtime: float
) -> None:
    (found,) = plan_recovery([job(end)], {7: REQUESTED}, rules, MACHINE)
    after = found.growth.requirements or REQUESTED
    assert found.is_retried is retried
    assert (after.memory, after.runtime) == (memory * MIB, runtime)


def test_no_more_than_the_machine_has() -> None:
    requested = ResourceRequirements(name="r", memory=MACHINE.memory)
    (found,) = plan_recovery(
        [job(attempt(137, Cause.OOM))], {7: requested}, RecoveryRules(), MACHINE
    )
    assert not found.is_retried
    assert found.growth.stop is not None
    assert found.growth.stop["limit"] == "machine"


@pytest.mark.parametrize(
    "one",
    [
        job(None),
        job(attempt(0), S.COMPLETED),
        job(attempt(1), S.READY),
        job(attempt(143, Cause.CANCELED), S.CANCELED),
        job(attempt(143, Cause.CANCELED), S.TERMINATED),
        job(attempt(143, Cause.STOPPED), S.TERMINATED),
        job(attempt(143, Cause.TIME_LIMIT), S.TERMINATED),
        job(attempt(1), is_ignored=True),
    ],
)
def test_left_alone(one: JobUse) -> None:
    """Jobs that did not fail, that a user or a runner has stopped, or whose failure is ignored."""
    rules = RecoveryRules(retry_unknown=True)
    assert list(plan_recovery([one], {7: REQUESTED}, rules, MACHINE)) == []
