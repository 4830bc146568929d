"""The end of an allocation, reported by a stand-in for squeue with every kind of failure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torc_tui.clusters import commands, slurm

INSIDE = {"SLURM_JOB_ID": "3", "SLURMD_NODENAME": "n1"}


def squeue(folder: Path, script: str) -> dict[str, str]:
    program = folder / "squeue"
    program.write_text(f"#!/bin/bash\n{script}\n")
    program.chmod(0o755)
    return {**INSIDE, "PATH": f"{folder}:{os.environ['PATH']}"}


def end_of(environ: dict[str, str]) -> float | None:
    found = slurm.current_allocation(environ)
    assert found is not None and found.native_id == "3"
    return found.ends_at


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("echo '3|1795921800'", 1795921800, id="one"),
        pytest.param("echo '2|9'; echo '3|1795922100'; echo '4|8'", 1795922100, id="array"),
        pytest.param("echo 'Welcome | to it'; echo '3|1795922100'", 1795922100, id="banner"),
        pytest.param("echo '3|N/A'", None, id="no limit"),
        pytest.param("echo '3|2026-11-29T03:10:00'", None, id="other format"),
        pytest.param("echo '3|0'", None, id="zero"),
        pytest.param("echo '33|1795922100'", None, id="other job"),
        pytest.param("echo 'slurm_load_jobs error: Invalid job id' >&2; exit 1", None, id="gone"),
        pytest.param(r"printf '\377\n3|1795922100\n'", 1795922100, id="no text"),
        pytest.param('[ "$SLURM_TIME_FORMAT$LC_ALL" = %sC ] && echo "3|7"', 7, id="environment"),
        pytest.param('[ "$*" = "-h -j 3 -o %A|%e" ] && echo "3|7"', 7, id="arguments"),
    ],
)
def test_answers(tmp_path: Path, script: str, expected: float | None) -> None:
    assert end_of(squeue(tmp_path, script)) == expected


def test_no_squeue(tmp_path: Path) -> None:
    assert end_of({**INSIDE, "PATH": str(tmp_path)}) is None


def test_slow_squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrapper script is killed; a child that keeps its output open delays nothing."""
    monkeypatch.setattr(commands, "TIMEOUT_SECONDS", 0.2)
    environ = squeue(tmp_path, 'sleep 600 & echo $! > "${0%/*}/pid"; wait; echo "3|7"')
    assert end_of(environ) is None
    pid = tmp_path / "pid"
    if pid.exists():
        os.kill(int(pid.read_text()), 9)


def test_end_of_environment(tmp_path: Path) -> None:
    environ = squeue(tmp_path, 'touch "${0%/*}/asked"; echo "3|7"')
    assert end_of({**environ, "SLURM_JOB_END_TIME": "1795921800"}) == 1795921800
    assert not (tmp_path / "asked").exists()


def test_outside(tmp_path: Path) -> None:
    environ = squeue(tmp_path, 'touch "${0%/*}/asked"')
    del environ["SLURMD_NODENAME"]
    assert slurm.current_allocation(environ) is None
    assert not (tmp_path / "asked").exists()


STEP = "StepId=3.0 UserId=0 State=RUNNING Nodes=1 TRES={} Dist=Cyclic"


@pytest.mark.parametrize(
    ("script", "mib"),
    [
        pytest.param(f"echo '{STEP.format('cpu=2,mem=500M,node=1')}'", 500, id="one node"),
        pytest.param(f"echo '{STEP.format('cpu=4,mem=1G,node=2')}'", 512, id="two nodes"),
        pytest.param(f"echo '{STEP.format('cpu=4,mem=1.50G,node=1')}'", 1536, id="fraction"),
        pytest.param(f"echo '{STEP.format('cpu=4,mem=3G,node=1')}'", 2000, id="more"),
        pytest.param(f"echo '{STEP.format('cpu=4,node=1')}'", 2000, id="no memory"),
        pytest.param(f"echo '{STEP.format('mem=500M,node=x')}'", 2000, id="other format"),
        pytest.param("echo 'StepId=3.1 TRES=mem=5M,node=1'", 2000, id="other step"),
        pytest.param("echo Welcome; exit 1", 2000, id="failure"),
        pytest.param(
            '[ "$*" = "-o show step 3.0" ] && echo "StepId=3.0 TRES=mem=7M"', 7, id="arguments"
        ),
    ],
)
def test_memory_of_step(tmp_path: Path, script: str, mib: int) -> None:
    """The environment of a step tells the memory of the allocation, not that of the step."""
    environ = squeue(tmp_path, "true") | {"SLURM_STEP_ID": "0", "SLURM_MEM_PER_NODE": "2000"}
    (tmp_path / "squeue").rename(tmp_path / "scontrol")
    (tmp_path / "scontrol").write_text(f"#!/bin/bash\n{script}\n")
    found = slurm.current_allocation(environ)
    assert found is not None and found.memory == mib << 20
