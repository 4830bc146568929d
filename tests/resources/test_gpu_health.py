"""Which GPUs are set aside because jobs fail there."""

from __future__ import annotations

import pytest

from torc_tui.resources.gpu_health import GpuEnd, GpuHealth


def fail(health: GpuHealth, uuid: str, *jobs: int, lasted: float = 1.0, at: float = 0.0) -> None:
    for job in jobs:
        health.ended(GpuEnd((uuid,), job, False, lasted, at))


def succeed(health: GpuHealth, uuid: str, at: float) -> None:
    health.ended(GpuEnd((uuid,), 99, True, 60.0, at))


def test_three_early_failures_beside_a_success_set_a_gpu_aside() -> None:
    health = GpuHealth()
    succeed(health, "b", 100.0)
    fail(health, "a", 1, 2, 3, at=110.0)
    assert health.decide(120.0) == {"a": 720.0}
    assert health.decide(121.0) == {}
    assert health.avoided([], 719.0) == {"a"}
    assert health.avoided([], 721.0) == set()


@pytest.mark.parametrize(
    ("jobs", "lasted", "success"),
    [
        ((1, 2), 1.0, 100.0),
        ((1, 1, 1), 1.0, 100.0),
        ((1, 2, 3), 31.0, 100.0),
        ((1, 2, 3), 1.0, -999.0),
    ],
    ids=["two", "one job", "late", "no success"],
)
def test_less_is_no_proof(jobs: tuple[int, ...], lasted: float, success: float) -> None:
    health = GpuHealth()
    succeed(health, "b", success)
    fail(health, "a", *jobs, lasted=lasted, at=110.0)
    assert health.decide(120.0) == {}


def test_a_success_between_breaks_the_row() -> None:
    health = GpuHealth()
    succeed(health, "b", 0.0)
    fail(health, "a", 1, 2)
    succeed(health, "a", 1.0)
    fail(health, "a", 3)
    assert health.decide(2.0) == {}


def test_the_time_doubles_up_to_two_hours() -> None:
    health, now, spans = GpuHealth(), 0.0, []
    for _ in range(6):
        succeed(health, "b", now)
        fail(health, "a", 1, 2, 3, at=now)
        until = health.decide(now)["a"]
        spans.append(until - now)
        now = until
    assert spans == [600, 1200, 2400, 4800, 7200, 7200]


def test_a_suspected_gpu_waits_for_the_others() -> None:
    health = GpuHealth()
    fail(health, "a", 1, 2, 3)
    assert health.avoided(["b"], 1.0) == {"a"}
    assert health.avoided([], 1.0) == set(), "nobody else could show who is to blame"
    fail(health, "b", 4)
    assert health.avoided(["b"], 1.0) == set(), "the jobs are to blame"


def test_a_user_can_use_it_again() -> None:
    health = GpuHealth()
    succeed(health, "b", 0.0)
    fail(health, "a", 1, 2, 3)
    health.decide(1.0)
    health.use("a")
    assert health.avoided([], 2.0) == set()
