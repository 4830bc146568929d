"""Know when a run must end, also when the clock of the machine is set meanwhile."""

from __future__ import annotations

CLOCK_STEP = 2.0
"""Smallest change of the clock, in seconds, that moves a deadline."""


class Deadline:
    """The end of a run, in seconds since the epoch; None without a limit.

    ``wall`` and ``monotonic`` are the times of both clocks when the run began.
    """

    def __init__(
        self, end_time: float | None = None, wall: float = 0.0, monotonic: float = 0.0
    ) -> None:
        self.end_time = end_time
        self._planned = end_time
        self._difference = wall - monotonic

    def follow_clock(self, wall: float, monotonic: float) -> None:
        """Move the end of the run by as much as the clock of the machine was set."""
        if self._planned is None or self.end_time is None:
            return
        shifted = self._planned + (wall - monotonic) - self._difference
        if abs(shifted - self.end_time) > CLOCK_STEP:
            self.end_time = shifted

    def is_over(self, now: float) -> bool:
        """Return whether the run must end now."""
        return self.end_time is not None and now >= self.end_time

    def allows(self, runtime: float | None, now: float) -> bool:
        """Return whether a job that declares this runtime in seconds would end in time."""
        return self.end_time is None or runtime is None or now + runtime <= self.end_time
