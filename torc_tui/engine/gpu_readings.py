"""Fresh readings of the GPUs, taken beside the loop.

What comes in: a `GpuMonitor`, the process ids of our attempts. What goes out: the latest readings,
and what the driver complained of. NVML may take milliseconds, so it is never asked inside a step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from torc_tui.model import Gpu
from torc_tui.resources.gpu_monitor import GpuMonitor

EVERY = 0.5
"""Seconds between two readings."""
PATIENCE = 10.0
"""A GPU that has not answered for so long (seconds) is not counted on any more."""


class GpuWatch:
    """Reads in a thread of its own, and wakes the loop when the GPUs have changed in a way that
    matters.
    """

    def __init__(self, monitor: GpuMonitor, wake: Callable[[], None], every: float = EVERY) -> None:
        self.monitor = monitor
        self._own: frozenset[int] = frozenset()
        self._wake = wake
        self._every = every
        self._latest: tuple[Gpu, ...] | None = None
        self._signature: object = None
        self._told = 0
        self._seen: dict[str, tuple[float, Gpu]] = {}
        self._stop = False
        self._now = threading.Event()
        self._thread = threading.Thread(target=self._work, name="torc-gpus", daemon=True)
        self._thread.start()

    def take(self) -> tuple[Gpu, ...] | None:
        """The readings since the last call; None when nothing is new."""
        latest, self._latest = self._latest, None
        return latest

    @property
    def has_news(self) -> bool:
        """Whether `take` or the monitor's notices would give something."""
        return self._latest is not None or len(self.monitor.notices) > self._told

    def notices(self) -> list[str]:
        """What the driver complained of since the last call."""
        fresh = self.monitor.notices[self._told :]
        self._told += len(fresh)
        return fresh

    def present(self) -> tuple[Gpu, ...] | None:
        """The GPUs that have answered lately: what jobs may wait for. None before the first
        reading.
        """
        if not self._seen:
            return None
        now = time.monotonic()
        return tuple(
            gpu for last, gpu in sorted(self._seen.values(), key=_by_index) if now - last < PATIENCE
        )

    def know(self, own: frozenset[int]) -> None:
        """These processes are ours. Read now if that is news: what they hold must not count as that
        of others.
        """
        if own != self._own:
            self._own = own
            self._now.set()

    def refresh(self) -> None:
        """Read now: a job with GPUs has ended."""
        self._now.set()

    def close(self) -> None:
        """End the thread."""
        self._stop = True
        self._now.set()
        self._thread.join(2.0)
        self.monitor.close()

    def _work(self) -> None:
        while not self._stop:
            gpus = self.monitor.read(self._own, figures=False)
            now = time.monotonic()
            self._seen |= {gpu.uuid: (now, gpu) for gpu in gpus}
            signature = [(g.uuid, g.memory_free, g.compute_mode, g.processes) for g in gpus]
            if signature != self._signature:
                self._signature = signature
                self._latest = gpus
            if self.has_news:
                self._wake()
            self._now.wait(self._every)
            self._now.clear()


def _by_index(seen: tuple[float, Gpu]) -> tuple[int, str]:
    return seen[1].index, seen[1].uuid
