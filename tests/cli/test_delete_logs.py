"""`torc delete` and the log files of the jobs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli import targets


@pytest.fixture
def logs(torc: Any, place: Path) -> Path:
    """Run two workflows and return the directory of their logs."""
    for name in ("one", "two"):
        (place / f"{name}.yaml").write_text("jobs: [{name: a, command: 'echo x; echo y >&2'}]")
        assert torc("run", f"{name}.yaml", "-q").code == 0
    return place / "torc_output" / "job_stdio"


def left(logs: Path) -> list[str]:
    return sorted(path.name for path in logs.iterdir() if path.name.startswith("job_"))


BOTH = [f"job_wf{w}_j{w}_r1_a1.{end}" for w in (1, 2) for end in ("e", "o")]


@pytest.mark.parametrize(
    ("options", "kept"),
    [((), BOTH), (("--keep-logs",), BOTH), (("--logs",), BOTH[2:])],
    ids=["default", "keep", "delete"],
)
def test_in_a_script(torc: Any, logs: Path, options: tuple[str, ...], kept: list[str]) -> None:
    answer = torc("delete", 1, "-y", *options)
    assert answer.code == 0 and answer.out == "Deleted workflow 1\n"
    assert ("deleted 2 log files" in answer.err) == (options == ("--logs",))
    assert left(logs) == kept


@pytest.mark.parametrize(("answers", "kept"), [(["y", "y"], BOTH[2:]), (["y", "n"], BOTH)])
def test_question(
    torc: Any, logs: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], kept: list[str]
) -> None:
    given: Iterator[str] = iter(answers)
    asked = []

    def ask(question: str) -> str:
        asked.append(question)
        return next(given)

    monkeypatch.setattr(targets, "ask", ask)
    monkeypatch.setattr("torc_tui.cli.call.Call.asks", True)
    assert torc("delete", 1).code == 0
    assert asked == ["Delete workflow 1 (one)? [y/N] ", "Delete 2 log files (4 B), too? [y/N] "]
    assert left(logs) == kept


def test_only_files_of_jobs(torc: Any, logs: Path, place: Path) -> None:
    """Links in place of logs are ignored, and so are missing files."""
    target = place / "precious"
    target.write_text("mine")
    first, second = (logs / name for name in BOTH[:2])
    first.unlink()
    second.unlink()
    first.symlink_to(target)
    answer = torc("delete", 1, "-y", "--logs")
    assert answer.code == 0 and "deleted 0 log files" in answer.err
    assert target.read_text() == "mine" and first.is_symlink()


def test_both_options(torc: Any, logs: Path) -> None:
    assert torc("delete", 1, "-y", "--logs", "--keep-logs").code == 2
    assert torc("status", 1).code == 0


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torc_tui", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("torc ")
