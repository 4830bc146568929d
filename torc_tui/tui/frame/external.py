"""Files that the user saves, programs that run in the terminal, and the clipboard."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.app import SuspendNotSupported

from torc_tui.errors import UsageError
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tuples import NamedTuple

CLIPBOARD = 74_000
"""Bytes that terminals accept by OSC 52; longer texts are written to a file."""


# -- files -----------------------------------------------------------------------------------------


def absolute(text: str) -> Path:
    """Return the absolute path that was typed."""
    return Path(text.strip()).expanduser().absolute()


def write_new(path: Path, text: str) -> Path:
    """Write a file that does not exist yet; raise UsageError if it does or cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path} already exists", hint="choose another name, or move the file away"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return path


def written(path: Path) -> str:
    """Report a file that was written."""
    return f"wrote {path}"


def file_name(name: str) -> str:
    """Return a name with unsuitable characters replaced."""
    plain = "".join(char if char.isalnum() or char in "-_." else "-" for char in name)
    return plain.strip("-.") or "workflow"


def temporary_file(name: str, suffix: str) -> Path:
    """Create a file named after ``name`` in the directory of temporary files."""
    handle, path = tempfile.mkstemp(prefix=f"torc-{file_name(name)[:40]}-", suffix=suffix)
    os.close(handle)
    return Path(path)


# -- the clipboard ---------------------------------------------------------------------------------


class CopiedText(NamedTuple):
    """A text for the clipboard, or the ``file`` with the text if it is too large."""

    text: str
    file: Path | None = None


def for_clipboard(text: str, name: str, suffix: str) -> CopiedText:
    """Write a text that is too large for the clipboard to a file."""
    if len(text.encode("utf-8", "replace")) <= CLIPBOARD:
        return CopiedText(text)
    path = temporary_file(name, suffix)
    path.write_text(text + "\n", encoding="utf-8")
    return CopiedText("", path)


def take_copy(torc: AppPort, copied: CopiedText, what: str) -> None:
    """Copy a text to the clipboard, or report its file; ``what`` is its length in words."""
    if copied.file is not None:
        text = f"{what}: too large for the clipboard, written to\n{copied.file}"
        torc.notify(text, timeout=10)
    else:
        torc.copy(copied.text)
        torc.notify(f"copied {what}")


# -- programs --------------------------------------------------------------------------------------


def run_program(
    torc: AppPort,
    command: Sequence[str],
    what: str,
    hint: str,
    *,
    environ: Mapping[str, str] | None = None,
    directory: str | None = None,
    banner: str = "",
) -> None:
    """Run a program in the terminal; raise UsageError if it cannot start.

    ``what`` names the program in the error, ``banner`` is printed before it starts.
    """
    try:
        with torc.terminal():
            print(banner, end="", flush=True)
            subprocess.run(command, cwd=directory, env=environ, check=False)
    except SuspendNotSupported:
        raise UsageError("this terminal cannot be handed to another program") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot start {what}: {error}", hint=hint) from None
