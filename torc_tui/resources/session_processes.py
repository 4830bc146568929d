"""Read the processes of a session, and what they use.

Input: ids. Output: numbers. On Linux /proc is read directly, because a sample must be cheap;
elsewhere psutil is used. Nothing is signaled here.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Set

from torc_tui.model import AttemptKey
from torc_tui.resources.process_identity import MICROSECONDS
from torc_tui.tuples import NamedTuple

LINUX = sys.platform == "linux"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_REFRESH_SCANS = 16
"""Number of scans after which every process is read again."""
_BOOTTIME = LINUX and hasattr(time, "CLOCK_BOOTTIME")


class SessionProcess(NamedTuple):
    """A process.

    ``started`` is its start time as `process_identity.process_started` returns it, ``cpu`` its CPU
    time in seconds, with that of children it has waited for, ``memory`` its resident memory in
    bytes. ``dead`` marks a zombie, ``stopped`` a process that SIGSTOP has stopped.
    """

    pid: int
    group: int
    session: int
    started: int
    cpu: float
    memory: int
    dead: bool
    stopped: bool = False


def read(pid: int) -> SessionProcess | None:
    """Return a process, None if it does not exist; raise OSError if no descriptor is left."""
    if not LINUX:
        return _read_psutil(pid)
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    try:
        data = os.read(fd, 2048)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
    # The name in parentheses may contain spaces and parentheses; only numbers follow it.
    f = data[data.rfind(b")") + 2 :].split()
    if len(f) < 22:
        return None
    cpu = (int(f[11]) + int(f[12]) + int(f[13]) + int(f[14])) / _TICKS
    memory, state = int(f[21]) * _PAGE, f[0]
    group, session, started = int(f[2]), int(f[3]), int(f[19])
    return SessionProcess(pid, group, session, started, cpu, memory, state in b"ZX", state in b"Tt")


def descendants(pid: int) -> list[SessionProcess]:
    """Return a process and its descendants, with few reads; nothing where that is not possible."""
    found, waiting = [], [pid]
    while waiting:
        number = waiting.pop()
        try:
            with open(f"/proc/{number}/task/{number}/children", "rb") as file:
                waiting += map(int, file.read().split())
        except FileNotFoundError:
            if number == pid:
                return []
        except (OSError, ValueError):
            continue
        process = read(number)
        if process is not None and not process.dead:
            found.append(process)
    return found


def storage_bytes(processes: Iterable[SessionProcess]) -> int | None:
    """Return how many bytes processes have read from and written to storage; None if not known.

    The bytes of children that they have waited for are included.
    """
    known = [amount for one in processes if (amount := _storage_bytes(one.pid)) is not None]
    return sum(known) if known else None


def _storage_bytes(pid: int) -> int | None:
    if not LINUX:
        return None
    try:
        fd = os.open(f"/proc/{pid}/io", os.O_RDONLY)
    except OSError:
        return None
    try:
        words = os.read(fd, 512).split()
    except OSError:
        return None
    finally:
        os.close(fd)
    # rchar: 1 wchar: 2 syscr: 3 syscw: 4 read_bytes: 5 write_bytes: 6 …
    return int(words[9]) + int(words[11]) if len(words) > 11 else None


def belongs_to(session: int, key: AttemptKey) -> bool:
    """Return whether a session has processes, and they belong to the attempt.

    After the end of the leader, another session may have the same number.
    """
    if not session:
        return False
    wanted = {
        f"TORC_WORKFLOW_ID={key.workflow_id}".encode(),
        f"TORC_RUN_ID={key.run_id}".encode(),
        f"TORC_JOB_ID={key.job_id}".encode(),
        f"TORC_ATTEMPT_ID={key.attempt_id}".encode(),
    }
    members = Sessions().scan({session}, fresh=True)[session]
    return any(wanted <= _environment(member.pid) for member in members)


def _environment(pid: int) -> set[bytes]:
    if LINUX:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return set(file.read().split(b"\0"))
        except OSError:
            return set()
    import psutil

    try:
        found = psutil.Process(pid).environ()
    except psutil.Error:
        return set()
    return {os.fsencode(f"{name}={value}") for name, value in found.items()}


def uptime() -> float:
    """Return seconds on a clock that is never set and that counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if _BOOTTIME else time.monotonic()


def age(started: int) -> float:
    """Return how many seconds ago a process with this start time began."""
    if LINUX:
        return max(0.0, uptime() - started / _TICKS)
    return max(0.0, time.time() - started / MICROSECONDS)


def clock_ticks() -> int:
    """Return the present time in the unit of start times; -1 where that is unknown.

    If the result is the same before and after the start of a process, it is the start time of the
    process. Reading that from /proc would take a tenth of the time of a short job.
    """
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) * _TICKS // 1_000_000_000 if _BOOTTIME else -1


def proportional_memory(pid: int) -> int | None:
    """Return the proportional set size in bytes; None where the kernel does not report it.

    Each process that shares a page counts its part of the page.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


class Sessions:
    """Find the processes of sessions with few reads.

    A process that belongs to no session is read again only after ``_REFRESH_SCANS`` scans, when its
    id may belong to another process.
    """

    def __init__(self) -> None:
        self._others: set[int] = set()
        self._scans = 0

    def scan(self, wanted: Set[int], *, fresh: bool = False) -> dict[int, list[SessionProcess]]:
        """Return the processes of each wanted session; ``fresh`` reads all processes again."""
        self._scans += 1
        found: dict[int, list[SessionProcess]] = {session: [] for session in wanted}
        others: set[int] = set()
        # A leader may have been read before it made its session.
        known: Set[int] = (
            set() if fresh or self._scans % _REFRESH_SCANS == 0 else self._others - wanted
        )
        for pid in pids():
            if pid in known:
                others.add(pid)
                continue
            process = read(pid)
            if process is None:
                continue
            if process.session not in found:
                others.add(pid)
            elif not process.dead:
                found[process.session].append(process)
        self._others = others
        return found


def pids() -> Iterator[int]:
    """Yield the ids of all processes."""
    if not LINUX:
        import psutil

        yield from psutil.pids()
        return
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


def _read_psutil(pid: int) -> SessionProcess | None:
    import psutil  # slow to load, and not needed on Linux

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return SessionProcess(
                pid,
                os.getpgid(pid),
                os.getsid(pid),
                int(process.create_time() * MICROSECONDS),
                times.user + times.system,
                process.memory_info().rss,
                process.status() == psutil.STATUS_ZOMBIE,
                process.status() == psutil.STATUS_STOPPED,
            )
    except (psutil.Error, OSError):
        return None
