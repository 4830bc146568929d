"""Commands import only what they need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import DEADLINE

SPEC = "name: w\njobs:\n  - {name: a, command: 'true'}\n"
COMMANDS = ("run w.yaml", "status 1", "jobs list 1", "why a -w 1", "logs a -w 1", "workflows list")
CODE = """
import sys
from torc_tui.cli.main import main
try:
    code = main()
except SystemExit as exit:
    code = exit.code
sys.stderr.write("sqlalchemy is imported" if "sqlalchemy" in sys.modules else "")
sys.exit(code)
"""


def call(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *command.split()],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TORC_DATABASE": str(folder / "t.db")},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workflow file, and a database with a workflow that has run."""
    folder = tmp_path_factory.mktemp("imports")
    (folder / "w.yaml").write_text(SPEC)
    assert call(folder, "run w.yaml").returncode == 0
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_no_sqlalchemy(folder: Path, command: str) -> None:
    """Only the generator of the SQL needs SQLAlchemy: importing it takes 0.2 s."""
    done = call(folder, command)
    assert done.returncode == 0, done.stderr
    assert "sqlalchemy" not in done.stderr
