"""Keep the state and measurements of an attempt while an executor supervises it.

Input: samples of its processes, a reading of the GPU driver about once a second, the kernel's
account at its end, and its exit file. Output: its `AttemptUsage`, its return code, the cause and
time of its end.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence

from torc_tui.executors.exit_file import read_exit_file
from torc_tui.executors.job_files import append_line
from torc_tui.executors.wrapper import CANNOT_START
from torc_tui.model import Allocation, AttemptKey, AttemptUsage, Cause, Exited, JobLimits, Measured
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, field
from torc_tui.resources.process_identity import process_name
from torc_tui.resources.session_processes import SessionProcess, uptime
from torc_tui.resources.usage_series import Metric, Series, SeriesRecorder, pack
from torc_tui.wording import sentence

_SHORTEST_SECONDS = 0.1
"""Shortest time of an attempt for which a share of a CPU is reported: clocks are not exact enough
for less."""

SERIES_SECONDS = 30.0
"""Shortest time of an attempt whose measures over time are kept."""
_LONGEST_UNKEPT = 600.0
"""Longest time after which the measures of a running attempt are handed out again."""
_PEAK_SECONDS = 0.95
"""Shortest time over which a peak of the CPU is measured. The kernel counts in ticks of 10 ms, so
that a job with one thread would seem to use 110 % in 0.1 s."""
_IO_SECONDS = 1.0
"""Shortest time between two readings of what processes read and write."""

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(slots=True)
class Measures:
    """What samples have shown; times are on the monotonic clock."""

    last_at: float
    cpu: float = 0.0
    peak_memory: int | None = None
    memory_seconds: float = 0.0
    sampled_seconds: float = 0.0
    peak_cpu_percent: float | None = None
    peak_gpu_memory: int | None = None
    gpu_percent_sum: float = 0.0
    gpu_samples: int = 0
    began: float = 0.0
    series: SeriesRecorder = field(default_factory=SeriesRecorder)
    io_at: float = 0.0
    io_bytes: int | None = None
    window_at: float = 0.0
    window_cpu: float = 0.0

    @classmethod
    def restored(cls, began: float, series: Series | None) -> Measures:
        """Return the measures of an adopted attempt; ``series`` is what another runner measured."""
        found = cls(began)
        if series is not None:
            found.series = SeriesRecorder.restored(series)
            found.peak_memory = round(series.peak(Metric.MEMORY)) or None
            found.peak_cpu_percent = series.peak(Metric.CPU) or None
            found.peak_gpu_memory = round(series.peak(Metric.GPU_MEMORY)) or None
        return found

    def __post_init__(self) -> None:
        self.began = self.io_at = self.window_at = self.last_at

    def sample(
        self, at: float, members: Sequence[SessionProcess], memory: int, *, before: float = 0.0
    ) -> None:
        """Add the processes that are alive at ``at``, and the sum of their memory.

        ``before`` is the CPU time of the leader, once it has ended.
        """
        cpu = before + sum(member.cpu for member in members)
        span = at - self.last_at
        if span > 0:
            self.memory_seconds += memory * span
            self.sampled_seconds += span
        self.last_at = at
        self.series.add(at - self.began, Metric.MEMORY, memory)
        # The sum falls when an orphan ends: its CPU time is known only from the highest sum.
        self.cpu = max(self.cpu, cpu)
        if (window := at - self.window_at) >= _PEAK_SECONDS:
            percent = max(0.0, self.cpu - self.window_cpu) / window * 100
            self.peak_cpu_percent = max(self.peak_cpu_percent or 0.0, percent)
            self.series.add(at - self.began, Metric.CPU, percent)
            self.window_at, self.window_cpu = at, self.cpu
        self.peak_memory = max(self.peak_memory or 0, memory)

    def is_io_due(self, at: float) -> bool:
        """Return whether to read what the processes have read and written."""
        return at - self.io_at >= max(_IO_SECONDS, self.series.width)

    def sample_io(self, at: float, amount: int | None) -> None:
        """Add how many bytes the processes have read and written until now; None: not known."""
        span = at - self.io_at
        if amount is not None and self.io_bytes is not None and span > 0:
            # The sum falls when an orphan ends, which takes its account with it.
            rate = max(0, amount - self.io_bytes) / span
            self.series.add(at - self.began, Metric.IO, rate)
        self.io_at, self.io_bytes = at, amount

    def sample_gpu(self, at: float, memory: int, percent: float | None) -> None:
        """Add the memory and load of all its processes on its GPUs."""
        self.peak_gpu_memory = max(self.peak_gpu_memory or 0, memory)
        self.series.add(at - self.began, Metric.GPU_MEMORY, memory)
        if percent is not None:
            self.series.add(at - self.began, Metric.GPU, percent)
            self.gpu_percent_sum += percent
            self.gpu_samples += 1

    def usage(self, elapsed: float, cpu: float | None, maxrss: int | None) -> AttemptUsage:
        """Return the usage of the whole attempt.

        ``cpu`` (seconds) and ``maxrss`` (bytes) are the kernel's, None where they are unknown.
        """
        if self.peak_memory is None and cpu is None:
            return AttemptUsage()
        total = max(self.cpu, cpu or 0.0)
        brief = elapsed < _SHORTEST_SECONDS
        average = None if brief else total / elapsed * 100
        highest = (
            None
            if brief or self.peak_cpu_percent is None
            else max(self.peak_cpu_percent, average or 0.0)
        )
        peak = self.peak_memory if maxrss is None else max(self.peak_memory or 0, maxrss)
        return AttemptUsage(
            cpu_time=total,
            peak_memory=peak,
            avg_memory=int(self.memory_seconds / self.sampled_seconds)
            if self.sampled_seconds > 0
            else peak,
            peak_cpu_percent=average if highest is None else highest,
            avg_cpu_percent=average,
            peak_gpu_memory=self.peak_gpu_memory,
            avg_gpu_percent=self.gpu_percent_sum / self.gpu_samples if self.gpu_samples else None,
        )


@dataclass(slots=True, eq=False)
class RunningAttempt:
    """An attempt that runs, or whose background processes are being ended.

    ``started_at`` is the time of day, for display. ``began`` and the deadlines are on the monotonic
    clock, which does not count the time in which the machine sleeps; ``booted`` is on the clock of
    `uptime`. ``own_maxrss`` is the runner's own peak (kernel units) when it started the attempt,
    None for an adopted one.
    """

    key: AttemptKey
    pid: int
    process_started: int
    started_at: float
    began: float
    booted: float
    exit_file: str
    limits: JobLimits
    allocation: Allocation
    own_maxrss: int | None
    files: tuple[str, ...]
    measures: Measures
    log: str | None = None
    members: list[SessionProcess] = field(default_factory=list)
    cause: Cause | None = None
    reason: Reason | None = None
    warnings: tuple[Reason, ...] = ()
    signal: int | None = None
    kill_at: float | None = None
    signaled_at_tick: int = -1
    repeat_at: list[float] = field(default_factory=list)
    killed: bool = False
    ended: float | None = None
    ended_at: float = 0.0
    return_code: int | None = None
    cpu: float | None = None
    maxrss: int | None = None
    suspended_at: float | None = None
    """Since when it is suspended; ``began`` is moved on by that time when it continues."""

    def go_on(self) -> None:
        """Record that the attempt is not suspended any more: its runtime counts on."""
        if self.suspended_at is not None:
            self.began += time.monotonic() - self.suspended_at
            self.suspended_at = None

    kept_for: float = SERIES_SECONDS
    """Age at which its measures over time are handed out the next time."""

    def measured(self, now: float) -> Measured | None:
        """Return the measures over time, if it is time to hand them out while it runs.

        That is less and less often: they are only for a chart of a running job.
        """
        age = now - self.began
        if age < self.kept_for:
            return None
        self.kept_for = age + min(age, _LONGEST_UNKEPT)
        return Measured(self.key, pack(self.measures.series.series))

    def end(self) -> None:
        """Record that the attempt has just ended, by a clock that is never set."""
        self.go_on()
        self.ended = time.monotonic()
        self.ended_at = self.started_at + uptime() - self.booted

    def account(self, cpu: float, maxrss: int) -> None:
        """Record what the kernel reports of an own child: seconds, and its peak in kernel units.

        A child starts in the memory of its parent (vfork), and the kernel keeps that peak when the
        child becomes bash. So a peak that is not above our own says nothing about the job.
        """
        self.cpu = cpu
        self.maxrss = (
            maxrss * _MAXRSS_UNIT
            if self.own_maxrss is not None and maxrss > self.own_maxrss
            else None
        )

    def exited(self) -> Exited:
        """Return the report, once the attempt has ended."""
        assert self.ended is not None
        elapsed = self.ended - self.began
        return Exited(
            key=self.key,
            return_code=self.return_code,
            started_at=self.started_at,
            ended_at=self.ended_at,
            cause=self.cause,
            reason=self.reason,
            usage=self.measures.usage(elapsed, self.cpu, self.maxrss),
            series=pack(self.measures.series.series) if elapsed >= SERIES_SECONDS else None,
            warnings=self.warnings,
        )


def has_exited(attempt: RunningAttempt) -> bool:
    """Return whether the shell of an attempt has exited and is not reaped yet."""
    if attempt.own_maxrss is None or attempt.ended is not None:
        return False
    try:
        return os.waitid(os.P_PID, attempt.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return False


def reap(attempt: RunningAttempt) -> None:
    """Record the end of an attempt. To be called under the lock of the supervisor."""
    if attempt.own_maxrss is not None:
        _, status, used = os.wait4(attempt.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        attempt.return_code = 128 - code if code < 0 else code
        attempt.account(used.ru_utime + used.ru_stime, used.ru_maxrss)
    attempt.end()


def complete_end(attempt: RunningAttempt) -> None:
    """Add what only the exit file says about the end of an attempt."""
    if attempt.own_maxrss is None:
        read_end(attempt)
    elif attempt.return_code == CANNOT_START and read_exit_file(attempt.exit_file).pid is None:
        # Its shell could not enter the working directory, which has just been removed.
        attempt.cause = attempt.cause or Cause.LAUNCH
        attempt.reason = because(Kind.LAUNCH, error="the working directory cannot be entered")


def read_end(attempt: RunningAttempt) -> None:
    """Take the end of an adopted attempt from its exit file."""
    attempt.return_code = read_exit_file(attempt.exit_file).code
    if attempt.signal is None:
        # It may have ended long before it was adopted: its shell wrote the file last when it ended.
        # A shell that was killed by this process wrote nothing more, and ended just now.
        with contextlib.suppress(OSError):
            written = os.stat(attempt.exit_file).st_mtime
            attempt.ended_at = max(attempt.started_at, min(attempt.ended_at, written))
    if attempt.return_code is None:
        if attempt.signal is not None:
            attempt.return_code = 128 + attempt.signal
        else:
            attempt.cause = attempt.cause or Cause.LOST


def may_leave_processes(attempt: RunningAttempt) -> bool:
    """Return whether processes of an ended attempt may still run: in its group or a known other."""
    try:
        os.killpg(attempt.pid, 0)
    except ProcessLookupError:
        return any(member.group != attempt.pid for member in attempt.members)
    except PermissionError:
        return True
    return True


def warn_of_background(attempt: RunningAttempt, members: list[SessionProcess]) -> None:
    """Name the processes that are about to be ended, in a warning and in the log of the job."""
    named = tuple((process_name(member.pid) or "?", member.pid) for member in members)
    warning = because(Kind.BACKGROUND_ENDED, processes=named)
    attempt.warnings = (*attempt.warnings, warning)
    if attempt.log is not None:
        hint = "wait_for_background: true waits for such processes"
        append_line(attempt.log, f"torc: {sentence(warning)} ({hint})")
