"""The allocation of a process, read from environments as Slurm sets them."""

from __future__ import annotations

import pytest

from torc_tui.clusters.inside import ClusterAllocation, read_allocation

BATCH = {
    "SLURMD_NODENAME": "n1",
    "SLURM_CLUSTER_NAME": "private",
    "SLURM_CPUS_ON_NODE": "1",
    "SLURM_JOBID": "1",
    "SLURM_JOB_ID": "1",
    "SLURM_JOB_NODELIST": "n1",
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_MEM_PER_NODE": "500",
    "SLURM_NNODES": "1",
    "SLURM_NODEID": "0",
    "SLURM_SUBMIT_HOST": "vm",
}
FOUR_NODES = {
    **BATCH,
    "SLURMD_NODENAME": "n3",
    "SLURM_JOB_ID": "2",
    "SLURM_JOB_NODELIST": "n[1-4]",
    "SLURM_JOB_NUM_NODES": "4",
    "SLURM_NNODES": "4",
    "SLURM_NODEID": "2",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "n[1-4]",
    "SLURM_STEP_NUM_NODES": "4",
}
ARRAY = {**BATCH, "SLURM_JOB_ID": "4", "SLURM_ARRAY_JOB_ID": "3", "SLURM_ARRAY_TASK_ID": "1"}
ALONE = ClusterAllocation(
    engine="slurm",
    cluster="private",
    native_id="1",
    restart=0,
    node_name="n1",
    node_rank=0,
    nodes=1,
    cpus=1,
    memory=500 << 20,
    gpu_numbers=None,
    ends_at=None,
)
ON_THIRD = ALONE._replace(native_id="2", node_name="n3", node_rank=2, nodes=4)


def without(environ: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in names}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param(BATCH, ALONE, id="sbatch"),
        pytest.param(
            {**BATCH, "SLURM_STEP_ID": "0", "SLURM_NTASKS": "1"}, ALONE, id="srun in sbatch"
        ),
        pytest.param(FOUR_NODES, ON_THIRD, id="srun on four nodes"),
        pytest.param(without(FOUR_NODES, "SLURM_JOB_NUM_NODES"), ON_THIRD, id="only SLURM_NNODES"),
        pytest.param(ARRAY, ALONE._replace(native_id="4"), id="task of an array"),
        pytest.param(
            {**BATCH, "SLURM_RESTART_COUNT": "2"}, ALONE._replace(restart=2), id="requeued twice"
        ),
        pytest.param(
            {**BATCH, "SLURM_JOB_END_TIME": "1795921800"},
            ALONE._replace(ends_at=1795921800),
            id="end in the environment",
        ),
        pytest.param(
            {**BATCH, "SLURM_JOB_GPUS": "1,3"}, ALONE._replace(gpu_numbers=(1, 3)), id="GPUs"
        ),
        pytest.param(
            {**BATCH, "SLURM_JOB_GPUS": "0-3", "SLURM_STEP_GPUS": "2-3"},
            ALONE._replace(gpu_numbers=(2, 3)),
            id="GPUs of the step",
        ),
        pytest.param(
            {
                **without(BATCH, "SLURM_MEM_PER_NODE"),
                "SLURM_MEM_PER_CPU": "200",
                "SLURM_CPUS_ON_NODE": "4",
            },
            ALONE._replace(cpus=4, memory=800 << 20),
            id="memory by CPU",
        ),
        pytest.param(
            {**BATCH, "SLURM_MEM_PER_NODE": "0"}, ALONE._replace(memory=None), id="all memory"
        ),
        pytest.param(
            without(BATCH, "SLURM_CLUSTER_NAME"), ALONE._replace(cluster=""), id="unnamed cluster"
        ),
        pytest.param(
            {
                **BATCH,
                "SLURM_RESTART_COUNT": "-1",
                "SLURM_NODEID": "(null)",
                "SLURM_JOB_NUM_NODES": "9" * 5000,
                "SLURM_CPUS_ON_NODE": "2(x4)",
                "SLURM_MEM_PER_NODE": "4G",
                "SLURM_JOB_GPUS": "gpu:a100:2",
                "SLURM_JOB_END_TIME": "2026-11-29T03:10:00",
            },
            ALONE._replace(cpus=None, memory=None),
            id="garbage",
        ),
        pytest.param({**BATCH, "SLURM_JOB_END_TIME": "0"}, ALONE, id="no end"),
        pytest.param({}, None, id="no Slurm"),
        pytest.param(without(BATCH, "SLURMD_NODENAME"), None, id="salloc on the login node"),
        pytest.param({**BATCH, "SLURMD_NODENAME": " "}, None, id="blank node"),
        pytest.param(without(BATCH, "SLURM_JOB_ID"), None, id="no job"),
        pytest.param({**BATCH, "SLURM_JOB_ID": "x"}, None, id="garbage job"),
        pytest.param({**BATCH, "SLURM_JOB_ID": "²"}, None, id="superscript job"),
    ],
)
def test_environments(environ: dict[str, str], expected: ClusterAllocation | None) -> None:
    assert read_allocation(environ) == expected


@pytest.mark.parametrize(
    ("node_name", "hostname", "expected"),
    [
        ("n1", "n1", "slurm:private:1"),
        ("n1", "n1.site.org", "slurm:private:1"),
        ("n1", "vm", "slurm:private:1:n1"),
        ("n2", "vm", "slurm:private:1:n2"),
    ],
)
def test_names(node_name: str, hostname: str, expected: str) -> None:
    assert ALONE._replace(node_name=node_name).name_on(hostname) == expected
