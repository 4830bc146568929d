"""Keep the state of an attempt while an executor supervises it, and what was measured of it.

Input: samples of its processes, and the kernel's account at its end. Output: a `Usage`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from torc_tui.executors.session_processes import Process, uptime
from torc_tui.model import Allocation, AttemptKey, Cause, Exited, Limits, Usage
from torc_tui.reasons import Reason

_BRIEF = 0.1
"""Seconds that an attempt must take for a share of a CPU to be reported: below, it would be mostly
the error of the clocks."""

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(slots=True)
class Measures:
    """What samples have shown. Times are on the monotonic clock."""

    last_at: float
    cpu: float = 0.0
    peak_memory: int | None = None
    memory_seconds: float = 0.0
    sampled_seconds: float = 0.0
    peak_cpu_percent: float | None = None
    peak_gpu_memory: int | None = None
    gpu_percent_sum: float = 0.0
    gpu_samples: int = 0

    def sample(
        self, at: float, members: Sequence[Process], memory: int, *, before: float = 0.0
    ) -> None:
        """Take in the processes alive at ``at``, and their memory together; ``before`` is the CPU
        time of the leader, once it has ended.
        """
        cpu = before + sum(member.cpu for member in members)
        span = at - self.last_at
        if span > 0:
            percent = max(0.0, cpu - self.cpu) / span * 100
            self.peak_cpu_percent = max(self.peak_cpu_percent or 0.0, percent)
            self.memory_seconds += memory * span
            self.sampled_seconds += span
        self.last_at = at
        # The total falls when an orphan ends: then the highest is what is known of it.
        self.cpu = max(self.cpu, cpu)
        self.peak_memory = max(self.peak_memory or 0, memory)

    def sample_gpu(self, memory: int, percent: float | None) -> None:
        """Take in the memory and load that its processes have on its GPUs, together."""
        self.peak_gpu_memory = max(self.peak_gpu_memory or 0, memory)
        if percent is not None:
            self.gpu_percent_sum += percent
            self.gpu_samples += 1

    def usage(self, elapsed: float, cpu: float | None, maxrss: int | None) -> Usage:
        """Return the usage of the whole attempt. ``cpu`` and ``maxrss`` (bytes) are the kernel's,
        None where they are not known.
        """
        if self.peak_memory is None and cpu is None:
            return Usage()
        total = max(self.cpu, cpu or 0.0)
        brief = elapsed < _BRIEF
        average = None if brief else total / elapsed * 100
        highest = (
            None
            if brief or self.peak_cpu_percent is None
            else max(self.peak_cpu_percent, average or 0.0)
        )
        peak = self.peak_memory if maxrss is None else max(self.peak_memory or 0, maxrss)
        return Usage(
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
class Attempt:
    """An attempt that runs, or whose session is being cleared.

    ``started_at`` is the time of day, to be shown. ``began`` and the deadlines are on the monotonic
    clock, which stands still while the machine sleeps; ``booted`` is on the one of `uptime`.
    ``own_maxrss`` is the runner's own peak (kernel units) when it started this one, None for an
    adopted one.
    """

    key: AttemptKey
    pid: int
    process_started: int
    started_at: float
    began: float
    booted: float
    exit_file: str
    limits: Limits
    allocation: Allocation
    own_maxrss: int | None
    files: tuple[str, ...]
    measures: Measures
    log: str | None = None
    members: list[Process] = field(default_factory=list)
    cause: Cause | None = None
    reason: Reason | None = None
    warnings: tuple[Reason, ...] = ()
    signal: int | None = None
    kill_at: float | None = None
    asked_at_tick: int = -1
    remind_at: list[float] = field(default_factory=list)
    killed: bool = False
    ended: float | None = None
    ended_at: float = 0.0
    return_code: int | None = None
    cpu: float | None = None
    maxrss: int | None = None

    def end(self) -> None:
        """Note that the attempt has just ended. Its duration depends on no clock that is set."""
        self.ended = time.monotonic()
        self.ended_at = self.started_at + uptime() - self.booted

    def account(self, cpu: float, maxrss: int) -> None:
        """Take in the kernel's account of an own child: seconds, and its peak in kernel units.

        A child starts in the memory of its parent (vfork), and when it then becomes bash the kernel
        keeps the peak of the memory that it left: ours. So a peak not above our own says nothing
        about the job.
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
        return Exited(
            key=self.key,
            return_code=self.return_code,
            started_at=self.started_at,
            ended_at=self.ended_at,
            cause=self.cause,
            reason=self.reason,
            usage=self.measures.usage(self.ended - self.began, self.cpu, self.maxrss),
            warnings=self.warnings,
        )
