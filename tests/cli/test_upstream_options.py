"""Commands and options of upstream that have a meaning here, or are accepted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli import open_app


def test_ping(torc: Any, small: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = torc("ping", "-f", "json").json
    assert found == {"status": "ok", "database": os.environ["TORC_DATABASE"]}
    assert torc("ping").out == f"{os.environ['TORC_DATABASE']} answers\n"
    monkeypatch.setenv("TORC_API_URL", "http://localhost:8080")
    assert "TORC_API_URL has no effect: there is no server" in torc("ping").err
    assert torc("ping", "--database", "nowhere.db").code == 1


@pytest.mark.parametrize("words", [("-s",), ("--standalone",)])
def test_standalone(torc: Any, place: Path, words: tuple[str, ...]) -> None:
    (place / "w.yaml").write_text("jobs: [{name: a, command: 'true'}]")
    assert torc(*words, "run", "w.yaml", "-q").code == 0
    assert (place / "torc_output" / "torc.db").exists()
    assert not Path(os.environ["TORC_DATABASE"]).exists()
    assert torc("jobs", "list", "--standalone", "-f", "json").json[0]["name"] == "a"
    assert torc("jobs", "list", "--db", "torc_output/torc.db", "-f", "json").json[0]["name"] == "a"


def test_status_is_no_standalone(torc: Any, small: int) -> None:
    assert torc("jobs", "list", small, "-s", "blocked", "-f", "json").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--url", "http://x"), "--url has no effect: there is no server"),
        (("--url=http://x",), "--url has no effect: there is no server"),
        (("--password", "secret"), "--password has no effect"),
        (("--log-level", "debug"), ""),
        (("--skip-version-check",), ""),
        (("--prompt-password",), ""),
    ],
)
def test_options_for_a_server(torc: Any, small: int, words: tuple[str, ...], said: str) -> None:
    for line in ((*words, "status", small), ("status", small, *words)):
        answer = torc(*line)
        assert answer.code == 0 and said in answer.err and "secret" not in answer.err
        assert said or not answer.err


def test_tui(torc: Any, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def note(workflow: str | None, database: str | None, *, read_only: bool) -> int:
        opened.append((workflow, read_only))
        return 0

    monkeypatch.setattr(open_app, "open_app", note)
    assert torc("tui").code == 0
    assert torc("tui", small).code == 0
    assert torc("--read-only", "tui").code == 0
    assert opened == [(None, False), (str(small), False), (None, True)]


def test_running_and_dependents(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "jobs: [{name: a, command: 'true'}, {name: b, command: 'true', depends_on: [a]}]"
    )
    torc("create", "w.yaml")
    torc("init", 1)
    assert torc("jobs", "running", 1, "-f", "json").json == []
    found = torc("jobs", "list", 1, "--upstream-job-id", 1, "-f", "json").json
    assert [job["name"] for job in found] == ["b"]
