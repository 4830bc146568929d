"""The tools that read the code: each runs as on a command line, and its own words are the
failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent

TOOLS = {
    "ruff check": ("ruff", "check", "--no-cache", "."),
    "ruff format": ("ruff", "format", "--check", "--no-cache", "."),
    "mypy --strict": ("mypy", "--strict", "-p", "torc_tui"),
    "lint-imports": ("lint-imports", "--no-cache"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_project_passes(tool: str) -> None:
    program, *words = TOOLS[tool]
    done = subprocess.run(
        [PROGRAMS / program, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join([program, *words])}\n{done.stdout}{done.stderr}", pytrace=False)
