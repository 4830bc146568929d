"""Compose the command line of bash that runs a job and records its end.

Input: an order. Output: the words to start, and scripts to write before. Nothing is started here.

The job's own shell enters the working directory and writes the exit file (see `exit_file`), with
builtins only, because another process would cost as much as the job.

A command runs in one of two ways. Alone, it is ``eval``-ed by the shell that writes the file: one
process, line numbers as in the file of the user, ``$0`` is ``bash`` and there are no arguments.
That shell must live to the end, so a command that may replace it or take its traps away (``exec``,
``trap``, ``source`` …), or that has an invocation script around it, gets a ``bash -c`` of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
from dataclasses import dataclass

from torc_tui.executors.exit_file import shell_lines
from torc_tui.model import Order
from torc_tui.workflow_file.invocation import interpreter, invocation_kind

LONGEST_WORD = 131_000
"""Bytes that one argument may have: Linux allows 128 KiB, its end mark included."""

_TAKES_OVER = re.compile(r"(?<![\w./-])(?:exec|trap|source|eval|enable)\b|(?:^|[\s;&|({])\.\s")

# Bash runs its EXIT trap when a signal ends it, but with the code of the command before: 0 for a
# job that was terminated. So each of these gets the code that the parent would see.
_SIGNALS = ("HUP", "INT", "QUIT", "PIPE", "ALRM", "TERM", "USR1", "USR2", "XCPU", "XFSZ")
_DIE = "".join(
    f"builtin trap 'exit {128 + getattr(signal, 'SIG' + name)}' {name};" for name in _SIGNALS
)
_OUTLIVE = f"builtin trap : {' '.join(_SIGNALS)};"
_ALONE = f'{_DIE}__torc=$1;builtin shift;builtin eval "$__torc"'
_BELOW = f'{_OUTLIVE}"$@"'
CANNOT_START = 126
"""Exit code, as in shells, of what was found and cannot be started."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The words to start, and scripts (path, text) that exist from before the start to the end."""

    argv: list[str]
    files: tuple[tuple[str, str], ...] = ()


def find_bash() -> str:
    """Return the bash that runs commands: /bin/bash, or the one on PATH."""
    return "/bin/bash" if os.path.exists("/bin/bash") else shutil.which("bash") or "/bin/bash"


def launch(order: Order, shell: str, *, open_files: int | None = None, now: int = -1) -> Launch:
    """Return how to start an order with this bash.

    ``open_files`` is the soft limit that the job is to have, where it differs from ours; ``now`` is
    the present moment on the clock of start times, -1 where that is not known.
    """
    command = order.command
    around: list[str] = []
    files: list[tuple[str, str]] = []
    script = (order.invocation_script or "").strip()
    if script:
        kind = invocation_kind(script)
        if kind == "prefix":
            command = f"{script} {command}"
        elif kind == "shell":
            around = [shell, "-c", script, "bash"]
        else:
            path = order.exit_file + ".invocation"
            files.append((path, script + "\n"))
            around = [*interpreter(script), path]
    last = [shell, "-c", command, "bash"]
    if len(command) > LONGEST_WORD // 4 and len(os.fsencode(command)) > LONGEST_WORD:
        path = order.exit_file + ".sh"
        files.append((path, command + "\n"))
        last = [shell, path]
    at_start, at_end = shell_lines(order.exit_file, now)
    head = f"builtin cd -- {shlex.quote(order.directory)}||builtin exit {CANNOT_START};"
    head += f"{at_start}builtin trap {shlex.quote(at_end)} EXIT;"
    if open_files is not None:
        head += f"builtin ulimit -Sn {open_files};"
    if around or files or _TAKES_OVER.search(command):
        return Launch([shell, "-c", head + _BELOW, "bash", *around, *last], tuple(files))
    return Launch([shell, "-c", head + _ALONE, "bash", command])
