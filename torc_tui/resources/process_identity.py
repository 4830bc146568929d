"""Identify processes of this host: their start time, name and session.

Input: process ids. Output: plain values; None or "" where they are unknown. psutil is loaded only
where /proc does not answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Container
from pathlib import Path

_MAX_DEPTH = 64
MICROSECONDS = 1_000_000
"""Unit of start times, per second, where there is no /proc with clock ticks."""


def process_started(pid: int) -> int | None:
    """Return when a process began; None if it does not exist or is a zombie.

    The unit is clock ticks since boot on Linux (field 22 of proc(5) stat), elsewhere microseconds.
    Together with the boot id, the start time tells a process from a later one with the same id.

    Raise OSError when no descriptor is left to read it: a runner would lose its jobs if they were
    taken for gone.
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
    """Return the name of a process; "" if it is gone, hidden, or in another pid namespace."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        if os.path.isdir("/proc/self"):  # noqa: PTH112  # as above
            return ""
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""


def process_user(pid: int) -> str:
    """Return the user of a process; "" if it is not known."""
    try:
        return user_name(Path(f"/proc/{pid}").stat().st_uid)
    except OSError:
        return ""


def user_name(uid: int) -> str:
    """Return the name of a user, or the number where it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def process_began(pid: int) -> float | None:
    """Return when a process began, in seconds since the epoch; None if that is not known."""
    try:
        fields = _stat(pid)
        if fields is None:
            return None
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError):
        return None
    return time.time() - uptime + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def leader_of(pid: int, leaders: Container[int]) -> int:
    """Return the leader whose session or descendant a process is, or itself; 0 for none."""
    if pid in leaders:
        return pid
    try:
        session = os.getsid(pid)
    except OSError:
        return 0
    if session in leaders:
        return session
    for _ in range(_MAX_DEPTH):
        parent = _parent(pid)
        if not parent or parent == 1:
            return 0
        if parent in leaders:
            return parent
        pid = parent
    return 0


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
    """Return the fields of /proc/PID/stat from the state on.

    The name before them may contain spaces and parentheses.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return text[text.rindex(b")") + 2 :].split()
