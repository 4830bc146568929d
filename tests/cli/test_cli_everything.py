"""Any command line gives an answer or one clear error, never a traceback."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli.command_table import COMMANDS

LINES = (
    "",
    "1",
    "2",
    "0",
    "write",
    "1/write",
    "1/nothing/",
    "config",
    "99 99",
    "1 1",
    "1 2 3",
    "true 1",
    "5 1",
    "small.yaml",
    "small.yaml 1",
    "-n x",
    "1 -n x",
    "1 -w 1",
    "write -w small",
    "/",
    "../..",
    "''",
    "'\x1b[31m'",
    "%s{}",
    "1 --limit 1",
    "1 --sort-by name",
    "1 --sort-by 'id; DROP TABLE job'",
    "1 --limit 99999999999999999999",
    "1 --data {}",
    "-- -1",
)

WRITE_FILES = {"database backup", "database recover"}
"""Commands whose argument is the database that they make."""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.names[0])
def test_every_command_line(
    torc: Any, client: Any, small: int, place: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in LINES:
        if command.names[0] == "run":
            line += " --quiet --max-parallel-jobs 1 --time-limit 5"
        if command.names[0] == "wait":
            line += " --timeout 0"
        if command.names[0] == "database serve":
            line += " --pg-bin /nowhere"
        if command.names[0] == "slurm watch":
            line += " --help"  # it waits until all jobs have finished
        if command.names[0] == "events monitor":
            line += " --duration 0"
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        program = client if line.startswith("1") else torc
        answer = program(*command.names[0].split(), *shlex.split(line))
        assert answer.code in (0, 1, 2, 3, 4), (line, answer)
        assert "internal error" not in answer.err, (line, answer)
        assert answer.code == 0 or answer.err or answer.out, line
        assert "\x1b" not in answer.out + answer.err
    assert (place / "small.yaml").read_text().startswith("name:")
    if command.names[0] == "new":
        (place / "workflow.yaml").unlink()
    if command.names[0] in WRITE_FILES:
        made = [path for path in place.iterdir() if path.is_file() and path.name != "small.yaml"]
        for path in made:
            assert path.read_bytes()[:16] in (b"SQLite format 3\0", b""), path
        return
    assert sorted(path.name for path in place.iterdir() if path.suffix != ".txt") in (
        ["small.yaml"],
        ["small.yaml", "torc_output"],
    )
