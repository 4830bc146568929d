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
    "status 1": 100,
    "jobs list 1": 90,
    "why a -w 1": 122,
    "logs a -w 1": 90,
    "add -w 1 -- true": 105,
    "workflows list": 90,
    "completions bash": 26,
    "--help": 22,
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


def test_the_app_loads_no_palette_of_textual(folder: Path) -> None:
    code = """
import sys
from torc_tui.tui.shell.textual_import import import_textual
import_textual()
from torc_tui.tui.shell.app import TorcApp
print(*sys.modules)
from textual.command import CommandPalette
from textual.widgets import Select
print(TorcApp.ENABLE_COMMAND_PALETTE, CommandPalette.is_open.__name__, Select.__name__)
"""
    modules, later = call(folder, "", code).stdout.splitlines()
    assert "textual.app" in modules.split()
    slow = ["textual.command", "textual.widgets._select", "textual.widgets._directory_tree"]
    assert [name for name in slow if name in modules.split()] == []
    assert later == "False is_open Select"


def test_imports_of_spawn(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(CODE)
    inside = shlex.join([sys.executable, "code.py", "spawn", "-"])
    fragment = json.dumps({"jobs": [{"name": "b", "command": "true"}]})
    job = {"name": "a", "command": f"echo '{fragment}' | {inside} 2> modules"}
    (tmp_path / "w.json").write_text(json.dumps({"name": "w", "jobs": [job]}))
    assert call(tmp_path, "run w.json").returncode == 0
    modules = check((tmp_path / "modules").read_text(), 101, [])
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
