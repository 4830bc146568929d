"""Warnings about declared outputs, file by file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from torc_tui.engine import outputs
from torc_tui.engine.outputs import DeclaredOutputs, GroupFiles, OutputCheck
from torc_tui.operations.workflows import create_workflow
from torc_tui.plan.resolve import resolve
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

TEXT = """
name: o
jobs: [{name: a, command: "true", output_files: [x, y]}]
files: [{name: x, path: data/x}, {name: y, path: /abs/y}]
"""
Make = Callable[..., DeclaredOutputs]


@pytest.fixture
def declared(tmp_path: Path) -> DeclaredOutputs:
    """The outputs of a job, in its group 1; the file /abs/y is in the temporary directory."""
    text = TEXT.replace("/abs", str(tmp_path / "abs"))
    store = Store.open(f"sqlite:///{tmp_path}/t.db")
    plan = resolve(loads(text, format="yaml"))
    create_workflow(store, plan, user="u", directory=str(tmp_path), actor=None)
    for path in ("data", "abs"):
        (tmp_path / path).mkdir()
    return DeclaredOutputs(GroupFiles(store, str(tmp_path)), str(tmp_path))


def old(path: Path) -> Path:
    """Make a file that has not just changed, for the tick of the kernel."""
    path.write_text("old")
    os.utime(path, (1e9, 1e9))
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempt starts in a later tick of the kernel than all that was written before."""
    monkeypatch.setattr(outputs.time, "clock_gettime_ns", lambda clock: 1 << 62)


def test_directories(declared: DeclaredOutputs, tmp_path: Path) -> None:
    directories, _ = declared.before(1)
    assert set(directories) == {str(tmp_path / "data"), str(tmp_path / "abs")}


def test_missing_and_unwritten(declared: DeclaredOutputs, tmp_path: Path, later: None) -> None:
    old(tmp_path / "data/x")
    _, note = declared.before(1)
    found = declared.check(1, note)
    assert found.missing == [("y", "abs/y")]
    assert found.unwritten == [("x", "data/x")]
    assert [(mtime, size) for mtime, size, _ in found.times] == [(1e9, 3)]


def test_written(declared: DeclaredOutputs, tmp_path: Path, later: None) -> None:
    for path in ("data/x", "abs/y"):
        old(tmp_path / path)
    _, note = declared.before(1)
    for path in ("data/x", "abs/y"):
        (tmp_path / path).unlink()
        old(tmp_path / path)
    assert (declared.check(1, note).missing, declared.check(1, note).unwritten) == ([], [])


def test_change_within_the_clock_tick_of_the_start(
    declared: DeclaredOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another change in that tick would leave no trace."""
    monkeypatch.setattr(outputs.time, "clock_gettime_ns", lambda clock: 0)
    old(tmp_path / "data/x")
    old(tmp_path / "abs/y")
    _, note = declared.before(1)
    assert declared.check(1, note).unwritten == []


@pytest.mark.parametrize("note", ["", "[]", "nonsense", '{"a": 1}', "[1, 2]"])
def test_empty_note(declared: DeclaredOutputs, tmp_path: Path, note: str) -> None:
    old(tmp_path / "data/x")
    old(tmp_path / "abs/y")
    assert declared.check(1, note).unwritten == []


def test_groups_are_read_once(declared: DeclaredOutputs, monkeypatch: pytest.MonkeyPatch) -> None:
    _, note = declared.before(1)
    monkeypatch.setattr(Store, "read", lambda self: pytest.fail("read again"))
    assert isinstance(declared.check(1, note), OutputCheck)
