"""Text that is not UTF-8: on the command line, in the environment, in paths, on the output."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli.command_table import COMMANDS
from torc_tui.cli.main import main

LATIN = "caf\udce9"
"""What Python makes of the bytes of `café` in Latin-1."""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.names[0])
def test_output(small: int, monkeypatch: pytest.MonkeyPatch, command: Any, encoding: str) -> None:
    """Every command prints in every encoding; tables have frames of ASCII there."""
    line = " ".join(
        "1" if argument.flags[0] in ("job", "jobs", "record", "id", "workflow", "what") else "x"
        for argument in command.arguments
        if not argument.flags[0].startswith("-")
        and argument.flags[0] not in ("workflows", "file", "shell", "state")
    )
    if command.names[0] in ("run", "wait", "events monitor", "slurm watch"):
        line += " --help"
    if command.names[0] == "database serve":
        line += " --pg-bin /nowhere"
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in "oe"]
    monkeypatch.setattr("sys.stdout", streams[0])
    monkeypatch.setattr("sys.stderr", streams[1])
    main([*command.names[0].split(), *line.split()])
    text = ""
    for stream in streams:
        stream.flush()
        text += stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert text
    assert "internal error" not in text and "Traceback" not in text
    assert "\\u256d" not in text


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[1m", "a\x85b", "a\u2028b"])
@pytest.mark.parametrize(
    "words",
    [
        ["create", "w.yaml"],
        ["workflows", "new"],
        ["workflows", "update", "1"],
        ["jobs", "update", "1"],
        ["user-data", "create", "1"],
        ["user-data", "update", "1"],
    ],
    ids=" ".join,
)
def test_names_with_control_characters(torc: Any, small: int, words: list[str], name: str) -> None:
    answer = torc(*words, "--name", name)
    assert answer.code == 2
    assert "holds a line break or a control character" in answer.err


@pytest.mark.parametrize("words", [["--help"], ["jobs", "--help"], ["help"], ["help", "jobs"]])
def test_help_in_ascii(programs: Path, words: list[str]) -> None:
    done = subprocess.run(
        [str(programs / "torc"), *words],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == b"" and done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["status", LATIN], ["cancel", LATIN], ["delete", LATIN], ["init", LATIN], ["why", LATIN],
        ["jobs", "get", LATIN], ["jobs", "get", "x", "-w", LATIN], ["jobs", "list", "-s", LATIN],
        ["user-data", "get", LATIN], ["user-data", "get", LATIN, "-w", "1"],
        ["user-data", "update", "1", "-n", LATIN], ["user-data", "update", "1", "--data", LATIN],
        ["user-data", "create", "1", "-n", LATIN], ["workflows", "new", "-n", LATIN],
        ["workflows", "update", "1", "-d", LATIN], ["create", "w.yaml", "-n", LATIN],
        ["events", "list", "-t", LATIN], ["jobs", "update", "1", "-c", LATIN], [LATIN],
        ["jobs", LATIN], ["help", LATIN], ["status", "--columns", LATIN], ["-f", LATIN],
    ],
    ids=" ".join,
)  # fmt: skip
def test_names_are_refused(torc: Any, small: int, place: Path, words: list[str]) -> None:
    (place / "w.yaml").write_text("{name: w, jobs: [{name: a, command: x}]}")
    answer = torc(*words)
    assert answer.code == 2, answer
    assert "internal error" not in answer.err
    answer.err.encode()


def test_paths_are_accepted(
    torc: Any, place: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow in a directory whose name is not UTF-8 is created, listed and run."""
    directory = place / LATIN
    directory.mkdir()
    monkeypatch.chdir(directory)
    Path(f"{LATIN}.yaml").write_text(
        "{name: w, jobs: [{name: a, command: pwd > out.txt; echo done}]}"
    )
    assert torc("create", f"{LATIN}.yaml").code == 0
    assert torc("workflows", "list").code == 0
    assert torc("workflows", "get", "-f", "json").json["directory"] == str(directory)
    assert torc("run", 1, "--quiet").code == 0
    assert os.fsdecode(Path("out.txt").read_bytes()) == f"{directory}\n"
    assert torc("logs", "a").out == "done\n"
    shown = subprocess.run(
        [str(programs / "torc"), "logs", "a", "--path"], capture_output=True, check=True
    )
    assert os.fsencode(LATIN) in shown.stdout
    answer = torc("workflows", "export", 1)
    assert answer.code == 0
    (directory / "e.json").write_text(answer.out)
    assert torc("workflows", "import", "e.json").code == 0
    assert torc("run", "w.yaml", "-o", LATIN).code == 2


def test_a_file_of_data_with_such_a_name(torc: Any, small: int, place: Path) -> None:
    (place / LATIN).write_text("[1]")
    assert torc("user-data", "update", 1, "--data-file", LATIN).code == 0
    assert torc("workflows", "export", small, "-o", f"{LATIN}.json").code == 0
    assert torc("jobs", "create-from-file", small, f"{LATIN}2").code == 2


def test_a_user_with_such_a_name(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"USER", b"J\xfcrgen")
    (place / "w.yaml").write_text("{name: w, jobs: [{name: a, command: 'true'}]}")
    assert torc("run", "w.yaml", "--quiet").code == 0
    assert torc("workflows", "list", "-f", "json").json[0]["user"] == "J\\udcfcrgen"
    assert torc("jobs", "hold", 1).code == 2  # it has completed
    created = torc("events", "list", "-f", "json").json[0]
    assert created["actor"].startswith("J\\udcfcrgen@")
