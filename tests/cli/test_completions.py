"""Completion of command lines in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORKFLOW = """
name: sweep
jobs:
  - {name: "fit_{i}", command: "true", parameters: {i: "1:3"}}
  - {name: best, command: "torc user-data update ${user_data.output.score} --data 1"}
"""
BASH = r"""
source <(torc completions bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
read -ra COMP_WORDS <<< "$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete "${COMP_WORDS[0]}"
printf '%s\n' "${COMPREPLY[@]}"
"""
ZSH = """
autoload -Uz compinit && compinit -u -d "$HOME/zcompdump"
source <(torc completions zsh)
print -r -- ${_comps[torc]} ${_comps[torc-client]}
"""

Complete = Callable[[str], list[str]]


def _shell(name: str, script: str, *words: str) -> list[str]:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    first = ["-f"] if name == "zsh" else []
    done = subprocess.run(
        [program, *first, "-c", script, *words], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def complete(torc: Any, place: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return what bash offers after a line, in a directory with a workflow that has run."""
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (place / "w.yaml").write_text(WORKFLOW)
    assert torc("run", "w.yaml", "-q").code == 0
    return lambda line: [word.strip() for word in _shell("bash", BASH, "bash", line)]


def test_commands(complete: Complete) -> None:
    first = complete("torc ")
    assert {"run", "status", "jobs", "user-data"} <= set(first)
    assert "run-jobs" not in first, "an older name is accepted and not offered"
    assert complete("torc stat") == ["status"]
    assert "create" in complete("torc workflows ") or "list" in complete("torc workflows ")
    assert complete("torc-client jobs list-r") == ["list-resource-requirements"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torc status s", ["sweep"]),
        ("torc why f", ["fit_1", "fit_2", "fit_3"]),
        ("torc why s", ["sweep"]),
        ("torc why -w sweep b", ["best"]),
        ("torc logs fit_1 b", ["best"]),
        ("torc user-data get s", ["score"]),
        ("torc rerun --group b", ["best"]),
        ("torc rerun --status com", ["completed"]),
        ("torc jobs list --st", ["--status"]),
        ("torc jobs list -f js", ["json", "json-items"]),
        ("torc new g", ["gpu"]),
        ("torc run w.y", ["w.yaml"]),
        ("torc run sw", ["sweep"]),
        ("torc validate w", ["w.yaml"]),
        ("torc run-jobs sw", ["sweep"]),
        ("torc why -w nothing f", []),
    ],
)
def test_values(complete: Complete, line: str, expected: list[str]) -> None:
    assert [word for word in complete(line) if word] == expected


def test_without_a_database(place: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert _shell("bash", BASH, "bash", "torc why f") in ([], [""])
    assert not Path(os.environ["TORC_DATABASE"]).exists()


def test_zsh(complete: Complete) -> None:
    assert _shell("zsh", ZSH) == ["_python_argcomplete _python_argcomplete"]


def test_fish(complete: Complete) -> None:
    script = 'set -gx USER ada; torc completions fish | source; complete -C "torc why fit_"'
    assert _shell("fish", script) == [f"fit_{i}\tcompleted" for i in (1, 2, 3)]
