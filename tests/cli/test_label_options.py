"""Labels on the command line: `run --label`, `jobs update --label`, `status`, `compute-nodes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Shell = Callable[..., CompletedProcess[str]]

SPEC = """
name: w
jobs:
- {name: "s_{i}", command: "true", parameters: {i: "1:2"}}
- {name: post, command: "true", labels: [windows], depends_on_regexes: ["^s_"]}
- {name: render, command: "true", labels: [windows, gpu], depends_on: [post]}
"""


@pytest.fixture
def folder(tmp_path: Path, user_shell: Shell) -> Path:
    folder = tmp_path / "work"
    (folder / "w.yaml").write_text(SPEC)
    assert user_shell("torc create w.yaml", cwd=folder).returncode == 0
    return folder


def test_two_runners_share_a_workflow(user_shell: Shell, folder: Path) -> None:
    plain = user_shell("torc run 1", cwd=folder)
    assert plain.returncode == 3
    assert "this runner lacks the label windows" in plain.stdout + plain.stderr
    status = json.loads(user_shell("torc status 1 -f json").stdout)
    assert status["unserved_ready_labels"] == {"windows": 1}
    shown = user_shell("torc status 1").stdout
    assert "1 ready job with the labels windows: no active runner has all of them" in shown
    assert "no runner has the label windows" in user_shell("torc why post").stdout
    done = user_shell("torc run 1 --label windows --label gpu,windows", cwd=folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    nodes = json.loads(user_shell("torc compute-nodes list 1 -f json").stdout)
    assert [node["labels"] for node in nodes] == [None, ["gpu", "windows"]]
    assert "gpu,windows" in user_shell("torc compute-nodes list 1").stdout
    status = json.loads(user_shell("torc status 1 -f json").stdout)
    assert status["unserved_ready_labels"] == {}


def test_a_persistent_runner_waits_for_its_jobs(user_shell: Shell, folder: Path) -> None:
    script = "torc run 1 --label windows,gpu --persistent & torc run 1; wait $!"
    done = user_shell(script, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(user_shell("torc jobs list 1 -f json").stdout)
    assert {job["status"] for job in listed} == {"completed"}


def test_a_watch_waits_for_runners(user_shell: Shell, folder: Path) -> None:
    script = (
        "torc watch 1 --persistent > out & watch=$!; torc run 1; torc run 1 --label gpu,windows;"
        " wait $watch; echo code $?; cat out"
    )
    done = user_shell(script, cwd=folder)
    assert "code 0" in done.stdout and "(w) completed: 4 completed" in done.stdout


def test_a_lost_runner_is_replaced_with_its_labels(user_shell: Shell, folder: Path) -> None:
    (folder / "l.yaml").write_text(
        "name: l\njobs: [{name: a, command: 'if [ $TORC_ATTEMPT_ID = 1 ]; then touch a;"
        " until [ -e go ]; do sleep 0.1; done; fi', labels: [x]},"
        " {name: b, command: 'true', labels: [x, y], depends_on: [a]}]\n"
    )
    script = (
        "torc run l.yaml --label y,x & until [ -e a ]; do sleep 0.1; done; kill -9 $!; touch go;"
        " torc watch l -r; torc compute-nodes list l -f json > nodes"
    )
    done = user_shell(script, cwd=folder)
    assert "(l) completed: 2 completed" in done.stdout, done.stdout + done.stderr
    nodes = json.loads((folder / "nodes").read_text())
    assert [node["labels"] for node in nodes] == [["x", "y"], ["x", "y"]]


def test_labels_of_jobs_change(user_shell: Shell, folder: Path) -> None:
    def labels() -> object:
        return json.loads(user_shell("torc jobs get post -f json").stdout)["labels"]

    assert labels() == ["windows"]
    assert user_shell("torc jobs update post --label night,gpu --label night").returncode == 0
    assert labels() == ["gpu", "night"]
    assert user_shell("torc jobs update post --clear-labels").returncode == 0
    assert labels() is None
    wrong = user_shell("torc jobs update post --label a,,b")
    assert wrong.returncode == 2
    assert "--label: 'a,,b': '' is not a valid label" in wrong.stderr


def test_an_export_keeps_labels(user_shell: Shell, folder: Path) -> None:
    done = user_shell("torc workflows export 1 -o e.json && torc workflows import e.json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(user_shell("torc jobs list 2 -f json").stdout)
    assert {job["name"]: job["labels"] for job in listed}["render"] == ["gpu", "windows"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("labels: [gpu], scheduler: s", "'labels' and 'scheduler' cannot be used together"),
        ("labels: ['a,b']", "entry 1 'a,b' is not a valid label"),
        ("labels: [' a']", "entry 1 ' a' is not a valid label"),
        ("labels: ['']", "entry 1 '' is not a valid label"),
        ("labels: 7", "'labels' must be a list of strings"),
    ],
)
def test_labels_in_a_file_are_checked(
    user_shell: Shell, tmp_path: Path, entry: str, expected: str
) -> None:
    (tmp_path / "work/w.yaml").write_text(f"jobs: [{{name: a, command: x, {entry}}}]\n")
    done = user_shell("torc validate w.yaml")
    assert done.returncode == 2
    assert expected in done.stderr


def test_parameters_in_labels(user_shell: Shell, tmp_path: Path) -> None:
    text = "jobs: [{name: 'a{os}', command: x, labels: ['{os}', b, b], parameters: {os: '[x, a]'}}]"
    (tmp_path / "work/w.yaml").write_text(text)
    assert user_shell("torc create w.yaml").returncode == 0
    listed = json.loads(user_shell("torc jobs list 1 -f json").stdout)
    assert [job["labels"] for job in listed] == [["b", "x"], ["a", "b"]]
