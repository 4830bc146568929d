"""Give whole cores to the jobs of a runner that have `cpu_bind: cores`.

Input: the jobs that were placed. Output: the CPUs of each, and the locks that their processes
inherit. The cores of the machine are read when the first such job is placed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property

from torc_tui.model import AttemptKey, ResourceRequirements
from torc_tui.records import replace
from torc_tui.resources.cpu_cores import CpuCore, number_of_cores, read_cores
from torc_tui.store.run_context import RunContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.resources.core_ledger import CoreLedger

LOOK_SECONDS = 0.5
"""Time between two checks of the cores to which jobs of other databases are bound."""


class CoreBinding:
    """The cores of the jobs of one runner; ``database`` is the URL of its database."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._look_at: float | None = None
        self._names: dict[int, str] = {}
        """The file of each bound attempt, by the id of its job."""

    @staticmethod
    def binds(context: RunContext, options: str | None) -> bool:
        """Return whether a job is bound to cores; ``options`` are as stored in the database."""
        return bool(context.option(options, "cpu_bind") == "cores")

    def whole(self, requirements: ResourceRequirements, most: int) -> ResourceRequirements:
        """Return a request rounded up to whole cores, limited to the CPUs of the runner."""
        if not self._cores:
            return requirements
        threads = max(len(core.cpus) for core in self._cores)
        cpus = number_of_cores(self._cores, requirements.num_cpus) * threads
        return replace(requirements, num_cpus=max(requirements.num_cpus, min(cpus, most)))

    def take(self, key: AttemptKey, num_cpus: float) -> tuple[int, ...] | None:
        """Return the CPUs of an attempt: () if the system cannot bind, None if it must wait."""
        if not self._cores:
            return ()
        number = number_of_cores(self._cores, num_cpus)
        name = self._ledger.name(*key.ids)
        cpus = self._ledger.take(name, number)
        if cpus is None:
            self._look_at = time.monotonic() + LOOK_SECONDS
        else:
            self._names[key.job_id] = name
        return cpus

    def is_due(self) -> bool:
        """Return whether a job that has waited for cores should be tried again."""
        if self._look_at is None or time.monotonic() < self._look_at:
            return False
        self._look_at = None
        return True

    def locks_of(self, job_id: int) -> tuple[int, ...]:
        """Return the file descriptors that the process of a job must inherit."""
        name = self._names.get(job_id)
        lock = None if name is None else self._ledger.lock_of(name)
        return () if lock is None else (lock,)

    def started(self, job_id: int) -> None:
        """Hand the lock of an attempt over to its process."""
        if name := self._names.get(job_id):
            self._ledger.started(name)

    def release(self, job_id: int) -> None:
        """Free the cores of a job."""
        if name := self._names.pop(job_id, None):
            self._ledger.release(name)

    @cached_property
    def _cores(self) -> Sequence[CpuCore]:
        return read_cores()

    @cached_property
    def _ledger(self) -> CoreLedger:
        from torc_tui.resources.core_ledger import CoreLedger

        return CoreLedger(self._database, self._cores)
