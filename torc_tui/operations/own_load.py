"""Measure what the jobs of this database use of the CPUs and the memory of this machine.

Input: the attempts that run here, each with a session of its own, and their runners. Output: their
CPU use since the last measurement, and their resident memory. A measurement reads only the
processes of the sessions and those that are new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from torc_tui.resources.session_processes import Sessions, read
from torc_tui.tuples import NamedTuple


class OwnUse(NamedTuple):
    """CPU use in percent of one CPU, None in the first measurement; memory in bytes."""

    cpu_percent: float | None = None
    memory: int = 0


class OwnLoad:
    """Measures the use of jobs; it is used by one thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sessions = Sessions()
        self._jobs: Mapping[int, float] = {}
        self._runners: Mapping[int, float] = {}
        self._at: float | None = None

    def measure(self, jobs: Iterable[int | None], runners: Iterable[int]) -> OwnUse:
        """Return the use of the attempts with these sessions, and of their runners."""
        wanted = {pid for pid in jobs if pid}
        now = self._monotonic()
        found = self._sessions.scan(wanted) if wanted else {}
        times = {session: sum(one.cpu for one in some) for session, some in found.items() if some}
        running = {pid: one.cpu for pid in runners if (one := read(pid)) is not None}
        spent = self._spent(times, running)
        before, self._at = self._at, now
        self._jobs, self._runners = times, running
        memory = sum(one.memory for some in found.values() for one in some)
        if before is None or now <= before:
            return OwnUse(None, memory)
        return OwnUse(100.0 * spent / (now - before), memory)

    def _spent(self, times: Mapping[int, float], running: Mapping[int, float]) -> float:
        """Return the CPU time since the last measurement, in seconds.

        The CPU time of a job that has ended is part of that of its runner, which waited for it.
        """
        spent = sum(time - self._jobs.get(key, 0.0) for key, time in times.items())
        known = {
            pid: time - self._runners[pid] for pid, time in running.items() if pid in self._runners
        }
        if known:
            gone = sum(time for key, time in self._jobs.items() if key not in times)
            spent += max(0.0, sum(known.values()) - gone)
        return max(0.0, spent)
