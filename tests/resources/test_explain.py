"""What a request lacks, as numbers and as reasons."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from torc_tui.model import Allocation, Gpu, GpuGrant, GpuProcess, Machine, ResourceRequirements
from torc_tui.reasons import Kind
from torc_tui.resources import pool as pools
from torc_tui.resources.explain import NAMED_GPUS, explain, never
from torc_tui.resources.gpus import GpuRules

Pool = partial(pools.Pool, rules=GpuRules(headroom=0, idle_memory=0))

PYTHON = GpuProcess(pid=7, name="python", memory=40)
ALSO = GpuProcess(pid=8, name="julia", memory=50)


def gpu(index: int, *processes: GpuProcess, **fields: Any) -> Gpu:
    """Return a GPU of 80 bytes."""
    free = 80 - sum(process.memory or 0 for process in processes)
    values: dict[str, Any] = {"uuid": f"GPU-{index}", "name": "T4", "memory": 80}
    return Gpu(index=index, processes=processes, **(values | {"memory_free": free} | fields))


def grants(*shares: tuple[int, int, int]) -> Allocation:
    """Return an allocation of GPUs: (index, share, memory)."""
    return Allocation(0, 0, tuple(GpuGrant(f"GPU-{i}", share, size) for i, share, size in shares))


def request(num_cpus: int = 0, **fields: Any) -> ResourceRequirements:
    return ResourceRequirements(name="r", num_cpus=num_cpus, **({"memory": 0} | fields))


def label(index: int) -> tuple[int, None]:
    return index, None


Found = list[tuple[str, float, float, Kind, dict[str, Any]]]


def flat(shortfalls: Any) -> Found:
    """Return shortfalls with the kind and the arguments of their reasons."""
    return [
        (one.what, one.requested, one.available, one.reason.kind, dict(one.reason.arguments))
        for one in shortfalls
    ]


@pytest.mark.parametrize(
    ("req", "missing"),
    [
        (request(4, memory=64), []),
        (request(5), [("cpus", 5, 4, Kind.CPUS, {"requested": 5, "total": 4})]),
        (request(memory=65), [("memory", 65, 64, Kind.MEMORY, {"requested": 65, "total": 64})]),
        (request(num_nodes=2), [("nodes", 2, 1, Kind.NODES, {"requested": 2})]),
        (request(num_nodes=1), []),
        (request(gpu_memory=80), []),
        (request(gpu_memory=86), []),
        (
            request(gpu_memory=87),
            [("gpu_memory", 87, 80, Kind.GPU_MEMORY, {"requested": 87, "largest": 80})],
        ),
        (
            request(num_gpus=2, gpu_memory=87),
            [("gpus", 2, 0, Kind.GPUS, {"number": 2, "memory": 87, "usable": 0})],
        ),
        (request(num_gpus=2, gpu_memory=80), []),
        (request(num_gpus=3), [("gpus", 3, 2, Kind.GPUS, {"number": 3, "usable": 2})]),
        (
            request(num_gpus=3, gpu_model="t4"),
            [
                (
                    "gpus",
                    3,
                    2,
                    Kind.GPU_MODEL,
                    {"number": 3, "model": "t4", "alike": 2, "total": 2, "names": ("T4",)},
                )
            ],
        ),
        (
            request(num_gpus=0.5, gpu_model="h100"),
            [
                (
                    "gpus",
                    1,
                    0,
                    Kind.GPU_MODEL,
                    {"model": "h100", "alike": 0, "total": 2, "names": ("T4",)},
                )
            ],
        ),
    ],
)
def test_never(req: ResourceRequirements, missing: Found) -> None:
    """Two GPUs of one model; processes of others make no difference."""
    machine = Machine(hostname="here", num_cpus=4, memory=64, gpus=(gpu(0, PYTHON), gpu(1)))
    assert flat(never(req, machine)) == missing


@pytest.mark.parametrize(
    ("gpus", "req", "missing"),
    [
        (
            (gpu(0, compute_mode="prohibited"),),
            request(num_gpus=1),
            ("gpus", 1, 0, Kind.GPUS, {"number": 1, "usable": 0, "prohibited": True}),
        ),
        (
            (gpu(0, compute_mode="prohibited"),),
            request(num_gpus=0.5, gpu_model="t4"),
            ("gpus", 1, 0, Kind.GPUS, {"model": "t4", "usable": 0, "prohibited": True}),
        ),
        (
            (gpu(0, parent="GPU-x"), gpu(1, parent="GPU-x"), gpu(2)),
            request(num_gpus=2),
            ("gpus", 2, 1, Kind.GPUS, {"number": 2, "usable": 1, "joined": True}),
        ),
        (
            (gpu(0, parent="GPU-x", compute_mode="prohibited"),),
            request(num_gpus=1),
            ("gpus", 1, 0, Kind.GPUS, {"number": 1, "usable": 0, "prohibited": True}),
        ),
        ((), request(gpu_memory=1), ("gpus", 1, 0, Kind.GPUS, {"usable": 0})),
        ((), request(num_gpus=1), ("gpus", 1, 0, Kind.GPUS, {"number": 1, "usable": 0})),
        (
            (gpu(0, memory=0, memory_free=None, compute_mode="prohibited"),),
            request(num_gpus=1, gpu_memory=9),
            ("gpus", 1, 0, Kind.GPUS, {"number": 1, "usable": 0, "prohibited": True}),
        ),
        (
            (gpu(0), gpu(1, memory=8, memory_free=None)),
            request(num_gpus=2, gpu_memory=9),
            ("gpus", 2, 1, Kind.GPUS, {"number": 2, "memory": 9, "usable": 1}),
        ),
        (
            (gpu(0, virtual=True), gpu(1, compute_mode="prohibited")),
            request(num_gpus=2, gpu_memory=80),
            ("gpus", 2, 1, Kind.GPUS, {"number": 2, "usable": 1, "prohibited": True}),
        ),
        (
            (gpu(0, name=""),),
            request(num_gpus=1, gpu_model="h100"),
            (
                "gpus",
                1,
                0,
                Kind.GPU_MODEL,
                {"number": 1, "model": "h100", "alike": 0, "total": 1, "names": ("unnamed",)},
            ),
        ),
    ],
)
def test_never_by_gpu(
    gpus: tuple[Gpu, ...], req: ResourceRequirements, missing: tuple[Any, ...]
) -> None:
    machine = Machine(hostname="here", num_cpus=4, memory=64, gpus=gpus)
    assert flat(never(req, machine)) == [missing]


IN_USE = Kind.GPUS_IN_USE


def shared(index: int, jobs: int) -> tuple[Kind, dict[str, Any]]:
    return Kind.GPU_SHARED, {"gpu": label(index), "jobs": jobs}


@pytest.mark.parametrize(
    ("gpus", "held", "req", "numbers", "arguments", "obstacles"),
    [
        (
            (gpu(0), gpu(1)),
            grants((0, 300, 0), (0, 300, 0)),
            request(num_gpus=2),
            ("gpus", 2, 1),
            {"number": 2, "free": 1},
            [shared(0, 2)],
        ),
        (
            (gpu(0), gpu(1)),
            grants((0, 1000, 0)),
            request(num_gpus=2, gpu_memory=9),
            ("gpus", 2, 1),
            {"number": 2, "free": 1, "memory": 9},
            [(Kind.GPUS_HELD, {"gpus": (label(0),)})],
        ),
        (
            (gpu(0, PYTHON),),
            grants(),
            request(num_gpus=1),
            ("gpus", 1, 0),
            {"number": 1, "free": 0},
            [(Kind.GPU_FOREIGN, {"gpu": label(0), "users": ((7, "python", 40),)})],
        ),
        (
            (gpu(0), gpu(1)),
            grants((0, 600, 0), (1, 900, 0)),
            request(num_gpus=0.5),
            ("gpu_share", 500, 400),
            {},
            [
                (
                    Kind.GPU_SHARE_TAKEN,
                    {"gpu": label(0), "free": 0.4, "requested": 0.5, "users": ()},
                ),
                (
                    Kind.GPU_SHARE_TAKEN,
                    {"gpu": label(1), "free": 0.1, "requested": 0.5, "users": ()},
                ),
            ],
        ),
        (
            (gpu(0),),
            grants((0, 1000, 0)),
            request(gpu_memory=9),
            ("gpu_memory", 9, 0),
            {},
            [(Kind.GPUS_HELD, {"gpus": (label(0),)})],
        ),
        (
            (gpu(0),),
            grants((0, 1000, 0)),
            request(num_gpus=0.5, gpu_memory=9),
            ("gpu_share", 500, 0),
            {},
            [(Kind.GPUS_HELD, {"gpus": (label(0),)})],
        ),
        (
            (gpu(0, PYTHON), gpu(1, ALSO)),
            grants((0, 0, 9)),
            request(gpu_memory=41),
            ("gpu_memory", 41, 31),
            {},
            [
                (
                    Kind.GPU_MEMORY_TAKEN,
                    {
                        "gpu": label(0),
                        "free": 31,
                        "total": 80,
                        "requested": 41,
                        "reserved": 9,
                        "users": ((7, "python", 40),),
                    },
                ),
                (
                    Kind.GPU_MEMORY_TAKEN,
                    {
                        "gpu": label(1),
                        "free": 30,
                        "total": 80,
                        "requested": 41,
                        "users": ((8, "julia", 50),),
                    },
                ),
            ],
        ),
        (
            (gpu(0, memory_free=8),),
            grants(),
            request(num_gpus=1, gpu_memory=9),
            ("gpu_memory", 1, 0),
            {"number": 1, "free": 0, "memory": 9},
            [
                (
                    Kind.GPU_MEMORY_TAKEN,
                    {"gpu": label(0), "free": 8, "total": 80, "requested": 9, "users": ()},
                )
            ],
        ),
        (
            (gpu(0, memory_free=0), gpu(1)),
            grants((1, 900, 0)),
            request(num_gpus=0.5),
            ("gpu_share", 500, 100),
            {},
            [
                (
                    Kind.GPU_MEMORY_TAKEN,
                    {"gpu": label(0), "free": 0, "total": 80, "requested": 40, "users": ()},
                ),
                (
                    Kind.GPU_SHARE_TAKEN,
                    {"gpu": label(1), "free": 0.1, "requested": 0.5, "users": ()},
                ),
            ],
        ),
    ],
)
def test_now(
    gpus: tuple[Gpu, ...],
    held: Allocation,
    req: ResourceRequirements,
    numbers: tuple[Any, ...],
    arguments: dict[str, Any],
    obstacles: list[tuple[Kind, dict[str, Any]]],
) -> None:
    pool = Pool(Machine(hostname="here", num_cpus=4, memory=64, gpus=gpus), [held])
    [(what, requested, available, kind, given)] = flat(explain(req, pool))
    assert (what, requested, available, kind) == (*numbers, IN_USE)
    assert [(one.kind, dict(one.arguments)) for one in given.pop("obstacles")] == obstacles
    assert given == arguments


@pytest.mark.parametrize("total", [NAMED_GPUS - 1, NAMED_GPUS, NAMED_GPUS + 1, NAMED_GPUS + 3])
def test_many_gpus(total: int) -> None:
    """At most eight GPUs are named; the others are counted."""
    held = grants(*((index, 1, 0) for index in range(total)))
    machine = Machine(hostname="here", num_cpus=4, memory=64, gpus=tuple(map(gpu, range(total))))
    [shortfall] = explain(request(num_gpus=1), Pool(machine, [held]))
    *named, last = shortfall.reason["obstacles"]
    if total <= 8:
        assert (last.kind, len(named) + 1) == (Kind.GPU_SHARED, total)
    else:
        assert (last.kind, last["number"], len(named)) == (Kind.MORE, total - 8, 8)


def test_label_of_an_instance() -> None:
    """A MIG instance is named by the first twelve characters of its UUID, too."""
    part = gpu(3, uuid="MIG-0123456789", parent="GPU-x")
    machine = Machine(hostname="here", num_cpus=4, memory=64, gpus=(part,))
    held = Allocation(0, 0, (GpuGrant(part.uuid, 1000, 0),))
    [shortfall] = explain(request(num_gpus=1), Pool(machine, [held]))
    assert shortfall.reason["obstacles"][0]["gpus"] == ((3, "MIG-01234567"),)


def test_without_capacity() -> None:
    """A machine that was given no CPUs and no memory serves a request for nothing only."""
    machine = Machine(hostname="here", num_cpus=0, memory=0, gpus=())
    assert flat(explain(request(), Pool(machine))) == []
    assert [one.what for one in explain(request(1, memory=1), Pool(machine))] == ["cpus", "memory"]
    assert [one.what for one in never(request(1, memory=1), machine)] == ["cpus", "memory"]


def test_gpus_that_nobody_has_read() -> None:
    """Nobody claims that a machine lacks GPUs before its driver has listed them."""
    machine = Machine(hostname="h", num_cpus=4, memory=100, gpus_known=False)
    assert never(request(1, num_gpus=1), machine) == ()
    assert [one.what for one in never(request(8, num_gpus=1), machine)] == ["cpus"]


def test_free() -> None:
    """Free capacity counts, and each resource is named once."""
    machine = Machine(hostname="here", num_cpus=4, memory=64, gpus=())
    pool = Pool(machine, [Allocation(3, 60)])
    assert flat(explain(request(2, memory=5), pool)) == [
        ("cpus", 2, 1, Kind.CPUS, {"requested": 2, "free": 1}),
        ("memory", 5, 4, Kind.MEMORY, {"requested": 5, "free": 4}),
    ]
    assert flat(explain(request(1, memory=4), pool)) == []
    assert [one.what for one in explain(request(5, memory=65), pool)] == ["cpus", "memory"]
