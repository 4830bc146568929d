"""Which failure rule applies, and the requirements of the next attempt."""

from __future__ import annotations

from typing import Any

import pytest

from torc_tui.lifecycle.decide import AttemptFacts, outcome
from torc_tui.lifecycle.failure_policy import (
    LONGEST_DELAY,
    Policies,
    RetryRequest,
    delay_before,
    grow,
    rule_for,
)
from torc_tui.model import (
    AttemptKey,
    Cause,
    Exited,
    FailureRule,
    Gpu,
    Machine,
    ResourceRequirements,
)
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.status import JobStatus as S

MIB, GIB = 1 << 20, 1 << 30
CODE = FailureRule(exit_codes=(137,))
OOM = FailureRule(causes=("oom",))
ANY = FailureRule(match_all_exit_codes=True)
ON_OOM = FailureRule(memory=1.5, gpu_memory=1.5)
ON_TIMEOUT = FailureRule(runtime=1.5)


def exited(code: int | None, cause: Cause | None = None) -> Exited:
    return Exited(
        key=AttemptKey(1, 1, 1, 1), return_code=code, started_at=0.0, ended_at=1.0, cause=cause
    )


@pytest.mark.parametrize(
    ("rules", "code", "cause", "applies"),
    [
        ((ANY, OOM, CODE), 137, Cause.OOM, CODE),
        ((ANY, OOM), 137, Cause.OOM, OOM),
        ((ANY,), 137, Cause.OOM, ANY),
        ((OOM,), 137, Cause.SIGNAL, ON_OOM),
        ((), 137, Cause.OOM, ON_OOM),
        ((), 137, Cause.GPU_OOM, ON_OOM),
        ((), 42, Cause.OOM, ON_OOM),
        ((), 152, Cause.TIMEOUT, ON_TIMEOUT),
        ((), 0, Cause.TIMEOUT, ON_TIMEOUT),
        ((ANY,), 0, Cause.TIMEOUT, ANY),
        ((), 139, Cause.SIGNAL, None),
        ((), 1, Cause.EXIT, None),
        ((FailureRule(),), 1, Cause.EXIT, None),
    ],
)
def test_precedence(
    rules: tuple[FailureRule, ...], code: int, cause: Cause, applies: FailureRule | None
) -> None:
    """Exit codes come first, then causes, then any code, then the rules for kinds of ends."""
    assert rule_for(code, cause, Policies(rules, ON_OOM, ON_TIMEOUT)) is applies


SMALL = ResourceRequirements(name="small", memory=100 * MIB, runtime=90.0)
MACHINE = Machine(hostname="m", num_cpus=4, memory=8 * GIB)


def request(
    machine: Machine | None = MACHINE, peak: int | None = None, **more: Any
) -> RetryRequest:
    return RetryRequest(replace(SMALL, **more), peak_memory=peak, machine=machine)


@pytest.mark.parametrize(
    ("rule", "asked", "memory", "runtime"),
    [
        (FailureRule(memory=1.5), request(), 192 * MIB, 90.0),
        (FailureRule(memory=1.5), request(memory=64 * MIB), 128 * MIB, 90.0),
        (FailureRule(memory=2.0), request(memory=64 * MIB), 128 * MIB, 90.0),
        (FailureRule(memory=1.5, memory_limit=150 * MIB), request(), 150 * MIB, 90.0),
        (FailureRule(memory=100.0), request(memory=GIB), 8 * GIB, 90.0),
        (FailureRule(memory=1.5), request(memory=None, peak=300 * MIB), 512 * MIB, 90.0),
        (FailureRule(runtime=1.5), request(), 100 * MIB, 180.0),
        (FailureRule(runtime=1.5, runtime_limit=100.0), request(), 100 * MIB, 100.0),
        (FailureRule(memory=2.0, runtime=2.0), request(), 256 * MIB, 180.0),
    ],
)
def test_growth(rule: FailureRule, asked: RetryRequest, memory: int, runtime: float) -> None:
    """New values are rounded up to 64 MiB and 1 min, up to the limit of rule or machine."""
    found = grow(rule, 1, Cause.EXIT, asked).requirements
    assert found is not None
    assert (found.memory, found.runtime) == (memory, runtime)
    assert isinstance(found.memory, int)


@pytest.mark.parametrize(
    ("code", "cause", "grows"),
    [
        (137, Cause.OOM, {"memory"}),
        (137, Cause.SIGNAL, {"memory"}),
        (137, Cause.GPU_OOM, {"gpu_memory"}),
        (152, Cause.TIMEOUT, {"runtime"}),
        (1, Cause.EXIT, {"memory", "gpu_memory", "runtime"}),
    ],
)
def test_only_the_short_resource_grows(code: int, cause: Cause, grows: set[str]) -> None:
    asked = request(gpu_memory=GIB, num_gpus=1)
    found = grow(FailureRule(memory=2, gpu_memory=2, runtime=2), code, cause, asked).requirements
    assert found is not None
    assert grows == {
        name
        for name in ("memory", "gpu_memory", "runtime")
        if getattr(found, name) != getattr(asked.requirements, name)
    }
    other = grow(FailureRule(memory=2), 152, Cause.TIMEOUT, asked).requirements
    assert other is not None, "a rule is followed as it is written"
    assert other.memory == 256 * MIB


GPUS = (Gpu(uuid="a", index=0, memory=24 * GIB), Gpu(uuid="b", index=1, memory=80 * GIB))


@pytest.mark.parametrize(
    ("rule", "asked", "resource", "limit"),
    [
        (FailureRule(memory=1.5), request(memory=8 * GIB), "memory", "machine"),
        (FailureRule(memory=1.5), request(memory=9 * GIB), "memory", "machine"),
        (
            FailureRule(memory=1.5, memory_limit=50 * MIB),
            request(),
            "memory",
            "memory_limit",
        ),
        (FailureRule(runtime=2, runtime_limit=90.0), request(), "runtime", "runtime_limit"),
        (
            FailureRule(gpu_memory=2),
            request(replace(MACHINE, gpus=GPUS), gpu_memory=80 * GIB),
            "gpu_memory",
            "machine",
        ),
    ],
)
def test_limits(rule: FailureRule, asked: RetryRequest, resource: str, limit: str) -> None:
    """A job that has all that it may have is not retried, and the reason says so."""
    found = grow(rule, 1, Cause.EXIT, asked)
    assert found.requirements is None
    assert found.stop is not None
    assert (found.stop["resource"], found.stop["limit"]) == (resource, limit)
    facts = AttemptFacts(
        policies=Policies((replace(rule, match_all_exit_codes=True),)), request=asked
    )
    end = outcome(exited(1), facts)
    assert (end.status, end.retry, end.warnings) == (S.FAILED, None, (found.stop,))


WHOLE: dict[str, object] = {"num_gpus": 1, "gpu_memory": None}


@pytest.mark.parametrize(
    ("asked", "peak", "is_last", "changes"),
    [
        ({"gpu_memory": 20 * GIB}, None, False, {"gpu_memory": 30 * GIB}),
        ({"gpu_memory": 20 * GIB, "num_gpus": 0.25}, None, False, {"gpu_memory": 30 * GIB}),
        ({"num_gpus": 0.25}, 4 * GIB, False, {"gpu_memory": 6 * GIB}),
        ({"gpu_memory": -40}, None, False, {"gpu_memory": -60}),
        ({"gpu_memory": 54 * GIB}, None, False, WHOLE),
        ({"gpu_memory": -70}, None, False, WHOLE),
        ({"num_gpus": 0.25}, None, False, WHOLE),
        ({"gpu_memory": 20 * GIB}, None, True, WHOLE),
        ({"gpu_memory": 20 * GIB, "num_gpus": 1}, None, True, {"gpu_memory": 30 * GIB}),
        ({"num_gpus": 2}, 24 * GIB, True, {"gpu_memory": 36 * GIB}),
        ({"gpu_model": "H100"}, 24 * GIB, True, {"gpu_memory": 36 * GIB}),
    ],
    ids=[
        "size",
        "share and size",
        "share",
        "part",
        "more than all",
        "part above all",
        "unknown",
        "last",
        "whole",
        "two",
        "model",
    ],
)
def test_more_gpu_memory_becomes_a_whole_gpu(
    asked: dict[str, object], peak: int | None, is_last: bool, changes: dict[str, object]
) -> None:
    one = replace(
        request(replace(MACHINE, gpus=GPUS), **asked), peak_gpu_memory=peak, is_last=is_last
    )
    found = grow(FailureRule(gpu_memory=1.5), 1, Cause.GPU_OOM, one)
    assert found.requirements == replace(one.requirements, **changes)
    other = grow(FailureRule(memory=2.0), 1, Cause.GPU_OOM, one).requirements
    assert other is not None and other.num_gpus == one.requirements.num_gpus, (
        "only if the rule asks"
    )
    once = grow(FailureRule(gpu_memory=1.5, max_retries=1), 1, Cause.GPU_OOM, one).requirements
    assert once is not None and (is_last <= (once.num_gpus == one.requirements.num_gpus))


@pytest.mark.parametrize(
    ("delay", "backoff", "most", "expected"),
    [
        (0.0, 2.0, None, [0.0, 0.0]),
        (30.0, 1.0, None, [30.0, 30.0, 30.0]),
        (30.0, 2.0, None, [30.0, 60.0, 120.0]),
        (30.0, 2.0, 100.0, [30.0, 60.0, 100.0, 100.0]),
    ],
)
def test_delay(delay: float, backoff: float, most: float | None, expected: list[float]) -> None:
    rule = FailureRule(delay=delay, backoff=backoff, max_delay=most)
    assert [delay_before(rule, number) for number in range(len(expected))] == expected


def test_delay_without_end() -> None:
    rule = FailureRule(delay=30.0, backoff=100.0)
    assert delay_before(rule, 1_000_000) == LONGEST_DELAY


@pytest.mark.parametrize(
    ("cause", "then", "pending", "status", "releases", "ignored"),
    [
        (None, None, False, S.FAILED, True, False),
        (None, None, True, S.PENDING_FAILED, False, False),
        (None, "fail", True, S.FAILED, True, False),
        (None, "pending", False, S.PENDING_FAILED, False, False),
        (None, "ignore", True, S.FAILED, True, True),
        (Cause.TIMEOUT, None, True, S.TERMINATED, True, False),
        (Cause.TIMEOUT, "pending", False, S.PENDING_FAILED, False, False),
        (Cause.TIMEOUT, "ignore", False, S.TERMINATED, True, True),
    ],
)
def test_then(
    cause: Cause | None,
    then: Any,
    pending: bool,
    status: S,
    releases: bool,
    ignored: bool,
) -> None:
    """The outcome of a job without retries: by the rule, else by the workflow."""
    rule = FailureRule(match_all_exit_codes=True, max_retries=1, then=then)
    facts = AttemptFacts(policies=Policies((rule,)), use_pending_failed=pending)
    assert outcome(exited(7, cause), facts).retry is rule
    found = outcome(exited(7, cause), replace(facts, retries=1))
    assert (found.status, found.releases, found.ignored, found.retry) == (
        status,
        releases,
        ignored,
        None,
    )


@pytest.mark.parametrize(
    ("if_fails", "failed", "retried"),
    [
        ("retry", False, True),
        ("retry", True, True),
        ("fail", False, True),
        ("fail", True, False),
    ],
)
def test_script(if_fails: Any, failed: bool, retried: bool) -> None:
    """A failed script stops the retries only if the rule says so.

    A runner that ends runs no script: the job runs again with the next runner.
    """
    rule = FailureRule(exit_codes=(7,), recovery_script="mend", if_script_fails=if_fails)
    facts = AttemptFacts(policies=Policies((rule,)), script_failed=failed)
    assert (outcome(exited(7), facts).retry is not None) is retried
    found = outcome(exited(7), replace(facts, is_ending=True))
    assert (found.status, found.retry, found.interrupted) == (S.TERMINATED, None, True)
    without = AttemptFacts(policies=Policies((FailureRule(exit_codes=(7,)),)), is_ending=True)
    assert outcome(exited(7), without).retry is not None


@pytest.mark.parametrize("cause", [Cause.CANCELED, Cause.STOPPED, Cause.TIME_LIMIT])
def test_no_rule_for_users_and_runners(cause: Cause) -> None:
    facts = AttemptFacts(policies=Policies((ANY,), ON_OOM, ON_TIMEOUT))
    assert outcome(exited(143, cause), facts).retry is None


@pytest.mark.parametrize(
    ("code", "told"), [(None, 152), (137, 152), (143, 152), (42, 42), (0, 0), (1, 1)]
)
def test_own_code(code: int | None, told: int) -> None:
    """A job that ends itself after the signal keeps its exit code, and a rule may name it."""
    rule = FailureRule(exit_codes=(told,))
    end = outcome(exited(code, Cause.TIMEOUT), AttemptFacts(policies=Policies((rule,))))
    assert (end.status, end.return_code, end.cause) == (S.TERMINATED, told, Cause.TIMEOUT)
    assert end.retry is rule
    assert end.reason == because(Kind.TIMEOUT)
