"""The states of files: what a hash of a directory covers, and that pipes are never opened."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from torc_tui.lifecycle.fingerprint import DIRECTORY, FileState
from torc_tui.operations.file_states import FileStates, is_cachable


def hash_of(folder: Path) -> str | None:
    states = FileStates(str(folder.parent))
    state = states.state(folder.name)
    assert state is not None
    assert state.size == DIRECTORY
    return states.hashed(folder.name, state).hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a file, a subdirectory, a link to a file and a dangling link."""
    made = tmp_path / "out"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("one")
    (made / "link").symlink_to("a.txt")
    (made / "gone").symlink_to("nowhere")
    (made / "loop").symlink_to(".")
    return made


def relink(folder: Path) -> None:
    (folder / "gone").unlink()
    (folder / "gone").symlink_to("elsewhere")


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda folder: (folder / "a.txt").write_text("two"),
    "file": lambda folder: (folder / "sub" / "b").write_text(""),
    "empty": lambda folder: (folder / "sub" / "deeper").mkdir(),
    "removed": lambda folder: (folder / "sub").rmdir(),
    "dangling": relink,
    "unlinked": lambda folder: (folder / "gone").unlink(),
    "pipe": lambda folder: os.mkfifo(folder / "pipe"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_directory(folder: Path, change: str) -> None:
    """Every change in a directory changes its hash."""
    before = hash_of(folder)
    assert before is not None
    assert hash_of(folder) == before
    CHANGES[change](folder)
    assert hash_of(folder) not in (None, before)


def test_pipes_are_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a pipe could block forever, and would release a program that waits for a reader."""
    os.mkfifo(folder / "pipe")
    opened: list[str] = []
    real = os.open

    def watched(path: str, flags: int) -> int:
        opened.append(Path(path).name)
        return real(path, flags)

    monkeypatch.setattr(os, "open", watched)
    assert hash_of(folder) is not None
    assert sorted(opened) == ["a.txt", "link"]


def test_unreadable_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of which a part cannot be read has no hash: its state is unknown."""
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert hash_of(folder) is None


@pytest.mark.parametrize(
    ("mtime", "ctime", "kept"),
    [(-9, -9, True), (-1, -9, False), (-9, -1, False), (900, -9, True), (900, -1, False), (-9, 900, False)],
    ids=["old", "modified", "changed", "set ahead", "just set ahead", "clock ahead"],
)  # fmt: skip
def test_the_hash_of_a_file_from_the_future_is_kept(mtime: int, ctime: int, kept: bool) -> None:
    """Somebody has set its time: a change of the content would replace it."""
    now = time.time_ns()
    times = (now + mtime * 10**9, now + ctime * 10**9)
    assert is_cachable(FileState(0, 7, 3, *times, "hash")) is kept
