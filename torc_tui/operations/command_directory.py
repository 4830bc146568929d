"""Make the directory that jobs find first on their PATH: it holds `torc` and `torc-client` only.

Input: this interpreter and the location of this package. Output: the path of a directory with two
launchers. So `torc` in a job is the program that runs it, while `python` is that of the user.

Invariants
* The directory belongs to this user and nobody else may write to it.
* It becomes visible complete, by a rename. Its name is a hash of its contents, so that other
  versions and installations of torc have their own, and running jobs keep theirs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from torc_tui import settings

PROGRAMS = {"torc": "main", "torc-client": "main_client"}
"""Name of a launcher -> function of `torc_tui.cli.main`."""
LONGEST_SHEBANG = 120
"""Bytes of the first line of a script that every kernel reads."""


def command_directory() -> str | None:
    """Return the directory, created if needed; None if it cannot be created anywhere."""
    if not sys.executable:
        return None
    return _directory_for(settings.state_dir())


@cache
def _directory_for(state_dir: str) -> str | None:
    launchers = {name: _launcher(function) for name, function in PROGRAMS.items()}
    digest = hashlib.sha256("\0".join(launchers.values()).encode(errors="surrogateescape"))
    for parent in _places(state_dir):
        try:
            return str(_provide(parent, digest.hexdigest()[:16], launchers))
        except OSError:
            continue
    return None


def _places(state_dir: str) -> Iterator[Path]:
    """Yield the directories to try: the state directory, then one for temporary files."""
    yield Path(state_dir) / "bin"
    yield Path(tempfile.gettempdir()) / f"torc-{os.geteuid()}"


def _launcher(function: str) -> str:
    """Return the text of a program that calls ``function`` as this process would.

    Variables such as PYTHONPATH and PYTHONHOME belong to the programs of the job, so the launcher
    ignores them (-E) and finds this package where it is now.
    """
    python = sys.executable
    if " " in python or len(python) > LONGEST_SHEBANG:
        # sh runs the second line, and Python reads it as a part of a string.
        first = f"#!/bin/sh\n'''exec' \"{python}\" -E \"$0\" \"$@\"\n' '''\n"
    else:
        first = f"#!{python} -E\n"
    package = str(Path(__file__).resolve().parents[2])
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    paths = list(dict.fromkeys([package, *map(os.path.abspath, inherited)]))
    return (
        f"{first}import sys\n"
        f"sys.path[:1] = [path for path in {paths!r} if path not in sys.path[1:]]\n"
        f"from torc_tui.cli.main import {function}\n"
        f"sys.exit({function}())\n"
    )


def _provide(parent: Path, name: str, launchers: dict[str, str]) -> Path:
    """Return ``parent/name`` with these launchers; raise OSError if that is not possible."""
    settings.make_private(str(parent.parent))
    settings.make_private(str(parent))
    if not _is_private(parent, stat.S_ISDIR) or os.statvfs(parent).f_flag & os.ST_NOEXEC:
        raise PermissionError(f"{parent} cannot hold programs for this user only")
    wanted = parent / name
    if _is_complete(wanted, launchers):
        return wanted
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=parent))
    try:
        for program, text in launchers.items():
            (made / program).write_text(text, encoding="utf-8", errors="surrogateescape")
            (made / program).chmod(0o700)
        _move_into_place(made, wanted, launchers)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return wanted


def _move_into_place(made: Path, wanted: Path, launchers: dict[str, str]) -> None:
    try:
        made.rename(wanted)
        return
    except OSError:
        if _is_complete(wanted, launchers):  # another process was faster
            shutil.rmtree(made, ignore_errors=True)
            return
        if not os.path.lexists(wanted):
            raise
    damaged = Path(tempfile.mkdtemp(prefix=".old-", dir=wanted.parent)) / wanted.name
    wanted.rename(damaged)
    made.rename(wanted)
    shutil.rmtree(damaged.parent, ignore_errors=True)


def _is_complete(directory: Path, launchers: dict[str, str]) -> bool:
    if not _is_private(directory, stat.S_ISDIR):
        return False
    if {path.name for path in directory.iterdir()} != set(launchers):
        return False
    return all(
        _is_private(directory / name, stat.S_ISREG)
        and (directory / name).read_bytes() == text.encode(errors="surrogateescape")
        and os.access(directory / name, os.X_OK)
        for name, text in launchers.items()
    )


def _is_private(path: Path, kind: Callable[[int], bool]) -> bool:
    """Return whether this is a file of that kind, not a link, that only this user may change."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return kind(status.st_mode) and status.st_uid == os.geteuid() and not writable_by_others
