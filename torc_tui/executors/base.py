"""What every executor promises.

In: orders (a command, its folder, environment, files and limits). Out: reports, by ``wait``. An
executor knows no workflow, no store and no lifecycle; it never decides what a return code means,
and never raises for what a job does.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from torc_tui.model import Allocation, AttemptKey, Cause, Limits, Order, Report

NO_LIMITS = Limits()
NOTHING = Allocation()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """An attempt that another runner started, to be watched on.

    ``pid`` and ``process_started`` are those of its Started report; both None when that never
    reached anybody: then the exit file is asked for them. ``started_at`` is when the attempt began,
    in seconds since the epoch; None when that was not recorded.
    """

    key: AttemptKey
    exit_file: str
    started_at: float | None
    pid: int | None = None
    process_started: int | None = None
    name: str = ""
    stdout: str | None = None
    stderr: str | None = None
    limits: Limits = NO_LIMITS
    allocation: Allocation = NOTHING


class Executor(Protocol):
    """Runs orders somewhere. Every method but ``wake`` belongs to one thread, that of the caller's
    loop."""

    def submit(self, orders: Sequence[Order]) -> None:
        """Start these. An order that cannot be started becomes an Exited with cause LAUNCH (and no
        Started)."""
        ...

    def adopt(self, attempts: Sequence[Adopted]) -> None:
        """Watch these on. Those that still run are in ``running`` and get no second Started; those
        that ended are reported from their exit file, or with return code None and cause LOST when
        that says nothing."""
        ...

    def stop(
        self,
        keys: Sequence[AttemptKey],
        cause: Cause,
        *,
        grace: float | None = None,
        signal: str | None = None,
    ) -> None:
        """Ask these to end, with ``signal`` (None: that of their limits), and kill what is left
        after ``grace`` seconds (None: that of their limits; 0: kill at once). Returns immediately;
        the end is an Exited that carries ``cause``. Unknown keys are ignored. A second stop may
        only shorten the grace; the first cause stays."""
        ...

    def wait(self, timeout: float | None) -> list[Report]:
        """All reports there are. Blocks until there is one, until ``timeout`` seconds passed (None:
        for ever) or until ``wake``; so the list may be empty. The Started of an attempt comes
        before its Exited."""
        ...

    def wake(self) -> None:
        """End the present ``wait``, or the next one. From any thread, or from a signal handler."""
        ...

    @property
    def running(self) -> Set[AttemptKey]:
        """The attempts whose Exited was not yet handed out by ``wait``, but for those that could
        not be started."""
        ...

    def close(self) -> None:
        """Let go of threads and descriptors. Jobs run on, for another executor to adopt."""
        ...
