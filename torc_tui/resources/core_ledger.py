"""Record which cores the jobs of all runners, users and databases of this host are bound to.

Input: a directory like that of the host ledger. Output: one file per bound attempt with its CPUs,
locked by its process: the kernel frees the lock when the last process of the job ends.

Invariant: a core is in at most one locked file. If the directory cannot be used, only jobs of the
same runner are kept apart.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress

from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.cpu_cores import CpuCore, choose
from torc_tui.resources.host_ledger import (
    MOST_BYTES,
    Ledger,
    LedgerUnavailable,
    ledger_path,
    locked_file,
)
from torc_tui.resources.visible import numbers_of


class CoreLedger:
    """The cores of this host that a runner may use, and the attempts bound to them.

    ``database`` is the URL of its database. Its directory is separate from that of the GPUs, whose
    lock a runner holds while it places jobs.
    """

    def __init__(self, database: str, cores: Sequence[CpuCore]) -> None:
        gpus = ledger_path()
        self._ledger = Ledger(database, gpus.with_name(f"{gpus.name}-cores"))
        self._cores = cores
        self._around = frozenset(numbers_of(os.environ.get("TORC_CPUS")) or ())
        """The CPUs of the bound job in which this runner runs, if any."""
        self._own: dict[str, tuple[int, ...]] = {}
        """The CPUs of each attempt of this runner, by the name of its file."""

    def name(self, *ids: int) -> str:
        """Return the name of the file of an attempt: workflow, run, job, attempt."""
        return self._ledger.name(*ids)

    def take(self, name: str, number: int) -> tuple[int, ...] | None:
        """Return the CPUs of ``number`` free cores for an attempt; None while too few are free."""
        try:
            with self._ledger.locked() as directory:
                cpus = self._choose(self._taken(directory), number)
                if cpus is not None:
                    self._ledger.create(name, json.dumps(cpus).encode())
        except LedgerUnavailable:
            cpus = self._choose(set(), number)
        if cpus is not None:
            self._own[name] = cpus
        return cpus

    def shortfall(self, number: int) -> Reason | None:
        """Return the reason if fewer than ``number`` cores are free, otherwise None."""
        with self._ledger.opened() as directory:
            taken = set() if directory is None else self._taken(directory, sweep=False)
        free = sum(taken.isdisjoint(core.cpus) for core in self._cores)
        return because(Kind.CORES, requested=number, free=free) if free < number else None

    def lock_of(self, name: str) -> int | None:
        """Return the file descriptor that the process of an attempt must inherit."""
        return self._ledger.lock_of(name)

    def started(self, name: str) -> None:
        """Hand the lock of an attempt over to its process."""
        self._ledger.started(name)

    def release(self, name: str) -> None:
        """Free the cores of an attempt that has ended or was not started."""
        self._own.pop(name, None)
        self._ledger.release(name)

    def _choose(self, taken: set[int], number: int) -> tuple[int, ...] | None:
        taken = taken.union(*self._own.values())
        free = [core for core in self._cores if taken.isdisjoint(core.cpus)]
        chosen = choose(free, number)
        return None if chosen is None else tuple(sorted(cpu for one in chosen for cpu in one.cpus))

    def _taken(self, directory: int, *, sweep: bool = True) -> set[int]:
        """Return the CPUs to which running jobs are bound; ``sweep`` removes files without a lock.

        The CPUs of a job in which this runner runs count as free for the jobs of this runner.
        """
        found: set[int] = set()
        with os.scandir(directory) as files:
            names = [file.name for file in files]
        for name in names:
            with suppress(OSError, ValueError, RecursionError):
                cpus = _cpus_of(name, directory, sweep)
                if not self._around or not self._around.issubset(cpus):
                    found.update(cpus)
        return found


def _cpus_of(name: str, directory: int, sweep: bool) -> list[int]:
    with locked_file(name, directory, sweep=sweep) as locked:
        found = None if locked is None else json.loads(os.read(locked[0], MOST_BYTES))
    return [cpu for cpu in found if isinstance(cpu, int)] if isinstance(found, list) else []
