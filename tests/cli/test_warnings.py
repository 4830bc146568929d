"""Warnings about jobs that completed: every view shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Torc = Callable[..., Any]

FILE = """
files: [{name: out, path: out.txt}]
jobs:
  - {name: a, command: "[ ! -e mended ] || touch out.txt", output_files: [out]}
  - {name: b, command: "true"}
"""
TOLD = "output out (path out.txt) was not written by this attempt"


@pytest.fixture
def warned(torc: Torc, place: Path) -> Any:
    """The answer of a run in which an old output file was left as it was."""
    (place / "w.yaml").write_text(FILE)
    (place / "out.txt").write_text("old")
    return torc("run", "w.yaml")


def test_views(torc: Torc, warned: Any) -> None:
    assert warned.code == 0
    assert f"warning: a (job 1): {TOLD}" in warned.out
    assert "2 completed, 1 job with warnings" in warned.out
    assert f"  warning: a (job 1): {TOLD}\n" in torc("status", 1).out
    found = torc("status", 1, "-f", "json").json["jobs_with_warnings"]
    assert found == [{"job_id": 1, "name": "a", "warnings": [TOLD]}]
    assert f"warning: {TOLD}" in torc("why", "1/a").out
    assert TOLD in torc("events", "list", 1, "-f", "json").out


def test_failure_by_the_key_of_a_file(torc: Torc, place: Path) -> None:
    text = FILE.replace("path: out.txt}", "path: out.txt, output_check: written}")
    (place / "w.yaml").write_text(text)
    (place / "out.txt").write_text("old")
    done = torc("run", "w.yaml")
    assert done.code == 1
    assert f"FAILED: a (job 1): exit 0, but {TOLD}" in done.out


def test_next_attempt(torc: Torc, warned: Any, place: Path) -> None:
    """A warning is about one attempt: the next one has written the file."""
    (place / "mended").touch()
    assert torc("rerun", "1/a").code == 0
    assert torc("run", 1, "-q").code == 0
    assert "warning" not in torc("status", 1).out
    assert "warning" not in torc("why", "1/a").out
