"""Supervise running attempts in a thread: measure them, enforce their limits, clear their sessions.

Input: attempts. Output: their measures, signals to their processes, and a call when a session is
empty after its leader ended. Nothing is started or reaped here, and nobody is told of an end before
it came.

What is left after the leader ended first gets ``PATIENCE`` seconds to end by itself (``command >
>(tee log)`` leaves a ``tee`` that must not be cut off). Then its processes are named in a warning
and get SIGTERM, and SIGKILL after the grace of the job, at most ``LEFTOVER_GRACE``. An attempt that
waits for its background processes goes on until they have ended, within its limits.

A process that made its own session (``setsid``) has left the job and is not supervised.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from torc_tui.executors import session_processes
from torc_tui.executors.attempt import Attempt
from torc_tui.executors.job_files import append_line
from torc_tui.executors.session_processes import Process, Sessions
from torc_tui.executors.session_signals import SessionSignals, left, signal_number
from torc_tui.executors.start_errors import no_thread
from torc_tui.model import Cause
from torc_tui.reasons import Kind, because
from torc_tui.wording import sentence

GpuUsage = Callable[[], Mapping[int, tuple[int, float | None]]]

PATIENCE = 1.0
LEFTOVER_GRACE = 5.0
MEMORY_GRACE = 2.0
"""Longest grace of a job that outgrew its memory: it goes on growing while it is asked to end."""
_TICK = 0.02
_YOUNG = 0.05
_QUICK = 0.1
_PARK_AFTER = 1.0
_UNKILLABLE_AFTER = 10.0
_SHARE = 150
"""A scan may cost one part in this many of the time until the next."""
_LAZIEST = 2.0
_GPU_EVERY = 1.0
_GPU_SOON = 0.2  # after a job with GPUs came: short ones are to be measured too
_GPU_YOUNG = 5.0


class Supervisor:
    """Supervises attempts in one daemon thread, which starts with the first of them.

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
        self._running: set[Attempt] = set()
        self._waiting: set[Attempt] = set()
        self._lingering: set[Attempt] = set()
        self._sessions = Sessions()
        self._signals = SessionSignals(self._sessions)
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
            thread = threading.Thread(target=self._run, daemon=True, name="torc-supervisor")
            try:
                thread.start()
            except RuntimeError:
                raise no_thread() from None
            self._thread = thread

    def add(self, attempt: Attempt, *, adopted: bool = False) -> None:
        """Supervise this attempt. The processes of an adopted one may have been seen before, as
        strangers.
        """
        with contextlib.suppress(OSError):  # for an adopted one: the next start tries again
            self.start_thread()
        with self.lock:
            self._running.add(attempt)
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
        """Forget an attempt whose leader ended. To be called under the lock, with the reaping."""
        self._running.discard(attempt)

    def linger(self, attempt: Attempt) -> None:
        """Clear the session of an attempt whose leader ended, or wait for it; then call
        ``emptied``.
        """
        with contextlib.suppress(OSError):
            self.start_thread()
        with self.lock:
            waits = attempt.limits.wait_for_background and attempt.cause is None
            (self._waiting if waits else self._lingering).add(attempt)
            self._strangers_known = False
            self._sample_at = 0.0
            self._call.notify()

    def stop(
        self, attempts: Iterable[Attempt], cause: Cause, *, grace: float | None, name: str | None
    ) -> None:
        """Signal these attempts and kill what is left after the grace."""
        with self.lock:
            followed = self._running | self._waiting | self._lingering
            chosen = [attempt for attempt in attempts if attempt in followed and not attempt.killed]
            now = time.monotonic()
            found: dict[int, list[Process]] = {}
            with contextlib.suppress(OSError):
                pids = {attempt.pid for attempt in chosen}
                found = self._sessions.scan(pids, fresh=True) if chosen else {}
            for attempt in chosen:
                attempt.members = left(attempt, found.get(attempt.pid, []))
                lead = attempt.limits.grace if grace is None else max(0.0, grace)
                signum = signal_number(name or attempt.limits.termination_signal)
                self._end(attempt, cause, signum, lead, now)
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
                if self._running or self._waiting or self._lingering:
                    self._busy_at = now
                    try:
                        pause = self._look(now)
                    except OSError:  # no descriptor is left to look at processes: that passes
                        pause = _QUICK
                elif now - self._busy_at < _PARK_AFTER:
                    # Short jobs come and go: to be called for each of them would cost more than to
                    # look now and then.
                    pause = _QUICK
                self._wake_at = math.inf if pause is None else now + pause
                self._call.wait(pause)

    def _look(self, now: float) -> float:
        """Do what is due; return the seconds until something is due again."""
        deadline = now + _LAZIEST
        for attempt in [*self._running, *self._waiting]:
            deadline = min(deadline, self._check_runtime(attempt, now))
        for attempt in self._running:
            deadline = min(deadline, self._check_grace(attempt, now))
        if self._running or self._waiting:
            if now >= self._sample_at:
                self._sample_at = now + self._sample(now)
            deadline = min(deadline, self._sample_at)
        if self._lingering:
            self._reap_lingering(now)
            deadline = min(deadline, now + _TICK)
        return max(0.001, deadline - time.monotonic())

    def _end(self, attempt: Attempt, cause: Cause, signum: int, grace: float, now: float) -> None:
        """Stop an attempt. One that waits for its background processes ends by the signal, too."""
        if attempt.ended is None:
            attempt.cause = attempt.cause or cause
        elif attempt in self._waiting:
            self._waiting.discard(attempt)
            self._lingering.add(attempt)
            attempt.cause = attempt.cause or cause
            attempt.return_code = attempt.return_code or 128 + signum
        self._signals.end(attempt, signum, grace, now)

    # -- limits ------------------------------------------------------------------------------------

    def _check_runtime(self, attempt: Attempt, now: float) -> float:
        """Stop an attempt that ran too long; return when to look again."""
        runtime = attempt.limits.runtime
        if runtime is None or attempt.cause is not None:
            return math.inf
        if now < attempt.began + runtime:
            return attempt.began + runtime
        signum = signal_number(attempt.limits.termination_signal)
        self._end(attempt, Cause.TIMEOUT, signum, attempt.limits.grace, now)
        return math.inf

    def _check_grace(self, attempt: Attempt, now: float) -> float:
        """Kill an attempt that did not end in time; return when to look again."""
        if attempt.kill_at is None or attempt.killed:
            return math.inf
        self._signals.remind(attempt, now)
        if now < attempt.kill_at:
            return min(attempt.kill_at, *attempt.remind_at, math.inf)
        attempt.members = self._signals.members(attempt)
        self._signals.kill(attempt)
        return math.inf

    def _check_memory(
        self, attempt: Attempt, members: list[Process], memory: int, limit: int, now: float
    ) -> int:
        """Return the memory of an attempt that seems to use too much, and stop it if it does.

        Resident memory counts a page that processes share once for each of them, and no job must
        end for that. So before it does, pages are counted by their share.
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
        """Measure all attempts that are not brand-new; return the seconds until the next look."""
        grown = [attempt for attempt in self._running if now - attempt.began >= _YOUNG]
        grown += self._waiting
        if not grown:
            return _QUICK
        spent = time.thread_time()
        pids = {attempt.pid for attempt in grown}
        found = self._sessions.scan(pids, fresh=not self._strangers_known)
        self._strangers_known = True
        for attempt in grown:
            members = found[attempt.pid]
            if attempt.ended is not None:
                members = left(attempt, members)
            attempt.members = members
            if members:
                self._measure(attempt, members, now)
            elif attempt.ended is not None:  # the end of its background processes is its own
                self._waiting.discard(attempt)
                attempt.end()
                self._emptied(attempt)
        spent = (time.thread_time() - spent) * _SHARE
        self._not_before = now + min(spent, _LAZIEST)
        self._sample_gpus(grown, now)
        age = now - max(attempt.began for attempt in grown)
        quick = _QUICK if age < 2 else 0.25 if age < 15 else 1.0
        return min(max(quick, spent), _LAZIEST)

    def _measure(self, attempt: Attempt, members: list[Process], now: float) -> None:
        memory = sum(member.memory for member in members)
        limit = attempt.limits.memory
        if limit is not None and memory > limit:
            memory = self._check_memory(attempt, members, memory, limit, now)
        attempt.measures.sample(now, members, memory, before=attempt.cpu or 0.0)

    def _sample_gpus(self, attempts: Iterable[Attempt], now: float) -> None:
        holders = [attempt for attempt in attempts if attempt.allocation.gpus]
        if self._gpu_usage is None or not holders:
            return
        if now - self._gpu_at < (_GPU_SOON if now < self._gpu_eager_until else _GPU_EVERY):
            return
        self._gpu_at = now
        self.lock.release()  # a driver may be slow: starting and reaping must not wait for it
        try:
            usage = self._gpu_usage()
        except Exception:
            # The figures of a GPU are not worth the limits that this thread enforces.
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

    # -- what is left of a session -----------------------------------------------------------------

    def _reap_lingering(self, now: float) -> None:
        found = self._sessions.scan({attempt.pid for attempt in self._lingering}, fresh=True)
        for attempt in list(self._lingering):
            assert attempt.ended is not None
            members = attempt.members = left(attempt, found[attempt.pid])
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
            self._clear(attempt, members, now)

    def _clear(self, attempt: Attempt, members: list[Process], now: float) -> None:
        """End the processes that an ended attempt left, after a warning that names them."""
        assert attempt.ended is not None
        self._signals.remind(attempt, now)
        if attempt.kill_at is None and now - attempt.ended >= PATIENCE:
            if attempt.cause is None:
                _warn_of_background(attempt, members)
            self._signals.clear(attempt, min(attempt.limits.grace, LEFTOVER_GRACE), now)
        if attempt.kill_at is not None and now >= attempt.kill_at:
            self._signals.kill(attempt)


def _warn_of_background(attempt: Attempt, members: list[Process]) -> None:
    """Name the processes that are about to be ended, in a warning and in the log of the job."""
    named = tuple((session_processes.name(member.pid), member.pid) for member in members)
    warning = because(Kind.BACKGROUND_ENDED, processes=named)
    attempt.warnings = (*attempt.warnings, warning)
    if attempt.log is not None:
        hint = "wait_for_background: true waits for such processes"
        append_line(attempt.log, f"torc: {sentence(warning)} ({hint})", attempt.log)
