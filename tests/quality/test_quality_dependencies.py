"""The dependencies in pyproject.toml are those that the program imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MODULES = {
    "pyyaml": "yaml",
    "nvidia-ml-py": "pynvml",
    "tree-sitter": "tree_sitter",
    "tree-sitter-json": "tree_sitter_json",
    "psycopg": "psycopg",
}
"""By what name a distribution is imported, where it is not its own."""

THROUGH_TEXTUAL = {"tree_sitter", "tree_sitter_json"}
"""Textual's TextArea imports these itself, when it is given a language."""


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["postgresql"]]
    names = [re.match(r"[\w-]+", entry) for entry in asked]
    return {MODULES.get(name[0], name[0].replace("-", "_")) for name in names if name}


def imported() -> set[str]:
    found = set()
    for path in (ROOT / "torc_tui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"torc_tui"}


def test_every_dependency_is_imported_and_every_import_is_a_dependency() -> None:
    assert declared() - THROUGH_TEXTUAL == imported()
