"""Submitting to a cluster, with stand-ins of the commands of Slurm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

FILE = "{jobs: [{name: a, command: x, resource_requirements: r}], resource_requirements: [{name: r, num_cpus: 1, memory: 1g, runtime: PT1M}]}"
REASON = "Invalid account or account/partition combination specified"
COMMANDS = {
    "sinfo": "echo 'main*|up|infinite|4|2|4000|(null)'; echo 'big|up|1:00:00|1|8|9000|gpu:2'",
    "squeue": "cat $PLACE/queue 2>/dev/null; true",
    "scancel": "echo $@ >> $PLACE/canceled",
    "scontrol": "echo 'ClusterName             = fake'",
    "sacct": "exit 1",
    "sbatch": "cat > $PLACE/script; echo '7|PENDING|N/A|N/A||x|Priority' > $PLACE/queue; echo 7",
}


@pytest.fixture
def cluster(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put commands of Slurm on PATH that answer from files; return their directory."""
    folder = place / "bin"
    folder.mkdir()
    for name, script in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/bash\nPLACE={place}\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    (place / "w.yaml").write_text(FILE)
    return folder


def test_without_a_cluster(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    (place / "w.yaml").write_text(FILE)
    answer = torc("submit", "w.yaml")
    assert answer.code == 2 and "sbatch is not on PATH" in answer.err
    assert torc("hpc", "partitions").code == 2


def test_preview_changes_nothing(torc: Any, place: Path, cluster: Path) -> None:
    for words in (("slurm", "preview", "w.yaml"), ("submit", "w.yaml", "--dry-run")):
        answer = torc(*words)
        assert answer.code == 0, answer.err
        assert (
            "1 allocation of 1 node, 1 CPU each, 1.25 GiB for 5 min in partition main" in answer.out
        )
    assert torc("workflows", "list", "-f", "json").json == []
    assert torc("submit", "w.yaml", "--dry-run", "-f", "json").json["node_hours"] == 300 / 3600


def test_submit_and_look(torc: Any, place: Path, cluster: Path) -> None:
    answer = torc("submit", "w.yaml", "--no-watch", "--account", "x")
    assert answer.code == 0, answer.err
    assert "Submitted workflow 1: 1 allocation requested (Slurm job 7)" in answer.out
    assert "#SBATCH --account=x" in (place / "script").read_text()
    [row] = torc("slurm", "status", "1", "-f", "json").json
    assert (row["state"], row["native_id"], row["reason"]) == ("queued", "7", "Priority")
    assert torc("slurm", "script", row["id"]).out == (place / "script").read_text()
    again = torc("submit", "w.yaml")
    assert again.code == 2 and "already submitted: workflow 1" in again.err
    answer = torc("cancel", "1", "-f", "json")
    assert answer.json["canceled_slurm_jobs"] == 1
    assert (place / "canceled").read_text() == "7\n"


def test_refused_account(torc: Any, place: Path, cluster: Path) -> None:
    (cluster / "sbatch").write_text(
        f"#!/bin/bash\necho 'sbatch: error: Batch job submission failed: {REASON}' >&2; exit 1\n"
    )
    answer = torc("submit", "w.yaml")
    assert answer.code == 2 and f"Slurm refused the request: {REASON}" in answer.err
    assert "name an account with --account" in answer.err


def test_job_that_fits_nowhere(torc: Any, place: Path, cluster: Path) -> None:
    (place / "w.yaml").write_text(FILE.replace("1g", "900g"))
    answer = torc("slurm", "preview", "w.yaml")
    assert answer.code == 3
    expected = "1 job with the requirements 'r' fits no partition: needs 900 GiB"
    assert expected in answer.out


def test_partitions(torc: Any, place: Path, cluster: Path) -> None:
    rows = torc("hpc", "partitions", "-f", "json").json
    assert [row["name"] for row in rows] == ["main", "big"]
    assert [row["name"] for row in torc("hpc", "partitions", "--gpu", "-f", "json").json] == ["big"]
    answer = torc("submit", "w.yaml", "--partition", "nosuch")
    assert answer.code == 2 and "the partitions are main and big" in answer.err


def test_groups_are_paused_and_resumed(torc: Any, place: Path, cluster: Path) -> None:
    torc("submit", "w.yaml", "--no-watch")
    assert torc("slurm", "pause", "1", "mian").code == 2
    assert "Paused queue group main" in torc("slurm", "pause", "1", "main").out
    assert "queue group 'main' is paused" in torc("slurm", "status", "1").err
    assert torc("slurm", "resume", "1").code == 0
    assert "paused" not in torc("slurm", "status", "1").err


def test_wait_knows_of_allocations(torc: Any, place: Path, cluster: Path) -> None:
    torc("create", "w.yaml")
    torc("init", "1")
    missing = "workflow 1 has no active runner"
    assert missing in torc("wait", "1", "--timeout", "0.1").err
    torc("submit", "1", "--no-watch")
    assert missing not in torc("wait", "1", "--timeout", "0.1").err
