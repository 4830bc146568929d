"""The private cluster of the tests itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster import SlurmCluster
from tests.waiting import wait_for

pytestmark = pytest.mark.slurm


def test_nodes(slurm: SlurmCluster, tmp_path: Path) -> None:
    """Each node has a name and a boot id of its own, and a script is told its GPU."""
    command = "echo $(hostname) $(cat /proc/sys/kernel/random/boot_id) $SLURM_JOB_GPUS"
    first = slurm.sbatch(command, "-w", "n1", "--gres=gpu:1", cwd=tmp_path)
    second = slurm.sbatch(command, "-w", "n2", cwd=tmp_path)
    assert set(slurm.wait_for_ends(first, second).values()) == {"COMPLETED"}
    one = (tmp_path / f"slurm-{first}.out").read_text().split()
    two = (tmp_path / f"slurm-{second}.out").read_text().split()
    assert (one[0], two[0], one[2:], two[2:]) == ("n1", "n2", ["0"], [])
    assert one[1] != two[1]


@pytest.mark.long
def test_lost_node(slurm: SlurmCluster, tmp_path: Path) -> None:
    """A node that is killed ends its allocation, and nothing that ran there survives."""
    script = "while touch alive; do sleep 0.1; done"
    native_id = slurm.sbatch(script, "-w", "n3", "--no-requeue", cwd=tmp_path)
    wait_for((tmp_path / "alive").exists, "the script runs")
    slurm.kill_node(3)
    (tmp_path / "alive").unlink(missing_ok=True)
    assert slurm.wait_for_ends(native_id) == {native_id: "NODE_FAIL"}
    assert not (tmp_path / "alive").exists()
