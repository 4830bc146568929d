"""Inside a job, user-data commands wait for an unavailable database as long as the runner does."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from torc_tui.engine.database_retry import DEFAULT_MINUTES


class Clock:
    """Time that passes only in sleep; ``at_sleep`` is called each time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.at_sleep: Callable[[int], None] = lambda number: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        self.at_sleep(len(self.sleeps))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("torc_tui.cli.job_retry.time", clock)
    return clock


@pytest.fixture
def away(torc: Any, small: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a job that is running now, moved away; where it is."""
    for name, value in (("WORKFLOW_ID", small), ("JOB_ID", 1), ("RUN_ID", 1), ("ATTEMPT_ID", 1)):
        monkeypatch.setenv(f"TORC_{name}", str(value))
    path = Path(os.environ["TORC_DATABASE"])
    return path.rename(path.with_suffix(".away"))


def back(away: Path) -> None:
    away.rename(os.environ["TORC_DATABASE"])


@pytest.mark.parametrize(
    "words",
    ["user-data get config", "user-data get 1 -f table", "user-data update config --data 1",
     "user-data update 1 --data -", "user-data list", "-f json user-data list", "user-data history 1",
     "user-data create -n more --data -"],
)  # fmt: skip
def test_until_the_database_is_back(
    torc: Any, clock: Clock, away: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    clock.at_sleep = lambda number: back(away) if number == 12 else None
    answer = torc(*words.split())
    assert answer.code == 0, answer
    assert len(clock.sleeps) == 12 and max(clock.sleeps) <= 5
    line, *_ = answer.err.splitlines()
    assert answer.err.count("trying again") == 1
    assert line.startswith("torc: there is no ") and line.endswith(
        "; trying again for up to 20 min"
    )
    if "--data -" in words:
        assert torc("user-data", "list", "-f", "json").json[-1]["data"] == [1]


def test_deadline(torc: Any, clock: Clock, away: Path) -> None:
    answer = torc("user-data", "get", "config")
    assert answer.code == 1
    assert sum(clock.sleeps) == pytest.approx(DEFAULT_MINUTES * 60)
    assert len(answer.err.splitlines()) == 3  # the first line, and the error with what to do


def test_other_errors_are_not_retried(torc: Any, clock: Clock, away: Path) -> None:
    back(away)
    assert torc("user-data", "get", "nothing").code == 2
    assert torc("user-data", "update", "config", "--data", "{").code == 2
    refused = torc("user-data", "update", "config", "--data", "[1e999]")
    assert (refused.code, "a number is not finite" in refused.err) == (2, True)
    assert clock.sleeps == []


def test_outside_of_a_job(
    torc: Any, clock: Clock, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a job, for another database than its own."""
    other = str(away.with_suffix(".other"))
    assert torc("user-data", "get", "1", "--database", other).code == 1
    assert torc("user-data", "get", "1", f"--database={other}").code == 1
    monkeypatch.delenv("TORC_JOB_ID")
    assert torc("user-data", "get", "1").code == 1
    assert clock.sleeps == []
