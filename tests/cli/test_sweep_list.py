"""``torc results sweep``: the jobs of a group with their parameters and user data."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

SPEC = """
name: w
user_data: [{name: "m_{lr}", parameters: {lr: "[0.1,0.01]"}}]
jobs:
  - name: "fit_{lr}"
    parameters: {lr: "[0.1,0.01]"}
    command: |
      torc user-data update ${user_data.output.m_{lr}} --data '{"loss": {lr}, "deep": {"x": "y"}}'
      [ {lr} = 0.1 ]
  - {name: other, command: "true"}
"""


@pytest.fixture
def ran(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(SPEC)
    assert torc("run", "w.yaml", "-q").code == 1


def test_formats(torc: Any, ran: None) -> None:
    rows = list(csv.DictReader(io.StringIO(torc("results", "sweep", 1, "-f", "csv").out)))
    assert [(row["lr"], row[".loss"], row[".deep.x"], row["status"]) for row in rows] == [
        ("0.1", "0.1", "y", "completed"),
        ("0.01", "0.01", "y", "failed"),
    ]
    found = torc("results", "sweep", "w", "fit_{lr}", "--path", ".deep.x", "-f", "json").json
    assert list(found[0])[:3] == ["lr", ".deep.x", "status"]
    assert (found[1]["lr"], found[1]["return_code"], found[1]["job_name"]) == (0.01, 1, "fit_0.01")
    assert ".loss" in torc("results", "sweep", 1, "-l", 1).out
    assert len(torc("results", "sweep", 1, "-l", 1, "-f", "json").json) == 1


def test_errors(torc: Any, ran: None, place: Path) -> None:
    for words, code, message in (
        (("fit_{l}",), 2, "did you mean fit_{lr}?"),
        (("fit_{lr}", "--path", "loss"), 2, "'loss' is not a path in user data"),
    ):
        found = torc("results", "sweep", 1, *words)
        assert found.code == code and message in found.err
    (place / "plain.yaml").write_text('jobs: [{name: a, command: "true"}]')
    assert torc("create", "plain.yaml").code == 0
    assert torc("results", "sweep", 2).err == "No jobs.\n"
    assert torc("results", "sweep", 2, "-f", "json").json == []
    found = torc("results", "sweep", 2, "a")
    assert found.code == 2 and "no job group 'a' with parameters" in found.err
    (place / "two.yaml").write_text(
        SPEC + '  - {name: "b_{i}", command: "true", parameters: {i: "1:2"}}'
    )
    assert torc("create", "two.yaml").code == 0
    found = torc("results", "sweep", 3)
    assert found.code == 2 and "name one of them: fit_{lr} and b_{i}" in found.err
