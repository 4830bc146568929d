"""Tell a shortage of the machine from an error of the job, when a process could not be started.

Input: the error of a start. Output: what the machine lacks, or why the job failed.
"""

from __future__ import annotations

import errno
import resource
from pathlib import Path

from torc_tui.model import Order
from torc_tui.reasons import Kind, Reason, because

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
