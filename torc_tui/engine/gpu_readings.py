"""Read the GPUs in a thread, because NVML may take milliseconds.

Input: a `GpuMonitor`, the process ids of our attempts. Output: the latest readings, and problems of
the driver.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from torc_tui.model import Gpu
from torc_tui.reasons import Reason
from torc_tui.resources.gpu_monitor import GpuMonitor

READ_SECONDS = 0.5
"""Time between two readings."""
SILENT_SECONDS = 10.0
"""Time without an answer after which jobs do not wait for a GPU any more."""


class GpuWatch:
    """Read the GPUs, and wake the loop when something has changed that matters for placement."""

    def __init__(
        self, monitor: GpuMonitor, wake: Callable[[], None], every: float = READ_SECONDS
    ) -> None:
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
        """Return the latest readings; None if they have not changed since the last call."""
        latest, self._latest = self._latest, None
        return latest

    @property
    def has_news(self) -> bool:
        """Whether `take` or `notices` would return something."""
        return self._latest is not None or len(self.monitor.notices) > self._told

    def notices(self) -> list[Reason]:
        """Return the notices of the monitor since the last call."""
        fresh = self.monitor.notices[self._told :]
        self._told += len(fresh)
        return fresh

    def present(self) -> tuple[Gpu, ...] | None:
        """Return the GPUs for which jobs may wait: those that have answered lately.

        Return None before the first reading.
        """
        if not self._seen:
            return None
        now = time.monotonic()
        return tuple(
            gpu
            for last, gpu in sorted(self._seen.values(), key=_by_index)
            if now - last < SILENT_SECONDS
        )

    def set_own(self, own: frozenset[int]) -> None:
        """Set the processes of our jobs, and read again if they have changed.

        What our processes hold must not count as held by others.
        """
        if own != self._own:
            self._own = own
            self._now.set()

    def refresh(self) -> None:
        """Read again at once."""
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
