"""Warnings about scripts that commands run and that do not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from torc_tui.operations.missing_scripts import missing_scripts
from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import loads


def missing(folder: Path, *commands: str, more: str = "") -> dict[str, list[str]]:
    jobs = [
        f"- name: j{n}\n  command: {json.dumps(command)}\n" for n, command in enumerate(commands)
    ]
    plan = resolve(loads(f"name: w\njobs:\n{''.join(jobs)}{more}", format="yaml"))
    found = missing_scripts(plan, str(folder))
    return {script: [job.name for job in jobs] for script, jobs in found.items()}


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("python train.py --lr 1", "train.py"),
        ("python3 -u scripts/train.py", "scripts/train.py"),
        ("bash run.sh; echo end", "run.sh"),
        ("./run --fast", "./run"),
        ("echo begin\n  Rscript fit.R", "fit.R"),
        ("python train.py > log", "train.py"),
    ],
)
def test_missing(tmp_path: Path, command: str, script: str) -> None:
    assert missing(tmp_path, command) == {script: ["j0"]}
    (tmp_path / script).parent.mkdir(exist_ok=True)
    (tmp_path / script).touch()
    assert missing(tmp_path, command) == {}


@pytest.mark.parametrize(
    "commands",
    [
        ["python -c 'print(1)'"],
        ["python -m train"],
        ["python $SCRIPT", "python $DIR/train.py", "python *.py"],
        ["cd sub && ls", "python train.py"],
        ["git clone there", "python train.py"],
        ["echo 'print(1)' > train.py", "python train.py"],
        ["bash -c 'python train.py'"],
        ["echo python train.py"],
        ["python /no/such/train.py"],
    ],
)
def test_left_alone(tmp_path: Path, commands: list[str]) -> None:
    assert missing(tmp_path, *commands) == {}


def test_scripts_that_jobs_write(tmp_path: Path) -> None:
    file = "files: [{name: s, path: ./train.py}]\n"
    assert missing(tmp_path, "make-it ${files.output.s}", "python train.py", more=file) == {}


def test_another_shell(tmp_path: Path) -> None:
    assert missing(tmp_path, "python train.py", more="shell: python3 -c\n") == {}
