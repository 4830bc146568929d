"""Decide how many jobs may be started while the machine is short of something.

Input: starts that failed and starts that succeeded, with their moments on a monotonic clock.
Output: how many jobs may start now, and what to tell. Nothing is waited for here.

While a shortage lasts, at most as many jobs run as could be started. One more is tried after each
pause, and each pause is twice the one before. The shortage is over when no start has failed for a
while.
"""

from __future__ import annotations

from torc_tui.wording import duration

LIMIT = 20 * 60.0
"""Seconds without a start after which a runner without running jobs leaves."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
LONGEST_PAUSE_IDLE = 5.0
"""Seconds between two tries while nothing runs, so that no end of a job can help."""
OVER_AFTER = 60.0
"""Seconds without a failed start after which the shortage is over."""


class StartBackoff:
    """The state of one runner. ``cap`` is None outside of a shortage."""

    def __init__(self) -> None:
        self.cap: int | None = None
        self.problem = ""
        self._since = 0.0
        self._failed_at = 0.0
        self._retry_at = 0.0
        self._pause = FIRST_PAUSE

    def failed(self, problem: str, now: float, running: int) -> str | None:
        """Note that a start failed while ``running`` jobs run; return what to tell, once."""
        first = self.cap is None
        if first:
            self._since, self._pause = now, FIRST_PAUSE
        self.cap, self.problem, self._failed_at = running, problem, now
        longest = LONGEST_PAUSE if running else LONGEST_PAUSE_IDLE
        self._retry_at = now + min(self._pause, longest)
        self._pause = min(self._pause * 2, longest)
        return f"cannot start more jobs: {problem}; retrying" if first else None

    def started(self, now: float, running: int) -> None:
        """Note that a job was started; ``running`` counts it."""
        if self.cap is not None:
            self._since = now
            if running > self.cap:
                self.cap, self._retry_at, self._pause = running, now, FIRST_PAUSE

    def room(self, now: float, running: int) -> int | None:
        """Return how many jobs may be started now; None for any number."""
        if self.cap is None:
            return None
        return max(self.cap - running, 1 if now >= self._retry_at else 0)

    def postpone(self, now: float) -> None:
        """Note that nothing is there to be tried."""
        if self.is_due(now):
            self._retry_at = now + LONGEST_PAUSE_IDLE

    def is_due(self, now: float) -> bool:
        """Return whether it is time to try to start one more job."""
        return self.cap is not None and now >= self._retry_at

    def ended(self, now: float) -> str | None:
        """Return what to tell when the shortage is over; None when it is not."""
        if self.cap is None or now - self._failed_at < OVER_AFTER or self._since < self._failed_at:
            return None
        self.cap = None
        return "jobs can be started again"

    def given_up(self, now: float) -> str | None:
        """Return with what to leave when nothing could be started for too long."""
        if self.cap is None or now - self._since < LIMIT:
            return None
        return f"no job could be started for {duration(LIMIT)}: {self.problem}"
