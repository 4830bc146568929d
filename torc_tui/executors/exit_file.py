"""Write and read the exit file of an attempt: the record that outlives the runner.

Input: paths. Output: the process that an attempt runs as, its exit code, and a note of the runner.

The runner makes the file and reserves its bytes before it starts the process, so that a full disk
delays a start and never loses an end. The shell of the job overwrites the reserve in place:

    pid 4711 8150      at its start: its process id, and a moment just before on the clock of start
                       times (to read its own from /proc would cost a short job a twentieth of its
                       time)
    0                  at its end: its exit code

A line counts once its newline is there. The reserve has none, so a reader never takes half a
number. The note of the runner follows the reserve.

Invariants
* No file: no process was started.
* The runner holds a lock on the file until the process has been started. A file without a first
  line and without a lock: either a shell runs that names the file on its command line, or the
  command of the attempt never began.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torc_tui.executors.session_processes import LINUX, pids
from torc_tui.resources.process_identity import process_started

RESERVED = 64
"""Bytes that both lines fit into."""
_FORK = 300
"""Clock ticks that may pass between that moment and the start of the process: a machine can be
busy. Another process would have to be given the same number within this time to be taken for it."""
_MOST = 1 << 20
"""Bytes that are read of a file."""


@dataclass(frozen=True, slots=True)
class ExitFile:
    """What an exit file says; None: it does not. ``process_started`` is the start time of the
    process, as long as it is there, and the moment before it afterwards.
    """

    pid: int | None = None
    process_started: int | None = None
    code: int | None = None
    note: str = ""


def write_reserve(fd: int, note: str) -> None:
    """Fill a new exit file and lock it until ``fd`` is closed; OSError when the disk is full."""
    data = b" " * RESERVED + note.encode()
    if os.write(fd, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def shell_lines(path: str, now: int) -> tuple[str, str]:
    """Return what a shell runs first, and at its end, to write its lines into the file, in one line
    each: bash counts the lines of the command.

    ``now`` is the present moment on the clock of start times, -1 where that is not known.
    """
    target = shlex.quote(path)
    first = f"pid $${f' {now}' if now >= 0 else ''}"
    at_start = f'builtin echo "{first}" 1<>{target};'
    at_end = f'{{ builtin printf "{first}\\n%s\\n" "$?" 1<>{target}; }} 2>/dev/null'
    return at_start, at_end


def read_exit_file(path: str) -> ExitFile:
    """Return what the file says so far: nothing when there is no file or it cannot be read."""
    data = _contents(path)
    pid = started = code = None
    for line in data[:RESERVED].split(b"\n")[:-1]:
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
    return ExitFile(pid, started, code, data[RESERVED:].decode(errors="replace"))


def is_being_started(path: str) -> bool:
    """Return whether a runner, or a process that has not become a shell yet, has the lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def find_starts(paths: Collection[str]) -> dict[str, ExitFile]:
    """Return the processes of attempts whose runner is gone, by the path of their exit file.

    An attempt that is missing in the answer never began. To be called when no file is locked.
    """
    found = {path: read_exit_file(path) for path in paths if os.path.lexists(path)}
    silent = [path for path, told in found.items() if told.pid is None and _is_readable(path)]
    if silent:
        shells = _find_shells(silent)
        for path in silent:
            # It may have written its lines, and ended, since they were read.
            told = read_exit_file(path)
            if told.pid is None and path in shells:
                told = ExitFile(*shells[path], None, told.note)
            if told.pid is None:
                del found[path]
            else:
                found[path] = told
    return found


def _is_readable(path: str) -> bool:
    """Return whether the file can be judged: that of another user may say more than we see."""
    return os.access(path, os.R_OK)


def _contents(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _MOST)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _find_shells(paths: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return (process id, start time) of the session leaders that name these files."""
    wanted = {os.fsencode(f"1<>{shlex.quote(path)};"): path for path in paths}
    found: dict[str, tuple[int, int]] = {}
    for pid, command_line in _session_leaders():
        for text, path in wanted.items():
            if text in command_line and (started := process_started(pid)) is not None:
                found[path] = (pid, started)
    return found


def _session_leaders() -> Iterator[tuple[int, bytes]]:
    for pid in pids():
        try:
            if os.getsid(pid) == pid:
                yield pid, _command_line(pid)
        except OSError:
            continue


def _command_line(pid: int) -> bytes:
    if LINUX:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    import psutil  # slow to load, and not needed on Linux

    try:
        return os.fsencode("\0".join(psutil.Process(pid).cmdline()))
    except psutil.Error:
        return b""
