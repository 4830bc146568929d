"""What ready jobs lack, on both databases: by what all runners of a host hold, and by the best
runner of a workflow."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from torc_tui.model import Allocation, Gpu, GpuGrant, GpuProcess, Machine
from torc_tui.operations import workflows as operations
from torc_tui.operations.job_facts import JobFacts
from torc_tui.operations.machine_state import MachineState
from torc_tui.operations.request_lacks import request_lacks
from torc_tui.plan.resolve import resolve
from torc_tui.store import compute_nodes, ready_jobs, runner_liveness, scheduling, workflows
from torc_tui.store.database import Store
from torc_tui.views import why
from torc_tui.wording import sentence
from torc_tui.workflow_file.load import loads

GB = 1 << 30
SPEC = """
name: gpus
jobs:
  - {name: small, command: 'true', resource_requirements: small}
  - {name: gpu, command: 'true', resource_requirements: gpu}
  - {name: half, command: 'true', resource_requirements: half}
resource_requirements:
  - {name: small, num_cpus: 2, memory: 1g, runtime: PT1H}
  - {name: gpu, num_cpus: 1, num_gpus: 1, memory: 1g, runtime: PT1H}
  - {name: half, num_cpus: 1, gpu_memory: 40g, memory: 1g, runtime: PT1H}
"""


def gpu(index: int, used: int = 0, *processes: GpuProcess) -> Gpu:
    free = (80 - used) * GB
    return Gpu(
        uuid=f"GPU-{index}", index=index, memory=80 * GB, memory_free=free, processes=processes
    )


@pytest.fixture
def workflow(store: Store, tmp_path: Path) -> int:
    plan = resolve(loads(SPEC, format="yaml"))
    made = operations.create_workflow(
        store, plan, user="ann", directory=str(tmp_path), actor="ann@bench"
    )
    operations.initialize(store, made)
    return made


def join(store: Store, workflow: int, hostname: str, machine: Machine, **options: int | str) -> int:
    here = compute_nodes.MachineProcess(hostname=hostname, boot_id="b", pid=7, started=1)
    with store.write() as conn:
        return compute_nodes.register(conn, workflow, 1, here, machine, options, 1.0)[0]


def claim(store: Store, workflow: int, node: int, name: str, allocation: Allocation) -> None:
    job = next(job for job in workflows.snapshot(store, workflow).jobs if job.name == name)
    with store.write() as conn:
        ready = next(
            one
            for of in [ready_jobs.ReadyOf(workflow, now=1.0)]
            for kind in ready_jobs.ready_classes(conn, of)
            for one in ready_jobs.ready_jobs(conn, of, kind, 10)
            if one.id == job.id
        )
        scheduling.claim(conn, node, 1, "out", [(ready, scheduling.encode_allocation(allocation))])


class Texts(NamedTuple):
    """A `Lack` in words."""

    now: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


def lacks(store: Store, workflow: int, host: MachineState) -> dict[str, Texts]:
    with store.read() as conn:
        wanted = workflows.read_requirements(conn, workflow)
    found = request_lacks(store, workflow, wanted, host)
    return {
        wanted[key].name: Texts(tuple(map(sentence, lack.now)), tuple(map(sentence, lack.never)))
        for key, lack in found.lacks.items()
        if wanted[key].memory
    }


def host_of(store: Store, hostname: str, *gpus: Gpu) -> MachineState:
    machine = Machine(hostname=hostname, num_cpus=4, memory=8 * GB, gpus=gpus)
    held = runner_liveness.holdings(store, hostname)
    return MachineState(at=2.0, machine=machine, holdings=held, location=hostname)


def test_use_by_others_counts(store: Store, workflow: int) -> None:
    machine = Machine(hostname="box", num_cpus=4, memory=8 * GB, gpus=(gpu(0), gpu(1)))
    node = join(store, workflow, "box", machine)
    python = GpuProcess(pid=4711, name="python", memory=50 * GB)
    claim(store, workflow, node, "small", Allocation(3, GB, (GpuGrant("GPU-0", 1000, 0),)))
    host = host_of(store, "box", gpu(0), gpu(1, 50, python))
    assert lacks(store, workflow, host) == {
        "small": Texts(("needs 2 CPUs, 1 free",)),
        "gpu": Texts(
            (
                "needs 1 GPU, 0 free: GPU 1 is in use (pid 4711 python, 50 GiB); GPU 0 is held by another job",
            )
        ),
        "half": Texts(
            (
                "GPU 1 has 30 GiB of 80 GiB free (pid 4711 python, 50 GiB), 40.5 GiB requested;"
                " GPU 0 is held by another job",
            )
        ),
    }  # fmt: skip
    assert [(one.job_name, one.user, one.allocation.num_cpus) for one in host.holdings] == [
        ("small", "ann", 3)
    ]
    # A GPU that does not answer is not there.
    assert lacks(store, workflow, host_of(store, "box", gpu(0)))["gpu"].now == (
        "needs 1 GPU, 0 free: GPU 0 is held by another job",
    )


def test_the_policy_of_the_runner_counts(store: Store, workflow: int) -> None:
    machine = Machine(hostname="box", num_cpus=4, memory=8 * GB, gpus=(gpu(0),))
    join(store, workflow, "box", machine, gpu_foreign="ignore")
    host = host_of(store, "box", gpu(0, 50, GpuProcess(pid=4711, name="python", memory=50 * GB)))
    assert lacks(store, workflow, host)["gpu"] == Texts()


def test_the_best_runner_counts(store: Store, workflow: int) -> None:
    join(store, workflow, "box", Machine(hostname="box", num_cpus=1, memory=8 * GB))
    host = host_of(store, "box")
    assert lacks(store, workflow, host)["small"] == Texts((), ("needs 2 CPUs, machine has 1",))
    assert lacks(store, workflow, host)["gpu"] == Texts((), ("needs 1 GPU, machine has 0",))
    join(
        store, workflow, "far", Machine(hostname="far", num_cpus=64, memory=8 * GB, gpus=(gpu(0),))
    )
    assert lacks(store, workflow, host) == {"small": Texts(), "gpu": Texts(), "half": Texts()}


def test_limit_of_parallel_jobs(store: Store, workflow: int) -> None:
    machine = Machine(hostname="box", num_cpus=4, memory=8 * GB)
    node = join(store, workflow, "box", machine, max_parallel_jobs=1)
    claim(store, workflow, node, "gpu", Allocation(1, GB))
    found = lacks(store, workflow, host_of(store, "box"))["small"]
    assert found == Texts(("1 job is running, the limit is 1 (--max-parallel-jobs)",))


def test_without_a_runner(store: Store, workflow: int) -> None:
    facts = JobFacts(store, workflow)
    job = next(job for job in workflows.snapshot(store, workflow).jobs if job.name == "small")
    found = facts.of(job.id)
    assert found is not None
    assert found.runners == 0
    assert "no runner" in why.lines(why.explain(job.id, facts.of))[-1]
