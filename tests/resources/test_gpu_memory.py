"""Memory of GPUs per job: the requested memory stays reserved for each job."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.model import Allocation, Gpu, GpuGrant, GpuProcess, Machine, ResourceRequirements
from torc_tui.reasons import Kind
from torc_tui.records import replace
from torc_tui.resources.explain import explain, never
from torc_tui.resources.gpu_claims import GrantOwner, JobEnd, Tenant
from torc_tui.resources.gpus import GpuRules
from torc_tui.resources.pool import Pool
from torc_tui.wording import sentence

GB = 1 << 30
TOTAL = 80 * GB
RULES = GpuRules()


def request(**fields: object) -> ResourceRequirements:
    return ResourceRequirements(name="r", num_cpus=0, memory=0, **fields)  # type: ignore[arg-type]


def process(pid: int, memory: int, **fields: object) -> GpuProcess:
    return GpuProcess(pid=pid, memory=memory, **fields)  # type: ignore[arg-type]


def gpu(*processes: GpuProcess, index: int = 0, hidden: int = 0, **fields: object) -> Gpu:
    used = hidden + sum(one.memory or 0 for one in processes)
    values = {"uuid": f"GPU-{index}", "memory": TOTAL, "memory_free": TOTAL - used} | fields
    return Gpu(index=index, processes=processes, **values)  # type: ignore[arg-type]


def pool(*gpus: Gpu, **fields: object) -> Pool:
    machine = Machine(hostname="here", num_cpus=99, memory=64 * GB, gpus=gpus)
    found = Pool(machine, rules=RULES._replace(**fields))  # type: ignore[arg-type]
    found.update(gpus, at=1.0)
    return found


def kinds(found: Pool, wanted: ResourceRequirements) -> list[Kind]:
    return [
        one.kind
        for shortfall in explain(wanted, found)
        for one in shortfall.reason["obstacles"] or (shortfall.reason,)
    ]


# -- against a simulator ---------------------------------------------------------------------------

MIB = 1 << 20


@dataclass
class Job:
    """A job of the simulator: what it may use, what it uses, and what it holds."""

    allocation: Allocation
    requested: int
    pid: int
    used: int = 0


moves = st.tuples(
    st.sampled_from(["start", "start", "grow", "read", "read", "end", "foreign"]),
    st.integers(0, 9),
    st.integers(0, 100),
)


def read(found: Pool, jobs: list[Job], foreign: int, at: int) -> None:
    """Give the pool a reading of what the jobs and the others use."""
    held = [process(job.pid, job.used, own=True, leader=job.pid) for job in jobs]
    others = [process(7, foreign)] if foreign else []
    free = TOTAL - GB - foreign - sum(job.used for job in jobs)
    reading = gpu(*held, *others, memory_reserved=GB, memory_free=free)
    found.update([reading], [(Tenant(job.pid, at), job.allocation) for job in jobs], at)


def simulate(steps: list[tuple[str, int, int]]) -> None:
    """Simulate a history, and check at each placement that every job can get what it requested.

    As long as no job exceeds its request after the last reading, the sum of what the jobs requested
    or use is never above what the GPU has.
    """
    foreign, jobs = 0, list[Job]()
    found = pool(gpu(memory_reserved=GB))
    usable = TOTAL - GB
    for at, (move, which, amount) in enumerate(steps, 2):
        if move == "start":
            sizes: list[dict[str, object]] = [
                {"gpu_memory": max(amount, 1) * GB // 2},
                {"num_gpus": 0.25},
                {"num_gpus": 0.5, "gpu_memory": 8 * GB},
                {"gpu_memory": -max(amount, 1)},
            ]
            wanted = request(**sizes[which % len(sizes)])
            allocation = found.take(wanted)
            if allocation is None:
                continue
            state = found.gpu_states[0]
            jobs.append(Job(allocation, state.requested(allocation.gpus[0]), 100 + at))
            promised = sum(max(job.requested, job.used) for job in jobs)
            assert promised + foreign <= usable
        elif move == "grow" and jobs:
            job = jobs[which % len(jobs)]
            job.used = max(job.used, job.requested * amount // 100)
        elif move == "read":
            # A job may exceed its request, but only in what the next reading shows.
            room = usable - foreign - sum(max(job.requested, job.used) for job in jobs)
            if jobs and amount > 80 and room > 0:
                job = jobs[which % len(jobs)]
                job.used = max(job.used, job.requested + room * (amount - 80) // 40)
            read(found, jobs, foreign, at)
        elif move == "end" and jobs:
            job = jobs.pop(which % len(jobs))
            found.give(job.allocation, end=JobEnd(at, "j"))
        elif move == "foreign":
            # What others take is seen in the same moment: nobody can promise for them.
            room = usable - sum(max(job.requested, job.used) for job in jobs)
            foreign = room * amount // 150
            read(found, jobs, foreign, at)


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=25))
def test_no_job_loses_what_it_was_promised(steps: list[tuple[str, int, int]]) -> None:
    simulate(steps)


@pytest.mark.long
@settings(max_examples=100_000, deadline=None)
@given(st.lists(moves, max_size=25))
def test_no_job_loses_what_it_was_promised_in_100_000_histories(
    steps: list[tuple[str, int, int]],
) -> None:
    simulate(steps)


# -- the instances ---------------------------------------------------------------------------------


def test_a_gpu_full_of_memory_that_nobody_shows_is_not_chosen() -> None:
    full, empty = gpu(hidden=78 * GB), gpu(index=1)
    found = pool(full, empty)
    allocation = found.take(request(num_gpus=1))
    assert allocation is not None
    assert allocation.gpus[0].uuid == "GPU-1"
    assert kinds(found, request(num_gpus=1)) == [Kind.GPU_HIDDEN, Kind.GPUS_HELD]


def test_a_job_above_its_request_takes_nothing_from_another() -> None:
    found = pool(gpu())
    a, b = found.take(request(gpu_memory=10 * GB)), found.take(request(gpu_memory=20 * GB))
    assert a is not None
    assert b is not None
    reading = gpu(process(4, 30 * GB, own=True, leader=4))
    found.update([reading], [(Tenant(4, 1), a), (Tenant(5, 1), b)], 2.0)
    assert found.take(request(gpu_memory=45 * GB)) is None
    assert found.take(request(gpu_memory=28 * GB)) is not None


def test_a_share_reserves_its_share_of_the_memory() -> None:
    found = pool(gpu())
    assert found.take(request(num_gpus=0.5)) is not None
    assert found.take(request(gpu_memory=40 * GB)) is None
    assert found.take(request(num_gpus=0.5)) is not None, "beside a small use of others"


def test_headroom_is_kept_for_each_job() -> None:
    found = pool(gpu())
    assert found.take(request(gpu_memory=40 * GB)) is not None
    assert found.take(request(gpu_memory=40 * GB)) is None
    assert pool(gpu(), headroom=0).take(request(gpu_memory=40 * GB)) is not None


@pytest.mark.parametrize(
    ("total", "wanted"), [(15, 16), (22.5, 24), (23.99, 24), (79.6, 80), (80, 80)]
)
def test_nearly_all_means_all(total: float, wanted: int) -> None:
    size = int(total * GB)
    found = pool(gpu(memory=size, memory_free=size))
    assert never(request(gpu_memory=wanted * GB), machine(found)) == ()
    assert found.take(request(gpu_memory=wanted * GB)) is not None


@pytest.mark.parametrize(
    "wanted",
    [
        {"gpu_memory": 24 * GB},
        {"gpu_memory": -100},
        {"num_gpus": 0.9, "gpu_memory": 24 * GB},
        {"num_gpus": 1, "gpu_memory": 24 * GB},
    ],
    ids=["memory", "per cent", "share", "whole"],
)
def test_all_of_a_gpu_beside_the_idle_use(wanted: dict[str, object]) -> None:
    """An idle GPU on which a screen or driver uses 400 MiB serves a request for all its memory."""
    size = int(23.99 * GB)
    found = pool(gpu(memory=size, memory_free=size - 400 * MIB))
    assert found.take(request(**wanted)) is not None
    assert not found.fits(request(gpu_memory=GB))
    more = pool(gpu(memory=size, memory_free=size - 900 * MIB))
    assert more.fits(request(**wanted)), "it was never used less"
    used = pool(gpu(process(7, 3 * GB), memory=size, memory_free=size - 3 * GB))
    assert not used.fits(request(**wanted))


def machine(found: Pool) -> Machine:
    gpus = tuple(state.gpu for state in found.gpu_states if state.gpu is not None)
    return Machine(hostname="here", num_cpus=1, memory=GB, gpus=gpus)


def test_per_cent_of_a_gpu() -> None:
    found = pool(gpu())
    first = found.take(request(gpu_memory=-50))
    assert first is not None
    assert first.gpus[0].memory == 40 * GB - RULES.headroom
    assert found.take(request(gpu_memory=-50)) is not None
    assert found.take(request(gpu_memory=-1)) is None


@pytest.mark.parametrize("number", [1, 3])
def test_per_cent_in_words(number: int) -> None:
    found = pool(gpu(process(7, 70 * GB)))
    [shortfall] = explain(request(num_gpus=number, gpu_memory=-50), found)
    assert "with 50 % " in sentence(shortfall.reason)


@pytest.mark.parametrize(
    ("processes", "free"),
    [
        ([process(7, 4 * MIB)], True),
        ([process(7, 512 * MIB)], True),
        ([process(7, 300 * MIB), process(8, 300 * MIB)], False),
        ([process(7, 2 * GB, graphics=True)], True),
        ([process(7, 1, own=True, leader=99)], False),
    ],
)
def test_small_processes_of_others_leave_a_gpu_free(
    processes: list[GpuProcess], free: bool
) -> None:
    assert pool(gpu(*processes)).fits(request(num_gpus=1)) is free


def test_without_lists_of_processes_memory_alone_decides() -> None:
    assert pool(gpu(lists_processes=False)).fits(request(num_gpus=1))
    assert not pool(gpu(lists_processes=False, hidden=3 * GB)).fits(request(num_gpus=1))


@pytest.mark.parametrize("wanted", [{"num_gpus": 1}, {"num_gpus": 0.5}, {"gpu_memory": GB}])
def test_a_gpu_waits_for_a_reading_after_the_end_and_for_its_memory(
    wanted: dict[str, object],
) -> None:
    found = pool(gpu())
    job = found.take(request(num_gpus=1))
    assert job is not None
    found.update([gpu(process(4, 60 * GB, own=True, leader=4))], [(Tenant(4, 2), job)], 2.0)
    found.give(job, end=JobEnd(3.0, "a"))
    again = request(**wanted)
    assert kinds(found, again) == [Kind.GPU_RETURNING]
    found.update([gpu()], [], 2.9)
    assert not found.fits(again), "the reading began before the end"
    found.update([gpu(hidden=60 * GB)], [], 4.0)
    assert kinds(found, again) == [Kind.GPU_RETURNING]
    found.update([gpu()], [], 5.0)
    assert found.fits(again)
    assert found.unreturned() == []


def test_memory_that_does_not_return_is_reported_and_counts_as_foreign() -> None:
    found = pool(gpu())
    job = found.take(request(num_gpus=1))
    assert job is not None
    found.give(job, end=JobEnd(3.0, "a"))
    for at in (10.0, 34.0, 50.0):
        found.update([gpu(hidden=60 * GB)], [], at)
    [notice] = found.unreturned()
    assert (notice.kind, notice["memory"], notice["job"]) == (Kind.GPU_UNRETURNED, 60 * GB, "a")
    assert kinds(found, request(num_gpus=1)) == [Kind.GPU_HIDDEN]
    assert found.fits(request(gpu_memory=10 * GB))


def test_unified_memory_is_one_pool_with_that_of_the_machine() -> None:
    reading = gpu(memory=64 * GB, memory_free=60 * GB, unified=True)
    found = pool(reading)
    wanted = replace(request(gpu_memory=40 * GB), memory=8 * GB)
    assert found.take(wanted) is not None
    assert found.free_memory == 64 * GB - 48 * GB - RULES.headroom
    assert found.take(wanted) is None
    assert [one.what for one in explain(wanted, found)] == ["memory", "gpu_memory"]
    assert found.fits(replace(request(), memory=8 * GB))


# -- whose process ---------------------------------------------------------------------------------


def test_a_process_that_began_after_the_only_grant_is_presumed_to_be_ours() -> None:
    found = pool(gpu())
    job = found.take(request(gpu_memory=40 * GB))
    assert job is not None
    inside = process(900, 30 * GB, since=20.0)
    found.update([gpu(inside)], [(Tenant(4, 10.0), job)], 30.0)
    [state] = found.gpu_states
    assert (state.own_used, state.foreign) == (30 * GB, ())
    assert found.fits(request(gpu_memory=38 * GB)), "not counted twice"


def theirs(found: Pool, *jobs: str, memory: int = 10 * GB) -> None:
    """Let jobs of anna in another database hold memory of GPU 0 since 10.0."""
    for job in jobs:
        held = Allocation(gpus=(GpuGrant("GPU-0", 0, memory),))
        found.hold(held, other=True, owner=GrantOwner("anna", job, 10.0))


@pytest.mark.parametrize("since", [11.0, 9.98], ids=["later", "ticks"])
def test_a_job_of_another_database_counts_once(since: float) -> None:
    """The start of a process is known in ticks of the kernel only."""
    found = pool(gpu())
    theirs(found, "a", "b")
    used = [process(7, 8 * GB, user="anna", since=since), process(8, GB, user="anna", since=12.0)]
    found.update([gpu(*used)], [], 13.0)
    [state] = found.gpu_states
    assert state.memory_available == TOTAL - 2 * (10 * GB + RULES.headroom)
    assert [one.used for one in state.claims] == [8 * GB, GB]
    assert (state.own_used, state.others_used, state.foreign) == (0, 9 * GB, ())


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "bert", "since": 11.0},
        {"user": "anna", "since": 9.0},
        {"user": "anna", "since": 11.0, "graphics": True},
        {"user": "", "since": 11.0},
    ],
    ids=["other user", "before", "draws", "unknown"],
)
def test_other_programs_beside_a_job_of_another_database(fields: dict[str, object]) -> None:
    found = pool(gpu())
    theirs(found, "a")
    found.update([gpu(process(7, 8 * GB, **fields))], [], 13.0)
    [state] = found.gpu_states
    assert [one.pid for one in state.foreign] == [7]
    assert state.memory_available == TOTAL - 8 * GB - 10 * GB - RULES.headroom


@pytest.mark.parametrize(
    ("since", "grants"), [(5.0, 1), (20.0, 2), (0.0, 1)], ids=["before", "two", "unknown"]
)
def test_other_processes_are_not_presumed_to_be_ours(since: float, grants: int) -> None:
    found = pool(gpu())
    jobs = [found.take(request(gpu_memory=10 * GB)) for _ in range(grants)]
    tenants = [(Tenant(4 + n, 10.0), job) for n, job in enumerate(jobs) if job is not None]
    found.update([gpu(process(900, 5 * GB, since=since))], tenants, 30.0)
    [state] = found.gpu_states
    assert [one.pid for one in state.foreign] == [900]


def test_our_process_on_a_gpu_that_it_was_not_given_is_foreign_there() -> None:
    first, second = gpu(), gpu(index=1)
    found = pool(first, second)
    job = found.take(request(num_gpus=1))
    assert job is not None
    wrong = process(4, GB, own=True, leader=4)
    there = 1 - int(job.gpus[0].uuid[-1])
    found.update([gpu(wrong, index=there), gpu(index=1 - there)], [(Tenant(4, 1), job)], 2.0)
    state = next(one for one in found.gpu_states if one.gpu and one.gpu.index == there)
    assert (state.strays, state.own_used) == ((wrong,), 0)
    assert not found.fits(request(num_gpus=1))


def test_who_holds_a_gpu_and_for_how_long_without_work() -> None:
    notebook = process(4711, 48 * GB, name="python", user="anna", idle=3 * 3600.0)
    [shortfall] = explain(request(num_gpus=1), pool(gpu(notebook)))
    assert sentence(shortfall.reason) == (
        "needs 1 GPU, 0 free: GPU 0 is in use (pid 4711 python of anna, 48 GiB, 0 % for 3 h)"
    )
