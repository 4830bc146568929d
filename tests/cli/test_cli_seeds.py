"""The tutorials as they are written: their workflow files and their commands, typed into a shell, jq included."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the tutorials use jq")

Shell = Callable[..., CompletedProcess[str]]
BIG = "--num-cpus 12 --num-gpus 3 --memory-gb 64"

NEW = """\
name: config_pipeline
description: Jobs that pass configuration via user_data

jobs:
  - name: generate_config
    command: |
      echo '{"learning_rate": 0.001, "batch_size": 32, "epochs": 10}' > config.json
      torc user-data update ${user_data.output.ml_config} \\
        --data "$(cat config.json)"
    resource_requirements: minimal

  - name: train_model
    command: |
      echo "Training with config:"
      torc user-data get ${user_data.input.ml_config} | jq '.data'
    resource_requirements: gpu_large

  - name: evaluate_model
    command: |
      echo "Evaluating with config:"
      torc user-data get ${user_data.input.ml_config} | jq '.data'
    resource_requirements: gpu_small

user_data:
  - name: ml_config
    data: null  # Will be populated by generate_config job

resource_requirements:
  - {name: minimal, num_cpus: 1, memory: 1g, runtime: PT5M}
  - {name: gpu_small, num_cpus: 4, num_gpus: 1, memory: 16g, runtime: PT1H}
  - {name: gpu_large, num_cpus: 8, num_gpus: 2, memory: 32g, runtime: PT4H}
"""
OLD = (
    NEW.replace("torc user-data", "torc-client user-data")
    .replace("    resource_requirements:", "    resource_requirements_name:")
    .replace("description:", "user: myuser\ndescription:")
)
CONFIG = {"learning_rate": 0.001, "batch_size": 32, "epochs": 10}


def test_the_tutorial_of_today(shell: Shell, place: Path) -> None:
    (place / "user_data_workflow.yaml").write_text(NEW)
    done = shell(
        f"""
        set -e
        WORKFLOW_ID=$(torc create user_data_workflow.yaml -f json | jq -r '.id')
        echo "Created workflow: $WORKFLOW_ID"
        torc workflows init $WORKFLOW_ID > /dev/null
        torc user-data list $WORKFLOW_ID
        torc jobs list $WORKFLOW_ID > jobs.txt
        torc run $WORKFLOW_ID {BIG} > run.txt
        torc user-data list $WORKFLOW_ID -f json | jq -c '.[] | {{name, data}}'
        torc results list $WORKFLOW_ID -f json | jq -c '[.[] | .return_code]'
        torc user-data get 1 | jq -c '.data'
        """
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == """\
Created workflow: 1
╭────┬───────────┬──────┬─────────────╮
│ ID │ Name      │ Data │ Workflow ID │
├────┼───────────┼──────┼─────────────┤
│ 1  │ ml_config │ null │ 1           │
╰────┴───────────┴──────┴─────────────╯
{"name":"ml_config","data":{"learning_rate":0.001,"batch_size":32,"epochs":10}}
[0,0,0]
{"learning_rate":0.001,"batch_size":32,"epochs":10}
"""
    )
    jobs = (place / "jobs.txt").read_text()
    for name, state in (("generate_config", "ready"), ("train_model", "blocked"), ("evaluate_model", "blocked")):
        assert f"│ {name:<15} │ {state:<7} │" in jobs
    assert "completed: 3 completed" in (place / "run.txt").read_text()


def test_the_older_page(shell: Shell, place: Path) -> None:
    (place / "user_data_workflow.yaml").write_text(OLD)
    done = shell(
        f"""
        set -e
        WORKFLOW_ID=$(torc-client workflows create-from-spec user_data_workflow.yaml | jq -r '.id')
        torc-client workflows initialize-jobs $WORKFLOW_ID > /dev/null
        torc-client user-data list $WORKFLOW_ID | jq -c '.user_data[] | {{name, data}}'
        torc run-jobs $WORKFLOW_ID {BIG} > run.txt
        torc-client user-data list $WORKFLOW_ID | jq -c '.user_data[] | {{name, data}}'
        """
    )
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first == {"name": "ml_config", "data": None}
    assert second == {"name": "ml_config", "data": CONFIG}


def test_reading_and_writing_as_the_tutorial_shows(shell: Shell, place: Path) -> None:
    (place / "w.yaml").write_text(NEW)
    (place / "results.json").write_text('{"from": "a file"}')
    done = shell(
        """
        set -e
        torc create w.yaml > /dev/null
        USER_DATA_ID=1
        torc user-data update $USER_DATA_ID --data '{"key": "value"}' > /dev/null
        torc user-data get $USER_DATA_ID | jq -c '.data'
        torc user-data update $USER_DATA_ID --data "$(cat results.json)" > /dev/null
        torc user-data get $USER_DATA_ID | jq '.data' > config.json
        jq -c . config.json
        """
    )
    assert done.stdout.splitlines() == ['{"key":"value"}', '{"from":"a file"}'], done.stderr


def test_collecting_results_of_many_jobs(shell: Shell, place: Path) -> None:
    (place / "collect.yaml").write_text(
        """\
name: collect
jobs:
  - name: worker_{i}
    command: |
      RESULT=$(({i} * {i}))
      torc user-data update ${user_data.output.result_{i}} --data "$RESULT"
    parameters:
      i: "1:4"
  - name: aggregate
    command: |
      for i in $(seq 1 4); do
        torc user-data get ${user_data.input.result_$i} | jq '.data' >> all_results.json
      done
"""
    )
    done = shell("torc run collect.yaml --num-cpus 4 --quiet")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (place / "all_results.json").read_text().split() == ["1", "4", "9", "16"]
