"""Which GPUs may be used and waited for, as readings come and go."""

from __future__ import annotations

import pytest

from torc_tui.model import Gpu
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.gpu_presence import Presence
from torc_tui.resources.gpu_reading import GpuReading

A, B = Gpu(uuid="a", index=0), Gpu(uuid="b", index=1)
BOTH = GpuReading((A, B))
FAILS = GpuReading(answers=False)


def names(gpus: tuple[Gpu, ...] | None) -> str | None:
    return None if gpus is None else "".join(gpu.uuid for gpu in gpus)


def kinds(presence: Presence) -> list[Kind]:
    return [notice.kind for notice in presence.notices]


def test_a_gpu_leaves_at_once_and_returns_after_three_good_readings() -> None:
    presence = Presence(0.0)
    presence.read(BOTH, 1.0)
    presence.read(GpuReading((A,)), 2.0)
    assert (names(presence.usable(2.0)), names(presence.awaited(2.0))) == ("a", "ab")
    for now, seen in ((3.0, "a"), (5.0, "a"), (7.9, "a"), (8.0, "ab")):
        presence.read(BOTH, now)
        assert names(presence.usable(now)) == seen, now
    assert kinds(presence) == [Kind.GPU_SILENT, Kind.GPU_BACK]


def test_two_readings_far_apart_are_not_enough() -> None:
    presence = Presence(0.0)
    for now, reading in ((1.0, BOTH), (2.0, GpuReading((A,))), (3.0, BOTH), (30.0, BOTH)):
        presence.read(reading, now)
    assert names(presence.usable(30.0)) == "a"


def test_a_flapping_gpu_gives_two_notices_a_minute() -> None:
    presence = Presence(0.0)
    for second in range(120):
        presence.read(BOTH if second % 8 else GpuReading((A,)), second)
    assert len(presence.notices) <= 4


def test_wait_for_a_gpu_is_limited() -> None:
    presence = Presence(0.0, wait=10.0)
    presence.read(BOTH, 1.0)
    presence.read(GpuReading(()), 2.0)
    assert names(presence.awaited(11.9)) == "ab"
    assert names(presence.awaited(12.0)) == ""


@pytest.mark.parametrize("failing", [None, FAILS])
def test_driver_failure_at_the_start(failing: GpuReading | None) -> None:
    presence = Presence(0.0, wait=10.0)
    presence.read(failing, 1.0)
    assert (presence.usable(1.0), presence.awaited(1.0)) == ((), None)
    assert presence.awaited(10.0) == ()
    presence.read(BOTH, 11.0)
    assert names(presence.awaited(11.0)) == "ab"


def test_all_gpus_missing_for_10_s() -> None:
    presence = Presence(0.0)
    presence.read(BOTH, 1.0)
    for second in range(2, 12):
        presence.read(FAILS, second)
        assert presence.usable(second) == ()
        assert names(presence.awaited(second)) == "ab"
    for second in range(12, 19):
        presence.read(BOTH, second)
    assert names(presence.usable(18.0)) == "ab"


def test_old_readings() -> None:
    presence = Presence(0.0)
    presence.read(BOTH, 1.0)
    for now in (3.0, 4.1, 5.0):
        presence.read(None, now)
        presence.check(now)
    assert names(presence.usable(3.9)) == "ab"
    assert presence.usable(4.1) == ()
    assert names(presence.awaited(5.0)) == "ab"
    presence.read(BOTH, 6.0)
    assert names(presence.usable(6.0)) == "ab", "the GPUs themselves did not leave"
    assert presence.notices == [
        because(Kind.GPU_DRIVER, problem="silent"),
        because(Kind.GPU_DRIVER_BACK),
    ]


def test_slow_start() -> None:
    presence = Presence(0.0)
    presence.check(9.0)
    assert presence.notices == []


def test_message_of_the_driver() -> None:
    presence = Presence(0.0)
    presence.read(BOTH, 1.0)
    silent = because(Kind.GPU_SILENT, index=1, uuid="b", error="GPU is lost")
    presence.read(
        GpuReading((A,), notices=(silent, because(Kind.GPU_DRIVER, problem="version"))), 2.0
    )
    assert presence.notices == [because(Kind.GPU_DRIVER, problem="version"), silent]


def test_gpu_that_never_responded() -> None:
    presence = Presence(0.0)
    silent: Reason = because(Kind.GPU_SILENT, index=2, error="GPU is lost")
    presence.read(GpuReading((A,), notices=(silent,)), 1.0)
    assert presence.notices == [silent]
