"""Workflow files from standard input and from pipes, and standard streams that are closed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SMALL, Terminal

LINES = ["- < w.yaml", "<(cat w.yaml)", "/dev/stdin < w.yaml", "/dev/stdin < <(cat w.yaml)"]


@pytest.fixture(autouse=True)
def workflow_file(place: Path) -> None:
    """Write a workflow file without its name."""
    (place / "w.yaml").write_text(SMALL.partition("\n")[2])


@pytest.mark.parametrize("source", LINES)
def test_a_file_from_a_pipe_runs(shell: Any, place: Path, source: str) -> None:
    done = shell(f"torc run {source}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 completed" in done.stdout
    assert (place / "out.txt").read_text() == "1\n"


@pytest.mark.parametrize("source", LINES)
def test_every_command_reads_a_pipe(shell: Any, source: str) -> None:
    assert "Validation passed" in shell(f"torc validate {source}").stdout
    made = shell(f"torc create -f json {source}")
    assert json.loads(made.stdout)["jobs"] == 2


@pytest.mark.parametrize("command", ["run", "create", "validate"])
def test_an_error_names_standard_input(shell: Any, command: str) -> None:
    done = shell(f"echo 'jobs: [{{name: a}}]' | torc {command} -")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: <stdin>:1: ")


@pytest.mark.parametrize("command", ["run", "create", "validate"])
def test_a_closed_standard_input_is_no_file(shell: Any, command: str) -> None:
    done = shell(f"torc {command} - <&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: cannot read '<stdin>': this is a device, not a file\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    "line",
    ["status", "user-data list", "user-data get config -w 1", "run", "jobs list", "why read", "1"],
)
def test_closed_streams(shell: Any, small: int, line: str, closed: str) -> None:
    whole, missing = shell(f"torc {line}"), shell(f"torc {line} {closed}")
    assert "internal error" not in missing.stderr
    assert missing.returncode == whole.returncode


def test_messages_never_go_to_standard_output(shell: Any, small: int) -> None:
    done = shell("torc status nope 2>&-")
    assert (done.returncode, done.stdout) == (2, "")


def test_jobs_write_to_their_logs_without_streams(shell: Any) -> None:
    """A file with the number of a closed stream would be overwritten by output."""
    Path("w.yaml").write_text("jobs: [{name: a, command: 'echo out; echo err >&2'}]")
    assert shell("torc run w.yaml <&- >&- 2>&-").returncode == 0
    assert shell("torc logs a").stdout == "out\nerr\n"
    assert shell("torc database check").returncode == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("-", "cannot read a workflow file from standard input\n  use `torc run -`"),
        ("./pipe", "it is not a regular file\n  use `torc run ./pipe`"),
        ("/dev/null", "it is not a regular file"),
        (".", ". is a directory\n  name a workflow file"),
        ("none.yaml", "there is no file none.yaml"),
    ],
)
def test_files_that_the_app_refuses(
    torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    os.mkfifo(place / "pipe")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    answer = torc(path)
    assert answer.code == 2 and said in answer.err
