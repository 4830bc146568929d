"""Read the GPUs in a thread that nothing else waits for.

Input: the processes of our attempts. Output: the latest readings, and notices about GPUs and their
driver. The thread asks a helper process (`GpuService`), which may take as long as its deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from torc_tui.model import Gpu
from torc_tui.reasons import Reason
from torc_tui.resources.gpu_presence import WAIT_SECONDS, Presence
from torc_tui.resources.gpu_reading import NO_USE, Damaged, Distances, GpuUse
from torc_tui.resources.gpu_service import GpuService

READ_SECONDS = 0.5
"""Time between two readings."""
LONGEST_SECONDS = 1.0
"""Longest time between two readings: excess is reported within 2 s."""
PAUSE_SHARE = 160
"""The pause after a reading in units of the time that it took, so that watching many GPUs with many
processes takes less than 1 % of a CPU."""
FREQUENT_SECONDS = 0.2
"""Time between two readings after jobs have started, so that short jobs are measured, too."""
FIGURES_SECONDS = 4.5
"""Time between two readings with load, temperature and power."""
FRESH_SECONDS = 5.0
"""Time after the start of a job in which readings are frequent."""


def pause(seconds: float, every: float) -> float:
    """Return how many seconds to wait after a reading that took ``seconds``, at least ``every``."""
    return max(every, min(LONGEST_SECONDS, seconds * PAUSE_SHARE))


class GpuWatch:
    """Read the GPUs, and wake the loop when something has changed that matters for placement.

    ``wait`` is the time in seconds that jobs wait for GPUs or a driver that does not answer.
    """

    def __init__(
        self, service: GpuService, wait: float = WAIT_SECONDS, every: float = READ_SECONDS
    ) -> None:
        self.distances: Distances | None = None
        self.lost: dict[str, float] = {}
        """The GPUs that do not answer, and since when, on the monotonic clock."""
        self.damaged: tuple[Damaged, ...] = ()
        """The damage of the GPUs in the last reading."""
        self.figures: tuple[Gpu, ...] = ()
        """The last reading with load, temperature and power."""
        self._figures_at = 0.0
        self._service = service
        self._wait = wait
        self._presence = Presence(0.0, wait)
        self._own: dict[int, str] = {}
        self._wake: Callable[[], None] = lambda: None
        self._every = every
        self._frequent_until = 0.0
        self._latest: tuple[float, tuple[Gpu, ...]] | None = None
        self._use: tuple[Mapping[int, GpuUse], Mapping[int, int]] = ({}, {})
        """The use of each process, and the leaders of the processes that belong to jobs."""
        self._presumed: Mapping[int, int] = {}
        self._hidden: Mapping[int, int] = {}
        self._awaited: tuple[Gpu, ...] | None = None
        self._signature: object = None
        self._notices: list[Reason] = []
        self._stop = False
        self._now = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_started(self) -> bool:
        """Whether the GPUs are read."""
        return self._thread is not None

    def start(self, wake: Callable[[], None]) -> None:
        """Begin to read, because a job requests GPUs."""
        self._wake = wake
        self._presence = Presence(time.monotonic(), self._wait)
        self._thread = threading.Thread(target=self._work, name="torc-gpus", daemon=True)
        self._thread.start()

    def take(self) -> tuple[float, tuple[Gpu, ...]] | None:
        """Return the latest GPUs that may be used, and when they were read (epoch).

        None if nothing has changed since the last call.
        """
        latest, self._latest = self._latest, None
        return latest

    @property
    def has_news(self) -> bool:
        """Whether `take` or `notices` would return something."""
        return self._latest is not None or bool(self._notices)

    def notices(self) -> list[Reason]:
        """Return the notices since the last call."""
        fresh, self._notices = self._notices, []
        return fresh

    def use(self) -> Mapping[int, GpuUse]:
        """Return the GPU use of each process in the latest reading.

        Processes of a job count for its leader, including those in a container.
        """
        use, leaders = self._use
        found: dict[int, GpuUse] = {}
        for pid, one in use.items():
            leader = leaders.get(pid) or self._presumed.get(pid, pid)
            found[leader] = found.get(leader, NO_USE).plus(one)
        for leader, memory in self._hidden.items():
            found[leader] = found.get(leader, NO_USE).plus(GpuUse(memory, None))
        return found

    def presume(self, leaders: Mapping[int, int], hidden: Mapping[int, int]) -> None:
        """Attribute processes and unlisted memory to the leaders of jobs, as the pool does."""
        self._presumed, self._hidden = leaders, hidden

    def awaited(self) -> tuple[Gpu, ...] | None:
        """Return the GPUs for which jobs may wait; None while that is not known."""
        return self._awaited

    def set_own(self, own: Mapping[int, str]) -> None:
        """Set the leaders of our attempts with their tags, and read again if they have changed.

        What our processes hold must not count as held by others.
        """
        if own != self._own:
            self._own = dict(own)
            self._frequent_until = time.monotonic() + FRESH_SECONDS
            self._now.set()

    def refresh(self) -> None:
        """Read again at once, and deliver the reading even if nothing has changed."""
        self._signature = None
        self._now.set()

    def close(self) -> None:
        """End the thread, without waiting for a driver that does not answer."""
        self._stop = True
        self._now.set()
        self._service.close()
        if self._thread is not None:
            self._thread.join(0.2)

    def _work(self) -> None:
        while not self._stop:
            began = time.monotonic()
            try:
                self._read()
            except Exception:  # such as no memory: the next reading may succeed
                self._presence.read(None, time.monotonic())
            now = time.monotonic()
            is_frequent = now < self._frequent_until
            self._now.wait(FREQUENT_SECONDS if is_frequent else pause(now - began, self._every))
            self._now.clear()

    def _read(self) -> None:
        presence, began = self._presence, time.time()
        figures = time.monotonic() - self._figures_at >= FIGURES_SECONDS
        reading = self._service.read(self._own, figures=figures, use=bool(self._own))
        now = time.monotonic()
        if figures:
            self._figures_at, self.figures = now, reading.gpus if reading is not None else ()
        presence.read(reading, now)
        presence.check(now)
        if reading is not None:
            processes = (one for gpu in reading.gpus for one in gpu.processes)
            self._use = (reading.use, {one.pid: one.leader for one in processes if one.leader})
            self.distances = reading.distances
            self.damaged = reading.damaged
        self.lost = presence.missing()
        self._notices += presence.notices
        presence.notices.clear()
        gpus = presence.usable(now)
        awaited = presence.awaited(now)
        signature = (
            [(g.uuid, g.memory_free, g.compute_mode) for g in gpus],
            self.damaged,
            [(p.pid, p.memory, p.leader, p.graphics) for g in gpus for p in g.processes],
            None if awaited is None else [gpu.uuid for gpu in awaited],
        )
        self._awaited = awaited
        if signature != self._signature:
            self._signature = signature
            self._latest = (began, gpus)
        if self.has_news:
            self._wake()
