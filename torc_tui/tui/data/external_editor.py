"""Edit a text in ``$EDITOR``: its file, and the program that gets the terminal.

Invariant: the reader thread reads and writes the file; the app waits while the program runs.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from textual.app import SuspendNotSupported

from torc_tui.errors import UsageError
from torc_tui.tui.frame.ports import AppPort


def run_editor(torc: AppPort, path: Path) -> None:
    """Give the terminal to ``$VISUAL`` or ``$EDITOR``; raise UsageError if it cannot be started."""
    words = torc.environ.get("VISUAL") or torc.environ.get("EDITOR") or "vi"
    try:
        with torc.terminal():
            subprocess.run([*shlex.split(words), str(path)], check=False)
    except SuspendNotSupported:
        raise UsageError(
            "this terminal cannot be handed to another program", hint=f"edit {path} beside it"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{words!r} cannot be started: {error}", hint="set $EDITOR to a program that is there"
        ) from None


def write_file(text: str, name: str, kept: Path | None) -> Path:
    """Write the text to a new file, or to the one that was kept, and return its path."""
    if kept is None:
        plain = "".join(char if char.isalnum() and char.isascii() else "_" for char in name)[:40]
        handle, path = tempfile.mkstemp(prefix=f"torc-{plain}-", suffix=".json")
        os.close(handle)
        kept = Path(path)
    kept.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    return kept


def read_file(path: Path) -> str:
    """Return the text of a file; raise UsageError if it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start + 1})", hint="the file is kept"
        ) from None
