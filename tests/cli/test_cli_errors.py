"""Bad input: one clear message, the right exit code, nothing half done, and never a traceback."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from torc_tui import errors
from torc_tui.cli import diagnostics, main
from torc_tui.errors import Problem
from torc_tui.store.database import Store


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nope", "there is no command nope"),
        ("retry a", "did you mean `torc jobs retry`"),
        ("wrkflows list", "did you mean `torc workflows`"),
        ("server", "`torc --help` lists the commands"),
        ("jobs lst", "did you mean `torc jobs list`"),
        ("jobs", "torc jobs needs a command"),
        ("runn x.yaml", "did you mean `torc run`"),
        ("--nope", "there is no option --nope"),
        ("--read-only jobs list", "--read-only is for the app"),
        ("jobs update 1", "nothing to update\n  give at least one option"),
        ("results list --bogus", "`torc results list --help` lists the arguments"),
        ("jobs list --stat x", "did you mean --status?"),
        ("jobs list a b c", "unexpected argument 'b'"),
        ("jobs list 1 --status pink", "there is no job status 'pink'"),
        ("-f xml jobs list", "-f must be one of"),
        ("jobs list -f", "-f must be one of table, json"),
        ("jobs list -f dot", "-f must be one of table, json, json-items, csv, not 'dot'"),
        ("jobs list --database", "--database needs a value"),
        ("jobs list --limit -1", "'-1' is not a whole number from 0"),
        ("run x.yaml --num-cpus 0", "'0' is not a whole number greater than 0"),
        ("run x.yaml --memory-gb nan", "'nan' is not a number of GiB from 0"),
        ("run x.yaml --time-limit 2h", "write PT2H"),
        (
            "run x.yaml --time-limit soon",
            "'soon' is not a number of seconds or a duration"
            " (write an ISO 8601 duration, such as PT30M, PT4H or P1DT12H)",
        ),
        ("run x.yaml --end-time soon", "'soon' is not a time"),
        ("failures 1 show", "show needs the number of a group\n  `torc failures 1` shows"),
        ("failures 1 retry x", "not 'x'\n  `torc failures 1` shows the numbers"),
        ("logs analyze ./none", "there is no file or directory none"),
        ("run x.yaml --gpu-foreign steal", "must be avoid or ignore, not 'steal'"),
        ("run x.yaml --num-cpus", "--num-cpus needs a value"),
        ("run x.yaml --quiet=1", "--quiet takes no value"),
        ("why", "there is no workflow yet"),
        ("delete", "torc delete: needs WORKFLOW"),
        ("jobs priority 1", "torc: JOB is missing\n  name jobs, or select them with --failed"),
        ("workflows new", "torc workflows new: needs --name NAME"),
        ("get", "there is no command get"),
        ("user-data update", "torc user-data update: needs RECORD"),
        ("user-data get 1 --data 5", "unknown option --data"),
        (
            "user-data update 1 --data 1 --data-file y",
            "--data and --data-file cannot be used together",
        ),
        ("user-data update 1 --ephemeral maybe", "--ephemeral must be true or false"),
        ("completions tcsh", "must be bash, zsh or fish, not 'tcsh'"),
        ("jobs list", "there is no workflow yet"),
        ("status 99", "there is no workflow 99"),
        ("status nobody", "there is no workflow 'nobody'"),
        ("why 99", "there is no job 99"),
        ("logs 99999999999999999999", "there is no workflow yet"),
        ("status 99999999999999999999", "there is no workflow"),
        ("user-data list 99999999999999999999", "there is no workflow"),
        ("user-data get 99999999999999999999", "there is no workflow yet"),
        ("files get 7", "there is no file 7"),
        ("results get 7", "there is no result 7"),
        ("compute-nodes get 7", "there is no compute node 7"),
        ("run missing.yaml", "missing.yaml"),
        ("create .", "."),
        ("create \ud800", "'\\u{d800}' is not a path"),
        ("database backup \ud800", "'\\u{d800}' is not a path"),
        ("workflows import missing.json", "missing.json: cannot be read"),
        ("jobs list --database mysql://x/y", "unknown kind of database: mysql://"),
    ],
)
def test_wrong_use(torc: Any, line: str, said: str) -> None:
    Store.open().close()  # there is a store, and nothing in it
    answer = torc(*line.split())
    assert (answer.code, answer.out) == (2, ""), answer
    assert said in answer.err
    assert len(answer.err) < 2000


def test_similar_file(torc: Any, place: Path) -> None:
    (place / "sweep.yaml").write_text("name: w\njobs: [{name: a, command: 'true'}]\n")
    for command in ("run", "validate", "create"):
        assert "did you mean 'sweep.yaml'?" in torc(command, "swep.yaml").err
    assert "did you mean" not in torc("run", "none/x.yaml").err


def test_unreadable_database(torc: Any, place: Path) -> None:
    """A word that may name a workflow is not called a wrong command only."""
    (place / "other.db").write_text("no database" * 100)
    answer = torc("mine", "--database", place / "other.db")
    assert answer.code == 2
    assert "cannot look for a workflow 'mine': " in answer.err
    assert "did you mean `torc status`" in torc("statuss", "--database", place / "other.db").err
    assert "there is no command mine" in torc("mine", "--database", place / "none.db").err


def test_newest_in_app(torc: Any, small: int) -> None:
    """`@last` names a workflow for the app, too, which finds no terminal here."""
    for word in ("@last", "@1"):
        assert "the app needs a terminal" in torc(word).err
    assert torc("@2").err == "torc: @2: there is only 1 workflow\n"
    assert "'@x' is not a workflow" in torc("@x").err


def test_unknown_state(torc: Any, small: int) -> None:
    answer = torc("jobs", "list", small, "-s", "asleep")
    assert answer.code == 2 and "'asleep'" in answer.err and "pending_failed" in answer.err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"a": }', "--data is not valid JSON: line 1, column 7: a value is missing before }"),
        ('{\n  "a" 1\n}', "line 2, column 7"),
        ("", "--data is empty, which is not JSON"),
        ("  ", "--data is empty"),
        ("NaN", "NaN is not a JSON value"),
        ("[1, -Infinity]", "-Infinity is not a JSON value"),
        ("{'a': 1}", "line 1, column 2"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "is not valid JSON"),
        ("\udcff", "--data is not valid UTF-8"),
    ],
)
def test_data_that_is_not_json_changes_nothing(torc: Any, small: int, data: str, said: str) -> None:
    torc("user-data", "update", 1, "--data", '"old"')
    answer = torc("user-data", "update", 1, "--data", data)
    assert answer.code == 2
    assert said in answer.err
    assert torc("user-data", "get", 1).json["data"] == "old"


def test_invalid_data_file(torc: Any, small: int, place: Path) -> None:
    (place / "bytes").write_bytes(b'"\xff"')
    assert (
        "bytes is not valid UTF-8 (byte 2)"
        in torc("user-data", "update", 1, "--data-file", "bytes").err
    )
    assert (
        "none: cannot be read: No such file"
        in torc("user-data", "update", 1, "--data-file", "none").err
    )
    assert "RECORD: must not be empty" in torc("user-data", "update", "", "--data", "1").err


def test_large_and_odd_data(torc: Any, small: int, place: Path) -> None:
    (place / "large.json").write_text(
        '{"__class__": ["' + "x" * 5_000_000 + '"], "": {"\\u0000": 1}}'
    )
    assert torc("user-data", "update", 1, "--data-file", "large.json").code == 0
    data = torc("user-data", "get", 1).json["data"]
    assert len(data["__class__"][0]) == 5_000_000 and data[""] == {"\0": 1}
    assert len(torc("user-data", "list", small).out) < 5000


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (
            lambda path: path.write_bytes(b"not a database, but long enough to be one" * 100),
            2,
            "is not a database",
        ),
        (of_another_program, 2, "of another program"),
        (lambda path: path.mkdir(), 1, "it is a directory"),
    ],
)
def test_files_that_are_no_database(
    torc: Any, tmp_path: Path, make: Callable[[Path], Any], code: int, said: str
) -> None:
    path = tmp_path / "bad.db"
    make(path)
    for words in (("workflows", "list"), ("user-data", "get", "1"), ("user-data", "list", "1")):
        answer = torc(*words, "--database", path)
        assert answer.code == code and said in answer.err, answer


def test_newer_or_locked_database(torc: Any, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torc_tui.store.connect.BUSY_SECONDS", 0.05)
    other = sqlite3.connect(os.environ["TORC_DATABASE"], isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        for words in (
            ("user-data", "update", 1, "--data", 1),
            ("cancel", small),
            ("jobs", "hold", 1),
        ):
            locked = torc(*words)
            assert locked.code == 1 and "is locked" in locked.err, locked
        assert torc("jobs", "list", small).code == 0, "readers do not wait for writers"
        other.execute("ROLLBACK")
        other.execute("UPDATE meta SET value = '99'")
    finally:
        other.close()
    for words in (("user-data", "get", 1), ("jobs", "list", small)):
        newer = torc(*words)
        assert newer.code == 2 and "newer torc (schema 99" in newer.err


def test_a_hostile_name(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        'name: w\njobs:\n  - name: "../../x; rm -rf"\n    command: "echo \\"it\'s\\nü\\" $TORC_JOB_NAME"\n'
    )
    answer = torc("run", "w.yaml")
    assert answer.code == 0, answer
    assert "\x1b" not in answer.out and "completed: ../../x; rm -rf (job 1)" in answer.out
    assert torc("logs", 1).out == "it's\nü ../../x; rm -rf\n"
    assert sorted(path.name for path in place.iterdir()) == ["torc_output", "w.yaml"]


def test_missing_database(torc: Any, tmp_path: Path) -> None:
    answer = torc("user-data", "get", 1)
    assert (
        answer.code == 1
        and "there is no database at" in answer.err
        and "`torc create FILE` creates it" in answer.err
    )
    listed = torc("workflows", "list")
    assert listed.code == 0 and listed.err.startswith("No workflows.\nthere is no database at")
    place = tmp_path / "gone" / "x.db"
    for words in (
        ("status",),
        ("jobs", "list", 1),
        ("user-data", "get", 1),
        ("delete", 1),
        ("run", 1),
    ):
        answer = torc(*words, "--database", place)
        assert answer.code == 1 and f"there is no database at {place}" in answer.err, answer
    assert torc("resources", "--database", place).code == 0
    assert not place.parent.exists()
    assert torc("workflows", "new", "-n", "first", "--database", place).code == 0 and place.exists()


def test_bad_settings(torc: Any, place: Path) -> None:
    for text, at in (("[client\n", "1:8"), ('a = 1\nb = "x\n', "2:7"), ("a = 1\nb = [1,", "2")):
        (place / "torc.toml").write_text(text)
        answer = torc("config", "show")
        assert answer.code == 2 and f"torc.toml:{at}: this is not TOML: " in answer.err
    (place / "torc.toml").write_text('[client]\nformat = "xml"\n')
    assert "client.format must be table, json" in torc("workflows", "list").err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("m"), 2),
        (errors.SettingsError("m"), 2),
        (errors.NotFound("m"), 2),
        (errors.Refused("m"), 2),
        (errors.SchemaMismatch("m"), 2),
        (errors.SpecError(Problem("m")), 2),
        (errors.DependencyCycle(Problem("m")), 2),
        (errors.StoreUnavailable("m"), 1),
        (errors.Conflict("m"), 1),
        (PermissionError(13, "m", "/path"), 1),
        (MemoryError(), 1),
        (KeyboardInterrupt(), 130),
        (SystemExit(2), 2),
        (SystemExit(None), 0),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.report(error) == code


def test_passwords_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://ada:s3cret@db/torc?password=s3cret"
    error = errors.StoreUnavailable(f"{url} failed", hint=f"try {url}")
    assert str(error) == "postgresql://ada:***@db/torc?password=*** failed"
    diagnostics.report(error)
    diagnostics.report(ValueError(url))
    diagnostics.print_stderr(url)
    assert "s3cret" not in capsys.readouterr().err


def test_messages_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    diagnostics.report(errors.NotFound("no \x1b]0;evil\x07 \u202e name", hint="look\nhere"))
    assert capsys.readouterr().err == "torc: no \\x1b]0;evil\\x07 \\u{202e} name\n  look\nhere\n"
    diagnostics.report(errors.UsageError("a\udcff"))
    assert capsys.readouterr().err == "torc: a\\xff\n"


def test_unexpected_error(
    torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(program: str, words: object) -> int:
        raise ZeroDivisionError("by\nnothing at postgresql://ada:s3cret@db/torc, s3cret")

    monkeypatch.setattr("torc_tui.cli.command_line.run", broken)
    answer = torc("jobs", "list", "--database=postgresql://ada:s3cret@db/torc")
    assert answer.code == 1
    assert "torc: internal error: ZeroDivisionError: by" in answer.err
    path = Path(answer.err.split("details for a bug report: ")[1].strip())
    assert path.is_relative_to(place.parent / "home")
    text = path.read_text()
    assert "Traceback" in text and "'jobs' 'list' '--database=postgresql://ada:***@db/torc'" in text
    assert "s3cret" not in text + answer.err
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert "no crash log could be written" in torc("jobs", "list").err


def test_closed_output_pipe(shell: Any, small: int) -> None:
    done = shell(
        "set -o pipefail; for i in $(seq 20); do echo true; done > c; torc help | true; echo ${PIPESTATUS[0]}"
    )
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")
    closed = shell("torc events list | head -1")
    assert closed.stderr == "" and closed.stdout.startswith("╭")


def test_no_space_for_the_output(shell: Any, small: int) -> None:
    for command in ("torc jobs list", "torc user-data get 1"):
        done = shell(f"{command} > /dev/full")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1 and "No space left" in done.stderr


def test_a_deleted_directory(shell: Any, small: int, place: Path) -> None:
    (place.parent / "w.yaml").write_text("name: w\njobs: [{name: a, command: echo}]\n")
    gone = shell(
        "mkdir gone; cd gone; rmdir ../gone; torc create ../../w.yaml; echo $?; torc user-data get 1 -w 1 | wc -l"
    )
    assert "no longer exists" in gone.stderr or "cannot read" in gone.stderr
    assert gone.stdout.split() == ["2", "8"]


def test_refusal_of_the_app(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ((), ("1",), ("file.yaml",)):
        answer = torc(*words)
        assert answer.code == 2
        assert "terminal" in answer.err


def test_imports_of_main() -> None:
    text = Path(main.__file__).read_text()
    assert "import argparse" not in text and "import json" not in text


HEAVY = (
    "textual",
    "rich",
    "yaml",
    "json5",
    "sqlalchemy",
    "torc_tui.engine",
    "torc_tui.plan",
    "argparse",
    "json",
    "re",
)


@pytest.mark.parametrize(
    "words", [["get", "config", "-w", "1"], ["update", "1", "--data", '{"a": 1}']]
)
def test_imports_of_commands_in_jobs(small: int, words: list[str]) -> None:
    code = (
        "import os, sys\nfrom torc_tui.cli.main import main\n"
        "def leave(code):\n    print(*sorted(sys.modules), file=sys.stderr, flush=True)\n"
        "    leave.real(code)\nleave.real, os._exit = os._exit, leave\n"
        f"sys.argv = ['torc', 'user-data', *{words!r}]\nsys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    loaded = done.stderr.split()
    assert "torc_tui.store.user_data" in loaded
    assert not [
        name
        for name in loaded
        if name in (*HEAVY, "pathlib", "typing", "dataclasses", "platformdirs")
    ]


def test_message_in_a_limited_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stderr", stream)
    diagnostics.print_stderr("no file 'ü'")
    assert stream.buffer.getvalue() == b"no file '\\xfc'\n"  # type: ignore[attr-defined]  # of BytesIO


JSON_ERRORS = {
    "status 99": "there is no workflow 99",
    "frob": "there is no command frob",
    "status 1 --frob": "torc status: unknown option --frob",
    "jobs retry 1 --where cpu>>4": "column 5",
    "user-data get 99": "there is no user data 99",
    "run nofile.yaml": "cannot read 'nofile.yaml'",
}


@pytest.mark.parametrize("line", JSON_ERRORS)
def test_errors_in_json(torc: Any, small: int, line: str) -> None:
    """With ``-f json`` the last line of standard error is one JSON object."""
    for option in (["-f", "json"], ["--format=json"]):
        answer = torc(*line.split(), *option)
        error = json.loads(answer.err.splitlines()[-1])
        assert error["status"] == "error" and JSON_ERRORS[line] in error["message"]
        assert answer.code == error["exit_code"] == 2 and answer.out == ""


def test_errors_of_a_file_in_json(torc: Any, place: Path) -> None:
    jobs = "[{name: a, command: x, depends_on: [zz]}, {name: b, comand: x}]"
    (place / "w.yaml").write_text(f"name: w\njobs: {jobs}\n")
    answer = torc("create", "w.yaml", "-f", "json")
    error = json.loads(answer.err)
    assert error["message"] == f"{len(error['problems'])} errors; no changes made"
    assert {one["line"] for one in error["problems"]} == {2}
    assert all(one["text"] and one["kind"] for one in error["problems"])


def test_errors_after_two_dashes_are_text(torc: Any, small: int) -> None:
    answer = torc("logs", "--", "-f", "json")
    assert answer.code == 2 and answer.err.startswith("torc: ")
