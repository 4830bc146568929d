"""Environments as Slurm 22.05 has set them, recorded on a cluster of 4 nodes with 2 CPUs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from torc_tui.clusters.inside import job_environment, read_allocation

RECORDED: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("environments.json").read_text()
)
EXPECTED = {
    # id, node, rank, nodes, restart, CPUs, MiB, GPUs
    "array_1": ("17", "n1", 0, 1, 0, 1, 2000, None),
    "array_2": ("10", "n2", 0, 1, 0, 1, 2000, None),
    "gpu1": ("11", "n3", 0, 1, 0, 1, 2000, (0,)),
    "gpu1_srun": ("14", "n3", 0, 1, 0, 1, 2000, (1,)),
    "gpu2": ("13", "n1", 0, 1, 0, 2, 4000, (0, 1)),
    "gpu2_srun": ("15", "n2", 0, 1, 0, 2, 4000, (0, 1)),
    "gpu_step_a": ("12", "n4", 0, 1, 0, 1, 2000, (1,)),
    "gpu_step_b": ("12", "n4", 0, 1, 0, 1, 2000, (0,)),
    "requeued": ("20", "n1", 0, 1, 1, 1, 2000, None),
    "sbatch_c1_mem": ("2", "n1", 0, 1, 0, 1, 500, None),
    "sbatch_exclusive": ("7", "n2", 0, 1, 0, 2, 4000, (0, 1)),
    "sbatch_mem0": ("8", "n3", 0, 1, 0, 2, None, (0, 1)),
    "sbatch_mem_per_cpu": ("3", "n2", 0, 1, 0, 2, 600, None),
    "sbatch_plain": ("1", "n1", 0, 1, 0, 1, 2000, None),
    "srun_2nodes_0": ("9", "n1", 0, 2, 0, 1, 2000, None),
    "srun_2nodes_1": ("9", "n2", 1, 2, 0, 1, 2000, None),
    "srun_direct": ("18", "n1", 0, 1, 0, 1, None, None),
    "srun_in_sbatch": ("4", "n3", 0, 1, 0, 2, 1000, None),
    "srun_mem500": ("5", "n4", 0, 1, 0, 2, 1000, None),
    "srun_mem_per_cpu": ("6", "n1", 0, 1, 0, 2, 1000, None),
    "time2": ("16", "n3", 0, 1, 0, 1, 2000, None),
}
KEPT = ("SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_TASKS_PER_NODE", "SLURM_STEP_GPUS")


@pytest.mark.parametrize("name", EXPECTED)
def test_allocation(name: str) -> None:
    found = read_allocation(RECORDED[name])
    assert found is not None
    memory = None if found.memory is None else found.memory >> 20
    place = (found.native_id, found.node_name, found.node_rank, found.nodes, found.restart)
    assert (*place, found.cpus, memory, found.gpu_numbers) == EXPECTED[name]
    assert (found.engine, found.cluster, found.user_id) == ("slurm", "private", 0)


def test_login_node() -> None:
    """The shell of salloc runs on the login node."""
    assert read_allocation(RECORDED["salloc_shell"]) is None
    assert len(RECORDED) == len(EXPECTED) + 1


@pytest.mark.parametrize("name", EXPECTED)
def test_inherited_by_jobs(name: str) -> None:
    """Jobs are in the allocation, and are no tasks of the runner's step."""
    recorded = RECORDED[name]
    found = job_environment({**recorded, "HOME": "/home/ada"}, read_allocation(recorded))
    assert found["HOME"] == "/home/ada"
    assert found["TORC_ALLOCATION"] == recorded["SLURM_JOB_ID"]
    assert found["TORC_NODE_NAME"] == recorded["SLURMD_NODENAME"]
    for variable in KEPT:
        assert found.get(variable) == recorded.get(variable)
    tasks = ("NTASKS", "NPROCS", "PROCID", "LOCALID", "STEP_ID", "STEP_NODELIST", "SRUN_COMM")
    assert [one for one in found if one.removeprefix("SLURM_").startswith(tasks)] == []


def test_outside() -> None:
    """Outside of an allocation, jobs inherit everything."""
    recorded = RECORDED["salloc_shell"]
    assert job_environment(recorded, None) == recorded


def test_requeue() -> None:
    now = read_allocation(RECORDED["requeued"])
    assert now is not None
    before = now._replace(restart=0)
    assert before.is_earlier_start_of(now)
    assert not now.is_earlier_start_of(before)
    assert not now.is_earlier_start_of(now)
    assert not before._replace(native_id="21").is_earlier_start_of(now)
    assert not before._replace(cluster="other").is_earlier_start_of(now)


def test_stored() -> None:
    """What a runner stores can be read, also by a version that knows more of it."""
    now = read_allocation(RECORDED["srun_2nodes_1"])
    assert now is not None
    stored = json.loads(json.dumps(now._asdict()))
    assert type(now).from_json(stored) == now
    del stored["user_id"]
    assert type(now).from_json({**stored, "later": 1}) == now._replace(user_id=None)
