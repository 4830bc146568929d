"""Send signals to all processes of an attempt.

Input: attempts, and the processes of their sessions. Output: signals.

Invariants
* A process id is only safe while its process is not reaped. So everything here is called under the
  lock under which the leader is reaped, and what is left of its session later is signaled process
  by process, each known by its start time.
* A shell that has traps and is just about to start a program loses a signal between its fork and
  its exec, and would then wait for a program that was never asked to end. So processes that were
  newborn when the signal came get it once more; older ones, and those that a trap started since (to
  save something), do not.
"""

from __future__ import annotations

import contextlib
import os
import signal

from torc_tui.executors import session_processes
from torc_tui.executors.attempt import Attempt
from torc_tui.executors.session_processes import Process, Sessions

_REMINDERS = (0.1, 1.0)
_NEWBORN = 30
"""Clock ticks before a signal in which a process began that may have lost it."""


def signal_number(name: str | None) -> int:
    """Return ``SIGUSR1`` or ``USR1`` as a number; SIGTERM for what is no signal here."""
    text = (name or "SIGTERM").upper()
    found = getattr(signal, text if text.startswith("SIG") else "SIG" + text, None)
    return int(found) if isinstance(found, signal.Signals) else int(signal.SIGTERM)


class SessionSignals:
    """Signals the sessions of attempts. ``sessions`` finds their processes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def end(self, attempt: Attempt, signum: int, grace: float, now: float) -> None:
        """Ask the attempt to end, and set the moment at which it is killed; grace 0 kills now."""
        kill_at = now + grace
        attempt.kill_at = kill_at if attempt.kill_at is None else min(kill_at, attempt.kill_at)
        if attempt.kill_at <= now:
            self.kill(attempt)
        else:
            attempt.asked_at_tick = session_processes.clock_ticks()
            attempt.remind_at = [now + later for later in _REMINDERS]
            self._signal(attempt, signum)
            self._signal(attempt, signal.SIGCONT)  # a stopped process hears nothing else

    def kill(self, attempt: Attempt) -> None:
        """Kill the attempt at once."""
        attempt.killed = True
        self._signal(attempt, signal.SIGKILL)

    def clear(self, attempt: Attempt, grace: float, now: float) -> None:
        """Ask what is left of a session to end, and set the moment at which it is killed."""
        attempt.kill_at = now + grace
        self._signal(attempt, signal.SIGTERM)
        self._signal(attempt, signal.SIGCONT)

    def remind(self, attempt: Attempt, now: float) -> None:
        """Repeat the signal for processes that may have lost it, when that is due."""
        while attempt.remind_at and now >= attempt.remind_at[0]:
            del attempt.remind_at[0]
            for member in self.members(attempt):
                age = attempt.asked_at_tick - member.started
                if attempt.signal is not None and 0 <= age <= _NEWBORN:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(member.pid, attempt.signal)

    def members(self, attempt: Attempt) -> list[Process]:
        """Return the processes of the attempt now."""
        members = self._sessions.scan({attempt.pid}, fresh=True)[attempt.pid]
        if attempt.ended is None:
            return members if _is_there(attempt) else []
        return left(attempt, members)

    def _signal(self, attempt: Attempt, signum: int) -> None:
        if signum != signal.SIGCONT and attempt.ended is None:
            attempt.signal = signum
        if attempt.ended is None and _is_there(attempt):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(attempt.pid, signum)
        for member in attempt.members:
            if attempt.ended is None and member.group == attempt.pid:
                continue
            present = session_processes.read(member.pid)
            if present is not None and present.started == member.started and not present.dead:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(member.pid, signum)


def left(attempt: Attempt, members: list[Process]) -> list[Process]:
    """Return the session without its leader; nothing when its number belongs to a later process."""
    for member in members:
        if member.pid == attempt.pid:
            if member.started != attempt.process_started:
                return []
            return [other for other in members if other.pid != attempt.pid]
    return members


def _is_there(attempt: Attempt) -> bool:
    """Return whether the leader is there. An own child keeps its number until it is reaped; an
    adopted one must be looked at.
    """
    if attempt.own_maxrss is not None:
        return True
    process = session_processes.read(attempt.pid)
    return process is not None and process.started == attempt.process_started
