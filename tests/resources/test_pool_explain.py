"""The pool, the placement and the explanation, by example."""

from __future__ import annotations

from functools import partial

import pytest

from torc_tui.model import Allocation, Gpu, GpuGrant, GpuProcess, Machine, ResourceRequirements
from torc_tui.resources import pool as pools
from torc_tui.resources.explain import explain, never
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import WHOLE, GpuNeed, GpuRules
from torc_tui.resources.placement import Candidate, place
from torc_tui.resources.ranking import rank
from torc_tui.wording import sentence

EXACT = GpuRules(headroom=0)
Pool = partial(pools.Pool, rules=EXACT)


def free_gpus(pool: pools.Pool) -> int:
    return sum(obstacle is None for _, obstacle in pool.obstacles(GpuNeed(1, WHOLE, 0, None)))


GB = 1 << 30


def req(name: str = "r", **fields: object) -> ResourceRequirements:
    return ResourceRequirements(name=name, **fields)  # type: ignore[arg-type]  # the table names the fields


def gpu(index: int, *processes: GpuProcess, memory: int = 80 * GB, **fields: object) -> Gpu:
    used = sum(process.memory or 0 for process in processes)
    values: dict[str, object] = {
        "uuid": f"GPU-{index}",
        "name": "NVIDIA A100",
        "memory_free": memory - used,
    }
    return Gpu(index=index, memory=memory, processes=processes, **(values | fields))  # type: ignore[arg-type]  # as above


def machine(*gpus: Gpu, num_cpus: int = 8, memory: int = 32 * GB) -> Machine:
    return Machine(hostname="here", num_cpus=num_cpus, memory=memory, gpus=gpus)


PYTHON = GpuProcess(pid=4711, name="python", memory=50 * GB)
SCREEN = GpuProcess(pid=900, name="Xorg", memory=GB // 4, graphics=True)


def uuids(allocation: Allocation | None) -> list[str] | None:
    return None if allocation is None else [grant.uuid for grant in allocation.gpus]


def test_take_and_give_back() -> None:
    pool = Pool(machine())
    first = pool.take(req(num_cpus=6, memory=8 * GB))
    assert first == Allocation(6, 8 * GB)
    assert (pool.free_cpus, pool.free_memory) == (2, 24 * GB)
    assert pool.take(req(num_cpus=3)) is None
    pool.give(first)
    assert (pool.free_cpus, pool.free_memory) == (8, 32 * GB)


def test_oversubscribed_pool() -> None:
    pool = Pool(
        machine(gpu(0)),
        [Allocation(10, 40 * GB, (GpuGrant("GPU-0"), GpuGrant("GPU-0", 500, 90 * GB)))],
    )
    assert (pool.free_cpus, pool.free_memory, free_gpus(pool)) == (0, 0, 0)
    [state] = pool.gpu_states
    assert (state.share_available, state.memory_available) == (0, 0)
    assert pool.take(req()) is None
    assert explain(req(), pool)
    assert pool.take(req(num_cpus=1, memory=0)) is None
    assert pool.take(req(num_cpus=0, memory=1)) is None
    assert pool.take(req(num_cpus=0, memory=0)) == Allocation(0, 0)
    pool.resize(num_cpus=12, memory=64 * GB)
    assert pool.take(req()) == Allocation(1, 1 << 20)


def test_giving_back_unknown_grants() -> None:
    pool = Pool(machine(gpu(0)))
    pool.take(req(num_cpus=2, num_gpus=0.5))
    with pytest.raises(ValueError, match="does not hold"):
        pool.give(Allocation(1, 0, (GpuGrant("GPU-0", 500), GpuGrant("GPU-0", 500))))
    assert pool.free_cpus == 6
    assert pool.gpu_states[0].share == 500


@pytest.mark.parametrize(
    "grants",
    [
        [GpuGrant("GPU-0", 501, 0)],
        [GpuGrant("GPU-0", 500, 2 * GB)],
        [GpuGrant("GPU-0", 1000, 0)],
        [GpuGrant("GPU-1", 0, 0)],
        [GpuGrant("GPU-0", 100, 0), GpuGrant("GPU-0", 100, 0)],
        [GpuGrant("GPU-2", 1000, 0)],
    ],
    ids=["share", "memory", "whole", "other", "twice", "shares"],
)
def test_grant_not_held(grants: list[GpuGrant]) -> None:
    """The pool refuses a grant that is larger than what it holds, or of another kind."""
    half, shares = GpuGrant("GPU-0", 500, GB), [GpuGrant("GPU-2", 500, 0)] * 2
    pool = Pool(machine(gpu(0), gpu(2)), [Allocation(1, 0, (half, *shares))])
    with pytest.raises(ValueError, match="does not hold"):
        pool.give(Allocation(1, 0, tuple(grants)))
    pool.give(Allocation(1, 0, (half, *shares)))
    assert free_gpus(pool) == 2


def test_whole_gpus_and_shares_do_not_meet() -> None:
    pool = Pool(machine(gpu(0), gpu(1)))
    assert uuids(pool.take(req(num_gpus=0.25))) == ["GPU-0"]
    assert uuids(pool.take(req(num_gpus=1))) == ["GPU-1"]
    assert pool.take(req(num_gpus=1)) is None
    assert uuids(pool.take(req(num_gpus=0.75))) == ["GPU-0"]
    assert pool.take(req(num_gpus=0.01)) is None


def test_memory_reservation_keeps_a_whole_gpu_job_away() -> None:
    pool = Pool(machine(gpu(0)))
    assert pool.take(req(gpu_memory=12 * GB)) == Allocation(
        1, 1 << 20, (GpuGrant("GPU-0", 0, 12 * GB),)
    )
    assert (
        sentence(explain(req(num_gpus=1), pool)[0].reason)
        == "needs 1 GPU, 0 free: GPU 0 is shared by 1 job"
    )


def test_three_thirds_fit_on_one_gpu() -> None:
    pool = Pool(machine(gpu(0)))
    assert [uuids(pool.take(req(num_gpus=1 / 3))) for _ in range(3)] == [["GPU-0"]] * 3


def test_shares_pack_onto_the_fullest_gpu_that_fits() -> None:
    pool = Pool(machine(gpu(0), gpu(1), gpu(2)), rules=EXACT._replace(packing="pack"))
    half = pool.take(req(num_gpus=0.5))
    assert uuids(pool.take(req(num_gpus=0.75))) == ["GPU-1"]
    assert uuids(pool.take(req(num_gpus=0.25))) == ["GPU-1"]  # the best fit, not the first
    assert uuids(pool.take(req(num_gpus=0.25))) == ["GPU-0"]
    assert half is not None
    assert free_gpus(pool) == 1


def test_foreign_processes() -> None:
    gpus = gpu(0, PYTHON), gpu(1)
    pool = Pool(machine(*gpus))
    assert uuids(pool.take(req(num_gpus=1))) == ["GPU-1"]
    assert sentence(explain(req(num_gpus=1), pool)[0].reason) == (
        "needs 1 GPU, 0 free: GPU 0 is in use (pid 4711 python, 50 GiB); GPU 1 is held by another job"
    )
    assert uuids(pool.take(req(gpu_memory=20 * GB))) == ["GPU-0"]
    careless = Pool(machine(*gpus), rules=EXACT._replace(foreign="ignore"))
    assert careless.take(req(num_gpus=2)) is not None
    assert (
        Pool(machine(*gpus), rules=EXACT._replace(foreign="ignore")).take(
            req(num_gpus=2, gpu_memory=40 * GB)
        )
        is None
    )


def test_a_display_server_does_not_occupy_a_gpu() -> None:
    pool = Pool(machine(gpu(0, SCREEN)))
    assert pool.fits(req(num_gpus=1))
    assert [uuids(pool.take(req(num_gpus=0.25))) for _ in range(4)] == [["GPU-0"]] * 4


def test_shares_see_only_what_others_leave() -> None:
    pool = Pool(machine(gpu(0, GpuProcess(pid=7, memory=40 * GB))))
    assert not pool.fits(req(num_gpus=0.75))
    assert pool.fits(req(num_gpus=0.5))


def test_text_of_a_full_gpu() -> None:
    python = GpuProcess(pid=4711, name="python", memory=48 * GB)
    pool = Pool(machine(gpu(1, python, memory_free=30 * GB)))
    [shortfall] = explain(req(gpu_memory=40 * GB), pool)
    assert shortfall.what == "gpu_memory"
    assert (
        sentence(shortfall.reason)
        == "GPU 1 has 30 GiB of 80 GiB free (pid 4711 python, 48 GiB), 40 GiB requested"
    )


def test_own_use_counts_against_the_reservation() -> None:
    pool = Pool(machine(gpu(0)))
    pool.take(req(gpu_memory=30 * GB))
    assert pool.gpu_states[0].memory_available == 50 * GB
    own = GpuProcess(pid=5, memory=20 * GB, own=True)
    pool.update([gpu(0, own)])
    assert pool.gpu_states[0].memory_available == 50 * GB
    pool.update([gpu(0, own, GpuProcess(pid=6, memory=10 * GB))])
    assert pool.gpu_states[0].memory_available == 40 * GB
    pool.update([gpu(0, GpuProcess(pid=5, memory=45 * GB, own=True))])  # more than it asked for
    assert pool.gpu_states[0].memory_available == 35 * GB


def test_unexplained_use() -> None:
    overhead = GB
    pool = Pool(machine(gpu(0, memory_free=79 * GB)))
    pool.take(req(gpu_memory=30 * GB))
    pool.update([gpu(0, memory_free=49 * GB)])
    assert pool.gpu_states[0].memory_available == 80 * GB - overhead - 30 * GB


def test_grants_of_returning_gpus() -> None:
    pool = Pool(machine(gpu(0), gpu(1)))
    held = pool.take(req(num_gpus=1))
    assert held is not None
    pool.update([gpu(1)])
    assert [state.gpu.uuid for state in pool.gpu_states if state.gpu] == ["GPU-1"]
    assert pool.fits(req(num_gpus=1))
    pool.update([gpu(0), gpu(1), gpu(2)])
    assert not pool.fits(req(num_gpus=3))
    assert pool.fits(req(num_gpus=2))
    pool.update([gpu(1)])
    pool.give(held)
    pool.update([gpu(0), gpu(1)])
    assert pool.fits(req(num_gpus=2))


def test_grants_of_a_gpu_that_vanished() -> None:
    """Two grants of a vanished GPU are given back one after the other."""
    pool = Pool(machine(gpu(0)))
    first, second = pool.take(req(num_gpus=0.5)), pool.take(req(num_gpus=0.5))
    assert first is not None
    assert second is not None
    pool.update([])
    pool.give(first)
    pool.give(second)
    with pytest.raises(ValueError, match="does not hold"):
        pool.give(Allocation(0, 0, second.gpus))


def test_gpus_without_memory_are_free() -> None:
    """A GPU is free for a whole-GPU job although others hold all of its memory for drawing."""
    full = GpuProcess(pid=900, name="Xorg", memory=80 * GB, graphics=True)
    assert free_gpus(Pool(machine(gpu(0, full)))) == 1


def test_several_gpus_are_close_together() -> None:
    near = {(0, 2), (1, 3)}
    distances = {
        f"GPU-{i}": {
            f"GPU-{j}": 10 if (min(i, j), max(i, j)) in near else 50 for j in range(4) if j != i
        }
        for i in range(4)
    }
    pool = Pool(machine(*map(gpu, range(4))), distances=distances)
    assert uuids(pool.take(req(num_gpus=2))) == ["GPU-0", "GPU-2"]
    assert uuids(pool.take(req(num_gpus=2))) == ["GPU-1", "GPU-3"]


def test_many_gpus_are_grouped_without_trying_every_group() -> None:
    names = [f"GPU-{i}" for i in range(24)]
    distances = {
        a: {b: 10 if i // 12 == j // 12 else 50 for j, b in enumerate(names)}
        for i, a in enumerate(names)
    }
    pool = Pool(machine(*map(gpu, range(24))), distances=distances)
    pool.take(req(num_gpus=0.5))
    assert uuids(pool.take(req(num_gpus=12))) == names[12:]


def test_model_memory_and_mode_filter_gpus() -> None:
    pool = Pool(
        machine(
            gpu(0, name="Tesla T4", memory=16 * GB),
            gpu(1, name="NVIDIA H100"),
            gpu(2, compute_mode="prohibited", name="NVIDIA H100"),
        )
    )
    assert uuids(pool.take(req(num_gpus=0.5, gpu_model="h100"))) == ["GPU-1"]
    assert uuids(pool.take(req(num_gpus=1, gpu_memory=10 * GB))) == ["GPU-0"]
    assert not pool.fits(req(num_gpus=0.1, gpu_model="("))


def test_exclusive_mode_admits_one_job() -> None:
    pool = Pool(machine(gpu(0, compute_mode="exclusive_process")))
    assert uuids(pool.take(req(num_gpus=0.5))) == ["GPU-0"]
    assert pool.take(req(num_gpus=0.5)) is None


def test_virtual_gpus_are_of_every_model_and_size() -> None:
    pool = Pool(machine(Gpu(uuid="virtual-0", index=0, virtual=True)))
    assert uuids(pool.take(req(num_gpus=1, gpu_memory=500 * GB, gpu_model="H100"))) == ["virtual-0"]


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"num_cpus": 2, "memory": GB}, []),
        ({"num_cpus": 8}, ["needs 8 CPUs, machine has 2"]),
        ({"memory": 64 * GB}, ["needs 64 GiB of memory, machine has 4 GiB"]),
        ({"num_nodes": 2}, ["needs 2 nodes, a local runner is one"]),
        ({"num_gpus": 3}, ["needs 3 GPUs, machine has 2"]),
        (
            {"num_gpus": 1, "gpu_model": "H100"},
            ["needs 1 GPU matching 'H100', machine has 0 of 2 (NVIDIA A100)"],
        ),
        ({"gpu_memory": 90 * GB}, ["needs 90 GiB of memory on one GPU, the largest has 80 GiB"]),
        ({"num_gpus": 2, "gpu_memory": 90 * GB}, ["needs 2 GPUs with 90 GiB each, machine has 0"]),
        (
            {"num_cpus": 4, "num_gpus": 9},
            ["needs 4 CPUs, machine has 2", "needs 9 GPUs, machine has 2"],
        ),
    ],
)
def test_unschedulable(fields: dict[str, object], texts: list[str]) -> None:
    idle = machine(gpu(0), gpu(1, PYTHON), num_cpus=2, memory=4 * GB)
    assert [sentence(shortfall.reason) for shortfall in never(req(**fields), idle)] == texts
    assert bool(never(req(**fields), machine(num_cpus=2, memory=4 * GB))) == bool(texts)
    assert (
        Pool(machine(gpu(0), gpu(1), num_cpus=2, memory=4 * GB)).take(req(**fields)) is None
    ) == bool(texts)


def test_mig_instances_serve_one_gpu_jobs_only() -> None:
    mig = [gpu(0, uuid=f"MIG-{i}", parent="GPU-0", memory=10 * GB) for i in range(2)]
    pool = Pool(machine(*mig))
    assert sentence(explain(req(num_gpus=2), pool)[0].reason) == (
        "needs 2 GPUs in one job (MIG instances cannot be joined), machine has 0"
    )
    assert uuids(pool.take(req(num_gpus=1))) == ["MIG-0"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"num_cpus": 4}, "needs 4 CPUs, 3 free"),
        ({"memory": 4 * GB}, "needs 4 GiB of memory, 3.5 GiB free"),
        ({"num_gpus": 2}, "needs 2 GPUs, 1 free: GPU 0 is held by another job"),
        (
            {"num_gpus": 2, "gpu_memory": GB},
            "needs 2 GPUs with 1 GiB free each, 1 free: GPU 0 is held by another job",
        ),
    ],
)
def test_shortfalls(fields: dict[str, object], text: str) -> None:
    pool = Pool(
        machine(gpu(0), gpu(1), num_cpus=4, memory=4 * GB),
        [Allocation(1, GB // 2, (GpuGrant("GPU-0"),))],
    )
    assert [sentence(shortfall.reason) for shortfall in explain(req(**fields), pool)] == [text]


def test_priority_then_size_then_id_with_backfill() -> None:
    pool = Pool(machine(gpu(0), num_cpus=4))
    candidates = [
        Candidate(1, 0, req(num_cpus=1)),
        Candidate(2, 0, req(num_cpus=1)),
        Candidate(3, 0, req(num_cpus=3, runtime=7200.0)),
        Candidate(4, 5, req(num_cpus=1, runtime=1.0)),
        Candidate(5, 0, req(num_cpus=4, num_gpus=1)),
        Candidate(6, 0, req(num_cpus=1, memory=2 << 20)),
    ]
    assert [job for job, _ in place(candidates, pool, 99)] == [4, 3]
    pool = Pool(machine(gpu(0), num_cpus=6))
    assert [job for job, _ in place(candidates, pool, 99)] == [4, 5, 6]
    pool = Pool(machine(gpu(0), num_cpus=6))
    assert [job for job, _ in place(candidates, pool, 2)] == [4, 5]
    assert place(candidates, pool, 0) == []
    pool = Pool(machine(gpu(0), num_cpus=6))
    assert [job for job, _ in place(candidates, pool, 1)] == [4]


def test_rank_is_dense_and_shared_by_equal_shapes() -> None:
    small, large = req("small"), req("large", memory=GB)
    assert rank([small, large, req("other"), req(num_gpus=0.5), req(num_cpus=2)]) == [3, 1, 3, 0, 2]
    assert rank([]) == []


def test_rank_by_gpu() -> None:
    """GPU memory and the model of the GPU tell requirements apart."""
    shapes = [req(num_gpus=1, gpu_memory=1), req(num_gpus=1), req(num_gpus=1, gpu_memory=2)]
    assert rank(shapes) == [1, 2, 0]
    models = [req(num_gpus=1, gpu_model="t4"), req(num_gpus=1, gpu_model="a100"), req(num_gpus=1)]
    assert rank(models) == [2, 1, 0]


def test_gpu_without_reading() -> None:
    pool = Pool(machine(), [Allocation(0, 0, (GpuGrant("GPU-9"),))])
    assert pool.gpu_states == []
    assert not pool.fits(req(num_gpus=1))
    assert GpuState().gpu is None


def test_four_gpus_one_half_full() -> None:
    python = GpuProcess(pid=4711, name="python", memory=40 * GB)
    pool = Pool(machine(gpu(0), gpu(1, python), gpu(2), gpu(3), num_cpus=32, memory=128 * GB))
    jobs = {
        1: req("pair", num_gpus=2),
        2: req("single", num_gpus=1),
        3: req("second", num_gpus=1),
        4: req("large", gpu_memory=40 * GB),
        5: req("small", gpu_memory=20 * GB),
        6: req("quarter", num_gpus=0.25),
    }
    candidates = [Candidate(job, 0, wanted) for job, wanted in jobs.items()]
    placed = dict(place(candidates, pool, 99))
    assert {job: uuids(given) for job, given in placed.items()} == {
        1: ["GPU-0", "GPU-2"],
        2: ["GPU-3"],
        6: ["GPU-1"],
        5: ["GPU-1"],
    }
    held = "{}; GPUs 0, 2 and 3 are held by other jobs"
    assert sentence(explain(jobs[3], pool)[0].reason) == "needs 1 GPU, 0 free: " + held.format(
        "GPU 1 is shared by 2 jobs"
    )
    assert sentence(explain(jobs[4], pool)[0].reason) == held.format(
        "GPU 1 has 128 MiB of 80 GiB free (pid 4711 python, 40 GiB; 39.9 GiB reserved by other jobs), 40 GiB requested"
    )
    pool.update([gpu(index) for index in range(4)])
    assert {
        job: uuids(given)
        for job, given in place([c for c in candidates if c.job_id not in placed], pool, 99)
    } == {4: ["GPU-1"]}


def test_exact_fit() -> None:
    exact = req(num_cpus=8, memory=32 * GB, num_gpus=1, gpu_memory=80 * GB)
    pool = Pool(machine(gpu(0)))
    assert explain(exact, pool) == never(exact, machine(gpu(0))) == ()
    assert pool.take(exact) is not None
    nothing = req(num_cpus=0, memory=0)
    assert explain(nothing, pool) == ()
    assert pool.take(nothing) == Allocation()


def test_shares_prefer_gpus_of_ours_then_idle_ones_then_those_in_use() -> None:
    busy = GpuProcess(pid=4711, name="python", memory=8 * GB)
    pool = Pool(
        machine(gpu(0, busy), gpu(1), gpu(2)),
        [Allocation(1, 0, (GpuGrant("GPU-2", 500),))],
        rules=EXACT._replace(packing="pack"),
    )
    assert [uuids(pool.take(req(num_gpus=0.5))) for _ in range(4)] == [
        ["GPU-2"],
        ["GPU-1"],
        ["GPU-1"],
        ["GPU-0"],
    ]
