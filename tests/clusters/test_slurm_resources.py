"""What runners and jobs get in allocations of a real Slurm: GPUs, memory, variables."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.clusters.conftest import Site, job, workflow
from tests.gpu.fake_nvml import FakeGpu, FakeNvml, NoCompiler, compile_library

pytestmark = pytest.mark.slurm

TAKE_GPU = """
mkdir held-$(hostname)-$CUDA_VISIBLE_DEVICES || echo taken twice >> trouble
echo $SLURM_JOB_ID $SLURM_JOB_GPUS $CUDA_VISIBLE_DEVICES >> gpus
sleep 1
rmdir held-$(hostname)-$CUDA_VISIBLE_DEVICES
"""


def test_gpus(site: Site) -> None:
    """Jobs get the GPUs that Slurm has granted, by its numbers, and none twice at a time."""
    gpu = [{"name": f"g{n}", "command": TAKE_GPU, "resource_requirements": "g"} for n in range(10)]
    cpu = {"name": "c", "command": "echo cpu $CUDA_VISIBLE_DEVICES. >> gpus"}
    small = {"num_cpus": 1, "memory": "100m"}
    requests = [{"name": "g", "num_gpus": 1, **small}]
    number = site.create(workflow(*gpu, cpu, resource_requirements=requests))
    one = ("-w", "n1", "-c", "1", "--mem", "1000", "--gres=gpu:1")
    both = ("-w", "n2", "-c", "2", "--mem", "1000", "--gres=gpu:2")
    ids = [site.submit(number, *one), site.submit(number, *one)]
    ids.append(site.submit(number, *both, start="srun"))
    states = site.slurm.wait_for_ends(*ids)
    assert set(site.statuses().values()) == {"completed"}, [site.attempts(), site.output(ids[0])]
    assert set(states.values()) == {"COMPLETED"}
    assert site.lines("trouble") == []
    lines = [line.split() for line in site.lines("gpus")]
    assert ["cpu", "."] in lines
    used = [line for line in lines if line[0] != "cpu"]
    assert all(given in granted.split(",") for _, granted, given in used), used
    seen = {(allocation, given) for allocation, _, given in used}
    assert Counter(allocation for allocation, _ in seen) == {ids[0]: 1, ids[1]: 1, ids[2]: 2}
    assert {given for allocation, given in seen if allocation in ids[:2]} == {"0", "1"}


@pytest.mark.long
def test_memory_of_step(site: Site) -> None:
    """A runner in a step with less memory than its allocation uses what the step has."""
    request = [{"name": "r", "num_cpus": 1, "memory": "300m"}]
    jobs = [job(f"j{n}", "sleep 1", resource_requirements="r") for n in range(4)]
    number = site.create(workflow(*jobs, resource_requirements=request))
    native_id = site.submit(number, "-c", "2", "--mem", "2000", start="srun -c 2 --mem=500")
    assert site.slurm.wait_for_ends(native_id) == {native_id: "COMPLETED"}
    assert site.sql("SELECT num_cpus, memory FROM compute_node") == [(2, 500 << 20)]
    spans = site.sql("SELECT started_at, ended_at FROM result ORDER BY started_at")
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_variables(site: Site) -> None:
    """Jobs stay in the allocation and are no tasks of the step of their runner."""
    command = "env > variables; srun --overlap -N2 -n2 hostname | sort > hosts"
    number = site.create(workflow({"name": "j", "command": command}))
    options = ("-N", "2", "--ntasks-per-node=1", "-c", "2", "--mem", "1000")
    native_id = site.submit(number, *options, start="srun --ntasks-per-node=1 --wait=0")
    assert site.slurm.wait_for_ends(native_id) == {native_id: "COMPLETED"}
    assert site.statuses() == {"j": "completed"}, site.output(native_id)
    assert site.lines("hosts") == ["n1", "n2"]
    found = dict(line.partition("=")[::2] for line in site.lines("variables") if "=" in line)
    assert (found["SLURM_JOB_ID"], found["TORC_ALLOCATION"]) == (native_id, native_id)
    assert found["TORC_NODE_NAME"] in ("n1", "n2")
    of_step = ("SLURM_STEP_", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_CPU_BIND", "PMI")
    assert [name for name in found if name.startswith(of_step)] == []


@pytest.mark.long
def test_exit_code(site: Site) -> None:
    """For a requested allocation, failed jobs are no failure of the allocation."""
    number = site.create(workflow({"name": "bad", "command": "exit 3"}))
    own = site.submit(number, "-w", "n1")
    assert site.slurm.wait_for_ends(own) == {own: "FAILED"}
    site.torc("rerun", number, "--yes", check=False)
    site.torc("init", number, "--force", "-y", check=False)
    requested = site.submit(number, "-w", "n1", run="--allocation 7")
    assert site.slurm.wait_for_ends(requested) == {requested: "COMPLETED"}
    assert site.statuses() == {"bad": "failed"}
    assert site.sql("SELECT allocation_id FROM compute_node ORDER BY id") == [(None,), (7,)]


@pytest.mark.long
def test_gpus_of_driver(site: Site, tmp_path: Path) -> None:
    """A driver that sees all GPUs of the node: each runner uses those of its allocation."""
    try:
        fake = FakeNvml(tmp_path / "driver", compile_library(tmp_path / "driver"))
    except NoCompiler as reason:
        pytest.skip(str(reason))
    fake.gpus = [FakeGpu("GPU-00000000-zero"), FakeGpu("GPU-11111111-one")]
    fake.write()
    gpu = [{"name": f"g{n}", "command": TAKE_GPU, "resource_requirements": "g"} for n in range(6)]
    requests = [{"name": "g", "num_gpus": 1, "num_cpus": 1, "memory": "100m"}]
    number = site.create(workflow(*gpu, resource_requirements=requests))
    environ = f"env LD_LIBRARY_PATH={fake.library.parent} FAKE_NVML_STATE={fake.state}"
    one = ("-w", "n1", "-c", "1", "--mem", "1000", "--gres=gpu:1")
    ids = [site.submit(number, *one, start=environ) for _ in range(2)]
    site.slurm.wait_for_ends(*ids)
    assert set(site.statuses().values()) == {"completed"}, site.output(ids[0])
    assert site.lines("trouble") == []
    seen = {tuple(line.split()[1:]) for line in site.lines("gpus")}
    assert seen == {("0", "GPU-00000000-zero"), ("1", "GPU-11111111-one")}
