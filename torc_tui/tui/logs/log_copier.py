"""Take a log out of the app: lines into the clipboard or a file, files into the user's pager."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from textual.app import SuspendNotSupported

from torc_tui.errors import TorcError
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.logs.log_reader import LogReader
from torc_tui.tui.logs.merged_log import Place, Stream
from torc_tui.views.ansi import plain
from torc_tui.wording import count

CLIPBOARD = 74_000
"""Bytes that terminals take by OSC 52; more goes into a file."""
LONGEST = 1 << 20
"""Characters of a line that are copied."""


class Copy(NamedTuple):
    """Lines that were read: as ``text``, or in a ``file`` where they are too many."""

    text: str
    lines: int
    file: str | None = None
    error: OSError | None = None


def read_copy(
    reader: LogReader,
    first: Place | None,
    last: Place | None,
    name: str,
    then: Callable[[Copy], None],
) -> None:
    """Have lines read, and give them to ``then`` in the thread of the log.

    None stands for the first and the last line. ``name`` begins the name of the file that is
    written if the text is too large for the clipboard.
    """

    def give(data: bytes, lines: int) -> None:
        text = plain(data, cut=LONGEST)
        if len(text.encode("utf-8", "replace")) <= CLIPBOARD:
            then(Copy(text, lines))
            return
        try:
            with tempfile.NamedTemporaryFile(
                "w", prefix=f"torc-{name}-", suffix=".txt", delete=False
            ) as file:
                file.write(text + "\n")
        except OSError as error:
            then(Copy("", lines, error=error))
            return
        then(Copy("", lines, file=file.name))

    reader.text(first, last, give)


def take_copy(torc: AppPort, copy: Copy) -> None:
    """Put lines that were read into the clipboard, or say in which file they are."""
    number = count(copy.lines, "line")
    if copy.error is not None:
        torc.complain(copy.error)
    elif copy.file is not None:
        text = f"{number}: too much for the clipboard, written to\n{copy.file}"
        torc.notify(text, timeout=10)
    else:
        torc.copy(copy.text)
        torc.notify(f"copied {number}")


def open_pager(torc: AppPort, streams: Sequence[Stream]) -> None:
    """Open the files of a log in the user's pager, which has the terminal to itself."""
    paths = [stream.path for stream in streams if Path(stream.path).exists()]
    if not paths:
        torc.notify("there is no log to open", severity="error")
        return
    words = _pager(torc.environ.get("PAGER") or "")
    if shutil.which(words[0]) is None:
        torc.complain(TorcError(f"pager {words[0]!r} not found", hint="set PAGER"))
        return
    # less shows colours by -R, and every other sequence in caret notation.
    env = {**torc.environ, "LESS": torc.environ.get("LESS") or "-R"}
    try:
        with torc.terminal():
            subprocess.run([*words, *paths], env=env, check=False)
    except (OSError, SuspendNotSupported) as error:
        torc.complain(error)


def _pager(setting: str) -> list[str]:
    try:
        words = shlex.split(setting)
    except ValueError:
        words = []
    return words or ["less" if shutil.which("less") else "more"]
