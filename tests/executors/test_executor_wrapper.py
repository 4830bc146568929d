"""Commands of all kinds, through the wrapper and as bash alone would run them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from torc_tui.executors.exit_file import ExitFile, read_exit_file
from torc_tui.executors.wrapper import launch
from torc_tui.model import AttemptKey, Order
from torc_tui.resources.process_identity import process_started
from torc_tui.resources.session_processes import clock_ticks

KEY = AttemptKey(1, 1, 1, 1)


def order_of(tmp_path: Path, command: str, invocation: str | None = None) -> Order:
    return Order(
        key=KEY,
        name="x",
        command=command,
        directory=str(tmp_path),
        environment={},
        invocation_script=invocation,
        exit_file=str(tmp_path / "it's an exit"),
    )


def run(
    tmp_path: Path, command: str, invocation: str | None = None
) -> tuple[int, str, str, ExitFile]:
    how = launch(order_of(tmp_path, command, invocation), "/bin/bash", now=clock_ticks())
    for path, text in how.files:
        Path(path).write_text(text)
    done = subprocess.run(
        how.argv,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
        start_new_session=True,
    )
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return code, done.stdout, done.stderr, read_exit_file(str(tmp_path / "it's an exit"))


@pytest.mark.parametrize(
    ("command", "code", "out"),
    [
        ("", 0, ""),
        ("# only a comment", 0, ""),
        ("exit 7", 7, ""),
        ("exit 300", 44, ""),
        ("(exit 9)", 9, ""),
        ("echo a\\", 0, "a\\\n"),
        ("echo a # b", 0, "a\n"),
        ("cat <<X\nhi\nX", 0, "hi\n"),
        ("set -e; false; echo no", 1, ""),
        ("set -eu; echo $nope", 1, ""),
        ("if then", 2, ""),
        ("echo a\nif then fi\necho b", 2, "a\n"),
        ('echo "$0" "$#" "$@"', 0, "bash 0\n"),
        ("echo one\necho $LINENO", 0, "one\n2\n"),
        ("trap 'echo bye' EXIT; exit 4", 4, "bye\n"),
        ("exec sh -c 'exit 5'", 5, ""),
        ("exec 2>&1; nope", 127, "bash: line 1: nope: command not found\n"),
        ("cd /; exit 3", 3, ""),
        ("IFS=0; (exit 10)", 10, ""),
        ("echo() { printf X; }; echo; exit 3", 3, "X"),
        ("set -o noclobber; exit 6", 6, ""),
        ("kill -TERM $$; echo no", 143, ""),
        ("sh -c 'kill -9 $$' 2>/dev/null", 137, ""),
        ("sleep 0 & exit 8", 8, ""),
        ("echo 'äöü'; echo \"it's\"", 0, "äöü\nit's\n"),
        ("printf '%s' \"$(( 1 + 1 ))\"", 0, "2"),
    ],
)
def test_code_and_output_are_those_of_the_command(
    tmp_path: Path, command: str, code: int, out: str
) -> None:
    got, stdout, _, told = run(tmp_path, command)
    assert (got, stdout) == (code, out)
    assert told.code == code
    assert told.pid is not None
    assert told.process_started is not None


def test_messages_of_bash_count_lines_as_the_file_does(tmp_path: Path) -> None:
    assert run(tmp_path, "true\nnope")[2] == "bash: line 2: nope: command not found\n"
    assert "line 1" in run(tmp_path, "if then")[2]
    assert "builtin" not in run(tmp_path, "if then")[2]


def test_tracing_hides_the_wrapper(tmp_path: Path) -> None:
    assert [line.lstrip("+") for line in run(tmp_path, "set -x; true")[2].splitlines()] == [" true"]


def test_a_command_longer_than_an_argument_may_be(tmp_path: Path) -> None:
    code, out, _, told = run(tmp_path, f"x={'y' * 200_000}; echo ${{#x}}; exit 3")
    assert (code, out, told.code) == (3, "200000\n", 3)


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("env A=1", "1 b\n"),
        ('export A=2\nexec "$@"', "2 b\n"),
        ('#!/bin/sh\nA=3; export A\nexec "$@"', "3 b\n"),
        ('#!/usr/bin/env -S bash -e\nexport A=4\n"$@"\nexit $?', "4 b\n"),
    ],
)
def test_invocation_scripts_run_around_the_command(tmp_path: Path, script: str, out: str) -> None:
    code, stdout, stderr, told = run(tmp_path, "bash -c 'echo $A b; exit 6'", script)
    assert (code, stdout, stderr, told.code) == (6, out, "", 6)


def test_soft_limit_of_open_files(tmp_path: Path) -> None:
    how = launch(order_of(tmp_path, "ulimit -Sn"), "/bin/bash", open_files=77)
    assert subprocess.run(how.argv, capture_output=True, text=True).stdout == "77\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ExitFile()),
        ("pid 4000012", ExitFile()),
        ("pid 4000012 34\n", ExitFile(4000012, 34)),
        ("pid 4000012\n", ExitFile(4000012)),
        ("pid 4000012 34\n1", ExitFile(4000012, 34)),
        ("pid 4000012 34\n13\n", ExitFile(4000012, 34, 13)),
        ("pid 4000012 3x\n", ExitFile(4000012)),
        ("13\n", ExitFile(code=13)),
        ("\0\xff nonsense\npid x\n", ExitFile()),
    ],
)
def test_incomplete_line(tmp_path: Path, text: str, told: ExitFile) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    assert read_exit_file(str(path)) == told


def test_missing_file(tmp_path: Path) -> None:
    assert read_exit_file(os.fspath(tmp_path / "none")) == ExitFile()
    assert read_exit_file(os.fspath(tmp_path)) == ExitFile()


@pytest.mark.parametrize(("before", "same"), [(0, True), (299, True), (301, False), (-1, False)])
def test_start_time_tolerance(tmp_path: Path, before: int, same: bool) -> None:
    started = process_started(os.getpid())
    assert started is not None
    path = tmp_path / "x"
    path.write_text(f"pid {os.getpid()} {started - before}\n")
    assert (read_exit_file(str(path)).process_started == started) is same
