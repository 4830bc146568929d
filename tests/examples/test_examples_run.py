"""Each example runs as its comment says, with the expected output. Copies are run: the checkout
stays as it is."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Shell = Callable[..., CompletedProcess[str]]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FORMATS = ("yaml", "json", "json5", "kdl")

WORKFLOWS = {
    "config-pipeline/workflow.yaml": (3, "train_model", r"y = 3\.\d+ x \+ 2\.\d+, loss 0\.0\d+\n"),
    "diamond/workflow.yaml": (4, "combine", r"500500\t333833500\n"),
    "collect/workflow.yaml": (11, "aggregate", r"10 results, pi is about 3\.1\d+\n"),
    "sweep/workflow.yaml": (
        13,
        "best",
        r"12 scores, the best with learning rate 0\.1 and momentum 0\.3\n",
    ),
    "table/workflow.yaml": (4, "best", r"0\.0010 cubic seed 007\n"),
    **{f"formats/workflow.{kind}": (5, "report", r'"lines": 3\n') for kind in FORMATS},
}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    return shutil.copytree(
        EXAMPLES,
        tmp_path / "examples",
        ignore=shutil.ignore_patterns("out", "torc_output", "__pycache__"),
    )


def listed(shell: Shell, command: str) -> list[dict[str, Any]]:
    done = shell(f"torc {command} -f json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("path", WORKFLOWS)
def test_an_example(user_shell: Shell, examples: Path, path: str) -> None:
    count, job, said = WORKFLOWS[path]
    folder = examples / path.partition("/")[0]
    done = user_shell(f"torc run {Path(path).name}", cwd=folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert {state["status"] for state in listed(user_shell, "jobs list 1")} == {"completed"}
    assert [result["return_code"] for result in listed(user_shell, "results list 1")] == [0] * count
    assert re.search(said, user_shell(f"torc logs 1/{job} --stdout").stdout)


def test_the_gpus(user_shell: Shell, examples: Path) -> None:
    done = user_shell("torc run workflow.yaml --virtual-gpus 2", cwd=examples / "gpus")
    assert done.returncode == 0, done.stdout + done.stderr
    said = user_shell("torc logs 1/report --stdout").stdout
    assert len(re.findall(r"evaluate \d: GPU [01], share 0\.25", said)) == 4, said
    trained = [(examples / f"gpus/out/model_{i}.txt").read_text() for i in range(1, 5)]
    assert all(re.fullmatch(r"train \d: GPU [01], share 1\n", text) for text in trained), trained


def test_the_sweep_in_which_some_fail(user_shell: Shell, examples: Path) -> None:
    done = user_shell("torc run with-failures.yaml", cwd=examples / "sweep")
    assert done.returncode == 1
    assert "diverged after 7 steps with a learning rate of 10" in done.stdout
    states = {job["name"]: job["status"] for job in listed(user_shell, "jobs list 1")}
    assert sorted(name for name, state in states.items() if state == "failed") == [
        "train_lr10_m0",
        "train_lr10_m0.6",
    ]
    assert states["best"] == "completed"
    every = listed(user_shell, "results list 1 --failed --all-runs")
    assert [result["return_code"] for result in every] == [
        3
    ] * 4  # both once more, as the handler says
    assert "exit 3" in user_shell("torc why sweep_with_failures/train_lr10_m0").stdout


def test_labels(user_shell: Shell, examples: Path) -> None:
    script = "torc create workflow.yaml && { torc run 1 --label windows,gpu --persistent & torc run 1; wait $!; }"
    done = user_shell(script, cwd=examples / "labels")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {job["status"] for job in listed(user_shell, "jobs list 1")} == {"completed"}


def test_formats_are_equivalent(user_shell: Shell, examples: Path) -> None:
    told = []
    for number, kind in enumerate(FORMATS, start=1):
        done = user_shell(f"torc create workflow.{kind}", cwd=examples / "formats")
        assert (done.returncode, done.stderr) == (0, "")
        first = min(record["id"] for record in listed(user_shell, f"user-data list {number}"))
        told.append(
            [
                (
                    job["name"],
                    job["command"].replace(f"user-data update {first} ", "update ID "),
                    job["priority"],
                )
                for job in listed(user_shell, f"jobs list {number}")
                if job["name"] != "report"
            ]
        )
    assert told[0] == told[1] == told[2] == told[3]
    assert [name for name, _, _ in told[0]] == ["make_1", "make_2", "make_3", "join"]


def test_every_workflow_file_is_run() -> None:
    there = {
        str(path.relative_to(EXAMPLES))
        for kind in FORMATS
        for path in EXAMPLES.glob(f"*/*.{kind}")
        if "torc_output" not in path.parts and "out" not in path.parts
    }
    others = {"sweep/with-failures.yaml", "labels/workflow.yaml", "gpus/workflow.yaml"}
    assert there == {*WORKFLOWS, *others}
