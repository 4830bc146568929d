"""What bash is told around a command, and the exit file that comes of it.

In: an order. Out: the words to start, and the meaning of an exit file. Nothing is started here.

The job's own shell writes the exit file, with builtins only, because another process would cost as
much as the job:

    pid 4711 8150      when it starts: its process id, and a moment just before it was made (on the
    clock of start
                       times; to read its own from /proc would cost a short job a twentieth of its
                       time)
    0                  when it ends: its exit code

A line counts once its newline is there, so a reader never takes half a number. Who finds the first
line only knows that the job runs or was killed; who finds no file knows that it never began.

A command runs in one of two ways. Alone, it is ``eval``-ed by the shell that writes the file: one
process, line numbers as in the file of the user, ``$0`` is ``bash`` and there are no arguments.
That shell must live to the end, so a command that may replace it or take its traps away (``exec``,
``trap``, ``source`` …), or that has a wrapper around it, gets a ``bash -c`` of its own below it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
from dataclasses import dataclass

from torc_tui.model import Order
from torc_tui.resources.process_identity import process_started
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
_FORK = 300
"""Clock ticks that may pass between that moment and the start of the process: a machine can be
busy. Another process would have to be given the same number within this time to be taken for it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The words to start, and files that must be written before (path, text) and may go after the
    end."""

    argv: list[str]
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ExitFile:
    """What an exit file says; None: it does not. ``process_started`` is the start time of the
    process, as long as it is there, and the moment before it afterwards."""

    pid: int | None = None
    process_started: int | None = None
    code: int | None = None


def find_bash() -> str:
    """The bash that runs commands: /bin/bash, or the one on PATH."""
    return "/bin/bash" if os.path.exists("/bin/bash") else shutil.which("bash") or "/bin/bash"  # noqa: PTH110


def launch(order: Order, shell: str, *, open_files: int | None = None, now: int = -1) -> Launch:
    """How to start an order with this bash. ``open_files`` is the soft limit that the job is to
    have, where it differs from ours; ``now`` is the present moment on the clock of start times, -1
    where nobody knows it."""
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
    target = shlex.quote(order.exit_file)
    at_end = shlex.quote('{ builtin echo "$?" >>' + target + "; } 2>/dev/null")
    head = f'builtin echo "pid $${f" {now}" if now >= 0 else ""}" >{target};'
    head += f"builtin trap {at_end} EXIT;"
    if open_files is not None:
        head += f"builtin ulimit -Sn {open_files};"
    if around or files or _TAKES_OVER.search(command):
        return Launch([shell, "-c", head + _BELOW, "bash", *around, *last], tuple(files))
    return Launch([shell, "-c", head + _ALONE, "bash", command])


def read_exit_file(path: str) -> ExitFile:
    """What the exit file says so far. A file that is not there, or that cannot be read, says
    nothing."""
    try:
        with open(path, "rb") as file:
            lines = file.read(4096).split(b"\n")[:-1]
    except OSError:
        return ExitFile()
    pid = started = code = None
    for line in lines:
        words = line.split()
        if words[:1] == [b"pid"]:
            pid = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
            started = int(words[2]) if len(words) > 2 and words[2].isdigit() else None
        elif len(words) == 1 and words[0].isdigit():
            code = int(words[0])
    if pid is not None and started is not None:
        real = process_started(pid)
        if real is not None and 0 <= real - started <= _FORK:
            started = real
    return ExitFile(pid, started, code)
