"""Compose the command line of bash that runs a job and records its end.

Input: an order. Output: the arguments to start, and scripts to write before. Nothing is started
here.

The shell of the job enters the working directory and writes the exit file (see `exit_file`). It
uses only builtins, because another process would take as long as a short job.

A command runs in one of two ways. Usually the shell that writes the file runs it with ``eval``: one
process, line numbers as in the workflow file, ``$0`` is ``bash`` and there are no arguments. That
shell must exist until the end. So a command that may replace it or its traps (``exec``, ``trap``,
``source`` …), or that has an invocation script, runs in its own ``bash -c``, and the command of a
job with the key ``shell`` runs in the program that it names.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from functools import lru_cache

from torc_tui.executors.exit_file import shell_lines
from torc_tui.model import Order
from torc_tui.records import dataclass
from torc_tui.shell_text import interpreter, invocation_kind

ARGUMENT_BYTES = 131_000
"""Largest size of an argument in bytes: Linux allows 128 KiB with its terminating zero."""

_TAKES_OVER = re.compile(r"(?<![\w./-])(?:exec|trap|source|eval|enable)\b|(?:^|[\s;&|({])\.\s")

# Bash runs its EXIT trap when a signal ends it, but with the code of the last command: 0 for a job
# that was terminated. So each of these signals gets the code that the parent would see.
_SIGNALS = ("HUP", "INT", "QUIT", "PIPE", "ALRM", "TERM", "USR1", "USR2", "XCPU", "XFSZ")
_SIGNAL_CODES = "".join(
    f"builtin trap 'exit {128 + getattr(signal, 'SIG' + name)}' {name};" for name in _SIGNALS
)
_CATCH_SIGNALS = f"builtin trap : {' '.join(_SIGNALS)};"
_EVAL = f'{_SIGNAL_CODES}__torc=$1;builtin shift;builtin eval "$__torc"'
_RUN = f'{_CATCH_SIGNALS}"$@"'
CANNOT_START = 126
"""Exit code of a command that was found and cannot be started, as in shells."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The arguments to start, and scripts (path, text) that must exist while the job runs."""

    argv: list[str]
    files: tuple[tuple[str, str], ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the scripts."""
        return tuple(path for path, _ in self.files) if self.files else ()


def find_bash() -> str:
    """Return the bash that runs commands: /bin/bash, or the one on PATH."""
    if os.path.exists("/bin/bash"):
        return "/bin/bash"
    import shutil  # slow, and rarely needed

    return shutil.which("bash") or "/bin/bash"


def launch(order: Order, shell: str, *, open_files: int | None = None, now: int = -1) -> Launch:
    """Return how to start an order with this bash.

    ``open_files`` is the soft limit of the job if it differs from ours; ``now`` is the present time
    in the unit of start times, -1 where that is unknown.
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
    own = shlex.split(order.shell) if order.shell else None
    innermost = [*own, command] if own else [shell, "-c", command, "bash"]
    if len(command) > ARGUMENT_BYTES // 4 and len(os.fsencode(command)) > ARGUMENT_BYTES:
        path = order.exit_file + ".sh"
        files.append((path, command + "\n"))
        innermost = [*_without_c(own), path] if own else [shell, path]
    at_start, at_end = shell_lines(order.exit_file, now)
    at_end = at_end.replace("'", "'\"'\"'")  # as shlex.quote does it
    head = f"{_enter(order.directory)}{at_start}builtin trap '{at_end}' EXIT;"
    if open_files is not None:
        head += f"builtin ulimit -Sn {open_files};"
    if around or own or files or _TAKES_OVER.search(command):
        return Launch([shell, "-c", head + _RUN, "bash", *around, *innermost], tuple(files))
    return Launch([shell, "-c", head + _EVAL, "bash", command])


@lru_cache(maxsize=16)
def _enter(directory: str) -> str:
    return f"builtin cd -- {shlex.quote(directory)}||builtin exit {CANNOT_START};"


def _without_c(words: list[str]) -> list[str]:
    """Return the words of a shell that runs a script: without a final ``-c``."""
    return words[:-1] if words[-1] == "-c" else words
