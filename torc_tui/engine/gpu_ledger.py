"""Place jobs on GPUs together with the runners of other users and databases of this host.

Input: the ledger of the host. Output: grants of others, counted in the pool of a runner, and the
files of its own grants. Where the ledger cannot be used, a start waits for a second reading and for
a random time, so that two runners seldom choose the same GPU.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

from torc_tui.model import Allocation, AttemptKey
from torc_tui.reasons import Reason
from torc_tui.resources.gpu_claims import GrantOwner
from torc_tui.resources.host_ledger import Ledger, LedgerEntry, LedgerUnavailable
from torc_tui.resources.pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.engine.gpu_quarantine import GpuQuarantine

CHECK_SECONDS = 0.5
"""Time between two looks at what others hold."""
_MOST_DELAY = 2.0


class GpuLedger:
    """The ledger and one pool; a pool without GPUs that others could use needs none."""

    def __init__(self, ledger: Ledger, pool: Pool, quarantine: GpuQuarantine | None = None) -> None:
        self._notices: list[Reason] = []
        self._reported: set[Reason] = set()
        self._ledger = ledger
        self._pool = pool
        self._quarantine = quarantine
        self._counted: list[LedgerEntry] = []
        self._looked_at = 0.0
        self._names: dict[int, str] = {}
        """The file of each attempt that is in flight, by the id of its job."""
        self._delay_until: float | None = None

    @contextlib.contextmanager
    def placing(self, read_at: float) -> Iterator[bool]:
        """Hold the lock of the ledger, with what others hold counted in the pool.

        Yield whether jobs may start on GPUs, which were read at that time (epoch).
        """
        with contextlib.ExitStack() as stack:
            try:
                self._count(_with_gpus(stack.enter_context(self._ledger.placing())))
            except LedgerUnavailable as error:
                self._report(error.reason)
                may_place = self._is_second_reading(read_at)
            else:
                self._delay_until, may_place = None, True
            if self._quarantine is not None:
                self._quarantine.apply()
            yield may_place

    def _is_second_reading(self, read_at: float) -> bool:
        """Return whether the GPUs were read again after a random time."""
        now = time.time()
        if self._delay_until is None:
            self._delay_until = now + random.uniform(0, _MOST_DELAY)
            return False
        if now < self._delay_until or read_at < self._delay_until:
            return False
        self._delay_until = None
        return True

    def claim(self, key: AttemptKey, names: tuple[str, str], held: Allocation) -> None:
        """Write what an attempt holds; ``names`` are those of its workflow and its job."""
        name = self._ledger.name(*key.ids)
        self._names[key.job_id] = name
        with contextlib.suppress(LedgerUnavailable):
            self._ledger.claim(name, *names, held)

    def lock_of(self, job_id: int) -> int | None:
        """Return the descriptor that the process of a job must inherit; None for none."""
        name = self._names.get(job_id)
        return None if name is None else self._ledger.lock_of(name)

    def started(self, job_id: int) -> None:
        """Leave the lock of an attempt to its process."""
        if name := self._names.get(job_id):
            self._ledger.started(name)

    def release(self, key: AttemptKey) -> None:
        """Remove what an attempt held; another runner may have claimed it."""
        self._names.pop(key.job_id, None)
        self._ledger.release(self._ledger.name(*key.ids))

    @property
    def needs_reading(self) -> bool:
        """Whether a start waits for another reading of the GPUs."""
        return self._delay_until is not None and time.time() >= self._delay_until

    def look(self) -> bool:
        """Count what others hold now, about twice a second; return whether that has changed."""
        now = time.monotonic()
        if self._delay_until is not None:
            return self.needs_reading
        if now - self._looked_at < CHECK_SECONDS:
            return False
        self._looked_at = now
        entries = _with_gpus(self._ledger.others())
        return entries != self._counted and self._count(entries)

    def _count(self, entries: list[LedgerEntry]) -> bool:
        """Count the GPUs of others in the pool; CPUs and memory of other databases are not."""
        fresh = [entry for entry in entries if entry not in self._counted]
        for entry in self._counted:
            if entry not in entries:
                self._pool.give(_gpus(entry), other=True)
        kept = [entry for entry in self._counted if entry in entries]
        for entry in fresh:
            owner = GrantOwner(entry.user, entry.job, entry.since)
            self._pool.hold(_gpus(entry), other=True, owner=owner)
        self._counted = [*kept, *fresh]
        return True

    def _report(self, reason: Reason) -> None:
        if reason not in self._reported:
            self._reported.add(reason)
            self._notices.append(reason)

    def new_notices(self) -> list[Reason]:
        """Return the notices since the last call."""
        fresh, self._notices = self._notices, []
        return fresh


def _with_gpus(entries: list[LedgerEntry]) -> list[LedgerEntry]:
    return [entry for entry in entries if entry.allocation.gpus]


def _gpus(entry: LedgerEntry) -> Allocation:
    return Allocation(gpus=entry.allocation.gpus)
