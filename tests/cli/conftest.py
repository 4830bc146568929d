"""Give each test its own database, home and working directory, and the command line as a function
or as a process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
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


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; settings of the user who runs the tests have no effect."""
    for name in [name for name in os.environ if name.startswith(("TORC_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("TORC_DATABASE", str(tmp_path / "store.db"))
    monkeypatch.setenv("TORC_GPU_LEDGER", str(tmp_path / "ledger"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
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


@pytest.fixture
def small(torc: Torc, place: Path) -> int:
    """The id of a workflow of two jobs, initialized."""
    (place / "small.yaml").write_text(SMALL)
    number: int = torc("create", "small.yaml", "-f", "json").json["id"]
    assert torc("init", number).code == 0
    return number
