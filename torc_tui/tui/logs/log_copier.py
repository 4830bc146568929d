"""Take a log out of the app: lines into the clipboard or a file, files into the user's pager."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from torc_tui.errors import TorcError
from torc_tui.tui.frame.external import CopiedText, for_clipboard, run_program
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.logs.log_reader import LogReader
from torc_tui.tui.logs.merged_log import Place, Stream
from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import plain

LONGEST = 1 << 20
"""Characters of a line that are copied."""


class CopiedLines(NamedTuple):
    """Lines that were read, or the error of writing them to a file."""

    lines: int
    copied: CopiedText | OSError


def read_copy(
    reader: LogReader,
    first: Place | None,
    last: Place | None,
    name: str,
    then: Callable[[CopiedLines], None],
) -> None:
    """Read lines, and pass them to ``then`` in the log thread.

    None stands for the first and the last line. ``name`` begins the name of the file that is
    written if the text is too large for the clipboard.
    """

    def give(data: bytes, lines: int) -> None:
        try:
            then(CopiedLines(lines, for_clipboard(plain(data, cut=LONGEST), name, ".txt")))
        except OSError as error:
            then(CopiedLines(lines, error))

    reader.request(reader.text, first, last, give)


def open_pager(torc: AppPort, streams: Sequence[Stream]) -> None:
    """Open the files of a log in the user's pager."""
    paths = [stream.path for stream in streams if Path(stream.path).exists()]
    if not paths:
        torc.notify("there is no log to open", severity="error")
        return
    words = _pager(torc.environ.get("PAGER") or "")
    if shutil.which(words[0]) is None:
        raise TorcError(f"pager {words[0]!r} not found", hint="set PAGER")
    # less shows colors by -R, and every other sequence in caret notation.
    environ = {**torc.environ, "LESS": torc.environ.get("LESS") or "-R"}
    run_program(torc, [*words, *paths], f"the pager {words[0]!r}", "set PAGER", environ=environ)


def _pager(setting: str) -> list[str]:
    try:
        words = shlex.split(setting)
    except ValueError:
        words = []
    return words or ["less" if shutil.which("less") else "more"]
