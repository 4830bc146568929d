"""From the command line to the app: refusals, and the arguments of the app."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli import main
from torc_tui.operations import workflows
from torc_tui.plan.resolve import resolve
from torc_tui.store.database import Store
from torc_tui.tui.look import terminal
from torc_tui.tui.shell import run_app as opening
from torc_tui.workflow_file.load import loads


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Record the arguments of the app without showing it. The database has the workflow 1."""
    store = Store.open(str(tmp_path / "torc.db"))
    plan = resolve(loads("name: one\njobs: [{name: a, command: 'true'}]", format="yaml"))
    workflows.create_workflow(store, plan, user="ada", directory=str(tmp_path), actor="ada@here")
    store.close()
    calls: list[dict[str, Any]] = []

    def run_app(url: str, **more: Any) -> int:
        calls.append(more)
        return 0

    monkeypatch.setattr(opening, "run_app", run_app)
    monkeypatch.setenv("TORC_DATABASE", str(tmp_path / "torc.db"))
    monkeypatch.setenv("TERM", "xterm-256color")
    refusal = terminal.refusal
    monkeypatch.setattr(
        terminal, "refusal", lambda environ, interactive: refusal(environ, interactive=True)
    )
    yield calls
    gc.enable()


def test_unknown_workflow(opened: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["99"]) == 2
    said = capsys.readouterr().err
    assert "there is no workflow 99" in said and "torc workflows list" in said
    assert opened == []


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ([], {"read_only": False}),
        (["1"], {"workflow_id": 1, "read_only": False}),
        (["--read-only"], {"read_only": True}),
        (["--read-only", "1"], {"workflow_id": 1, "read_only": True}),
        (["1", "--read-only"], {"workflow_id": 1, "read_only": True}),
        (["one"], {"workflow_id": 1, "read_only": False}),
        (["one", "--read-only"], {"workflow_id": 1, "read_only": True}),
    ],
)
def test_arguments_of_the_app(
    opened: list[dict[str, Any]], line: list[str], given: dict[str, Any]
) -> None:
    assert main.main(line) == 0
    assert opened == [given]


@pytest.fixture
def two(opened: list[dict[str, Any]], tmp_path: Path) -> None:
    """Three workflows of one name, 2 to 4; the third is of this directory. 5 is called `status`."""
    store = Store.open(str(tmp_path / "torc.db"))
    (tmp_path / "here").mkdir()
    for name, folder in (("two", "x"), ("two", "here"), ("two", "x"), ("status", "here")):
        plan = resolve(loads(f"name: {name}\njobs: [{{name: a, command: 'true'}}]", format="yaml"))
        workflows.create_workflow(
            store, plan, user="ada", directory=str(tmp_path / folder), actor="ada@here"
        )
    store.close()


def test_a_name_opens_the_newest_workflow_of_this_directory(
    opened: list[dict[str, Any]],
    two: None,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path / "here")
    assert main.main(["two"]) == 0
    said = "3 workflows have the name 'two'; this is the newest of this directory: 3 (two)\n"
    assert capsys.readouterr().err == said
    monkeypatch.chdir(tmp_path)
    assert main.main(["two"]) == 0
    assert "; this is the newest: 4 (two)\n" in capsys.readouterr().err
    assert [one["workflow_id"] for one in opened] == [3, 4]


def test_unknown_name(
    opened: list[dict[str, Any]], two: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["statuss"]) == 2
    assert "did you mean `torc status`" in capsys.readouterr().err
    assert main.main(["one", "two"]) == 2
    assert "there is no command one" in capsys.readouterr().err
    main.main(["status", "1"])  # a command, whatever workflows are called
    assert opened == []


def test_unreadable_database(
    opened: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORC_DATABASE", str(tmp_path / "none.db"))
    assert main.main(["1"]) == 0
    assert opened == [{"workflow_id": 1, "read_only": False}]


def test_dumb_terminal(
    opened: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert main.main([]) == 2
    assert "TERM=dumb" in capsys.readouterr().err
    assert opened == []
