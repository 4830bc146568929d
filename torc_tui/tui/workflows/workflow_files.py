"""Find workflow files in and below a directory, and the examples of torc.

Input: a directory. Output: files that look like workflow files, the nearest first. Only the
beginning of each file and a limited number of directories are read, so that a large tree costs
little.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import torc_tui
from torc_tui.tuples import NamedTuple
from torc_tui.workflow_file import FORMATS

DEEPEST = 3
"""Maximum depth below the first directory."""
ENTRIES = 4000
"""Maximum number of files and directories examined."""
MOST = 30
"""Maximum number of files found."""
BEGINNING = 1 << 16
"""Number of bytes read of each file."""
_SKIPPED = frozenset({"torc_output", "node_modules", "__pycache__", "venv"})
_KEY = r"""(?m)(?:^|[{{,])\s*["']?{}["']?\s*[: ]\s*["']?"""
_JOBS = re.compile(_KEY.format("jobs") + r'|(?m:^\s*job\s+")')
_NAME = re.compile(_KEY.format("name") + r"""([^"'\n,]{1,80})""")
_DESCRIPTION = re.compile(_KEY.format("description") + r"""([^"'\n]{1,200})""")
_COMMENT = re.compile(r"\s*(?:#|//)+[ \t]*([^\n]{1,200})")


class WorkflowFile(NamedTuple):
    """A workflow file: its path, how it is shown, its name and description."""

    path: str
    shown: str
    name: str
    description: str
    is_example: bool = False


def find(folder: str) -> list[WorkflowFile]:
    """Return the workflow files in and below a directory."""
    out: list[WorkflowFile] = []
    for path in _candidates(folder):
        found = _look(path, os.path.relpath(path, folder))
        if found is not None:
            out.append(found)
            if len(out) == MOST:
                break
    return out


def examples() -> list[WorkflowFile]:
    """Return the workflows that `torc new` writes."""
    folder = Path(torc_tui.__file__).parent / "templates"
    found = (_look(str(path), path.stem) for path in sorted(folder.glob("*.yaml")))
    return [one._replace(is_example=True) for one in found if one is not None]


def _candidates(folder: str) -> Iterator[str]:
    """Yield the files with the extension of a workflow file, level by level."""
    level, seen = [folder], 0
    for _ in range(DEEPEST + 1):
        below: list[str] = []
        for directory in level:
            try:
                with os.scandir(directory) as entries:
                    names = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in names[: ENTRIES - seen]:
                if entry.name.startswith(".") or entry.name in _SKIPPED:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
                elif entry.name.lower().endswith(tuple(FORMATS)) and entry.is_file():
                    yield entry.path
            seen += len(names)
            if seen >= ENTRIES:
                return
        level = below


def _look(path: str, shown: str) -> WorkflowFile | None:
    """Return the file if it looks like a workflow file."""
    try:
        with open(path, "rb") as file:
            text = file.read(BEGINNING).decode("utf-8", "replace")
    except OSError:
        return None
    if _JOBS.search(text) is None:
        return None
    name, description = _NAME.search(text), _DESCRIPTION.search(text) or _COMMENT.match(text)
    return WorkflowFile(
        path,
        shown,
        Path(path).stem if name is None else name[1].strip(),
        "" if description is None else description[1].strip(),
    )
