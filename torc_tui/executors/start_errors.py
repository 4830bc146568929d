"""Tell a shortage of the machine from an error of the job, when a process could not be started.

Input: the error of a start. Output: what the machine lacks, in words, or why the job failed.
"""

from __future__ import annotations

import errno
import resource
from pathlib import Path

from torc_tui.model import Order
from torc_tui.reasons import Kind, Reason, because


def shortage(error: OSError) -> str | None:
    """Return what the machine lacks; None if the start would fail on any machine."""
    number = error.errno
    if number == errno.EMFILE:
        return f"no file descriptors are left (ulimit -n is {_limit(resource.RLIMIT_NOFILE)})"
    if number == errno.ENFILE:
        return "no file descriptors are left on this machine"
    if number == errno.EAGAIN:
        return f"no more processes can be started (ulimit -u is {_limit(resource.RLIMIT_NPROC)})"
    if number == errno.ENOMEM:
        return "no memory is left for another process"
    if number == errno.ENOSPC:
        return f"no space is left on the disk of {_directory(error)}"
    if number == errno.EDQUOT:
        return f"the disk quota of {_directory(error)} is used up"
    return None


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


def _directory(error: OSError) -> str:
    return str(Path(str(error.filename)).parent) if error.filename else "the output"
