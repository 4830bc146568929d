"""The thread that looks after running attempts: samples them, holds them to their limits, clears
their sessions.

In: attempts. Out: their measures, signals to their processes, and a call when a session is empty
after its leader ended. Nothing is started or reaped here, and nobody is told of an end before it
came.

The law of signals: a process id is only safe while its process is not reaped. So an attempt is
signaled under the lock under which its leader is reaped, and what is left of its session later only
process by process, each known by its start time.

What is left after the leader ended first gets ``PATIENCE`` seconds to end by itself (``command >
>(tee log)`` leaves a ``tee`` that must not be cut off), then SIGTERM, and SIGKILL after the grace
of the job, at most ``LEFTOVER_GRACE``. A shell that has traps and is just about to start a program
loses a signal between its fork and its exec, and would then wait for a program that was never asked
to end. So processes that were newborn when the signal came get it once more; older ones, and those
that a trap started since (to save something), do not.

A process that made its own session (``setsid``) has left the job, and nobody looks after it.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from torc_tui.executors import session_processes
from torc_tui.executors.attempt import Attempt
from torc_tui.executors.session_processes import Process, Sessions
from torc_tui.executors.start_errors import no_thread
from torc_tui.model import Cause
from torc_tui.reasons import Kind, because

GpuUsage = Callable[[], Mapping[int, tuple[int, float | None]]]

PATIENCE = 1.0
LEFTOVER_GRACE = 5.0
MEMORY_GRACE = 2.0
"""Longest grace of a job that outgrew its memory: it goes on growing while it is asked."""
_TICK = 0.02
_YOUNG = 0.05
_QUICK = 0.1
_PARK_AFTER = 1.0
_UNKILLABLE_AFTER = 10.0
_SHARE = 150
"""A scan may cost one part in this many of the time until the next."""
_LAZIEST = 2.0
_GPU_EVERY = 1.0
_GPU_SOON = 0.2  # after a job with cards came: short ones shall be measured too
_GPU_YOUNG = 5.0
_REMINDERS = (0.1, 1.0)
_NEWBORN = 30
"""Clock ticks before a signal in which a process began that may have lost it."""


def signal_number(name: str | None) -> int:
    """``SIGUSR1`` or ``USR1`` as a number; SIGTERM for what is no signal here."""
    text = (name or "SIGTERM").upper()
    found = getattr(signal, text if text.startswith("SIG") else "SIG" + text, None)
    return int(found) if isinstance(found, signal.Signals) else int(signal.SIGTERM)


class Watch:
    """Looks after attempts in one daemon thread, which starts with the first of them.

    ``emptied`` is called in that thread when a session handed to ``linger`` is empty.
    """

    def __init__(
        self, emptied: Callable[[Attempt], None], gpu_usage: GpuUsage | None = None
    ) -> None:
        self.lock = threading.RLock()
        self._emptied = emptied
        self._gpu_usage = gpu_usage
        self._strangers_known = True
        self._gpu_at = 0.0
        self._gpu_eager_until = 0.0
        self._attempts: set[Attempt] = set()
        self._lingering: set[Attempt] = set()
        self._sessions = Sessions()
        self._call = threading.Condition(self.lock)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._wake_at = 0.0
        self._sample_at = 0.0
        self._not_before = 0.0
        self._busy_at = 0.0

    # -- called by the executor --------------------------------------------------------------------

    def start_thread(self) -> None:
        """Start the thread, where it does not run yet; OSError when there can be no more."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, daemon=True, name="torc-watch")
            try:
                thread.start()
            except RuntimeError:
                raise no_thread() from None
            self._thread = thread

    def add(self, attempt: Attempt, *, adopted: bool = False) -> None:
        """Look after this one from now on. The processes of an adopted one may have been seen
        before, as strangers."""
        with contextlib.suppress(OSError):  # for an adopted one: the next start tries again
            self.start_thread()
        with self.lock:
            self._attempts.add(attempt)
            if adopted:
                self._strangers_known = False
                self._gpu_at = 0.0
            if attempt.allocation.gpus:
                self._gpu_eager_until = time.monotonic() + _GPU_YOUNG
            if self._wake_at > attempt.began + 2 * _QUICK:
                # Once per interval at most: a stream of short jobs does not call for each.
                self._sample_at = max(
                    self._not_before, min(self._sample_at, attempt.began + _QUICK)
                )
                self._wake_at = attempt.began
                self._call.notify()

    def remove(self, attempt: Attempt) -> None:
        """The leader ended. To be called under the lock, with the reaping."""
        self._attempts.discard(attempt)

    def linger(self, attempt: Attempt) -> None:
        """The leader ended and left processes in its session: see them off, then call
        ``emptied``."""
        with self.lock:
            self._lingering.add(attempt)
            self._call.notify()

    def stop(
        self, attempts: Iterable[Attempt], cause: Cause, *, grace: float | None, name: str | None
    ) -> None:
        """Signal these and kill what is left after the grace."""
        with self.lock:
            followed = self._attempts | self._lingering
            chosen = [attempt for attempt in attempts if attempt in followed and not attempt.killed]
            now = time.monotonic()
            elsewhere: dict[int, list[Process]] = {}
            with contextlib.suppress(OSError):
                elsewhere = (
                    self._sessions.scan({attempt.pid for attempt in chosen}, fresh=True)
                    if chosen
                    else {}
                )
            for attempt in chosen:
                attempt.members = self._left(attempt, elsewhere.get(attempt.pid, []))
                lead = attempt.limits.grace if grace is None else max(0.0, grace)
                self._end(
                    attempt,
                    cause,
                    signal_number(name or attempt.limits.termination_signal),
                    lead,
                    now,
                )
            self._call.notify()

    def close(self) -> None:
        """End the thread. Processes are left alone."""
        with self.lock:
            self._closed = True
            self._call.notify()
        if self._thread is not None:
            self._thread.join()

    # -- signals, under the lock -------------------------------------------------------------------

    def _end(self, attempt: Attempt, cause: Cause, signum: int, grace: float, now: float) -> None:
        if attempt.ended is None:
            attempt.cause = attempt.cause or cause
        kill_at = now + grace
        attempt.kill_at = kill_at if attempt.kill_at is None else min(kill_at, attempt.kill_at)
        if attempt.kill_at <= now:
            self._kill(attempt)
        else:
            attempt.asked_at_tick = session_processes.clock_ticks()
            attempt.remind_at = [now + later for later in _REMINDERS]
            self._signal(attempt, signum)
            self._signal(attempt, signal.SIGCONT)  # a stopped process hears nothing else

    def _kill(self, attempt: Attempt) -> None:
        attempt.killed = True
        self._signal(attempt, signal.SIGKILL)

    def _signal(self, attempt: Attempt, signum: int) -> None:
        if signum != signal.SIGCONT and attempt.ended is None:
            attempt.signal = signum
        if attempt.ended is None and self._is_there(attempt):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(attempt.pid, signum)
        for member in attempt.members:
            if attempt.ended is None and member.group == attempt.pid:
                continue
            present = session_processes.read(member.pid)
            if present is not None and present.started == member.started and not present.dead:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(member.pid, signum)

    def _remind(self, attempt: Attempt, now: float) -> None:
        while attempt.remind_at and now >= attempt.remind_at[0]:
            del attempt.remind_at[0]
            for member in self._members(attempt):
                age = attempt.asked_at_tick - member.started
                if attempt.signal is not None and 0 <= age <= _NEWBORN:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(member.pid, attempt.signal)

    def _members(self, attempt: Attempt) -> list[Process]:
        members = self._sessions.scan({attempt.pid}, fresh=True)[attempt.pid]
        if attempt.ended is None:
            return members if self._is_there(attempt) else []
        return self._left(attempt, members)

    def _is_there(self, attempt: Attempt) -> bool:
        """An own child keeps its number until it is reaped; an adopted one must be looked at."""
        if attempt.own_maxrss is not None:
            return True
        process = session_processes.read(attempt.pid)
        return process is not None and process.started == attempt.process_started

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        with self.lock:
            while not self._closed:
                now = time.monotonic()
                pause: float | None = None
                if self._attempts or self._lingering:
                    self._busy_at = now
                    try:
                        pause = self._look(now)
                    except OSError:
                        pause = _QUICK  # no descriptor left to look at processes: that passes, and this must go on
                elif now - self._busy_at < _PARK_AFTER:
                    # Short jobs come and go: to be called for each of them would cost more than to
                    # look now and then.
                    pause = _QUICK
                self._wake_at = math.inf if pause is None else now + pause
                self._call.wait(pause)

    def _look(self, now: float) -> float:
        """Do what is due; seconds until something is due again."""
        deadline = now + _LAZIEST
        for attempt in list(self._attempts):
            runtime = attempt.limits.runtime
            if runtime is not None and attempt.cause is None:
                if now >= attempt.began + runtime:
                    lead = attempt.limits.grace
                    self._end(
                        attempt,
                        Cause.TIMEOUT,
                        signal_number(attempt.limits.termination_signal),
                        lead,
                        now,
                    )
                else:
                    deadline = min(deadline, attempt.began + runtime)
            if attempt.kill_at is not None and not attempt.killed:
                self._remind(attempt, now)
                if now >= attempt.kill_at:
                    attempt.members = self._members(attempt)
                    self._kill(attempt)
                else:
                    deadline = min(deadline, attempt.kill_at, *attempt.remind_at)
        if self._attempts:
            if now >= self._sample_at:
                self._sample_at = now + self._sample(now)
            deadline = min(deadline, self._sample_at)
        if self._lingering:
            self._reap_lingering(now)
            deadline = min(deadline, now + _TICK)
        return max(0.001, deadline - time.monotonic())

    def _sample(self, now: float) -> float:
        """Look at all attempts that are not brand-new; seconds until the next look."""
        grown = {
            attempt.pid: attempt for attempt in self._attempts if now - attempt.began >= _YOUNG
        }
        if not grown:
            return _QUICK
        spent = time.thread_time()
        found = self._sessions.scan(grown.keys(), fresh=not self._strangers_known)
        self._strangers_known = True
        for pid, attempt in grown.items():
            members = attempt.members = found[pid]
            if members:
                memory = sum(member.memory for member in members)
                limit = attempt.limits.memory
                if limit is not None and memory > limit:
                    memory = self._check_memory(attempt, members, memory, limit, now)
                attempt.measures.sample(now, members, memory)
        spent = (time.thread_time() - spent) * _SHARE
        self._not_before = now + min(spent, _LAZIEST)
        self._sample_gpus(grown.values(), now)
        age = now - max(attempt.began for attempt in grown.values())
        quick = _QUICK if age < 2 else 0.25 if age < 15 else 1.0
        return min(max(quick, spent), _LAZIEST)

    def _check_memory(
        self, attempt: Attempt, members: list[Process], memory: int, limit: int, now: float
    ) -> int:
        """Resident memory counts a page that processes share once for each of them, and such a job
        must not die of it; so before it does, pages are counted by their share."""
        if len(members) > 1:
            shares = [session_processes.proportional_memory(member.pid) for member in members]
            memory = sum(
                m.memory if share is None else share
                for m, share in zip(members, shares, strict=True)
            )
        if memory > limit and attempt.cause is None:
            attempt.reason = because(Kind.OUT_OF_MEMORY, used=memory, limit=limit)
            signum = signal_number(attempt.limits.termination_signal)
            self._end(attempt, Cause.OOM, signum, min(attempt.limits.grace, MEMORY_GRACE), now)
        return memory

    def _sample_gpus(self, attempts: Iterable[Attempt], now: float) -> None:
        holders = [attempt for attempt in attempts if attempt.allocation.gpus]
        if self._gpu_usage is None or not holders:
            return
        if now - self._gpu_at < (_GPU_SOON if now < self._gpu_eager_until else _GPU_EVERY):
            return
        self._gpu_at = now
        self.lock.release()  # a driver may take its time, and starting and reaping must not wait for it
        try:
            usage = self._gpu_usage()
        except Exception:
            # The figures of a card are not worth the limits that this thread watches over.
            self._gpu_usage, usage = None, {}
        finally:
            self.lock.acquire()
        for attempt in holders:
            mine = [usage[member.pid] for member in attempt.members if member.pid in usage]
            if mine:
                loads = [percent for _, percent in mine if percent is not None]
                attempt.measures.sample_gpu(
                    sum(size for size, _ in mine), sum(loads) if loads else None
                )

    def _reap_lingering(self, now: float) -> None:
        found = self._sessions.scan({attempt.pid for attempt in self._lingering}, fresh=True)
        for attempt in list(self._lingering):
            assert attempt.ended is not None
            members = attempt.members = self._left(attempt, found[attempt.pid])
            if members and now - attempt.ended > _UNKILLABLE_AFTER and attempt.killed:
                pids = tuple(member.pid for member in members)
                attempt.warnings = (*attempt.warnings, because(Kind.UNKILLABLE, pids=pids))
                members = []
            if not members:
                self._lingering.discard(attempt)
                self._emptied(attempt)
                continue
            attempt.measures.cpu = max(
                attempt.measures.cpu, (attempt.cpu or 0.0) + sum(m.cpu for m in members)
            )
            self._remind(attempt, now)
            if attempt.kill_at is None and now - attempt.ended >= PATIENCE:
                attempt.kill_at = now + min(attempt.limits.grace, LEFTOVER_GRACE)
                self._signal(attempt, signal.SIGTERM)
                self._signal(attempt, signal.SIGCONT)
            if attempt.kill_at is not None and now >= attempt.kill_at:
                self._kill(attempt)

    @staticmethod
    def _left(attempt: Attempt, members: list[Process]) -> list[Process]:
        """The session without its leader; nothing when its number belongs to a later process."""
        for member in members:
            if member.pid == attempt.pid:
                if member.started != attempt.process_started:
                    return []
                return [other for other in members if other.pid != attempt.pid]
        return members
