"""Supervise running attempts in a thread: measure them, enforce limits, end background processes.

Input: attempts. Output: their measures, signals to their processes, and a call when a session is
empty after its leader ended. Nothing is started or reaped here.

Processes that remain after the leader ended have ``BACKGROUND_SECONDS`` to end by themselves
(``command > >(tee log)`` leaves a ``tee`` that must write the rest). Then a warning names them, and
they get SIGTERM, and SIGKILL after the grace period of the job, at most ``BACKGROUND_GRACE``. An
attempt that waits for its background processes continues until they have ended, within its limits.

A process that made its own session (``setsid``) has left the job and is not supervised.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable
from itertools import islice

from torc_tui.executors.attempt import RunningAttempt, has_exited, warn_of_background
from torc_tui.executors.first_sample import FIRST_SAMPLE_SECONDS, take_first_samples
from torc_tui.executors.gpu_sampler import GpuSampler, GpuUsage
from torc_tui.executors.session_signals import SessionSignals, signal_number, without_leader
from torc_tui.executors.spawn import no_thread
from torc_tui.model import Cause, Measured
from torc_tui.reasons import Kind, because
from torc_tui.resources import session_processes
from torc_tui.resources.session_processes import SessionProcess, Sessions

BACKGROUND_SECONDS = 1.0
"""Time after the end of a leader in which other processes of its session may end by themselves."""
BACKGROUND_GRACE = 5.0
"""Longest grace period of background processes."""
MEMORY_GRACE = 2.0
"""Longest grace period of a job that uses too much memory: it may use more in that time."""
UNKILLABLE_SECONDS = 10.0
"""Time after which background processes that survive SIGKILL are no longer waited for."""
_BACKGROUND_PAUSE = 0.02
"""Time between two checks of background processes."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Times between two samples."""
_IDLE_SECONDS = 1.0
"""Time without attempts after which the thread waits until it is notified."""
_YOUNG_SECONDS = 15.0
"""Age of the youngest attempt from which on one sample a second is enough."""
_SCAN_SHARE, _OLD_SCAN_SHARE = 150, 35
"""The pause after a scan in units of the CPU time that it took: of young attempts, and of old."""


class Supervisor:
    """Supervises attempts in one daemon thread, which starts with the first of them.

    ``emptied`` is called in that thread when a session given to `end_background` is empty,
    ``measured`` now and then with what an attempt has used until then.
    """

    def __init__(
        self,
        emptied: Callable[[RunningAttempt], None],
        gpu_usage: GpuUsage | None = None,
        measured: Callable[[Measured], None] = lambda report: None,
    ) -> None:
        self.lock = threading.RLock()
        self._emptied = emptied
        self._measured = measured
        self._gpus = GpuSampler(gpu_usage)
        self._scan_all = False
        """Whether the next scan reads every process: one seen before may belong to a session."""
        self._running: set[RunningAttempt] = set()
        self._waiting: set[RunningAttempt] = set()
        self._ending: set[RunningAttempt] = set()
        self._sessions = Sessions()
        self._signals = SessionSignals(self._sessions)
        self._call = threading.Condition(self.lock)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._wake_at = 0.0
        self._sample_at = 0.0
        self._earliest_sample_at = 0.0
        self._busy_at = 0.0

    # -- called by the executor --------------------------------------------------------------------

    def start_thread(self) -> None:
        """Start the thread unless it runs; raise OSError if there can be no more threads."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, daemon=True, name="torc-supervisor")
            try:
                thread.start()
            except RuntimeError:
                raise no_thread() from None
            self._thread = thread

    def add(self, attempt: RunningAttempt, *, adopted: bool = False) -> None:
        """Supervise an attempt. Processes of an adopted attempt may have been seen before."""
        with self.lock:
            self._running.add(attempt)
            if adopted:
                with contextlib.suppress(OSError):  # the next start tries again
                    self.start_thread()
                self._scan_all = True
                self._gpus.reset()
            self._gpus.add(attempt, time.monotonic())
            # Once per interval at most: a stream of short jobs does not notify for each.
            if self._wake_at > attempt.began + 1.5 * _SHORTEST_PAUSE:
                self._sample_soon(attempt.began)

    def _sample_soon(self, began: float) -> None:
        """Wake the thread now, so that it plans the first sample of an attempt that has begun."""
        soon = min(self._sample_at, began + _SHORTEST_PAUSE)
        self._sample_at = max(self._earliest_sample_at, soon)
        self._wake_at = began
        self._call.notify()

    def remove(self, attempt: RunningAttempt) -> None:
        """Forget an attempt whose leader ended. Call this under the lock that protects reaping."""
        self._running.discard(attempt)
        self._gpus.finish(attempt)

    def end_background(self, attempt: RunningAttempt) -> None:
        """End the background processes of an attempt, or wait for them; then call ``emptied``."""
        with contextlib.suppress(OSError):
            self.start_thread()
        with self.lock:
            waits = attempt.limits.wait_for_background and attempt.cause is None
            (self._waiting if waits else self._ending).add(attempt)
            self._scan_all = True
            self._sample_at = 0.0
            self._call.notify()

    def stop(
        self, attempts: Iterable[RunningAttempt], cause: Cause, *, grace: float | None
    ) -> None:
        """Signal these attempts and kill what is left after the grace."""
        with self.lock:
            followed = self._running | self._waiting | self._ending
            chosen = [attempt for attempt in attempts if attempt in followed and not attempt.killed]
            now = time.monotonic()
            found: dict[int, list[SessionProcess]] = {}
            with contextlib.suppress(OSError):
                pids = {attempt.pid for attempt in chosen}
                found = self._sessions.scan(pids, fresh=True) if chosen else {}
            for attempt in chosen:
                attempt.members = without_leader(attempt, found.get(attempt.pid, []))
                period = attempt.limits.grace if grace is None else max(0.0, grace)
                signum = signal_number(attempt.limits.termination_signal)
                self._end(attempt, cause, signum, period, now)
            self._call.notify()

    def set_suspended(self, attempts: Iterable[RunningAttempt], suspended: bool) -> None:
        """Suspend attempts that run, or let them continue."""
        with self.lock:
            followed = self._running | self._waiting
            chosen = [one for one in attempts if one in followed and one.kill_at is None]
            for attempt in chosen:
                if not suspended:
                    attempt.go_on()
                elif attempt.suspended_at is None:
                    attempt.suspended_at = time.monotonic()
            change = self._signals.suspend if suspended else self._signals.resume
            with contextlib.suppress(OSError):  # no descriptor is left: the next sample repeats it
                change(chosen)
            self._call.notify()

    def close(self) -> None:
        """End the thread. Processes are left alone."""
        with self.lock:
            self._closed = True
            self._call.notify()
        if self._thread is not None:
            self._thread.join()

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        with self.lock:
            while not self._closed:
                now = time.monotonic()
                pause: float | None = None
                if self._running or self._waiting or self._ending:
                    self._busy_at = now
                    try:
                        pause = self._check(now)
                    except OSError:  # no descriptor is left to read processes: try again
                        pause = _SHORTEST_PAUSE
                elif now - self._busy_at < _IDLE_SECONDS:
                    # Short jobs may follow: a notification for each costs more than some checks.
                    pause = _SHORTEST_PAUSE
                self._wake_at = math.inf if pause is None else now + pause
                self._call.wait(pause)

    def _check(self, now: float) -> float:
        """Do what is due; return the seconds until something is due again."""
        deadline = now + _LONGEST_PAUSE
        for attempt in [*self._running, *self._waiting]:
            deadline = min(deadline, self._check_runtime(attempt, now))
        for attempt in self._running:
            deadline = min(deadline, self._check_grace(attempt, now))
        if self._running or self._waiting:
            if now >= self._sample_at:
                self._sample_at = now + self._sample(now)
            deadline = min(deadline, self._sample_at, take_first_samples(self._running, now))
        if self._ending:
            self._end_background_processes(now)
            deadline = min(deadline, now + _BACKGROUND_PAUSE)
        return max(0.001, deadline - time.monotonic())

    def _end(
        self, attempt: RunningAttempt, cause: Cause, signum: int, grace: float, now: float
    ) -> None:
        """Stop an attempt. An attempt that waits for background processes ends by the signal."""
        attempt.go_on()
        if attempt.ended is None:
            attempt.cause = attempt.cause or cause
        elif attempt in self._waiting:
            self._waiting.discard(attempt)
            self._ending.add(attempt)
            attempt.cause = attempt.cause or cause
            attempt.return_code = attempt.return_code or 128 + signum
        self._signals.end(attempt, signum, grace, now)

    # -- limits ------------------------------------------------------------------------------------

    def _check_runtime(self, attempt: RunningAttempt, now: float) -> float:
        """Stop an attempt that runs too long; return when to check again."""
        runtime = attempt.limits.runtime
        if runtime is None or attempt.cause is not None or attempt.suspended_at is not None:
            return math.inf
        if now < attempt.began + runtime or has_exited(attempt):
            return max(attempt.began + runtime, now + _SHORTEST_PAUSE)
        signum = signal_number(attempt.limits.termination_signal)
        self._end(attempt, Cause.TIMEOUT, signum, attempt.limits.grace, now)
        return math.inf

    def _check_grace(self, attempt: RunningAttempt, now: float) -> float:
        """Kill an attempt that did not end in time; return when to check again."""
        if attempt.kill_at is None or attempt.killed:
            return math.inf
        self._signals.repeat(attempt, now)
        if now < attempt.kill_at:
            return min(attempt.kill_at, *attempt.repeat_at, math.inf)
        attempt.members = self._signals.members(attempt)
        self._signals.kill(attempt)
        return math.inf

    def _check_memory(
        self,
        attempt: RunningAttempt,
        members: list[SessionProcess],
        memory: int,
        limit: int,
        now: float,
    ) -> int:
        """Return the memory of an attempt that seems to use too much, and stop it if it does.

        Resident memory counts a shared page once for each process. The limit applies to the
        proportional memory, which counts it once.
        """
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

    # -- samples -----------------------------------------------------------------------------------

    def _sample(self, now: float) -> float:
        """Measure all attempts that are not new; return the seconds until the next sample."""
        attempts = [one for one in self._running if now - one.began >= FIRST_SAMPLE_SECONDS]
        attempts += self._waiting
        if not attempts:
            return _SHORTEST_PAUSE
        spent = time.thread_time()
        pids = {attempt.pid for attempt in attempts}
        found = self._sessions.scan(pids, fresh=self._scan_all)
        self._scan_all = False
        for attempt in attempts:
            members = found[attempt.pid]
            if attempt.ended is not None:
                members = without_leader(attempt, members)
            attempt.members = members
            if attempt.suspended_at is not None and not all(one.stopped for one in members):
                self._signals.suspend([attempt])  # somebody else has sent SIGCONT
            if members:
                self._measure(attempt, members, now)
            elif attempt.ended is not None:  # it ends with its background processes
                self._waiting.discard(attempt)
                attempt.end()
                self._emptied(attempt)
        age = now - max(attempt.began for attempt in attempts)
        affordable = time.thread_time() - spent
        affordable *= _SCAN_SHARE if age < _YOUNG_SECONDS else _OLD_SCAN_SHARE
        self._earliest_sample_at = now + min(affordable, _LONGEST_PAUSE)
        gpu_pause = self._gpus.sample(attempts, now)
        # Not all attempts of one age are handed out at once: packing takes time.
        for report in islice(filter(None, (one.measured(now) for one in attempts)), 20):
            self._measured(report)
        pause = _SHORTEST_PAUSE if age < 2 else 0.25 if age < _YOUNG_SECONDS else 1.0
        return min(max(min(pause, gpu_pause), affordable), _LONGEST_PAUSE)

    def _measure(self, attempt: RunningAttempt, members: list[SessionProcess], now: float) -> None:
        memory = sum(member.memory for member in members)
        limit = attempt.limits.memory
        if limit is not None and memory > limit:
            memory = self._check_memory(attempt, members, memory, limit, now)
        attempt.measures.sample(now, members, memory, before=attempt.cpu or 0.0)
        if attempt.measures.is_io_due(now):
            attempt.measures.sample_io(now, session_processes.storage_bytes(members))

    # -- background processes ----------------------------------------------------------------------

    def _end_background_processes(self, now: float) -> None:
        found = self._sessions.scan({attempt.pid for attempt in self._ending}, fresh=True)
        for attempt in list(self._ending):
            assert attempt.ended is not None
            members = attempt.members = without_leader(attempt, found[attempt.pid])
            if members and now - attempt.ended > UNKILLABLE_SECONDS and attempt.killed:
                pids = tuple(member.pid for member in members)
                attempt.warnings = (*attempt.warnings, because(Kind.UNKILLABLE, pids=pids))
                members = []
            if not members:
                self._ending.discard(attempt)
                self._emptied(attempt)
                continue
            attempt.measures.cpu = max(
                attempt.measures.cpu, (attempt.cpu or 0.0) + sum(m.cpu for m in members)
            )
            self._end_members(attempt, members, now)

    def _end_members(
        self, attempt: RunningAttempt, members: list[SessionProcess], now: float
    ) -> None:
        """End the processes that an attempt has left, after a warning that names them."""
        assert attempt.ended is not None
        self._signals.repeat(attempt, now)
        if attempt.kill_at is None and now - attempt.ended >= BACKGROUND_SECONDS:
            if attempt.cause is None:
                warn_of_background(attempt, members)
            self._signals.clear(attempt, min(attempt.limits.grace, BACKGROUND_GRACE), now)
        if attempt.kill_at is not None and now >= attempt.kill_at:
            self._signals.kill(attempt)
