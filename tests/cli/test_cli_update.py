"""The same file is the same workflow: `torc update`, `torc run FILE` once more, `--set`, `torc diff`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Terminal

Torc = Callable[..., Answer]
TEXT = """
name: sweep
variables: {word: one}
parameters: {n: "1:2"}
jobs:
  - {name: "fit_{n}", command: "echo {word} {n}", use_parameters: [n]}
  - {name: sum, command: "echo sum"}
"""


@pytest.fixture
def file(place: Path) -> Path:
    path = place / "w.yaml"
    path.write_text(TEXT)
    return path


def edit(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def commands(torc: Torc, workflow: int = 1) -> dict[str, str]:
    found = torc("jobs", "list", workflow, "-f", "json").json
    return {job["name"]: job["command"] for job in found}


def ids(torc: Torc) -> list[int]:
    return [one["id"] for one in torc("workflows", "list", "-f", "json").json]


def test_update_keeps_what_an_option_has_disabled(torc: Torc, file: Path) -> None:
    created = torc("create", "w.yaml", "--no-resource-monitoring", "-f", "json").json["id"]
    edit(file, "1:2", "1:3")
    assert torc("update", created, "w.yaml").code == 0
    assert torc("update", created, "w.yaml").out == f"Workflow {created} (sweep): nothing changes\n"
    assert torc("run", created, "-q").code == 0
    results = torc("results", "list", created, "-f", "json").json
    assert len(results) == 4
    assert {one["peak_memory_bytes"] for one in results} == {None}


def test_run_again_names_stale(torc: Torc, file: Path) -> None:
    text = "workflow 1 was created from this file before; with --stale, this command updates it"
    assert text not in torc("run", "w.yaml").err
    assert text in torc("run", "w.yaml").err and ids(torc) == [1, 2]
    for option in ("--new", "-q"):
        assert text not in torc("run", "w.yaml", option).err


def test_update(torc: Torc, file: Path) -> None:
    assert torc("run", "w.yaml", "-q").code == 0
    assert torc("update", "w.yaml").out == "Workflow 1 (sweep): nothing changes\n"
    edit(file, "1:2", "1:3")
    edit(file, "echo sum", "echo all")
    dry = torc("update", "w.yaml", "--dry-run")
    assert dry.out.splitlines() == [
        "Workflow 1 (sweep) (dry run): 1 job added, 1 job changed",
        "added:",
        "  fit_3",
        "changed:",
        "  sum (runs again): command changed: echo [-sum-] {+all+}",
    ]
    assert "fit_3" not in commands(torc)
    found = torc("update", 1, "w.yaml", "-f", "json").json
    assert found["changes"] is True and found["dry_run"] is False
    assert found["jobs"]["added"] == ["fit_3"] and found["jobs"]["rerun"] == ["sum"]
    (changed,) = found["jobs"]["changed"]
    assert changed["fields"] == {"command": {"before": "echo sum", "after": "echo all"}}
    assert (changed["name"], changed["effect"]) == ("sum", "rerun")
    assert torc("run", 1, "-q").code == 0
    assert torc("plan", 1, "--check").code == 0
    assert torc("update", "w.yaml", "-f", "json").json["changes"] is False


def test_removed(torc: Torc, file: Path) -> None:
    torc("run", "w.yaml", "-q")
    edit(file, "1:2", "1:1")
    assert "  fit_2 (completed; its history is kept)" in torc("update", "w.yaml").out
    assert set(commands(torc)) == {"fit_1", "sum"}
    assert torc("jobs", "get", "fit_2", "-w", 1).code == 2
    assert torc("status", 1, "-f", "json").json["total_jobs"] == 2
    results = torc("results", "list", 1, "--all-runs", "-f", "json").json
    assert "fit_2" in {one["job_name"] for one in results}
    assert torc("jobs", "enable", 2).code == 2
    exported = torc("workflows", "export", 1, "--include-results", "--include-events").out
    (file.parent / "export.json").write_text(exported)
    assert torc("workflows", "import", "export.json").code == 0
    assert set(commands(torc, 2)) == {"fit_1", "sum"}


WRONG = {
    "update": 2,
    "update nothing.yaml": 2,
    "update 77 w.yaml": 2,
    "update 1 w.yaml more": 2,
    "update 1 w.yaml --set zzz=1": 2,
    "run w.yaml --new --update": 2,
    "run 1 --update": 2,
    "run 1 --set word=x": 2,
    "run w.yaml --set word": 2,
    "run w.yaml --set wrod=x": 2,
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong(torc: Torc, file: Path, words: str) -> None:
    torc("create", "w.yaml")
    answer = torc(*words.split())
    assert answer.code == WRONG[words] and answer.err
    assert ids(torc) == [1] and commands(torc)["sum"] == "echo sum"


def test_not_made_from_it(torc: Torc, file: Path) -> None:
    torc("create", "w.yaml")
    other = file.with_name("other.yaml")
    other.write_text(TEXT.replace("echo sum", "echo other"))
    answer = torc("update", "other.yaml")
    assert answer.code == 2 and "no workflow was made from other.yaml yet" in answer.err
    assert torc("update", 1, "other.yaml").code == 0
    assert commands(torc)["sum"] == "echo other"


def test_set(torc: Torc, file: Path) -> None:
    """Values from the line replace variables and parameters, and stay with the workflow."""
    assert torc("create", "w.yaml", "--set", "word=two", "--set", "n=[7, 8, 9]").code == 0
    assert set(commands(torc)) == {"fit_7", "fit_8", "fit_9", "sum"}
    assert commands(torc)["fit_8"] == "echo two 8"
    edit(file, "echo sum", "echo all")
    assert torc("update", "w.yaml").code == 0
    assert commands(torc)["fit_8"] == "echo two 8" and commands(torc)["sum"] == "echo all"
    assert torc("update", "w.yaml", "--set", "word=three").code == 0
    assert commands(torc)["fit_8"] == "echo three 8"
    answer = torc("run", "w.yaml", "--set", "wrod=x")
    assert "declares no variable or parameter 'wrod'" in answer.err and "word" in answer.err


def test_run_again_in_scripts(torc: Torc, file: Path) -> None:
    """A script gets a new workflow, or updates the one before."""
    torc("run", "w.yaml", "-q")
    torc("run", "w.yaml", "-q")
    assert ids(torc) == [1, 2]
    edit(file, "echo sum", "echo all")
    assert torc("run", "w.yaml", "--update", "-q").code == 0
    assert ids(torc) == [1, 2] and commands(torc, 2)["sum"] == "echo all"
    assert commands(torc, 1)["sum"] == "echo sum"
    assert torc("run", "w.yaml", "--new", "-q").code == 0 and ids(torc) == [1, 2, 3]


def test_identity(torc: Torc, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other values, another directory and standard input make another workflow; a link does not."""
    assert torc("run", "w.yaml", "--update", "-q").code == 0
    assert torc("run", "w.yaml", "--update", "-q", "--set", "word=x").code == 0
    assert ids(torc) == [1, 2]
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    assert torc("run", "link.yaml", "--update", "-q").code == 0
    assert ids(torc) == [1, 2]
    other = file.parent / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert torc("run", "../w.yaml", "--update", "-q").code == 0
    assert ids(torc) == [1, 2, 3]


def test_from_another_directory(torc: Torc, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is found again, wherever the update was made."""
    torc("create", "w.yaml")
    other = file.parent / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    edit(file, "echo sum", "echo all")
    assert torc("update", 1, "../w.yaml").code == 0
    monkeypatch.chdir(file.parent)
    edit(file, "echo all", "echo more")
    assert torc("update", "w.yaml").code == 0 and commands(torc)["sum"] == "echo more"
    assert torc("plan", "w.yaml").code == 0


def test_running(torc: Torc, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workflow that runs is not run a second time by accident."""
    from torc_tui.cli import run_file

    torc("create", "w.yaml")
    monkeypatch.setattr(run_file, "active_runners", lambda store, number: ["a runner"])
    answer = torc("run", "w.yaml")
    assert answer.code == 2 and "already running: workflow 1" in answer.err
    assert torc("run", "w.yaml", "--update").code == 2
    assert torc("run", "w.yaml", "--new", "-q").code == 0 and ids(torc) == [1, 2]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def type_(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr("torc_tui.cli.run_file._is_interactive", lambda call: True)

    return type_


@pytest.mark.parametrize(
    ("typed", "workflows"), [("u\n", [1]), ("\n", [1, 2]), ("what\nn\n", [1, 2])]
)
def test_a_terminal_is_asked(
    torc: Torc, file: Path, answers: Any, typed: str, workflows: list[int]
) -> None:
    torc("run", "w.yaml", "-q")
    edit(file, "echo sum", "echo all")
    answers(typed)
    answer = torc("run", "w.yaml")
    assert answer.code == 0 and "Update it and run it again (u)" in answer.err
    assert ids(torc) == workflows
    assert commands(torc, workflows[-1])["sum"] == "echo all"


def test_a_terminal_attaches(
    torc: Torc, file: Path, answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torc_tui.cli import open_app, run_file

    opened: list[str] = []
    torc("create", "w.yaml")
    monkeypatch.setattr(run_file, "active_runners", lambda store, number: ["a runner"])
    monkeypatch.setattr(open_app, "open_app", lambda what, database: opened.append(what) or 0)
    answers("")
    assert torc("run", "w.yaml").code == 0 and opened == ["1"] and ids(torc) == [1]


def test_diff(torc: Torc, file: Path) -> None:
    torc("create", "w.yaml")
    assert torc("diff", 1).out == "Workflow 1 (sweep): nothing was changed since w.yaml\n"
    torc("jobs", "update", "sum", "-w", 1, "--command", "echo SUM", "--priority", 3)
    assert torc("diff", 1).out.splitlines() == [
        "Workflow 1 (sweep): 1 job changed since w.yaml",
        "  sum: command changed: echo [-sum-] {+SUM+}",
        "  sum: priority: 0 → 3",
        "lines for w.yaml:",
        "jobs:",
        '  - name: "sum"',
        '    command: "echo SUM"',
        "    priority: 3",
    ]
    found = torc("diff", 1, "-f", "json").json
    assert found["jobs"]["sum"]["priority"] == {"before": 0, "after": 3}
    edit(file, "echo sum", "echo SUM")
    assert torc("update", "w.yaml").code == 0
    assert "command" not in torc("diff", 1, "-f", "json").json["jobs"]["sum"]


def test_name_of_a_run(torc: Torc, file: Path) -> None:
    """The name and the file identify a workflow; the name is recorded like the set values."""
    assert torc("run", "w.yaml", "-q", "--name", "other", "--set", "word=two").code == 0
    found = torc("workflows", "get", "-f", "json").json
    assert (found["name"], found["set_values"]) == ("other", {"word": "two"})
    again = torc("run", "w.yaml", "-q", "-n", "other", "--set", "word=two", "--update")
    assert again.code == 0
    assert torc("run", "w.yaml", "-q", "--update").code == 0
    names = [one["name"] for one in torc("workflows", "list", "-f", "json").json]
    assert names == ["other", "sweep"]
    answer = torc("run", 1, "--name", "x")
    assert answer.code == 2 and "--name needs a workflow file" in answer.err


def test_failed_jobs_of_a_file_again(torc: Torc, place: Path) -> None:
    """``--stale`` reruns the failed jobs of the workflow created earlier from the file."""
    (place / "w.yaml").write_text("name: w\njobs: [{name: a, command: 'cat gate'}]\n")
    answer = torc("run", "w.yaml")
    assert answer.code == 1 and "`torc run 1 --stale` runs the failed jobs again" in answer.err
    (place / "gate").touch()
    assert torc("run", "--stale", "-q").code == 0
    assert [one["id"] for one in torc("workflows", "list", "-f", "json").json] == [1]
    answer = torc("run", "w.yaml", "--stale", "--new")
    assert answer.code == 2 and "--new and --stale cannot be used together" in answer.err


@pytest.mark.parametrize(
    ("parameters", "name", "before", "after"),
    [
        ("parameters_file: v.csv", "v.csv", "n\n1\n", "n\n1\n2\n"),
        ("parameters: {n: '@v.txt'}", "v.txt", "1\n", "1\n2\n"),
    ],
    ids=["table", "list"],
)
def test_values_in_another_file(
    torc: Torc, place: Path, parameters: str, name: str, before: str, after: str
) -> None:
    """A change in a file named by the workflow file is a change of the workflow."""
    (place / "w.yaml").write_text(
        f"name: t\njobs: [{{name: 'j{{n}}', command: 'echo {{n}}', {parameters}}}]\n"
    )
    (place / name).write_text(before)
    assert torc("run", "w.yaml", "-q").code == 0
    assert torc("update", "w.yaml").out == "Workflow 1 (t): nothing changes\n"
    (place / name).write_text(after)
    assert "1 job added" in torc("update", "w.yaml").out
    assert commands(torc) == {"j1": "echo 1", "j2": "echo 2"}


def test_keep(torc: Torc, file: Path) -> None:
    """With --keep the changed job keeps its result and is stale; a new job runs."""
    assert torc("run", "w.yaml", "-q").code == 0
    edit(file, "1:2", "1:3")
    edit(file, "echo sum", "echo all")
    told = torc("run", "w.yaml", "--keep")
    assert told.code == 0 and "sum (stale: result kept): command changed" in told.out
    assert "stale until rerun, because --keep keeps their results: sum\n" in told.out
    assert "completed: fit_3" in told.out and "started: sum" not in told.out
    assert commands(torc)["sum"] == "echo all" and ids(torc) == [1]
    assert torc("run", "w.yaml", "--keep").code == 0
    assert torc("run", 1).code == 4
    told = torc("run", "w.yaml", "--stale")
    assert told.code == 0 and "completed: sum" in told.out and "fit_1" not in told.out
    assert torc("plan", 1, "--check").code == 0


def test_keep_with_a_new_dependency(torc: Torc, file: Path) -> None:
    """A job with a result does not wait for a new job, even if the new job fails."""
    assert torc("run", "w.yaml", "-q").code == 0
    edit(file, 'command: "echo sum"', 'command: "echo sum", depends_on: [new]')
    file.write_text(file.read_text() + '  - {name: new, command: "exit 3"}\n')
    told = torc("run", "w.yaml", "--keep")
    assert told.code == 1 and "FAILED: new" in told.out and "started: sum" not in told.out
    found = {one["name"]: one["status"] for one in torc("jobs", "list", 1, "-f", "json").json}
    assert (found["sum"], found["new"]) == ("completed", "failed")
