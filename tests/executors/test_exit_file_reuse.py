"""Exit files that are made from those of ended attempts."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from torc_tui.executors.exit_file import RESERVED, is_being_started, read_exit_file
from torc_tui.executors.job_files import _SPARE_FILES, SpareExitFiles

ENDED = f"{'pid 4711 8150' + chr(10) + '0' + chr(10):<{RESERVED}}a note of the former attempt"


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str = "old.exit") -> Path:
        path = tmp_path / name
        path.write_text(ENDED)
        return path

    return make


def reuse(path: Path, *spares: Path, note: str = "") -> int | None:
    files = SpareExitFiles()
    files.add(map(str, spares))
    return files.reuse(str(path), note)


def test_nothing_of_the_former_attempt_is_left(made, tmp_path):
    old, new = made(), tmp_path / "new.exit"
    fd = reuse(new, old, note="new")
    assert fd is not None
    assert new.read_text() == " " * RESERVED + "new"
    assert not old.exists()
    assert is_being_started(str(new))
    os.close(fd)
    assert not is_being_started(str(new))


def test_content_comes_before_the_name(made, tmp_path, monkeypatch):
    """A runner that is killed at any moment leaves no end that another attempt could take."""
    old, new = made(), tmp_path / "new.exit"
    seen = []
    rename = os.rename

    def look(source: str, target: str) -> None:
        seen.append((read_exit_file(source).code, read_exit_file(target).code))
        rename(source, target)

    monkeypatch.setattr(os, "rename", look)
    fd = reuse(new, old)
    assert fd is not None
    os.close(fd)
    assert seen == [(None, None)]


def test_a_file_in_the_way_is_replaced(made, tmp_path):
    victim, new = tmp_path / "victim", tmp_path / "new.exit"
    victim.write_text("mine")
    new.symlink_to(victim)
    fd = reuse(new, made())
    assert fd is not None
    os.close(fd)
    assert victim.read_text() == "mine"
    assert not new.is_symlink()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.with_suffix(".victim").write_text(ENDED)
    path.symlink_to(path.with_suffix(".victim"))


def _second_name(path: Path) -> None:
    path.with_suffix(".victim").write_text(ENDED)
    os.link(path.with_suffix(".victim"), path)


def _directory(path: Path) -> None:
    path.mkdir()


def _nothing(path: Path) -> None:
    """Make nothing: the job has removed its exit file."""


@pytest.mark.parametrize("make", [_fifo, _link, _second_name, _directory, _nothing])
def test_what_a_job_has_put_there_is_not_reused(made, tmp_path, make):
    odd, new = tmp_path / "odd.exit", tmp_path / "new.exit"
    make(odd)
    assert reuse(new, odd) is None
    assert not new.exists()
    victim = odd.with_suffix(".victim")
    assert not victim.exists() or victim.read_text() == ENDED
    fd = reuse(new, made(), odd)  # the next one serves
    assert fd is not None
    os.close(fd)


def test_a_path_that_is_made_again_is_no_spare(made, tmp_path):
    """Otherwise a later attempt would take the exit file of a running one away."""
    path = made()
    files = SpareExitFiles()
    files.add([str(path)])
    assert files.reuse(str(path), "") is None
    path.write_text("in use")
    assert files.reuse(str(tmp_path / "other.exit"), "") is None
    files.remove()
    assert path.read_text() == "in use"


def test_a_missing_directory_falls_back(made, tmp_path):
    assert reuse(tmp_path / "missing/new.exit", made()) is None


def test_a_full_disk_falls_back(made, tmp_path, monkeypatch):
    old = made()
    monkeypatch.setattr(os, "write", lambda *_: 3)
    assert reuse(tmp_path / "new.exit", old) is None
    assert not old.exists()


def test_few_are_kept(made):
    paths = [made(f"{number}.exit") for number in range(_SPARE_FILES + 3)]
    files = SpareExitFiles()
    files.add(map(str, paths))
    assert [path.exists() for path in paths] == [True] * _SPARE_FILES + [False] * 3
    files.remove()
    assert not any(path.exists() for path in paths)


def test_the_lock_is_of_the_new_attempt_alone(made, tmp_path):
    old, new = made(), tmp_path / "new.exit"
    with open(old) as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        fd = reuse(new, old)
        assert fd is not None  # a reader of the former attempt stops no start
        os.close(fd)
