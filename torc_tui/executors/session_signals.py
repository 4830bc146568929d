"""Send signals to all processes of an attempt.

Input: attempts, and the processes of their sessions. Output: signals.

Invariants
* A process id is only safe while its process is not reaped. So everything here is called under the
  lock under which the leader is reaped. Afterwards, the rest of the session is signaled process by
  process, each identified by its start time.
* A shell that has traps loses a signal between fork and exec of a program, and would then wait for
  a program that has received none. So processes that were new when the signal came get it again;
  older processes, and those that a trap started since (to save something), do not.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Sequence

from torc_tui.executors.attempt import RunningAttempt
from torc_tui.resources import session_processes
from torc_tui.resources.session_processes import SessionProcess, Sessions

_REPEAT_SECONDS = (0.1, 1.0)
"""Times after a signal at which it is repeated for new processes."""
_SUSPEND_ROUNDS = 10
"""How often the processes of a session are read until all of them are stopped."""
_NEW_TICKS = 30
"""A process that began at most this many clock ticks before a signal may have lost it."""


def signal_number(name: str | None) -> int:
    """Return the number of ``SIGUSR1`` or ``USR1``; SIGTERM for an unknown signal."""
    text = (name or "SIGTERM").upper()
    found = getattr(signal, text if text.startswith("SIG") else "SIG" + text, None)
    return int(found) if isinstance(found, signal.Signals) else int(signal.SIGTERM)


class SessionSignals:
    """Signal the sessions of attempts; ``sessions`` finds their processes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def end(self, attempt: RunningAttempt, signum: int, grace: float, now: float) -> None:
        """Signal the attempt, and set the time at which it is killed; a grace of 0 kills now."""
        kill_at = now + grace
        attempt.kill_at = kill_at if attempt.kill_at is None else min(kill_at, attempt.kill_at)
        if attempt.kill_at <= now:
            self.kill(attempt)
        else:
            attempt.signaled_at_tick = session_processes.clock_ticks()
            attempt.repeat_at = [now + seconds for seconds in _REPEAT_SECONDS]
            self._signal(attempt, signum)
            self._signal(attempt, signal.SIGCONT)  # a stopped process acts on no other signal

    def kill(self, attempt: RunningAttempt) -> None:
        """Kill the attempt at once."""
        attempt.killed = True
        self._signal(attempt, signal.SIGKILL)

    def clear(self, attempt: RunningAttempt, grace: float, now: float) -> None:
        """Signal what is left of a session, and set the time at which it is killed."""
        attempt.kill_at = now + grace
        self._signal(attempt, signal.SIGTERM)
        self._signal(attempt, signal.SIGCONT)

    def suspend(self, attempts: Sequence[RunningAttempt]) -> None:
        """Stop all processes of the attempts, also those that they start meanwhile."""
        for _ in range(_SUSPEND_ROUNDS):
            active = [member for member in self._members(attempts) if not member.stopped]
            if not active:
                break
            _send(active, signal.SIGSTOP)

    def resume(self, attempts: Sequence[RunningAttempt]) -> None:
        """Let all processes of the attempts continue."""
        _send(self._members(attempts), signal.SIGCONT)

    def repeat(self, attempt: RunningAttempt, now: float) -> None:
        """Repeat a signal, when that is due, for processes that may have lost it."""
        while attempt.repeat_at and now >= attempt.repeat_at[0]:
            del attempt.repeat_at[0]
            for member in self.members(attempt):
                age = attempt.signaled_at_tick - member.started
                if attempt.signal is not None and 0 <= age <= _NEW_TICKS:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(member.pid, attempt.signal)

    def members(self, attempt: RunningAttempt) -> list[SessionProcess]:
        """Return the processes of the attempt now."""
        return self._members([attempt])

    def _members(self, attempts: Sequence[RunningAttempt]) -> list[SessionProcess]:
        found = self._sessions.scan({attempt.pid for attempt in attempts}, fresh=True)
        members: list[SessionProcess] = []
        for attempt in attempts:
            if attempt.ended is not None:
                members += without_leader(attempt, found[attempt.pid])
            elif _is_there(attempt):
                members += found[attempt.pid]
        return members

    def _signal(self, attempt: RunningAttempt, signum: int) -> None:
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


def _send(members: Iterable[SessionProcess], signum: int) -> None:
    for member in members:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member.pid, signum)


def without_leader(attempt: RunningAttempt, members: list[SessionProcess]) -> list[SessionProcess]:
    """Return a session without its leader; nothing if its number belongs to a later process."""
    for member in members:
        if member.pid == attempt.pid:
            if member.started != attempt.process_started:
                return []
            return [other for other in members if other.pid != attempt.pid]
    return members


def _is_there(attempt: RunningAttempt) -> bool:
    """Return whether the leader exists.

    An own child keeps its number until it is reaped; an adopted process is identified by its start
    time.
    """
    if attempt.own_maxrss is not None:
        return True
    process = session_processes.read(attempt.pid)
    return process is not None and process.started == attempt.process_started
