"""The tutorials, word for word: their workflow files stand in ``data``, their commands are typed
into a shell.

Only two things are added to a command line: the size of the machine (nobody has to own three GPUs),
and ``-c`` for a jq that prints on one line.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the tutorials use jq")

Shell = Callable[..., CompletedProcess[str]]

DATA = Path(__file__).parent / "data"
MACHINE = "--num-cpus 12 --num-gpus 3 --memory-gb 64"
CONFIG = {"learning_rate": 0.001, "batch_size": 32, "epochs": 10}
NAME_AND_DATA = """{
  "name": "ml_config",
  "data": {
    "learning_rate": 0.001,
    "batch_size": 32,
    "epochs": 10
  }
}
"""

SCRIPTS = {
    "train.py": "import sys; print('train', *sys.argv[1:])",
    "evaluate.py": "import sys; print('evaluate', *sys.argv[1:])",
    "analyze.py": "import sys; assert sys.argv[1:] == ['--find-optimal-lr']; print(0.025)",
    "process.py": 'import sys; n = int(sys.argv[2]); print(\'{"id": %d, "square": %d}\' % (n, n * n))',
    "aggregate.py": (
        "import json, sys\n"
        "text, records, decode = open(sys.argv[1]).read().lstrip(), [], json.JSONDecoder().raw_decode\n"
        "while text:\n"
        "    record, end = decode(text)\n"
        "    records.append(record)\n"
        "    text = text[end:].lstrip()\n"
        "print([record['name'] for record in records], sum(record['data']['square'] for record in records))\n"
    ),
    "simulate.py": "import json, sys; assert sys.argv[1] == '--config'; print('lr', json.loads(sys.argv[2])['lr'])",
}


@pytest.fixture
def work(tmp_path: Path, user_shell: Shell) -> Path:
    """The folder of the user, with the programs that the tutorials take for granted."""
    folder = tmp_path / "work"
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def config_json() -> Iterator[None]:
    """The tutorials write to /tmp/config.json: one test at a time."""
    with Path("/tmp/torc-tests-config-json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def put(work: Path, name: str, as_name: str, *, more: str = "") -> None:
    """Write a text of the tutorials to a file, as it is printed; ``more`` is what it lacks."""
    (work / as_name).write_text((DATA / name).read_text() + more)


def records(done: CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def states(shell: Shell, workflow: int = 1) -> dict[str, str]:
    listed = records(shell(f"torc jobs list {workflow} -f json"))
    return {job["name"]: job["status"] for job in listed}


def codes(shell: Shell, workflow: int = 1) -> list[int]:
    return [
        result["return_code"] for result in records(shell(f"torc results list {workflow} -f json"))
    ]


def stdout_of(shell: Shell, job: str) -> str:
    done = shell(f"torc logs {job} --stdout")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tutorial_step_by_step(user_shell: Shell, work: Path, config_json: None) -> None:
    put(work, "tutorial.yaml", "user_data_workflow.yaml")

    # Step 2
    done = user_shell(
        """
# Create the workflow
WORKFLOW_ID=$(torc create user_data_workflow.yaml -f json | jq -r '.id')
echo "Created workflow: $WORKFLOW_ID"

# Initialize jobs
torc workflows init $WORKFLOW_ID
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "Created workflow: 1"

    # Step 3
    done = user_shell("torc user-data list $WORKFLOW_ID", WORKFLOW_ID="1")
    assert done.stdout == (
        "╭────┬───────────┬──────┬─────────────╮\n"
        "│ ID │ Name      │ Data │ Workflow ID │\n"
        "├────┼───────────┼──────┼─────────────┤\n"
        "│ 1  │ ml_config │ null │ 1           │\n"
        "╰────┴───────────┴──────┴─────────────╯\n"
    )
    done = user_shell("torc jobs list $WORKFLOW_ID", WORKFLOW_ID="1")
    for name, state in (
        ("generate_config", "ready"),
        ("train_model", "blocked"),
        ("evaluate_model", "blocked"),
    ):
        assert re.search(rf"^│ \d +│ {name} +│ {state} +│", done.stdout, re.MULTILINE), done.stdout

    # Step 4
    done = user_shell(f"torc run $WORKFLOW_ID {MACHINE}", WORKFLOW_ID="1")
    assert (done.returncode, done.stderr) == (0, "")

    # Step 5: what flowed, and in which order
    done = user_shell(
        "torc user-data list $WORKFLOW_ID -f json | jq '.[] | {name, data}'", WORKFLOW_ID="1"
    )
    assert done.stdout == NAME_AND_DATA
    for job, first in (
        ("1/train_model", "Training with config:"),
        ("1/evaluate_model", "Evaluating with config:"),
    ):
        said, _, shown = stdout_of(user_shell, job).partition("\n")
        assert (said, json.loads(shown)) == (first, CONFIG)
    happened = [
        event["event_type"]
        for event in records(user_shell("torc events list 1 -f json"))
        if event["event_type"] in ("job_completed", "job_started")
    ]
    # 8 and 4 CPUs, 2 and 1 GPUs fit together on that machine: after the first job both start before
    # either ends
    assert happened == [
        "job_started",
        "job_completed",
        *["job_started"] * 2,
        *["job_completed"] * 2,
    ]

    # Step 6
    done = user_shell("torc results list $WORKFLOW_ID", WORKFLOW_ID="1")
    assert done.returncode == 0 and done.stdout.count("completed") == 3
    assert codes(user_shell) == [0, 0, 0]


def test_the_tutorial_in_one_go(user_shell: Shell, work: Path, config_json: None) -> None:
    put(work, "tutorial.yaml", "user_data_workflow.yaml")
    done = user_shell(f"torc run user_data_workflow.yaml {MACHINE} --quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert codes(user_shell) == [0, 0, 0]


def test_the_tutorial_on_postgresql(
    user_shell: Shell, work: Path, config_json: None, postgresql_url: str
) -> None:
    put(work, "tutorial.yaml", "user_data_workflow.yaml")
    done = user_shell(
        f"""
set -e
torc run user_data_workflow.yaml {MACHINE} --quiet
torc user-data list 1 -f json | jq '.[] | {{name, data}}'
torc results list 1 -f json | jq -c '[.[].return_code]'
""",
        TORC_DATABASE=postgresql_url,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, NAME_AND_DATA + "[0,0,0]\n", "")


def test_the_older_page_step_by_step(user_shell: Shell, work: Path, config_json: None) -> None:
    put(work, "older_page.yaml", "user_data_workflow.yaml")

    done = user_shell(
        """
WORKFLOW_ID=$(torc-client workflows create-from-spec user_data_workflow.yaml | jq -r '.id')
torc-client workflows initialize-jobs $WORKFLOW_ID > init.json
echo $WORKFLOW_ID
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")

    listing = "torc-client user-data list $WORKFLOW_ID | jq {c} '.user_data[] | {{name, data}}'"
    done = user_shell(listing.format(c="-c"), WORKFLOW_ID="1")
    assert (
        done.stdout == '{"name":"ml_config","data":null}\n'
    )  # the page prints it on one line, too

    done = user_shell(f"torc run-jobs $WORKFLOW_ID {MACHINE}", WORKFLOW_ID="1")
    assert (done.returncode, done.stderr) == (0, "")

    assert user_shell(listing.format(c=""), WORKFLOW_ID="1").stdout == NAME_AND_DATA
    assert codes(user_shell) == [0, 0, 0]
    train = stdout_of(user_shell, "1/train_model")
    assert train.startswith("Training with config:\n") and train.endswith("train --config=1\n")
    assert stdout_of(user_shell, "1/evaluate_model").endswith("evaluate --config=1\n")


def test_reading_and_writing_in_your_code(user_shell: Shell, work: Path) -> None:
    put(work, "tutorial.yaml", "user_data_workflow.yaml")
    (work / "results.json").write_text('{"accuracy": 0.9}')
    assert user_shell("torc create user_data_workflow.yaml").returncode == 0

    def typed(line: str) -> str:
        done = user_shell(line, USER_DATA_ID="1")
        assert (done.returncode, done.stderr) == (0, ""), line
        return done.stdout

    typed("""torc user-data update $USER_DATA_ID --data '{"key": "value"}'""")
    record = json.loads(typed("torc user-data get $USER_DATA_ID"))
    assert (record["id"], record["name"], record["data"]) == (1, "ml_config", {"key": "value"})
    assert json.loads(typed("torc user-data get $USER_DATA_ID | jq '.data'")) == {"key": "value"}
    typed('torc user-data update $USER_DATA_ID --data "$(cat results.json)"')
    typed("torc user-data get $USER_DATA_ID | jq '.data' > config.json")
    assert json.loads((work / "config.json").read_text()) == {"accuracy": 0.9}


def test_dynamic_configuration(user_shell: Shell, work: Path) -> None:
    put(work, "optimal.yaml", "w.yaml")
    done = user_shell("torc run w.yaml && torc user-data get optimal_params -w w | jq -c '.data'")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '{"learning_rate":0.025}'


def test_collecting_results(user_shell: Shell, work: Path) -> None:
    put(work, "collecting.yaml", "w.yaml")
    made = records(user_shell("torc create w.yaml -f json"))
    assert made["id"] == made["workflow_id"] == 1
    assert user_shell("torc init 1").returncode == 0
    before = states(user_shell)
    assert before.pop("aggregate") == "blocked"
    assert before == {f"worker_{i}": "ready" for i in range(1, 11)}
    done = user_shell("torc run 1")
    assert done.returncode == 0, done.stderr
    names = [f"result_{i}" for i in range(1, 11)]
    assert stdout_of(user_shell, "1/aggregate") == f"{names} {sum(i * i for i in range(1, 11))}\n"
    assert codes(user_shell) == [0] * 11


def scripts_on_path(work: Path) -> str:
    """The two shell scripts of the page on dependencies; they write who ran to ``order``."""
    folder = work / "bin"
    folder.mkdir()
    for name in ("preprocess", "analyze"):
        (folder / f"{name}.sh").write_text(
            f'#!/bin/bash\necho {name} >> "$ORDER"\n'
            'if [ "$1" = -o ]; then mkdir -p "$(dirname "$2")"; echo "{}" > "$2"; fi\n'
            'if [ "$1" = -i ]; then cat "$2"; fi\n'
        )
        (folder / f"{name}.sh").chmod(0o755)
    return f"PATH={folder}:$PATH ORDER={work}/order"


@pytest.mark.parametrize("snippet", ["explicit", "files"])
def test_dependencies(user_shell: Shell, work: Path, snippet: str) -> None:
    put(work, f"{snippet}.yaml", "w.yaml")
    variables = scripts_on_path(work)
    assert user_shell("torc create w.yaml").returncode == 0
    assert states(user_shell) == {"preprocess": "uninitialized", "analyze": "uninitialized"}
    assert user_shell("torc workflows init 1").returncode == 0
    assert states(user_shell) == {"preprocess": "ready", "analyze": "blocked"}
    done = user_shell(f"{variables} torc run 1 --num-cpus 4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (work / "order").read_text().split() == ["preprocess", "analyze"]
    assert states(user_shell) == {"preprocess": "completed", "analyze": "completed"}


def test_dependencies_through_user_data(user_shell: Shell, work: Path) -> None:
    put(work, "user_data.yaml", "w.yaml")
    done = user_shell("torc run w.yaml")
    assert done.returncode == 0, done.stderr
    assert stdout_of(user_shell, "1/run_simulation") == "lr 0.001\n"


def test_substitution(user_shell: Shell, work: Path) -> None:
    files = "files:\n  - {name: raw, path: raw.csv}\n  - {name: result, path: out/result.csv}\n"
    put(work, "process.yaml", "w.yaml", more=files)
    (work / "process.py").write_text("import sys, shutil; shutil.copy(sys.argv[2], sys.argv[4])")
    (work / "raw.csv").write_text("1,2\n")
    (work / "out").mkdir()
    done = user_shell("torc run w.yaml")
    assert done.returncode == 0, done.stderr
    command = records(user_shell("torc jobs get 1 -f json"))["command"]
    assert command == "python process.py -i raw.csv -o out/result.csv"
    assert (work / "out/result.csv").read_text() == "1,2\n"


def test_substitution_of_an_undeclared_file_is_refused(user_shell: Shell, work: Path) -> None:
    put(work, "process.yaml", "w.yaml")
    done = user_shell("torc create w.yaml")
    assert done.returncode == 2 and "raw" in done.stderr and "result" in done.stderr
    assert records(user_shell("torc workflows list -f json")) == []
