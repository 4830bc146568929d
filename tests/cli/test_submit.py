"""Submitting to a cluster, with stand-ins of the commands of Slurm."""

from __future__ import annotations

import json
import time
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
    answer = torc("submit", "w.yaml", "--no-watch")
    assert answer.code == 3 and answer.err.count("needs 900 GiB") == 1
    assert "Workflow 1 was submitted, and no allocation was requested" in answer.out


def test_database_that_a_node_does_not_see(torc: Any, place: Path) -> None:
    answer = torc("run", "1", "--allocation", "1", "--database", "elsewhere.db")
    assert answer.code in (1, 2) and "does not see the database" in answer.err


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


def started(place: Path, word: str) -> None:
    """Let the allocation have started 100 s ago, and end now."""
    now = int(time.time())
    (place / "queue").write_text(f"7|{word}|{now - 100}|{now}|n1|x|None\n")


def test_usage_without_accounting(torc: Any, place: Path, cluster: Path) -> None:
    torc("submit", "w.yaml", "--no-watch")
    started(place, "COMPLETED")
    torc("slurm", "status", "1")
    answer = torc("slurm", "usage", "1", "-f", "json").json
    [one] = answer["allocations"]
    assert (one["native_id"], one["elapsed"], one["source"]) == ("7", 100.0, "torc")
    assert answer["total"]["idle_share"] == 1.0
    answer = torc("slurm", "usage", "1")
    assert "0.03 node hours, 0.03 CPU hours, 100 % not held by any job" in answer.out
    answer = torc("slurm", "sacct", "1")
    assert answer.code == 2 and "`torc slurm usage` shows" in answer.err


def test_usage_by_the_accounting(torc: Any, place: Path, cluster: Path) -> None:
    row = "7|torc-wf1|COMPLETED|0:0|200|2|1|00:50.0|100K|cpu=2,mem=1M,node=1|n1"
    (cluster / "sacct").write_text(f"#!/bin/bash\necho '{row}'\n")
    torc("submit", "w.yaml", "--no-watch")
    started(place, "COMPLETED")
    torc("slurm", "status", "1")
    [one] = torc("slurm", "usage", "1", "-f", "json").json["allocations"]
    assert (one["elapsed"], one["cpus"], one["source"]) == (200.0, 2, "accounting")
    assert one["cpu_efficiency"] == 0.125
    [record] = torc("slurm", "sacct", "1", "-f", "json").json
    assert (record["id"], record["cpu_time"], record["memory"]) == ("7", 50.0, 1 << 20)
    torc("slurm", "sacct", "1", "--save-json", "-o", "out")
    assert json.loads((place / "out/sacct_wf1.json").read_text()) == [record]


def test_accounting_of_nothing(torc: Any, place: Path, cluster: Path) -> None:
    torc("create", "w.yaml")
    answer = torc("slurm", "sacct", "1")
    assert answer.code == 2 and "has no allocation that Slurm knows" in answer.err
    assert torc("slurm", "usage", "1", "-f", "json").json["allocations"] == []
    assert torc("slurm", "sacct", "1", "-o", "x").code == 2


def test_status_and_why_name_allocations(torc: Any, place: Path, cluster: Path) -> None:
    torc("submit", "w.yaml", "--no-watch")
    answer = torc("status", "1")
    assert "Allocations: 1 queued\n" in answer.out
    assert "no process requests more allocations; `torc submit 1` starts one" in answer.out
    record = torc("status", "1", "-f", "json").json
    assert [one["native_id"] for one in record["allocations"]] == ["7"]
    assert (record["paused_queue_groups"], record["allocations_are_requested"]) == ({}, False)
    answer = torc("why", "a")
    assert (
        "Slurm 7 is queued, no estimate (Priority: other jobs have a higher priority)" in answer.out
    )
    assert "torc run" not in answer.out + answer.err
    (place / "queue").write_text("7|RUNNING|N/A|N/A|n1||None\n")
    assert "Slurm 7 has started on n1; its runner starts now" in torc("why", "a").out
    answer = torc("resources")
    assert "Allocations of workflow 1: 1 starting" in answer.out
    assert "Allocations" not in torc("resources", "--host").out
    torc("slurm", "pause", "1", "main")
    assert "`torc slurm resume 1 main` continues" in torc("status", "1").out


def test_partitions_that_fit(torc: Any, place: Path, cluster: Path) -> None:
    rows = torc("hpc", "match", "w.yaml", "-f", "json").json
    assert [(row["partition"], row["fits"], row["is_chosen"]) for row in rows] == [
        ("main", True, True),
        ("big", True, False),
    ]
    answer = torc("hpc", "match", "--gpus", 1, "--walltime", "PT2H", "-f", "json")
    assert answer.code == 3
    [main, big] = answer.json
    assert "needs 1 GPU" in main["reason"] and "runs 2 h" in big["reason"]
    assert torc("hpc", "match", "w.yaml", "--cpus", 1).code == 2
    torc("create", "w.yaml")
    assert torc("hpc", "match", "1", "-f", "json").json[0]["jobs"] == 1


def test_mode_is_chosen_once(torc: Any, place: Path, cluster: Path) -> None:
    torc("submit", "w.yaml", "--no-watch", "--mode", "auto")
    answer = torc("submit", "1", "--dry-run", "-f", "json")
    assert answer.code == 0 and answer.json["workflow_id"] == 1
    answer = torc("slurm", "preview", "w.yaml", "--mode", "auto")
    assert answer.code == 0 and "mode single" in answer.err


def test_server_in_an_allocation(torc: Any, place: Path, cluster: Path) -> None:
    """A server that does not start is reported with the last line of its log."""
    script = "cat > $PLACE/script; echo no PostgreSQL here > $PLACE/srv/serve.log; echo 7"
    (cluster / "sbatch").write_text(f"#!/bin/bash\nPLACE={place}\n{script}\n")
    words = ("database", "serve", "--slurm", "--directory", place / "srv")
    answer = torc(*words, "--walltime", "60")
    assert answer.code == 2 and "--walltime must be at least 300 s" in answer.err
    answer = torc(*words, "--port", 7777, "--fast-commits")
    assert answer.code == 1
    assert "Slurm job 7 ended without a server: no PostgreSQL here" in answer.err
    request = (place / "script").read_text()
    assert "--time=24:00:00" in request or "--time=1-00:00:00" in request
    assert f"database serve --directory={place}/srv --port=7777 --fast-commits" in request
