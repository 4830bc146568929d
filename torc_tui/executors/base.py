"""Define what every executor promises.

Input: orders (a command, its directory, environment, files and limits). Output: reports, by
``wait``. An executor knows no workflow and no database. It never decides what a return code means,
and never raises for what a job does.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol

from torc_tui.model import Allocation, AttemptKey, Cause, JobLimits, Order, Report
from torc_tui.records import dataclass
from torc_tui.resources.usage_series import Series

NO_LIMITS = JobLimits()
NOTHING = Allocation()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """An attempt that another runner started, to be supervised from now on.

    ``pid`` and ``process_started`` are those of its Started report, or None if it was not recorded:
    then they are read from the exit file. ``started_at`` is when the attempt began, in seconds
    since the epoch, None if that was not recorded.

    ``suspended`` is None for an attempt that never was. ``suspended_seconds`` is how long it was
    suspended in all; this time does not count against its runtime. ``series`` is what was measured
    of it until now.
    """

    key: AttemptKey
    exit_file: str
    started_at: float | None
    pid: int | None = None
    process_started: int | None = None
    name: str = ""
    stdout: str | None = None
    stderr: str | None = None
    limits: JobLimits = NO_LIMITS
    allocation: Allocation = NOTHING
    suspended: bool | None = None
    suspended_seconds: float = 0.0
    series: Series | None = None


class Executor(Protocol):
    """Run orders somewhere. All methods except `wake` are called in one thread."""

    def submit(self, orders: Sequence[Order]) -> None:
        """Start the orders.

        An order that cannot be started becomes an Exited with cause LAUNCH, or a NotStarted if the
        machine lacks something; there is no Started before either.
        """

    def adopt(self, attempts: Sequence[Adopted]) -> None:
        """Supervise attempts that another runner started.

        An attempt that still runs is in ``running`` and gets no second Started. One that has ended
        is reported from its exit file, or with return code None and cause LOST if that is empty.
        """

    def stop(self, keys: Sequence[AttemptKey], cause: Cause, *, grace: float | None = None) -> None:
        """Send attempts the signal of their limits, and kill what is left after ``grace`` seconds.

        None stands for the grace period of their limits; a grace of 0 kills at once. Return
        immediately: the end is an Exited with ``cause``. Unknown keys are ignored. Another stop may
        only shorten the grace period, and keeps the first cause.
        """

    def suspend(self, keys: Sequence[AttemptKey]) -> None:
        """Stop the processes of attempts until `resume`; their runtime does not count meanwhile.

        Attempts that are being ended, and unknown keys, are ignored. A suspended attempt can be
        ended by `stop`.
        """

    def resume(self, keys: Sequence[AttemptKey]) -> None:
        """Let the processes of suspended attempts continue."""

    def wait(self, timeout: float | None) -> list[Report]:
        """Return all reports, the Started of an attempt before its Exited.

        Wait for the first report, for ``timeout`` seconds (None: without limit) or until `wake`.
        """

    def wake(self) -> None:
        """End the present `wait`, or the next one; for any thread and for signal handlers."""

    def watch(self, descriptor: int) -> None:
        """End a later `wait` once, as soon as this descriptor can be read.

        It replaces an earlier one. Its owner may close it.
        """

    def discard(self, exit_files: Sequence[str]) -> None:
        """Take exit files of attempts whose end is recorded: remove or reuse them."""

    @property
    def running(self) -> Set[AttemptKey]:
        """The attempts that were started and whose Exited `wait` has not returned yet."""

    def close(self) -> None:
        """Free threads and descriptors. Jobs continue, for another executor to adopt."""
