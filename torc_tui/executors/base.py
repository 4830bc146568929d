"""Define what every executor promises.

Input: orders (a command, its directory, environment, files and limits). Output: reports, by
``wait``. An executor knows no workflow and no database. It never decides what a return code means,
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
    """An attempt that another runner started, to be supervised from now on.

    ``pid`` and ``process_started`` are those of its Started report; both None when that never
    was recorded: then they are read from the exit file. ``started_at`` is when the attempt began,
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
    loop.
    """

    def submit(self, orders: Sequence[Order]) -> None:
        """Start these.

        An order that cannot be started becomes an Exited with cause LAUNCH, and a NotStarted when
        the machine is short of something; neither has a Started.
        """
        ...

    def adopt(self, attempts: Sequence[Adopted]) -> None:
        """Supervise these from now on.

        Those that still run are in ``running`` and get no second Started. Those that ended are
        reported from their exit file, or with return code None and cause LOST when it says nothing.
        """
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
        only shorten the grace; the first cause stays.
        """
        ...

    def wait(self, timeout: float | None) -> list[Report]:
        """Return all reports there are. Block until there is one, until ``timeout`` seconds passed (None:
        for ever) or until ``wake``; so the list may be empty. The Started of an attempt comes
        before its Exited.
        """
        ...

    def wake(self) -> None:
        """End the present ``wait``, or the next one; for any thread and for signal handlers."""
        ...

    @property
    def running(self) -> Set[AttemptKey]:
        """Return the attempts whose Exited was not yet handed out by ``wait``, without those that
        could not be started.
        """
        ...

    def close(self) -> None:
        """Free threads and descriptors. Jobs go on, for another executor to adopt."""
        ...
