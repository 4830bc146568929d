"""Check the page `coming-from-torc`, and upstream tutorials that are not among the seeds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

ORCHESTRATOR = """\
import json, os, subprocess, sys
from pathlib import Path

lineage = sys.argv[1] if len(sys.argv) > 1 else os.environ["TORC_LINEAGE"]
generation = int(os.environ["TORC_GENERATION"])
following = generation + 1
prior_file = Path(f"./work/{lineage}/worker_i{generation:02d}.json")
prior = json.loads(prior_file.read_text())["metric"] if prior_file.exists() else None


def spawn(jobs, state):
    words = ["torc", "spawn", "-", "--lineage", lineage, "--state", json.dumps(state)]
    subprocess.run(words, input=json.dumps({"jobs": jobs}), text=True, check=True)


if prior is not None and prior < 0.01:
    spawn([], {"converged": True, "final_metric": prior, "iterations": generation})
    sys.exit(0)
worker = f"worker_{lineage}_i{following:02d}"
spawn(
    [
        {
            "name": worker,
            "command": f"bash {os.path.abspath('worker.sh')} {lineage} {following}",
            "resource_requirements": "worker_rr",
        },
        {
            "name": f"orch_{lineage}_g{following:02d}",
            "command": f"python3 {os.path.abspath('orchestrator.py')}",
            "resource_requirements": "orch_rr",
            "depends_on": [worker],
            "cancel_on_blocking_job_failure": False,
        },
    ],
    {"generation": following, "prior_metric": prior},
)
"""
WORKER = r"""
set -euo pipefail
work_dir="./work/$1"
mkdir -p "$work_dir"
prev_file="$work_dir/worker_i$(printf '%02d' $((10#$2 - 1))).json"
prior_metric=$(jq -r '.metric' "$prev_file" 2>/dev/null || echo "1.0")
new_metric=$(awk "BEGIN { print $prior_metric / 2 }")
printf '{"metric": %s}\n' "$new_metric" > "$work_dir/worker_i$(printf '%02d' "$2").json"
"""
ITERATIVE = """
name: iterative_refinement
description: Iterative loop that converges via spawn_jobs
dynamic_jobs:
  max_iterations: 20   # safety cap; 7 are expected
resource_requirements:
  - name: worker_rr
    num_cpus: 1
    memory: 256m
  - name: orch_rr
    num_cpus: 1
    memory: 128m
jobs:
  - name: orch_caseA_g00
    command: python3 orchestrator.py caseA
    resource_requirements: orch_rr
  - name: orch_caseB_g00
    command: python3 orchestrator.py caseB
    resource_requirements: orch_rr
"""


@pytest.mark.skipif(shutil.which("jq") is None, reason="the tutorial uses jq")
def test_dynamic_tutorial(torc: Any, place: Path) -> None:
    (place / "worker.sh").write_text(WORKER)
    (place / "orchestrator.py").write_text(ORCHESTRATOR)
    (place / "iterative.yaml").write_text(ITERATIVE)
    answer = torc("run", "iterative.yaml", "-q")
    assert (answer.code, answer.err) == (0, "")
    jobs = torc("jobs", "list", 1, "-f", "json").json
    for case in "AB":
        names = {one["name"] for one in jobs if f"case{case}" in one["name"]}
        orchestrators = {f"orch_case{case}_g{number:02d}" for number in range(8)}
        assert names == orchestrators | {f"worker_case{case}_i{n:02d}" for n in range(1, 8)}
        record = torc("user-data", "get", f"lineage_case{case}", "-w", 1).json
        state = {"converged": True, "final_metric": 0.0078125, "iterations": 7}
        assert record["data"]["state"] == state
        assert record["data"]["generation"] == 7
    assert [one["name"] for one in jobs if one["spawned_by"] is None] == [
        "orch_caseA_g00",
        "orch_caseB_g00",
    ]


BARRIER = """
name: "Barrier Pattern Demo"
jobs:
  - name: "generate_data_{i:02d}"
    command: "echo 'Data file {i}' > output/data_{i:02d}.txt"
    parameters:
      i: "0:99"
  - name: "data_generation_complete"
    command: "echo 'All 100 data files generated' && ls -l output/ | wc -l"
    depends_on_regexes: ["^generate_data_.*"]
  - name: "process_data_{i:02d}"
    command: "cat output/data_{i:02d}.txt | wc -w > output/processed_{i:02d}.txt"
    depends_on: ["data_generation_complete"]
    parameters:
      i: "0:99"
  - name: "processing_complete"
    command: "cat output/processed_*.txt | awk '{sum+=$1} END {print sum}' > sum"
    depends_on_regexes: ["^process_data_.*"]
"""


def test_barrier_tutorial(torc: Any, place: Path) -> None:
    (place / "output").mkdir()
    (place / "barrier_demo.yaml").write_text(BARRIER)
    assert torc("create", "barrier_demo.yaml").code == 0
    assert torc("run", 1, "-q").code == 0
    assert (place / "sum").read_text() == "300\n"
    assert len(torc("jobs", "list", 1, "-f", "json").json) == 202


def run(torc: Any, place: Path, text: str, *words: str) -> Any:
    (place / "w.yaml").write_text(text)
    return torc("run", "w.yaml", *words)


def test_exit_code_of_a_failure(torc: Any, place: Path) -> None:
    failing = "name: w\njobs: [{name: a, command: exit 7}]\n"
    assert run(torc, place, failing, "-q").code == 1
    large = (
        "name: w\njobs: [{name: a, command: x, resource_requirements: r}]\n"
        "resource_requirements: [{name: r, num_cpus: 9999}]\n"
    )
    assert run(torc, place, large, "-q").code == 3


def test_json_lists(torc: Any, client: Any, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(torc("jobs", "list", small, "-f", "json").json) == 2
    assert len(torc("jobs", "list", small, "-f", "json-items").json["items"]) == 2
    monkeypatch.setenv("TORC_CLIENT__JSON", "items")
    for words in (("-f", "json", "jobs", "list"), ("jobs", "list", "--format=json")):
        assert len(torc(*words, small).json["items"]) == 2
    assert torc("-f", "json", "jobs", "get", 1).json["id"] == 1
    assert len(client("jobs", "list", small, "-f", "json").json["jobs"]) == 2


def test_ids_in_tokens(torc: Any, place: Path) -> None:
    text = (
        "name: w\nuser_data: [{name: cfg, data: 5}]\n"
        "jobs: [{name: a, command: 'echo ${user_data.input.cfg} > id'}]\n"
    )
    assert run(torc, place, text, "-q").code == 0
    assert (place / "id").read_text() == "1\n"


def test_retries_after_the_first_attempt(torc: Any, place: Path) -> None:
    text = (
        "name: w\njobs: [{name: a, command: echo x >> ran; exit 1, failure_handler: h}]\n"
        "failure_handlers: [{name: h, rules: [{exit_codes: [1], max_retries: 2}]}]\n"
    )
    assert run(torc, place, text, "-q").code == 1
    assert (place / "ran").read_text() == "x\n" * 3


def test_parallel_jobs_are_an_additional_limit(torc: Any, place: Path) -> None:
    """Two jobs with two CPUs each never run together on two CPUs, regardless of the job limit."""
    text = (
        "name: w\njobs:\n- {name: 'a_{i}', parameters: {i: '1:2'}, resource_requirements: r,"
        " command: 'mkdir lock && sleep 0.2 && rmdir lock'}\n"
        "resource_requirements: [{name: r, num_cpus: 2}]\n"
    )
    assert run(torc, place, text, "-q", "--num-cpus", "2", "--max-parallel-jobs", "4").code == 0


def test_paths_are_relative_to_the_workflow(
    torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "w.yaml").write_text("name: w\njobs: [{name: a, command: pwd > here}]\n")
    assert torc("create", "w.yaml").code == 0
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    assert torc("run", 1, "-q").code == 0
    assert (place / "here").read_text() == f"{place}\n"


def test_no_server(torc: Any, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORC_API_URL", "http://localhost:8080/torc-service/v1")
    assert torc("jobs", "list", small).code == 0
    assert "TORC_API_URL has no effect: there is no server" in torc("ping").err


def test_gpu_variables(torc: Any, place: Path) -> None:
    text = (
        "name: w\njobs: [{name: a, resource_requirements: r,"
        " command: 'echo $TORC_GPU_VISIBLE_DEVICES $CUDA_VISIBLE_DEVICES > gpus'}]\n"
        "resource_requirements: [{name: r, num_cpus: 1, num_gpus: 2}]\n"
    )
    assert run(torc, place, text, "-q", "--virtual-gpus", "2").code == 0
    assert (place / "gpus").read_text() == "0,1 0,1\n"


def test_logs(torc: Any, place: Path) -> None:
    assert run(torc, place, "name: w\njobs: [{name: a, command: echo hi}]\n", "-q").code == 0
    assert "hi" in torc("logs", "a").out
    assert (place / "torc_output/job_stdio/job_wf1_j1_r1_a1.o").read_text() == "hi\n"


def test_the_same_file_twice(torc: Any, place: Path) -> None:
    text = "name: w\njobs: [{name: a, command: 'true'}]\n"
    assert run(torc, place, text, "-q").code == 0
    assert run(torc, place, text, "-q").code == 0
    assert run(torc, place, text, "-q", "--update").code == 0
    assert len(torc("workflows", "list", "-f", "json").json) == 2


def test_pending_failed(torc: Any, place: Path) -> None:
    text = "name: w\nuse_pending_failed: true\njobs: [{name: a, command: exit 1}]\n"
    assert run(torc, place, text, "-q").code == 1
    assert torc("jobs", "list", 1, "-f", "json").json[0]["status"] == "pending_failed"
    assert torc("jobs", "classify", "a", "fail").code == 0
    assert torc("jobs", "list", 1, "-f", "json").json[0]["status"] == "failed"


def test_progress(torc: Any, place: Path) -> None:
    text = "name: w\njobs: [{name: a, command: 'true'}]\n"
    answer = run(torc, place, text)
    assert "completed: a (job 1)" in answer.out and answer.err == ""
    assert json.loads(run(torc, place, text, "-f", "json").out)["status"] == "completed"
    assert run(torc, place, text, "-q").out == ""
