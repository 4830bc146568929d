"""The first job that does not fit is not starved by those that pass it."""

from __future__ import annotations

import pytest

from torc_tui.model import Allocation, Gpu, GpuProcess, Machine, ResourceRequirements
from torc_tui.resources.placement import Candidate, place
from torc_tui.resources.pool import Pool

GB = 1 << 30


def request(name: str = "r", **fields: object) -> ResourceRequirements:
    return ResourceRequirements(**({"name": name, "num_cpus": 1, "memory": 0} | fields))  # type: ignore[arg-type]


def machine(gpus: int = 2, num_cpus: int = 16, *processes: GpuProcess) -> Machine:
    used = sum(one.memory or 0 for one in processes)
    found = tuple(
        Gpu(
            uuid=f"GPU-{index}",
            index=index,
            memory=80 * GB,
            memory_free=80 * GB - (used if index == 0 else 0),
            processes=processes if index == 0 else (),
        )
        for index in range(gpus)
    )
    return Machine(hostname="h", num_cpus=num_cpus, memory=64 * GB, gpus=found)


def run(
    pool: Pool,
    jobs: list[tuple[int, ResourceRequirements]],
    *running: tuple[Allocation, float | None],
) -> set[int]:
    """Return which jobs start at the time 1000, by their place in the list."""
    candidates = [Candidate(number, priority, req) for number, (priority, req) in enumerate(jobs)]
    return {job for job, _ in place(candidates, pool, 99, ends=running, now=1000.0)}


SMALL = request("small", num_gpus=1, runtime=600.0)
LONG = request("long", num_gpus=1, runtime=6000.0)
PAIR = request("pair", num_gpus=2, runtime=600.0)


@pytest.mark.parametrize(
    ("ends_at", "started"), [(1500.0, set()), (1600.0, {1}), (9000.0, {1}), (None, set())]
)
def test_small_jobs_pass_only_if_they_end_before(ends_at: float | None, started: set[int]) -> None:
    pool = Pool(machine())
    held = pool.take(request(num_gpus=1))
    assert held is not None
    assert run(pool, [(1, PAIR), (0, SMALL)], (held, ends_at)) == started


def test_jobs_on_other_gpus_pass() -> None:
    pool = Pool(machine(4))
    held = [pool.take(request(num_gpus=1)) for _ in range(3)]
    running = [(one, 1100.0 + 100 * n) for n, one in enumerate(held) if one is not None]
    # GPU 3 is free and GPU 0 is free first: both are reserved.
    assert run(pool, [(1, PAIR), (0, LONG)], *running) == set()
    pool.give(running[2][0])
    assert run(pool, [(1, request(num_gpus=3)), (0, LONG)], *running[:2]) == set()
    assert run(pool, [(1, PAIR), (0, LONG)], *running[:2]) == {0}


def test_a_pair_starts_after_one_small_job_per_gpu() -> None:
    """A queue of small jobs without runtime: nothing starts on the reserved GPUs."""
    pool = Pool(machine())
    small = request(num_gpus=1)
    held = [pool.take(small) for _ in range(2)]
    jobs = [(1, PAIR), *[(0, small)] * 20]
    first, second = (one for one in held if one is not None)
    pool.give(first)
    assert run(pool, jobs, (second, None)) == set()
    pool.give(second)
    assert run(pool, jobs) == {0}


@pytest.mark.parametrize("why", ["foreign", "other runner"])
def test_no_gpu_is_kept_idle_for_what_nobody_knows_the_end_of(why: str) -> None:
    if why == "foreign":
        pool = Pool(machine(2, 16, GpuProcess(pid=7, memory=40 * GB)))
    else:
        pool = Pool(machine())
        other = Pool(machine()).take(request(num_gpus=1))
        assert other is not None
        pool.hold(other, other=True)
    assert run(pool, [(1, PAIR), (0, LONG)]) == {1}


def test_no_gpu_is_kept_idle_for_the_share_that_another_program_takes() -> None:
    pool = Pool(machine(2, 16, GpuProcess(pid=7, memory=48 * GB)))
    held = pool.take(request(num_gpus=1))
    assert held is not None and held.gpus[0].uuid == "GPU-1"
    half, quarter = request("half", num_gpus=0.5), request("quarter", num_gpus=0.25)
    assert run(pool, [(1, half), (0, quarter)], (held, 9000.0)) == {1}, "half is next on GPU-1"


@pytest.mark.parametrize(
    ("priority", "runtime", "started"),
    [(1, 600.0, {1}), (1, 6000.0, set()), (0, 6000.0, {1}), (1, None, set())],
)
def test_cpus_are_reserved_for_a_job_of_higher_priority(
    priority: int, runtime: float | None, started: set[int]
) -> None:
    pool = Pool(machine(0, num_cpus=4))
    held = pool.take(request(num_cpus=3))
    assert held is not None
    large = request("large", num_cpus=4, runtime=600.0)
    small = request("small", num_cpus=1, runtime=runtime)
    assert run(pool, [(priority, large), (0, small)], (held, 2000.0)) == started


@pytest.mark.parametrize(
    ("priority", "size", "started"),
    [(1, 8 * GB, {1}), (1, 9 * GB, set()), (0, 9 * GB, {1})],
    ids=["beside it", "of it", "equal priority"],
)
def test_memory_is_reserved_for_a_job_of_higher_priority(
    priority: int, size: int, started: set[int]
) -> None:
    pool = Pool(machine(0))
    held = pool.take(request(memory=40 * GB))
    assert held is not None
    large = request("large", memory=56 * GB, runtime=600.0)
    small = request("small", memory=size, runtime=6000.0)
    assert run(pool, [(priority, large), (0, small)], (held, 2000.0)) == started


def test_cpus_beside_the_reserved_ones_are_free_for_all() -> None:
    pool = Pool(machine(0, num_cpus=8))
    held = pool.take(request(num_cpus=4))
    assert held is not None
    jobs = [(1, request("a", num_cpus=6)), *[(0, request("b", num_cpus=1))] * 4]
    assert len(run(pool, jobs, (held, 2000.0))) == 2


def test_a_job_that_has_waited_long_is_passed_by_no_equal() -> None:
    pool = Pool(machine(0, num_cpus=4))
    held = pool.take(request(num_cpus=3))
    assert held is not None
    large, small = request("large", num_cpus=4), request("small", num_cpus=1)
    for waited, number in ((False, 1), (True, 0)):
        candidates = [Candidate(0, 0, large, waited), Candidate(1, 0, small)]
        placed = place(candidates, pool, 99, method="none", ends=[(held, 2000.0)], now=1000.0)
        assert len(placed) == number
        for _, allocation in placed:
            pool.give(allocation)


def test_what_can_never_run_reserves_nothing() -> None:
    pool = Pool(machine(1, num_cpus=4))
    jobs = [(3, request(num_gpus=2)), (2, request(num_cpus=5)), (0, SMALL)]
    assert run(pool, jobs) == {2}
