"""Start a program as the leader of its own session, or tell why it could not be started.

Input: its arguments, environment and descriptors. Output: its process id; from the error of a
start, what the machine lacks, or why the job failed.

The program inherits no other descriptor, and every signal has its default action, also those that
this process ignores: a shell that starts a runner with ``&`` has it ignore SIGINT and SIGQUIT.

posix_spawn neither copies the memory of this process nor runs Python in the child, and takes half
of the time of `subprocess.Popen`. It cannot change the directory: the shell that is started does.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from torc_tui.model import Order
from torc_tui.reasons import Kind, Reason, because

_DEFAULT_ACTION = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def spawn(
    argv: list[str], environment: Mapping[str, str], stdin: int, stdout: int, stderr: int
) -> int:
    """Start ``argv``, whose first element is a path; raise OSError if that is not possible."""
    return os.posix_spawn(
        argv[0],
        argv,
        environment,
        file_actions=(
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_DUP2, stderr, 2),
        ),
        setsid=True,
        setsigmask=(),
        setsigdef=_DEFAULT_ACTION,
    )


@cache
def prepare() -> None:
    """Prepare this process for `spawn`, once, before a descriptor is opened for a job."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a standard stream is closed: a file of a job must not get its number
    os.close(fd)
    for name in os.listdir("/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                continue  # the descriptor of the directory itself
    ignored = signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the kernel keeps no exit codes otherwise


_LACKS = {
    errno.EMFILE: "files",
    errno.ENFILE: "files of the machine",
    errno.EAGAIN: "processes",
    errno.ENOMEM: "memory",
    errno.ENOSPC: "disk",
    errno.EDQUOT: "quota",
}
_LIMITS = {"files": resource.RLIMIT_NOFILE, "processes": resource.RLIMIT_NPROC}


def shortage(error: OSError) -> Reason | None:
    """Return what the machine lacks; None if the start would fail on any machine."""
    lack = _LACKS.get(error.errno or 0)
    if lack is None:
        return None
    which = _LIMITS.get(lack)
    limit = None if which is None else _limit(which)
    directory = _directory(error) if lack in ("disk", "quota") else None
    return because(Kind.START_SHORTAGE, lack=lack, limit=limit, directory=directory)


def launch_failure(order: Order, error: Exception) -> Reason:
    """Return why this order cannot be started."""
    if not isinstance(error, OSError):
        return because(Kind.LAUNCH, error=str(error) or type(error).__name__)
    text = error.strerror or str(error)
    if error.errno == errno.E2BIG:
        size = sum(len(name) + len(value) + 2 for name, value in order.environment.items())
        return because(Kind.LAUNCH, problem="environment", size=size)
    if error.filename == order.directory:
        return because(Kind.LAUNCH, problem="directory", path=order.directory, error=text)
    return because(Kind.LAUNCH, path=str(error.filename) if error.filename else None, error=text)


def no_thread() -> OSError:
    """Return the error of a thread that could not be started: Python gives only its text."""
    return BlockingIOError(errno.EAGAIN, "no thread can be started")


def _limit(which: int) -> str:
    soft, _ = resource.getrlimit(which)
    return "unlimited" if soft == resource.RLIM_INFINITY else str(soft)


def _directory(error: OSError) -> str | None:
    return str(Path(str(error.filename)).parent) if error.filename else None
