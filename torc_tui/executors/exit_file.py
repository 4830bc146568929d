"""Write and read the exit file of an attempt: the record that outlives the runner.

Input: paths. Output: the process that an attempt runs as, its exit code, and a note of the runner.

The runner makes the file and reserves its bytes before it starts the process, so that a full disk
delays a start and never loses an end. The shell of the job overwrites the reserve in place:

    pid 4711 8150      at its start: its process id, and a time just before its start in the unit of
                       start times (reading its own from /proc would take a twentieth of the time of
                       a short job)
    0                  at its end: its exit code

A line is complete when it has a newline. The reserve has none, so no reader takes half a number.
The note of the runner follows the reserve.

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

from torc_tui.records import dataclass
from torc_tui.resources.process_identity import process_started
from torc_tui.resources.session_processes import LINUX, pids

RESERVED = 64
"""Bytes that both lines fit into."""
_BLANK = b" " * RESERVED
_START_TICKS = 300
"""Clock ticks that may pass between the recorded time and the start of the process on a busy
machine. A later process with the same id would have to start within this time to be confused."""
_READ_BYTES = 1 << 20
"""Largest number of bytes that are read of a file."""


@dataclass(frozen=True, slots=True)
class ExitFile:
    """The contents of an exit file; None stands for what is not recorded.

    ``process_started`` is the start time of the process while it exists, and the recorded time
    before its start afterwards.
    """

    pid: int | None = None
    process_started: int | None = None
    code: int | None = None
    note: str = ""


def write_reserve(fd: int, note: str, *, size: int = 0) -> None:
    """Write the reserve of an exit file and nothing else, and lock it until ``fd`` is closed.

    ``size`` is that of the file until now, in bytes.

    Raise OSError when the disk is full.
    """
    data = _BLANK + note.encode()
    if os.write(fd, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if size > len(data):
        os.ftruncate(fd, len(data))
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def shell_lines(path: str, now: int) -> tuple[str, str]:
    """Return the commands with which a shell writes its lines, at its start and at its end.

    Each is one line, because bash counts the lines of the job's command. ``now`` is the present
    time in the unit of start times, -1 where that is unknown.
    """
    target = shlex.quote(path)
    first = f"pid $${f' {now}' if now >= 0 else ''}"
    at_start = f'builtin echo "{first}" 1<>{target};'
    at_end = f'{{ builtin printf "{first}\\n%s\\n" "$?" 1<>{target}; }} 2>/dev/null'
    return at_start, at_end


def read_exit_file(path: str) -> ExitFile:
    """Return the contents so far: none if there is no file or it cannot be read."""
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
        if real is not None and 0 <= real - started <= _START_TICKS:
            started = real
    return ExitFile(pid, started, code, data[RESERVED:].decode(errors="replace"))


def is_being_started(path: str) -> bool:
    """Return whether a runner, or a process that is not a shell yet, holds the lock."""
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

    An attempt that is not in the result never began. Call this when no file is locked.
    """
    found = {path: read_exit_file(path) for path in paths if os.path.lexists(path)}
    unknown = [path for path, file in found.items() if file.pid is None and _is_readable(path)]
    shells = _find_shells(unknown) if unknown else {}
    for path in unknown:
        # The shell may have written its lines, and ended, since they were read.
        file = read_exit_file(path)
        if file.pid is None and path in shells:
            file = ExitFile(*shells[path], None, file.note)
        if file.pid is None:
            del found[path]
        else:
            found[path] = file
    return found


def _is_readable(path: str) -> bool:
    """Return whether the file can be read: the file of another user may name a process."""
    return os.access(path, os.R_OK)


def _contents(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _READ_BYTES)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _find_shells(paths: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return path -> (process id, start time) of the session leaders that name these files."""
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
