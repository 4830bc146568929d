"""How commands find workflows and jobs, and which names may not be empty."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from torc_tui.cli.command_table import COMMANDS
from torc_tui.settings import MOST_INTEGER

FILLED = {"priority": "5", "state": "true", "version": "1", "id": "1", "name": "x"}
"""Values of arguments that a command cannot do without."""


def lines_with_an_empty_value() -> list[Any]:
    """Each command with each of its arguments that name something, as words of a line."""
    found = []
    for command in COMMANDS:
        needed = [
            (argument, argument.flags[0].lstrip("-"))
            for argument in command.arguments
            if argument.options.get("required")
            or (argument.flags[0][0] != "-" and argument.options.get("nargs") != "?")
        ]
        for argument in command.arguments:
            name = argument.options.get("type")
            if getattr(name, "__name__", "") not in ("name", "path"):
                continue
            positional = argument.flags[0][0] != "-"
            words = [] if positional else [argument.flags[-1], ""]
            for other, key in needed:
                if other is argument:
                    words += [""] if positional else []
                elif other.flags[0][0] == "-":
                    words += [other.flags[-1], FILLED.get(other.flags[-1].lstrip("-"), "1")]
                else:
                    words.append(FILLED.get(key, "1"))
            if positional and argument.options.get("nargs") == "?":
                words.append("")
            label = f"{command.names[0]} {argument.flags[-1]}"
            found.append(pytest.param([*command.names[0].split(), *words], id=label))
    return found


@pytest.mark.parametrize("words", lines_with_an_empty_value())
def test_an_empty_name_is_a_usage_error(torc: Any, small: int, words: list[str]) -> None:
    """A variable that is not set must never mean the only workflow, or all jobs."""
    before = Path(os.environ["TORC_DATABASE"]).read_bytes()
    answer = torc(*words)
    assert (answer.code, answer.out) == (2, "")
    assert "must not be empty" in answer.err
    assert Path(os.environ["TORC_DATABASE"]).read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("",),
        ("", "--read-only"),
        ("", "status"),
        ("status", "--database", ""),
        ("--database=", "status"),
        ("status", "-f", ""),
        ("user-data", "get", ""),
        ("user-data", "get", "1", "-w", ""),
        ("user-data", "get", "1", "--database", ""),
        ("user-data", "update", "1", "-n", ""),
        ("user-data", "update", "1", "--data-file", ""),
        ("user-data", "update", "1", "--data", ""),
        ("help", ""),
        ("jobs", ""),
    ],
    ids=lambda words: " ".join(words),
)
def test_an_empty_word(torc: Any, small: int, words: tuple[str, ...]) -> None:
    answer = torc(*words)
    assert (answer.code, answer.out) == (2, ""), answer
    assert "empty" in answer.err


@pytest.fixture
def three(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workflows 1 (`sweep`, here), 2 (`sweep`, elsewhere), 3 (`other`, elsewhere), made in this
    order; the second directory."""
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (place / "w.yaml").write_text(
        "{name: sweep, jobs: [{name: fit, command: x}, {name: '1', command: x}]}"
    )
    torc("create", "w.yaml")
    monkeypatch.chdir(elsewhere)
    torc("create", "../w.yaml")
    torc("create", "../w.yaml", "--name", "other")
    monkeypatch.chdir(place)
    return elsewhere


def test_newest_workflow_of_this_directory(
    torc: Any, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = torc("workflows", "get", "-f", "json")
    assert answer.json["id"] == 1
    assert answer.err == "there are 3 workflows; this is the newest of this directory: 1 (sweep)\n"
    monkeypatch.chdir(three)
    assert torc("jobs", "list", "-f", "json").json[0]["workflow_id"] == 3
    monkeypatch.chdir("/")
    answer = torc("workflows", "get", "-f", "json")
    assert (answer.json["id"], answer.err) == (
        3,
        "there are 3 workflows; this is the newest: 3 (other)\n",
    )


def test_reading_by_a_name_of_several(
    torc: Any, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("workflows", "get", "sweep", "-f", "json")
    assert torc(*words).json["id"] == 1
    monkeypatch.chdir(three)
    answer = torc(*words)
    assert answer.json["id"] == 2
    assert answer.err == (
        "2 workflows have the name 'sweep'; this is the newest of this directory: 2 (sweep)\n"
    )
    assert torc("workflows", "get", "other", "-f", "json").err == ""


@pytest.mark.parametrize(
    "words",
    ["delete sweep", "cancel sweep", "init sweep", "run sweep", "workflows archive true sweep",
     "workflows pause sweep", "jobs hold fit -w sweep", "jobs hold sweep/fit", "jobs hold fit"],
)  # fmt: skip
def test_changes_need_an_unambiguous_name(torc: Any, three: Path, words: str) -> None:
    answer = torc(*words.split())
    assert (answer.code, answer.out) == (2, "")
    assert "2 (sweep, uninitialized, now), 1 (sweep, uninitialized, now)" in answer.err
    assert {w["id"] for w in torc("workflows", "list", "-f", "json").json} == {1, 2, 3}


def test_newest_by_number(torc: Any, three: Path) -> None:
    for given, number in (("@last", 3), ("@1", 3), ("@2", 2), ("@3", 1)):
        answer = torc("workflows", "get", given, "-f", "json")
        assert (answer.json["id"], answer.err) == (number, "")
    assert torc("jobs", "get", "@2/fit", "-f", "json").json["workflow_id"] == 2
    assert "there are only 3 workflows" in torc("status", "@4").err
    for wrong in ("@", "@0", "@x", "@-1", f"@{MOST_INTEGER + 1}"):
        assert "@last or @1 is the newest" in torc("status", wrong).err


def test_a_job_name_before_an_id(torc: Any, three: Path) -> None:
    """In workflow 2, job 4 has the name ``1``; elsewhere 1 is an id."""
    assert torc("jobs", "get", "2/1", "-f", "json").json["id"] == 4
    assert torc("jobs", "get", "1", "-w", 2, "-f", "json").json["id"] == 4
    assert torc("jobs", "get", "1", "-f", "json").json["id"] == 1
    assert torc("jobs", "get", "2/3", "-f", "json").json["name"] == "fit"
    wrong = torc("jobs", "get", "2/5")
    assert wrong.code == 2 and "workflow 2 has no job '5'" in wrong.err


def test_a_job_name_that_one_workflow_has(torc: Any, three: Path, place: Path) -> None:
    (place / "w.yaml").write_text("{name: last, jobs: [{name: plot, command: x}]}")
    torc("create", "w.yaml")
    answer = torc("jobs", "hold", "plot")
    assert (answer.code, answer.out, answer.err) == (0, "Held job 7 (plot)\n", "")
    assert torc("jobs", "get", "fit", "-f", "json").json["workflow_id"] == 1
    assert "has no job 'plt'" in torc("why", "plt").err
    assert "did you mean plot?" in torc("why", "plt").err


def test_the_question(torc: Any, three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest workflow comes first; Enter chooses it."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    answer = torc("workflows", "pause")
    assert answer.out.startswith("Paused workflow 3:")
    assert [line.split()[0] for line in answer.err.splitlines()[:3]] == ["3", "2", "1"]
    assert str(three) in answer.err.splitlines()[0]
    monkeypatch.setattr(sys, "stdin", Terminal("7\n1\n"))
    assert "Paused workflow 1:" in torc("workflows", "pause").out


def test_numbers_out_of_range(torc: Any, small: int) -> None:
    for number in (MOST_INTEGER + 1, 1 << 63, 10**30, "²", "٣"):
        for words in (
            ("user-data", "get", "config", "-w", number),
            ("user-data", "get", number),
            ("user-data", "update", 1, "--data", "1", "--expected-version", number),
            ("user-data", "update", "config", "-w", number, "--data", "1"),
            ("status", number),
            ("why", number),
            ("why", "write", "-w", number),
            ("files", "get", number),
            (number,),
        ):
            answer = torc(*words)
            assert answer.code == 2, (words, answer)
            assert "internal error" not in answer.err


def test_deleted_directory(torc: Any, three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(three)
    shutil.rmtree(three)
    assert torc("workflows", "get", "-f", "json").json["id"] == 3


def test_age_in_an_error(torc: Any, three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)
    assert "2 (sweep, uninitialized, 2 h ago)" in torc("cancel", "sweep").err


def test_a_record_that_one_workflow_has(torc: Any, place: Path) -> None:
    """The name of a record is sufficient if only one workflow has it, also for an update."""
    for name, record in (("a", "lr"), ("b", "other")):
        jobs = '[{name: j, command: "true"}]'
        text = f"name: {name}\njobs: {jobs}\nuser_data: [{{name: {record}, data: 2}}]\n"
        (place / f"{name}.yaml").write_text(text)
        assert torc("create", f"{name}.yaml").code == 0
    assert torc("user-data", "update", "lr", "--data", "3").code == 0
    assert torc("user-data", "get", "lr", "--value").out == "3\n"
    torc("create", "a.yaml")
    answer = torc("user-data", "update", "lr", "--data", "4")
    assert answer.code == 2 and "2 workflows have user data 'lr'" in answer.err
    assert "there are" not in torc("user-data", "get", "other").err
    assert torc("user-data", "get", "zz").code == 2
