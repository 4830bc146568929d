"""One GPU: the needs of a request, the free capacity, and obstacles."""

from __future__ import annotations

import pytest

from torc_tui.model import Gpu, GpuGrant, GpuProcess, ResourceRequirements
from torc_tui.resources.gpu_choice import choose
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import WHOLE, GpuNeed, GpuRules, Obstacle, gpu_need

MEMORY = 80
OTHER = GpuProcess(pid=2, memory=30)
UNKNOWN = GpuProcess(pid=3, memory=None)
OWN = GpuProcess(pid=4, memory=5, own=True)
SCREEN = GpuProcess(pid=5, memory=20, graphics=True)


EXACT = GpuRules(headroom=0, idle_memory=0)


def gpu(*processes: GpuProcess, **fields: object) -> Gpu:
    """Return a GPU of 80 bytes."""
    values: dict[str, object] = {"uuid": "GPU-0", "index": 0, "name": "T4", "memory": MEMORY}
    return Gpu(processes=processes, **(values | fields))  # type: ignore[arg-type]  # the table names the fields


def state(first: Gpu | None, *grants: GpuGrant) -> GpuState:
    """Return the state of a GPU with these grants."""
    found = GpuState(first, EXACT)
    for grant in grants:
        found.add(grant)
    return found


def grant(share: int = 0, memory: int = 0) -> GpuGrant:
    return GpuGrant("GPU-0", share, memory)


@pytest.mark.parametrize(
    ("num_gpus", "memory", "need"),
    [
        (0, None, GpuNeed(1, 1000, 0, "t4")),
        (0, 0, GpuNeed(1, 1000, 0, "t4")),
        (0, -50, GpuNeed(1, 0, -50, "t4")),
        (0, 1, GpuNeed(1, 0, 1, "t4")),
        (0.0001, None, GpuNeed(1, 1, 0, "t4")),
        (0.001, None, GpuNeed(1, 1, 0, "t4")),
        (0.5, 7, GpuNeed(1, 500, 7, "t4")),
        (0.9999, None, GpuNeed(1, 999, 0, "t4")),
        (1, None, GpuNeed(1, 1000, 0, "t4")),
        (1.2, 7, GpuNeed(2, 1000, 7, "t4")),
        (2, None, GpuNeed(2, 1000, 0, "t4")),
    ],
)
def test_need(num_gpus: float, memory: int | None, need: GpuNeed | None) -> None:
    req = ResourceRequirements(name="r", num_gpus=num_gpus, gpu_memory=memory, gpu_model="t4")
    assert gpu_need(req) == need


@pytest.mark.parametrize(
    ("reading", "grants", "available"),
    [
        (gpu(), (), 80),
        (gpu(memory_free=50), (), 50),
        (gpu(memory_free=90), (), 80),
        (gpu(memory_free=50), (grant(0, 20),), 30),
        (gpu(memory_free=10), (grant(0, 20),), 0),
        (gpu(), (grant(0, 100),), 0),
        (None, (), 0),
        (None, (grant(0, 1),), 0),
    ],
)
def test_memory(reading: Gpu | None, grants: tuple[GpuGrant, ...], available: int) -> None:
    assert state(reading, *grants).memory_available == available


@pytest.mark.parametrize(
    ("before", "after", "used"),
    [
        (gpu(), gpu(memory_free=60), 20),
        (gpu(memory_free=70), gpu(memory_free=60), 10),
        (gpu(memory_free=60), gpu(memory_free=70), 0),
        (gpu(), gpu(memory_free=20), 30),
        (gpu(), gpu(OTHER, memory_free=40), 10),
        (gpu(), gpu(UNKNOWN, memory_free=40), 0),
        (gpu(), gpu(OWN, memory_free=70), 10),
        (gpu(), gpu(GpuProcess(pid=4, own=True), memory_free=70), 10),
        (gpu(), gpu(GpuProcess(pid=4, memory=40, own=True), memory_free=20), 40),
        (gpu(UNKNOWN, memory_free=60), gpu(memory_free=50), 10),
        (None, gpu(memory_free=60), 0),
    ],
)
def test_unexplained(before: Gpu | None, after: Gpu, used: int) -> None:
    """Memory that no known process holds, and that was free before, is used by our own jobs."""
    found = state(before, grant(0, 30))
    found.read(after)
    assert found.own_used == used


def test_unexplained_before() -> None:
    """The least that was unexplained while the GPU was idle counts, and only that."""
    found = GpuState(gpu(memory_free=50), EXACT)
    found.read(gpu(memory_free=70))
    found.read(gpu(OWN, memory_free=40))
    found.read(gpu(memory_free=60))
    found.add(grant(0, 50))
    found.read(gpu(memory_free=45))
    assert found.own_used == 25


@pytest.mark.parametrize(
    ("reading", "grants", "available"),
    [
        (gpu(), (), 1000),
        (gpu(), (grant(300), grant(300)), 400),
        (gpu(GpuProcess(pid=2, memory=40)), (), 500),
        (gpu(SCREEN), (), 1000),
        (gpu(UNKNOWN), (), 1000),
        (gpu(memory=0), (grant(1),), 999),
        (None, (grant(1),), 999),
        (gpu(), (grant(700), grant(700)), 0),
    ],
)
def test_share(reading: Gpu | None, grants: tuple[GpuGrant, ...], available: int) -> None:
    assert state(reading, *grants).share_available == available


def test_foreign_memory() -> None:
    """Processes of others count, those that draw, too; an unknown size counts as nothing."""
    assert state(gpu(OTHER, SCREEN, UNKNOWN, OWN)).foreign_memory == 50
    assert state(gpu(UNKNOWN)).foreign_memory == 0


@pytest.mark.parametrize(
    ("reading", "limitless"),
    [(gpu(), False), (gpu(memory=0), True), (gpu(virtual=True), True), (None, False)],
)
def test_limitless(reading: Gpu | None, limitless: bool) -> None:
    assert state(reading).limitless is limitless


@pytest.mark.parametrize(
    ("reading", "grants", "need", "obstacle"),
    [
        (gpu(), (), GpuNeed(1, WHOLE, 80, None), None),
        (gpu(), (), GpuNeed(1, WHOLE, 86, None), None),
        (gpu(), (), GpuNeed(1, WHOLE, 87, None), Obstacle.TOO_SMALL),
        (gpu(memory_free=0), (), GpuNeed(1, WHOLE, 0, None), None),
        (gpu(memory_free=0), (), GpuNeed(1, 500, 0, None), Obstacle.MEMORY),
        (gpu(memory_free=39), (), GpuNeed(1, 500, 0, None), Obstacle.MEMORY),
        (gpu(memory_free=40), (), GpuNeed(1, 500, 0, None), None),
        (gpu(memory_free=10), (), GpuNeed(1, 500, 11, None), Obstacle.MEMORY),
        (gpu(virtual=True, memory_free=0), (), GpuNeed(1, 500, 11, None), None),
        (gpu(), (grant(1),), GpuNeed(1, WHOLE, 0, None), Obstacle.SHARED),
        (gpu(), (grant(1),), GpuNeed(1, 999, 0, None), None),
        (gpu(), (grant(2),), GpuNeed(1, 999, 0, None), Obstacle.SHARE),
        (gpu(), (grant(WHOLE),), GpuNeed(1, 1, 0, None), Obstacle.HELD),
        (gpu(parent="GPU-x"), (), GpuNeed(1, WHOLE, 0, None), None),
        (gpu(parent="GPU-x"), (), GpuNeed(2, WHOLE, 0, None), Obstacle.INSTANCE),
        (
            gpu(OTHER, compute_mode="exclusive_process"),
            (),
            GpuNeed(1, 1, 0, None),
            Obstacle.FOREIGN,
        ),
        (gpu(OTHER), (), GpuNeed(1, WHOLE, 0, None), Obstacle.FOREIGN),
        (gpu(OTHER), (), GpuNeed(1, 1, 0, None), None),
        (None, (), GpuNeed(1, 1, 0, None), Obstacle.MODEL),
    ],
)
def test_obstacle(
    reading: Gpu | None, grants: tuple[GpuGrant, ...], need: GpuNeed, obstacle: Obstacle | None
) -> None:
    assert state(reading, *grants).obstacle(need) is obstacle


def numbered(*readings: Gpu) -> list[GpuState]:
    """Return the states of GPUs that get their position as index."""
    names = [f"GPU-{index}" for index in range(len(readings))]
    return [
        GpuState(gpu(*one.processes, uuid=name, index=index, memory=one.memory), EXACT)
        for index, (name, one) in enumerate(zip(names, readings, strict=True))
    ]


@pytest.mark.parametrize(
    ("shares", "readings", "need", "chosen"),
    [
        ((0, 0, 0), (gpu(), gpu(), gpu()), GpuNeed(1, 500, 0, None), [0]),
        ((0, 1, 0), (gpu(), gpu(), gpu()), GpuNeed(1, 500, 0, None), [0]),
        ((1, 1, 0), (gpu(), gpu(), gpu()), GpuNeed(1, 500, 0, None), [2]),
        ((0, 0, 0), (gpu(OTHER), gpu(), gpu()), GpuNeed(1, 500, 0, None), [1]),
        ((1, 0, 0), (gpu(OTHER), gpu(), gpu()), GpuNeed(1, 500, 0, None), [1]),
        ((0, 0, 0), (gpu(memory=40), gpu(), gpu()), GpuNeed(1, WHOLE, 0, None), [1]),
        ((0, 0, 0), (gpu(memory=24), gpu(), gpu()), GpuNeed(2, WHOLE, 0, None), [1, 2]),
        ((0, 0, 0), (gpu(memory=24), gpu(), gpu(memory=24)), GpuNeed(2, WHOLE, 0, None), [0, 2]),
        ((0, 0, 0), (gpu(OTHER), gpu(), gpu()), GpuNeed(2, WHOLE, 0, None), [1, 2]),
        ((0, 0, 0), (gpu(), gpu(), gpu()), GpuNeed(3, WHOLE, 0, None), [0, 1, 2]),
        ((0, 0, 0), (gpu(), gpu(), gpu()), GpuNeed(4, WHOLE, 0, None), None),
    ],
)
def test_choice(
    shares: tuple[int, ...], readings: tuple[Gpu, ...], need: GpuNeed, chosen: list[int] | None
) -> None:
    states = numbered(*readings)
    for one, share in zip(states, shares, strict=True):
        if share:
            one.add(grant(share))
    found = choose(states, need, None)
    assert (found and [one.gpu.index for one in found if one.gpu]) == chosen


@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("total", [12, 18])
def test_near_gpus(count: int, total: int) -> None:
    """The group with the smallest distances is chosen, whether or not all groups are compared."""
    states = numbered(*[gpu()] * total)
    names = [one.gpu.uuid for one in states if one.gpu]
    apart = {
        a: {b: 1 if {i % 2, j % 2} == {1} else 9 for j, b in enumerate(names)}
        for i, a in enumerate(names)
        if i
    }
    found = choose(states, GpuNeed(count, WHOLE, 0, None), apart)
    assert found is not None
    assert len(found) == count
    odd = [one.gpu.index % 2 for one in found if one.gpu]
    assert sum(odd) == min(count, total // 2)


@pytest.mark.parametrize(
    ("shares", "chosen"), [((0, 0, 0), [0]), ((0, 1, 0), [1]), ((1, 3, 0), [1])]
)
def test_packing(shares: tuple[int, ...], chosen: list[int]) -> None:
    """Packing fills the GPU with the least left before it takes an idle one."""
    states = numbered(gpu(), gpu(), gpu())
    for one, share in zip(states, shares, strict=True):
        if share:
            one.add(grant(share))
    found = choose(states, GpuNeed(1, 100, 0, None), packs=True)
    assert found is not None
    assert [one.gpu.index for one in found if one.gpu] == chosen


PAIRS = {"GPU-0": {"GPU-1": 5}, "GPU-1": {"GPU-0": 5}, "GPU-2": {"GPU-3": 5}, "GPU-3": {"GPU-2": 5}}


@pytest.mark.parametrize(
    ("held", "number", "chosen"),
    [((), 1, [0]), ((0,), 1, [1]), ((2,), 1, [3]), ((), 2, [0, 1]), ((0,), 2, [2, 3])],
)
def test_pairs_of_nvlink_stay_whole(held: tuple[int, ...], number: int, chosen: list[int]) -> None:
    states = numbered(gpu(), gpu(), gpu(), gpu())
    for index in held:
        states[index].add(grant(WHOLE))
    able = [one for one in states if not one.grants]
    found = choose(able, GpuNeed(number, WHOLE, 0, None), PAIRS)
    assert found is not None
    assert [one.gpu.index for one in found if one.gpu] == chosen


def test_a_mig_instance_is_taken_after_idle_gpus_unless_named() -> None:
    states = numbered(gpu(), gpu())
    states[0].read(gpu(uuid="MIG-0", parent="GPU-0", name="A100 MIG 1g.10gb"))
    for model, chosen in ((None, "GPU-1"), ("MIG 1g", "MIG-0")):
        able = [one for one in states if one.obstacle(GpuNeed(1, WHOLE, 0, model)) is None]
        found = choose(able, GpuNeed(1, WHOLE, 0, model))
        assert found is not None
        assert [one.gpu.uuid for one in found if one.gpu] == [chosen]
