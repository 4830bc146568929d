"""GPUs that are set aside because of failures, because of damage, or by a user."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import pytest

from torc_tui.model import GpuDamage
from torc_tui.resources.gpu_health import (
    BY_USER,
    DAMAGED,
    FAILING,
    GpuEnd,
    GpuHealth,
    decode,
    encode,
)
from torc_tui.resources.gpu_reading import Damaged


def fail(health: GpuHealth, uuid: str, *jobs: int, lasted: float = 1.0, at: float = 0.0) -> None:
    for job in jobs:
        health.ended(GpuEnd((uuid,), str(job), False, lasted, at))


def succeed(health: GpuHealth, uuid: str, at: float) -> None:
    health.ended(GpuEnd((uuid,), "99", True, 60.0, at))


def avoided(health: GpuHealth, in_use: Iterable[str], now: float) -> set[str]:
    """Return the GPUs on which no job may start."""
    return set(health.set_aside(now)) | health.suspected(in_use)


def test_three_early_failures_beside_a_success_set_a_gpu_aside() -> None:
    health = GpuHealth()
    succeed(health, "b", 100.0)
    fail(health, "a", 1, 2, 3, at=110.0)
    assert health.decide(120.0) == {"a": 720.0}
    assert health.decide(121.0) == {}
    assert avoided(health, [], 719.0) == {"a"}
    assert avoided(health, [], 721.0) == set()


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


def test_a_success_restarts_the_doubling() -> None:
    health = GpuHealth()
    for now, span in ((0.0, 600), (600.0, 1200), (1801.0, 600)):
        succeed(health, "b", now)
        fail(health, "a", 1, 2, 3, at=now)
        assert health.decide(now) == {"a": now + span}
        if now == 600.0:
            succeed(health, "a", 1800.0)


def test_a_suspected_gpu_waits_for_the_others() -> None:
    health = GpuHealth()
    fail(health, "a", 1, 2, 3)
    assert avoided(health, ["b"], 1.0) == {"a"}
    assert avoided(health, [], 1.0) == set(), "nobody else could show who is to blame"
    fail(health, "b", 4)
    assert avoided(health, ["b"], 1.0) == set(), "the jobs are to blame"


def test_a_user_can_use_it_again() -> None:
    health = GpuHealth()
    succeed(health, "b", 0.0)
    fail(health, "a", 1, 2, 3)
    health.decide(1.0)
    assert health.use("a", 2.0) == [FAILING]
    assert avoided(health, [], 2.0) == set()
    assert health.use("a", 3.0) == []


# -- damage and decisions --------------------------------------------------------------------------


def damage(health: GpuHealth, now: float, **fields: float) -> None:
    health.damaged([Damaged("a", 3, GpuDamage()._replace(**fields))], now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields", [{"ecc": 1}, {"remap": 1}, {"reset": 1}, {"xid": 79, "xid_at": 1.0}], ids=str
)
def test_damage_lasts_until_a_user_decides(fields: dict[str, float]) -> None:
    health = GpuHealth()
    damage(health, 1.0)
    assert health.set_aside(1.0) == {}
    damage(health, 2.0, **fields)
    damage(health, 3.0)
    kind, mark = health.set_aside(1e9)["a"]
    assert (kind, mark.until) == (DAMAGED, inf), "also if the driver no longer reports it"
    assert health.use("a", 4.0, "anna") == [DAMAGED]
    damage(health, 5.0, **fields)
    assert health.set_aside(6.0) == {}, "the user knows it"
    assert health.lifted_by("a") == "anna"


def test_new_damage_sets_a_gpu_aside_again() -> None:
    health = GpuHealth()
    damage(health, 1.0, ecc=2)
    health.use("a", 2.0)
    damage(health, 3.0, ecc=2, xid=79, xid_at=2.5)
    assert set(health.set_aside(4.0)) == {"a"}
    health.use("a", 5.0, damage=GpuDamage(ecc=2, xid=79, xid_at=2.5))
    damage(health, 6.0, ecc=1)
    assert health.set_aside(6.0) == {}, "the counter restarted"
    damage(health, 7.0, ecc=2, xid=79, xid_at=2.5)
    assert set(health.set_aside(7.0)) == {"a"}, "an error after the restart"


def test_a_user_decides_for_a_time() -> None:
    health = GpuHealth()
    health.avoid("a", 3, 10.0, 20.0, "anna")
    assert health.set_aside(19.0)["a"] == (BY_USER, health.own["a"].marks[BY_USER])
    assert health.next_end(11.0) == 20.0
    assert health.set_aside(20.0) == {} and health.lifted_by("a") == ""
    assert health.indices() == {"a": 3}
    damage(health, 21.0, ecc=1)
    health.avoid("a", 3, 22.0, 23.0, "anna")
    assert health.set_aside(24.0)["a"][0] == DAMAGED, "the damage outlasts the user's time"


# -- several users ---------------------------------------------------------------------------------


def test_failures_of_all_users_make_one_row() -> None:
    one, two = GpuHealth(), GpuHealth()
    succeed(one, "b", 0.0)
    fail(one, "a", 1, at=1.0)
    fail(two, "a", 2, at=2.0)
    seen = GpuHealth(one.own, [two.own])
    assert seen.decide(3.0) == {}
    fail(seen, "a", 3, at=3.0)
    assert seen.decide(4.0) == {"a": 604.0}
    assert GpuHealth(two.own, [seen.own]).decide(5.0) == {}, "it is decided only once"
    assert set(GpuHealth(two.own, [seen.own]).set_aside(5.0)) == {"a"}


def test_the_last_decision_of_all_users_counts() -> None:
    one = GpuHealth()
    one.avoid("a", 0, 10.0, inf, "anna")
    two = GpuHealth(None, [one.own])
    assert two.use("a", 5.0, "bert") == [BY_USER], "also if the clock was set back"
    assert GpuHealth(one.own, [two.own]).set_aside(11.0) == {}
    assert GpuHealth(None, [two.own, one.own]).lifted_by("a") == "bert"


def test_records_survive_as_text() -> None:
    health = GpuHealth()
    succeed(health, "b", 0.5)
    fail(health, "a", 1, 2, 3, at=1.0)
    health.decide(2.0)
    health.avoid("a", 7, 3.0, inf, "anna")
    damage(health, 4.0, ecc=1, xid=79, xid_at=3.5)
    assert decode(encode(health.own)) == health.own
    [mark] = [decode(encode(health.own), "0")["a"].marks[BY_USER]]
    assert mark.user == "0", "the owner of the file is the user"


GARBAGE = [
    b"",
    b"\xff\x00",
    b"[" * 100_000,
    b"[1]",
    b"7",
    b'{"a": 1}',
    b'{"a": {"index": 0, "failed": [[1]], "times": [0, 0], "marks": {}}}',
    b'{"a": {"index": 0, "failed": [], "times": [0], "marks": {}}}',
    b'{"a": {"index": 0, "failed": [], "times": [0, 0], "marks": {"user": [1, 2]}}}',
    b'{"a": {"index": "x", "failed": [], "times": [0, 0], "marks": {}}}',
    b'{"a": {"index": 0, "failed": [], "times": [0, 0], "marks": {"user": [1, 2, "", 1, 7]}}}',
    b'{"a": {"index": 0, "failed": [], "times": [0, 0], "marks": {"user": [1e300, -1, "", 1, null]}}}',
    b'{"a": {"index": 0, "failed": [], "times": [NaN, 0], "marks": {}}}',
    b'{"a": {"index": 1e999, "failed": [], "times": [0, 0], "marks": {}}}',
]


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_nothing(text: bytes) -> None:
    assert decode(text) == {}
