"""The laws of placement, for random machines and requests."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.model import Allocation, Gpu, GpuProcess, Machine, ResourceRequirements
from torc_tui.records import replace
from torc_tui.resources.explain import explain, never
from torc_tui.resources.gpus import WHOLE, GpuNeed, GpuRules, gpu_need
from torc_tui.resources.placement import Candidate, place
from torc_tui.resources.pool import Pool
from torc_tui.resources.ranking import rank
from torc_tui.wording import sentence

EXACT = GpuRules(headroom=0, idle_memory=0)


def free_gpus(pool: Pool) -> int:
    return sum(obstacle is None for _, obstacle in pool.obstacles(GpuNeed(1, WHOLE, 0, None)))


processes = st.lists(
    st.builds(
        GpuProcess,
        pid=st.integers(2, 99),
        memory=st.one_of(st.none(), st.integers(0, 40)),
        own=st.booleans(),
        graphics=st.booleans(),
    ),
    max_size=2,
).map(tuple)
gpus = st.builds(
    Gpu,
    uuid=st.just(""),
    index=st.just(0),
    name=st.sampled_from(["NVIDIA A100", "Tesla T4"]),
    memory=st.sampled_from([0, 16, 80]),
    memory_free=st.one_of(st.none(), st.integers(0, 80)),
    compute_mode=st.sampled_from([None, "default", "exclusive_process", "prohibited"]),
    parent=st.sampled_from([None, None, "GPU-x"]),
    processes=processes,
    virtual=st.sampled_from([False, False, False, True]),
)


def _numbered(gpus: list[Gpu]) -> tuple[Gpu, ...]:

    return tuple(replace(gpu, uuid=f"GPU-{index}", index=index) for index, gpu in enumerate(gpus))


machines = st.builds(
    Machine,
    hostname=st.just("here"),
    num_cpus=st.integers(1, 6),
    memory=st.integers(1, 64),
    gpus=st.lists(gpus, max_size=4).map(_numbered),
)
requests = st.builds(
    ResourceRequirements,
    name=st.just("r"),
    num_cpus=st.integers(0, 4),
    memory=st.integers(0, 40),
    num_gpus=st.sampled_from([0, 0, 0.1, 0.25, 1 / 3, 0.5, 0.9999, 1, 2, 3]),
    gpu_memory=st.sampled_from([None, None, 1, 8, 40]),
    gpu_model=st.sampled_from([None, None, "A100", "t4", "H100"]),
    runtime=st.sampled_from([60.0, 3600.0]),
    num_nodes=st.sampled_from([1, 1, 1, 1, 2]),
)
policies = st.sampled_from(["avoid", "ignore"])
distances = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from([f"GPU-{i}" for i in range(4)]),
        st.dictionaries(st.sampled_from([f"GPU-{i}" for i in range(4)]), st.integers(0, 50)),
    ),
)


def check(machine: Machine, allocations: list[Allocation]) -> None:
    """No CPU, byte or device is handed out twice, as seen from the allocations alone."""
    assert sum(allocation.num_cpus for allocation in allocations) <= machine.num_cpus
    assert sum(allocation.memory for allocation in allocations) <= machine.memory
    known = {gpu.uuid: gpu for gpu in machine.gpus}
    by_gpu = defaultdict(list)
    for allocation in allocations:
        assert len({grant.uuid for grant in allocation.gpus}) == len(allocation.gpus)
        for grant in allocation.gpus:
            by_gpu[grant.uuid].append(grant)
    for uuid, grants in by_gpu.items():
        gpu = known[uuid]
        assert sum(grant.share for grant in grants) <= 1000
        assert len(grants) == 1 or all(grant.share < 1000 for grant in grants)
        assert len(grants) == 1 or gpu.compute_mode != "exclusive_process"
        assert gpu.compute_mode != "prohibited"
        if gpu.memory and not gpu.virtual:
            assert sum(grant.memory for grant in grants) <= gpu.memory
            if gpu.memory_free is not None and not any(process.own for process in gpu.processes):
                assert sum(grant.memory for grant in grants) <= gpu.memory_free


@settings(max_examples=150, deadline=None)
@given(machines, st.lists(st.tuples(st.integers(0, 2), requests), max_size=12), policies, distances)
def test_placement(machine, wanted, policy, apart) -> None:  # type: ignore[no-untyped-def]  # hypothesis gives the types
    pool = Pool(machine, rules=EXACT._replace(foreign=policy), distances=apart)
    candidates = [Candidate(number, priority, req) for number, (priority, req) in enumerate(wanted)]
    placed = place(candidates, pool, 99)
    check(machine, [allocation for _, allocation in placed])
    # Nothing idles that fits, unless a job before it reserves what it needs.
    left = set(range(len(wanted))) - {number for number, _ in placed}
    fitting = [number for number in left if pool.fits(wanted[number][1])]
    assert not fitting or len(fitting) < len(left)
    # A first choice is never worse off than it would be alone.
    first = max(wanted, key=lambda pair: pair[0], default=None)
    if first and [priority for priority, _ in wanted].count(first[0]) == 1:
        alone = Pool(machine, rules=EXACT._replace(foreign=policy)).fits(first[1])
        assert alone == (placed[:1] != [] and placed[0][0] == wanted.index(first))


@settings(max_examples=150, deadline=None)
@given(
    machines,
    st.lists(st.tuples(st.booleans(), st.integers(0, 20), requests), max_size=20),
    policies,
)
def test_take_and_give(machine, steps, policy) -> None:  # type: ignore[no-untyped-def]  # as above
    pool = Pool(machine, rules=EXACT._replace(foreign=policy))
    held: list[Allocation] = []
    for giving, which, req in steps:
        if giving and held:
            pool.give(held.pop(which % len(held)))
        else:
            shortfalls = explain(req, pool)
            fits = pool.fits(req)
            allocation = pool.take(req)
            # The explanation is empty exactly when the request is placed.
            assert (allocation is not None) == fits == (not shortfalls)
            assert all(sentence(shortfall.reason) for shortfall in shortfalls)
            if never(req, machine):
                assert allocation is None
            if allocation is not None:
                held.append(allocation)
        check(machine, held)
        assert pool.free_cpus >= 0
        assert pool.free_memory >= 0
        # A pool that is told what is held says the same as one that handed it out.
        told = Pool(machine, held, rules=EXACT._replace(foreign=policy))
        assert (told.free_cpus, told.free_memory) == (pool.free_cpus, pool.free_memory)
    for allocation in held:
        pool.give(allocation)
    fresh = Pool(machine, rules=EXACT._replace(foreign=policy))
    assert (pool.free_cpus, pool.free_memory, free_gpus(pool)) == (
        fresh.free_cpus,
        fresh.free_memory,
        free_gpus(fresh),
    )
    assert [
        (state.share, state.reserved, state.grants, state.wholes) for state in pool.gpu_states
    ] == [(0, 0, 0, 0)] * len(machine.gpus)


@settings(max_examples=150, deadline=None)
@given(
    machines,
    st.lists(st.one_of(requests, st.integers(0, 20), st.lists(gpus, max_size=4)), max_size=20),
    policies,
)
def test_readings_change_under_grants(machine, steps, policy) -> None:  # type: ignore[no-untyped-def]  # as above
    pool = Pool(machine, rules=EXACT._replace(foreign=policy))
    held: list[Allocation] = []
    for step in steps:
        if isinstance(step, int):
            if held:
                pool.give(held.pop(step % len(held)))
        elif isinstance(step, list):
            # What others do, and which GPUs answer, changes at will; what a GPU is does not.
            news = [
                replace(old, memory_free=new.memory_free, processes=new.processes)
                for old, new in zip(machine.gpus, step, strict=False)
            ]
            pool.update(news)
            assert [state.gpu for state in pool.gpu_states] == news
        else:
            shortfalls = explain(step, pool)
            allocation = pool.take(step)
            assert (allocation is None) == bool(shortfalls)
            if allocation is not None:
                held.append(allocation)
        shares: dict[str, list[int]] = defaultdict(list)
        memory: dict[str, int] = defaultdict(int)
        for allocation in held:
            for grant in allocation.gpus:
                shares[grant.uuid].append(grant.share)
                memory[grant.uuid] += grant.memory
        for gpu in machine.gpus:
            assert sum(shares[gpu.uuid]) <= 1000
            assert 1000 not in shares[gpu.uuid] or len(shares[gpu.uuid]) == 1
            assert not gpu.memory or gpu.virtual or memory[gpu.uuid] <= gpu.memory
        assert all(
            state.memory_available >= 0 and state.share_available >= 0 for state in pool.gpu_states
        )
    for allocation in held:
        pool.give(allocation)
    pool.update(machine.gpus)
    assert [
        (state.share, state.reserved, state.grants, state.wholes) for state in pool.gpu_states
    ] == [(0, 0, 0, 0)] * len(machine.gpus)


@given(st.lists(requests, max_size=12))
def test_rank_agrees_with_the_order_of_placement(wanted: list[ResourceRequirements]) -> None:
    ranks = rank(wanted)
    assert sorted(set(ranks)) == list(range(len(set(ranks))))
    everything = Machine(hostname="big", num_cpus=10_000, memory=10_000, gpus=())
    order = [
        job
        for job, _ in place(
            [Candidate(i, 0, r) for i, r in enumerate(wanted)], Pool(everything), 99
        )
    ]
    assert order or not any(r.num_nodes == 1 and gpu_need(r) is None for r in wanted)
    sizes = [(wanted[job].num_gpus, wanted[job].runtime, wanted[job].memory) for job in order]
    assert sizes == sorted(sizes, reverse=True)
    by_rank = sorted(order, key=lambda job: ranks[job])
    assert [
        (wanted[job].num_gpus, wanted[job].runtime, wanted[job].memory) for job in by_rank
    ] == sizes


@pytest.mark.parametrize(
    ("method", "order"),
    [
        ("gpus_runtime_memory", [4, 3, 2, 1]),
        ("gpus_memory_runtime", [4, 2, 3, 1]),
        ("none", [4, 1, 2, 3]),
        ("of a later version", [4, 3, 2, 1]),
    ],
)
def test_sort_methods(method: str, order: list[int]) -> None:
    def asking(memory: int, runtime: float) -> ResourceRequirements:
        return ResourceRequirements(name="r", memory=memory, runtime=runtime)

    candidates = [
        Candidate(1, 0, asking(1, 60.0)),
        Candidate(2, 0, asking(9, 60.0)),
        Candidate(3, 0, asking(1, 3600.0)),
        Candidate(4, 1, asking(1, 60.0)),
    ]
    pool = Pool(Machine(hostname="here", num_cpus=4, memory=64))
    assert [job_id for job_id, _ in place(candidates, pool, 99, method=method)] == order
