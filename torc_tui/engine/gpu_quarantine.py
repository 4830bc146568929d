"""Keep jobs from GPUs that are set aside because of failures, damage or a user.

Input: ends of jobs, readings, and the health records that all runners of this host share. Output:
the GPUs set aside in the pool of a runner, and notices.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from math import inf

from torc_tui.errors import StoreUnavailable
from torc_tui.operations.gpu_health import SharedHealth, reasons
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.explain import label
from torc_tui.resources.gpu_health import GpuEnd, GpuHealth
from torc_tui.resources.gpu_reading import Damaged
from torc_tui.resources.host_ledger import LedgerUnavailable
from torc_tui.resources.pool import Pool

CHECK_SECONDS = 0.5
"""Time between two checks for changes by other runners and users."""


class GpuQuarantine:
    """The GPUs set aside for one runner; ``place`` marks the jobs of this runner."""

    def __init__(self, shared: SharedHealth, pool: Pool, place: str) -> None:
        self.notices: list[Reason] = []
        """Changes to report: GPUs that were set aside, or put back into use."""
        self._shared = shared
        self._pool = pool
        self._place = place
        self._health = GpuHealth()
        self._is_new = True
        self._next_end = inf
        self._looked_at = 0.0
        self._damaged: tuple[Damaged, ...] = ()
        self._reported: dict[str, Reason] = {}

    def has_news(self) -> bool:
        """Return whether the shared records have changed, or a mark has expired."""
        now = time.monotonic()
        if now - self._looked_at < CHECK_SECONDS:
            return False
        self._looked_at = now
        return self._is_new or self._shared.has_changed() or time.time() >= self._next_end

    def ended(self, end: GpuEnd) -> None:
        """Record the end of a job, before another one can start on its GPUs."""
        own = end._replace(job=f"{self._place}-{end.job}")
        if self._health.is_news(own):
            self._change(lambda health: health.ended(own))

    def read(self, damaged: tuple[Damaged, ...]) -> None:
        """Process the damage found by a reading."""
        if damaged != self._damaged:
            self._damaged = damaged
            self._change(lambda health: health.damaged(damaged, time.time()))
        self.apply()

    def apply(self) -> None:
        """Update the GPUs set aside in the pool from the current records."""
        with contextlib.suppress(StoreUnavailable):
            if self._is_new or self._shared.has_changed():
                self._health, self._is_new = self._shared.load(), False
        pool, now = self._pool, time.time()
        self._next_end = self._health.next_end(now)
        present = [one.gpu for one in pool.gpu_states if one.gpu is not None]
        in_use = [one.gpu.uuid for one in pool.gpu_states if one.gpu is not None and one.grants]
        pool.set_aside = reasons(self._health, present, in_use, now)
        for gpu in present:
            self._report(gpu.uuid, pool.set_aside.get(gpu.uuid), label(gpu))

    def _report(self, uuid: str, reason: Reason | None, name: tuple[int, str | None]) -> None:
        """Add a notice if a GPU is set aside or back in use; a suspected GPU is neither."""
        before = self._reported.get(uuid)
        if reason == before or (reason is not None and reason["problem"] == "suspected"):
            return
        if reason is not None:
            self._reported[uuid] = reason
            self.notices.append(reason)
        else:
            del self._reported[uuid]
            user = self._health.lifted_by(uuid) or None
            self.notices.append(because(Kind.GPU_USED_AGAIN, gpu=name, user=user))

    def _change(self, change: Callable[[GpuHealth], None]) -> None:
        """Change the shared records; if they cannot be stored, change those of this runner."""
        changed: GpuHealth | None = None
        unavailable = contextlib.suppress(LedgerUnavailable, StoreUnavailable)
        with unavailable, self._shared.changing() as health:
            changed = _with(change, health)
        self._health = changed or _with(change, self._health)
        self.apply()


def _with(change: Callable[[GpuHealth], None], health: GpuHealth) -> GpuHealth:
    """Change health records, and decide which GPUs to set aside."""
    change(health)
    health.decide(time.time())
    return health
