"""What proves that the allocation of a runner is over, by a stand-in for Slurm's commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torc_tui.clusters.allocation_ends import Loss, failed_nodes, find_lost, queue_states
from torc_tui.clusters.base import ClusterSilent
from torc_tui.clusters.inside import ClusterAllocation
from torc_tui.resources.allocation_states import AllocationState

HERE = ClusterAllocation("slurm", "c", "7", 0, "n1", 0, 1, 2, None, None, None, os.getuid())
THERE = HERE._replace(native_id="8", node_name="n2")
WIDE = THERE._replace(nodes=2)
ENDED = Loss.ALLOCATION_ENDED


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a directory first on PATH, in which a test writes commands."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)


def lost(folder: Path, lines: str, recorded: ClusterAllocation = THERE) -> Loss | None:
    command(folder, "squeue", f"echo '7 RUNNING 0'; echo '{lines}'")
    return find_lost({2: recorded}, HERE).get(2)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("8 RUNNING 0", None, id="running"),
        pytest.param("8 COMPLETING 0", None, id="completing"),
        pytest.param("8 SUSPENDED 0", None, id="suspended"),
        pytest.param("8 NEW_STATE 0", None, id="unknown state"),
        pytest.param("8 COMPLETED 0", ENDED, id="completed"),
        pytest.param("8 CANCELLED 0", ENDED, id="canceled"),
        pytest.param("8 TIMEOUT 0", ENDED, id="walltime"),
        pytest.param("8 PREEMPTED 0", ENDED, id="preempted"),
        pytest.param("8 NODE_FAIL 0", ENDED, id="node failed"),
        pytest.param("8 OUT_OF_MEMORY 0", ENDED, id="out of memory"),
        pytest.param("8 PENDING 1", ENDED, id="requeued"),
        pytest.param("8 REQUEUED 0", ENDED, id="being requeued"),
        pytest.param("8 RUNNING 1", ENDED, id="started again"),
        pytest.param("88 RUNNING 0", ENDED, id="not listed"),
        pytest.param("Notice: 8 jobs", ENDED, id="notice of the site"),
    ],
)
def test_states(slurm: Path, line: str, expected: Loss | None) -> None:
    assert lost(slurm, line) == expected


def test_of_another_user(slurm: Path) -> None:
    """Slurm may hide the allocations of others: one that is not listed may be running."""
    other = THERE._replace(user_id=os.getuid() + 1)
    assert lost(slurm, "", other) is None
    assert lost(slurm, "", THERE._replace(user_id=None)) is None
    assert lost(slurm, "8 FAILED 0", other) is ENDED


def test_of_another_cluster(slurm: Path) -> None:
    command(slurm, "squeue", "exit 9")
    assert find_lost({2: THERE._replace(cluster="d")}, HERE) == {}
    assert find_lost({2: THERE._replace(cluster="")}, HERE._replace(cluster="")) == {}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo '8 COMPLETED 0'", id="own not listed"),
        pytest.param("true", id="nothing"),
        pytest.param(
            "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2;"
            " exit 1",
            id="controller away",
        ),
        pytest.param("echo '7 RUNNING 0'; exit 1", id="failure"),
        pytest.param("exit 127", id="no squeue"),
    ],
)
def test_no_answer(slurm: Path, script: str) -> None:
    command(slurm, "squeue", script)
    with pytest.raises(ClusterSilent):
        find_lost({2: THERE}, HERE)


def test_outside(slurm: Path) -> None:
    """Outside of an allocation, the name of the cluster is asked first."""
    command(slurm, "scontrol", "echo 'ClusterName             = c'")
    command(slurm, "squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert find_lost({2: THERE}, None) == {2: ENDED}
    command(slurm, "scontrol", "echo 'ClusterName             = d'")
    assert find_lost({2: THERE}, None) == {}
    command(slurm, "scontrol", "exit 1")
    assert find_lost({2: THERE}, None) == {}


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("n2|down*", Loss.NODE_DOWN),
        ("n2|down", Loss.NODE_DOWN),
        ("n2|allocated", None),
        ("n2|mixed*", None),
        ("n2|drained", None),
        ("n3|down*", None),
        ("", None),
    ],
)
def test_nodes(slurm: Path, nodes: str, expected: Loss | None) -> None:
    """An allocation of several nodes goes on when one of them fails."""
    command(slurm, "sinfo", f"echo '{nodes}'")
    assert lost(slurm, "8 RUNNING 0", WIDE) is expected
    assert lost(slurm, "8 RUNNING 0", THERE) is None
    command(slurm, "sinfo", f"echo '{nodes}'; exit 1")
    assert lost(slurm, "8 RUNNING 0", WIDE) is None


def test_recorded_output() -> None:
    lines = [
        "1                   COMPLETED           0                   ",
        "20                  COMPLETING          1                   ",
        "squeue: warning: x",
        "",
        "21_[3-9]            PENDING             0                   ",
    ]
    found = queue_states(lines)
    assert found == {"1": (AllocationState.ENDED, 0), "20": (AllocationState.RUNNING, 1)}
    assert list(failed_nodes(["n1|idle", "n2|down*", "n3|down$", "n4", "n5|mixed"])) == ["n2", "n3"]
