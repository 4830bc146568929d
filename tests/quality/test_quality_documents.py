"""What the documents say about the repository is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def test_packages() -> None:
    """CONTRIBUTING.md describes every package, and no other."""
    described = re.findall(r"^  (\w+)/ ", CONTRIBUTING, re.MULTILINE)
    packages = [path.parent.name for path in (ROOT / "torc_tui").glob("*/__init__.py")]
    assert sorted(described) == sorted(packages)


def test_layers() -> None:
    """CONTRIBUTING.md shows the layers that lint-imports checks."""
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["name"] == "layers")
    layers = "\n".join(contract["layers"]).replace("torc_tui.", "")
    assert f"```\n{layers}\n```" in CONTRIBUTING


def test_commands() -> None:
    """Set-up in CONTRIBUTING.md is the installation of the README."""
    setup = re.search(r"^python3 -m venv \.venv .*$", CONTRIBUTING, re.MULTILINE)
    assert setup and setup[0] in (ROOT / "README.md").read_text()
    for path in re.findall(r"`?(\.ci/\w+)", CONTRIBUTING):
        assert (ROOT / path).is_file(), path


def test_links() -> None:
    for target in re.findall(r"\]\((?!https:)([^)#]+)\)", CONTRIBUTING + CHANGELOG):
        assert (ROOT / target).exists(), target


def test_version() -> None:
    """The newest release in CHANGELOG.md is the version of the package."""
    assert "## [Unreleased]" in CHANGELOG
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", CHANGELOG, re.MULTILINE)
    assert released and released[0] == PROJECT["project"]["version"]
