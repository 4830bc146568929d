"""Commands import only what they need."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import DEADLINE

SPEC = """
name: w
jobs:
  - {name: a, command: 'true'}
  - {name: "b_{i}", command: 'true', parameters: {i: "1:2"}}
"""
BUDGETS = {
    "run w.yaml": 225,
    "status 1": 92,
    "jobs list 1": 76,
    "why a -w 1": 124,
    "logs a -w 1": 70,
    "add -w 1 -- true": 107,
    "workflows list": 67,
    "completions bash": 27,
    "--help": 23,
}
"""Command -> how many modules of this program it may import. Each takes about 0.2 ms."""
SLOW = {
    "sqlalchemy": "200 ms; only the generator of the SQL needs it",
    "dataclasses": "7 ms, and 0.4 ms for each class; see torc_tui.records",
    "inspect": "6 ms",
    "subprocess": "3 ms; jobs are started by posix_spawn",
    "asyncio": "40 ms",
    "psutil": "10 ms",
    "textual": "100 ms; only the app needs it",
    "rich": "20 ms",
    "networkx": "400 ms",
    "importlib.metadata": "30 ms",
    "shutil": "2 ms",
    "tempfile": "3 ms",
    "decimal": "1 ms; only ranges of fractions need it",
    "_hashlib": "3 ms, OpenSSL; _blake2 has the hash functions that we use",
}
"""Modules that no hot command imports -> why."""
ALLOWED = {"completions bash": ["subprocess"]}
"""Slow modules that a command needs after all: argcomplete imports them."""
CODE = """
import sys
from torc_tui.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as exit:
    code = exit.code
print("modules:", *sys.modules, file=sys.stderr)
sys.exit(code)
"""


def call(folder: Path, command: str, code: str = CODE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *command.split()],
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


@pytest.mark.parametrize("command", BUDGETS)
def test_imports(folder: Path, command: str) -> None:
    done = call(folder, command)
    assert done.returncode == 0, done.stderr
    check(done.stderr, BUDGETS[command], ALLOWED.get(command, []))


def test_no_garbage_is_collected_while_modules_are_loaded(folder: Path) -> None:
    count = "import gc\nprint('collections:', sum(one['collections'] for one in gc.get_stats()))"
    code = CODE.replace("sys.exit(code)", count)
    at_start = call(folder, "", count).stdout.split()[-1]
    assert call(folder, "status 1", code).stdout.split()[-1] == at_start


def test_few_regular_expressions_are_compiled_for_a_run(folder: Path) -> None:
    count = (
        "import re._compiler as compiler\n"
        "made, compiled = [], compiler.compile\n"
        "compiler.compile = lambda *given: made.append(given) or compiled(*given)\n"
    )
    code = f"{count}{CODE}".replace("print(", "print('expressions:', len(made))\nprint(")
    done = call(folder, "run w.yaml", code)
    assert int(done.stdout.split()[-1]) <= 30, done.stdout


APP = """
import re._compiler as compiler, sys
made, compiled = [], compiler.compile
compiler.compile = lambda *given: made.append(given) or compiled(*given)
import logging, inspect
at_start = len(made)
from torc_tui.tui.shell.textual_import import import_textual
import_textual()
print(len(made) - at_start)
import torc_tui.tui.shell.run_app
import torc_tui.tui.workflows.{screen}
print(*sys.modules)
"""
NOT_AT_ITS_START = [
    "textual.command", "textual.suggester", "textual.validation", "textual.widgets._directory_tree",
    "textual.widgets._input", "textual.widgets._select", "mimetypes", "platformdirs", "uuid",
    "shutil", "tempfile", "statistics", "sqlite3", "sqlalchemy", "networkx", "psutil", "yaml",
    "torc_tui.tui.widgets.dialogs", "torc_tui.tui.widgets.overlay", "torc_tui.engine",
]  # fmt: skip
"""Modules that the app imports for something that a user does, if at all."""


@pytest.mark.parametrize(
    ("screen", "budget"), [("workflows_screen", 101), ("workflow_screen", 125)]
)
def test_imports_of_the_app(folder: Path, screen: str, budget: int) -> None:
    expressions, modules = call(folder, "", APP.replace("{screen}", screen)).stdout.splitlines()
    loaded = modules.split()
    assert "textual.app" in loaded
    assert [name for name in NOT_AT_ITS_START if name in loaded] == []
    own = [name for name in loaded if name.startswith("torc_tui")]
    assert len(own) <= budget, sorted(own)
    assert int(expressions) <= 8


def test_modules_that_textual_does_not_load_work_later(folder: Path) -> None:
    code = """
from torc_tui.tui.shell.textual_import import import_textual
import_textual()
import textual.app, uuid
from textual.command import CommandPalette
from textual.notifications import Notification
from textual.widgets import Input, Select
from torc_tui.tui.shell.app import TorcApp
print(TorcApp.ENABLE_COMMAND_PALETTE, CommandPalette.is_open.__name__, Select.__name__)
print(uuid.UUID(Notification("a").identity).version, Input.__name__)
print(textual.app.mimetypes.guess_type("a.txt")[0], textual.app.user_downloads_path().name)
"""
    lines = call(folder, "", code).stdout.splitlines()
    assert lines == ["False is_open Select", "4 Input", "text/plain Downloads"]


def test_imports_of_spawn(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(CODE)
    inside = shlex.join([sys.executable, "code.py", "spawn", "-"])
    fragment = json.dumps({"jobs": [{"name": "b", "command": "true"}]})
    job = {"name": "a", "command": f"echo '{fragment}' | {inside} 2> modules"}
    (tmp_path / "w.json").write_text(json.dumps({"name": "w", "jobs": [job]}))
    assert call(tmp_path, "run w.json").returncode == 0
    modules = check((tmp_path / "modules").read_text(), 103, [])
    assert "torc_tui.operations.spawning" in modules
    unneeded = ["argparse", "pathlib", "hashlib", "decimal", "torc_tui.cli.command_line"]
    assert [name for name in unneeded if name in modules] == []


def check(output: str, budget: int, allowed: list[str]) -> list[str]:
    """Check the modules that a command has imported, and return them."""
    modules = output.rpartition("modules:")[2].split()
    assert "torc_tui.cli.main" in modules
    assert [name for name in SLOW if name in modules] == allowed
    own = [name for name in modules if name.startswith("torc_tui")]
    assert len(own) <= budget, sorted(own)
    return modules
