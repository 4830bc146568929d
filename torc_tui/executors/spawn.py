"""Start a program as the head of a session of its own.

Input: its words, environment and descriptors. Output: its process id. The program inherits no other
descriptor and finds every signal at its default action, whatever this process or its parent ignores:
a shell that starts a runner with `&` ignores SIGINT and SIGQUIT for it, and jobs must not.

posix_spawn neither copies the memory of this process nor runs Python in the child, and costs half
of `subprocess.Popen`. It cannot change the directory: the shell that is started does.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_DEFAULT_ACTION = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def spawn(
    argv: list[str], environment: Mapping[str, str], stdin: int, stdout: int, stderr: int
) -> int:
    """Start ``argv``, whose first word is a path; OSError when that is not possible."""
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
    """Prepare this process for `spawn`: once, before the first descriptor is opened for a job."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a closed standard stream: a file of a job must not take its number
    os.close(fd)
    for name in os.listdir("/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                continue  # the descriptor by which the directory was read
    ignored = signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the kernel keeps no exit codes otherwise
