"""Processes of this host, as far as resources are concerned: who they are, when they began, whose
they are.

In: process ids. Out: plain values, None or "" where nobody can tell. psutil is loaded only where
/proc does not answer. Nothing is signalled or changed here.
"""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

_MAX_DEPTH = 64
MICROSECONDS = 1_000_000
"""The unit of start times where /proc does not tell them in ticks."""


def process_started(pid: int) -> int | None:
    """When the process began, in clock ticks since boot on Linux, elsewhere microseconds; None if
    there is none, or only what is left of one whose parent never asked (a zombie). OSError when
    that cannot be known now (no descriptor left): taken for gone, a runner would lose its jobs.

    Together with the boot id it tells a process from a later one of the same id. The rule is field
    22 of proc(5) stat.
    """
    fields = _stat(pid)
    if fields is not None:
        return int(fields[19]) if fields[0] not in (b"Z", b"X") else None
    if os.path.isdir("/proc/self"):  # noqa: PTH112  # pathlib costs more than the question
        return None
    import psutil

    try:
        process = psutil.Process(pid)
        return (
            None
            if process.status() == psutil.STATUS_ZOMBIE
            else int(process.create_time() * MICROSECONDS)
        )
    except psutil.Error:
        return None


def process_name(pid: int) -> str:
    """What the process is called; "" if it is gone, hidden, or in another pid namespace."""
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""


def belongs(pid: int, leaders: Container[int]) -> bool:
    """Whether the process is one of the leaders, in the session of one, or a descendant of one."""
    if pid in leaders:
        return True
    try:
        if os.getsid(pid) in leaders:
            return True
    except OSError:
        return False
    for _ in range(_MAX_DEPTH):
        parent = _parent(pid)
        if not parent or parent == 1:
            return False
        if parent in leaders:
            return True
        pid = parent
    return False


def _parent(pid: int) -> int | None:
    try:
        fields = _stat(pid)
    except OSError:
        return None
    if fields is not None:
        return int(fields[1])
    if os.path.isdir("/proc/self"):  # noqa: PTH112  # as above
        return None
    import psutil

    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return None


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat after the name (which may hold spaces and parentheses): state
    first.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return text[text.rindex(b")") + 2 :].split()
