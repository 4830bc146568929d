"""Fresh readings of the cards, taken beside the loop.

What comes in: a `GpuMonitor`, the process ids of our attempts. What goes out: the latest readings, and what the driver
complained of. NVML may take milliseconds, so it is never asked inside a step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from torc_tui.model import Gpu
from torc_tui.resources.nvml import GpuMonitor

EVERY = 0.5
"""Seconds between two readings."""


class CardWatch:
    """Reads in a thread of its own, and wakes the loop when the cards have changed in a way that matters."""

    def __init__(self, monitor: GpuMonitor, wake: Callable[[], None], every: float = EVERY) -> None:
        self.monitor = monitor
        self.own: frozenset[int] = frozenset()
        self._wake = wake
        self._every = every
        self._latest: tuple[Gpu, ...] | None = None
        self._signature: object = None
        self._stop = False
        self._now = threading.Event()
        self._thread = threading.Thread(target=self._work, name="torc-cards", daemon=True)
        self._thread.start()

    def take(self) -> tuple[Gpu, ...] | None:
        """The readings since the last call; None when nothing is new."""
        latest, self._latest = self._latest, None
        return latest

    @property
    def news(self) -> bool:
        """Whether `take` would give something."""
        return self._latest is not None

    def refresh(self) -> None:
        """Read now: a job with cards has ended."""
        self._now.set()

    def close(self) -> None:
        """End the thread."""
        self._stop = True
        self._now.set()
        self._thread.join(2.0)
        self.monitor.close()

    def _work(self) -> None:
        while not self._stop:
            gpus = self.monitor.read(self.own)
            signature = tuple((gpu.uuid, gpu.memory_free, tuple(p.pid for p in gpu.processes)) for gpu in gpus)
            if signature != self._signature:
                self._signature = signature
                self._latest = gpus
                self._wake()
            self._now.wait(self._every)
            self._now.clear()
