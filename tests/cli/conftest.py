"""Give each test its own database, home and working directory, and the command line as a function
or as a process."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli.main import main, main_client

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Torc = Callable[..., Answer]


def _set_user(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Use the home, the database and the ledger of a folder, and no other settings."""
    for name in [name for name in os.environ if name.startswith(("TORC_", "XDG_"))]:
        patch.delenv(name)
    patch.setenv("HOME", str(folder / "home"))
    patch.setenv("USER", "ada")
    patch.setenv("TORC_DATABASE", str(folder / "store.db"))
    patch.setenv("TORC_GPU_LEDGER", str(folder / "ledger"))
    patch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; settings of the user who runs the tests have no effect."""
    _set_user(monkeypatch, tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def _runner(function: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> Torc:
    def call(*words: object) -> Answer:
        capsys.readouterr()
        code = function([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Answer(code, out, err)

    return call


@pytest.fixture
def torc(capsys: pytest.CaptureFixture[str]) -> Torc:
    """``torc`` in this process."""
    return _runner(main, capsys)


@pytest.fixture
def client(capsys: pytest.CaptureFixture[str]) -> Torc:
    """``torc-client`` in this process."""
    return _runner(main_client, capsys)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs ``torc``, ``torc-client`` and ``python``, as an installation makes
    them."""
    folder = tmp_path_factory.mktemp("bin")
    for name, function in (("torc", "main"), ("torc-client", "main_client")):
        text = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        text += f"from torc_tui.cli.main import {function}\nif __name__ == '__main__':\n    sys.exit({function}())\n"
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    return folder


@pytest.fixture
def shell(programs: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run lines of bash, with the programs on PATH."""

    def call(
        script: str, *, seconds: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **environment}
        return subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=variables,
            check=False,
        )

    return call


class Terminal(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


SMALL = """\
name: small
description: two jobs and a record
jobs:
  - name: write
    command: torc user-data update ${user_data.output.config} --data '{"a":1}'
  - name: read
    command: echo ${user_data.input.config} > ${files.output.out}
files:
  - {name: out, path: out.txt}
"""


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a workflow of two jobs, initialized."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        _set_user(patch, folder)
        patch.chdir(folder)
        assert main(["create", "small.yaml"]) == main(["init", "1"]) == 0
    return folder / "store.db"


@pytest.fixture
def small(prepared: Path, place: Path) -> int:
    """The id of a workflow of two jobs, initialized, as if it were created in ``place``."""
    (place / "small.yaml").write_text(SMALL)
    shutil.copy(prepared, os.environ["TORC_DATABASE"])
    with closing(sqlite3.connect(os.environ["TORC_DATABASE"])) as connection, connection:
        connection.execute(
            "UPDATE workflow SET directory = ?, real_path = ?",
            (str(place), str(place / "small.yaml")),
        )
    return 1
