"""`torc workflows list` with filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def several(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make five workflows: two elsewhere, one of them in a project; one failed, one archived."""
    (place / "ok.yaml").write_text("jobs: [{name: a, command: 'true'}]\n")
    (place / "bad.yaml").write_text("project: p\njobs: [{name: a, command: 'false'}]\n")
    assert torc("run", "ok.yaml", "-q").code == 0
    assert torc("run", "bad.yaml", "-q").code == 1
    other = place / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert torc("create", "../ok.yaml").code == 0
    assert torc("create", "../bad.yaml").code == 0
    monkeypatch.chdir(place)
    assert torc("create", "ok.yaml").code == 0
    assert torc("workflows", "archive", "true", 5).code == 0


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), [1, 2, 3, 4]),
        (("--here",), [1, 2]),
        (("--project", "p"), [2, 4]),
        (("--project", "q"), []),
        (("--state", "failed"), [2]),
        (("--state", "failed,completed"), [1, 2]),
        (("--state", "uninitialized"), [3, 4]),
        (("--state", "uninitialized", "--limit", 1), [3]),
        (("--state", "uninitialized", "--offset", 1), [4]),
        (("--state", "archived"), [5]),
        (("--here", "--project", "p", "--state", "failed"), [2]),
    ],
)
def test_filters(torc: Any, several: None, options: tuple[Any, ...], ids: list[int]) -> None:
    found = torc("workflows", "list", *options, "-f", "json").json
    assert [one["id"] for one in found] == ids


def test_unknown_state(torc: Any, several: None) -> None:
    answer = torc("workflows", "list", "--state", "done")
    assert answer.code == 2 and "'done' is not a state" in answer.err
    assert "completed" in answer.err
