"""Measure the GPU use of attempts from existing readings of the driver."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping

from torc_tui.executors.attempt import RunningAttempt

_ByPid = Mapping[int, tuple[int, float | None]]
GpuUsage = Callable[[], _ByPid]
"""Return pid -> (bytes, percent or None) over all GPUs, without asking the driver.

Processes that are known to belong to a job count for its leader.
"""

_SAMPLE_SECONDS = 1.0
_FIRST_SAMPLES_SECONDS = 0.2
"""Time between samples after the start of a job with GPUs, so that short jobs are also measured."""
_FIRST_SECONDS = 5.0
"""Time after the start of a job with GPUs in which samples are frequent."""


class GpuSampler:
    """Takes samples of existing readings while attempts hold GPUs."""

    def __init__(self, usage: GpuUsage | None) -> None:
        self._usage = usage
        self._sampled_at = 0.0
        self._frequent_until = 0.0

    def add(self, attempt: RunningAttempt, now: float) -> None:
        """Start to take frequent samples if the attempt holds GPUs."""
        if attempt.allocation.gpus:
            self._frequent_until = now + _FIRST_SECONDS

    def reset(self) -> None:
        """Take the next sample at once."""
        self._sampled_at = 0.0

    def sample(self, attempts: Iterable[RunningAttempt], now: float) -> float:
        """Measure the attempts that hold GPUs if a sample is due.

        Return the longest time, in seconds, until the next call.
        """
        holders = [attempt for attempt in attempts if attempt.allocation.gpus]
        if self._usage is None or not holders:
            return math.inf
        every = _FIRST_SAMPLES_SECONDS if now < self._frequent_until else _SAMPLE_SECONDS
        if now < (due := self._sampled_at + every):
            return due - now
        self._sampled_at = now
        usage = self._usage()
        for attempt in holders:
            _measure(attempt, usage, now)
        return every

    def finish(self, attempt: RunningAttempt) -> None:
        """Measure an attempt that has ended: the last reading may be newer than its last sample."""
        if self._usage is not None and attempt.allocation.gpus:
            _measure(attempt, self._usage(), time.monotonic())


def _measure(
    attempt: RunningAttempt, usage: Mapping[int, tuple[int, float | None]], now: float
) -> None:
    pids = {attempt.pid, *(member.pid for member in attempt.members)}
    used = [usage[pid] for pid in pids if pid in usage]
    loads = [percent for _, percent in used if percent is not None]
    if used:
        memory = sum(size for size, _ in used)
        attempt.measures.sample_gpu(now, memory, sum(loads) if loads else None)
