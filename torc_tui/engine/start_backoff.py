"""Decide how many jobs may be started while the machine is short of something.

Input: starts that failed and starts that succeeded, with their times on a monotonic clock. Output:
how many jobs may start now, and notices. Nothing waits here.

During a shortage, at most as many jobs run as could be started. After each pause the runner tries
to start one more, and each pause is twice the pause before. The shortage is over when no start has
failed for a while.
"""

from __future__ import annotations

from torc_tui.reasons import Kind, Reason, because
from torc_tui.wording import duration, sentence

LIMIT = 20 * 60.0
"""Seconds without a start after which a runner without running jobs leaves."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds between two attempts to start a job."""
LONGEST_PAUSE_IDLE = 5.0
"""Longest pause in seconds while no job runs whose end could help."""
OVER_AFTER = 60.0
"""Seconds without a failed start after which the shortage is over."""


class StartBackoff:
    """The shortage of one runner; ``cap`` is the limit of running jobs, None without a shortage."""

    def __init__(self) -> None:
        self.cap: int | None = None
        self.problem = because(Kind.START_SHORTAGE)
        self._since = 0.0
        self._failed_at = 0.0
        self._retry_at = 0.0
        self._pause = FIRST_PAUSE

    def failed(self, problem: Reason, now: float, running: int) -> Reason | None:
        """Record a failed start while ``running`` jobs run; return a notice of the first."""
        first = self.cap is None
        if first:
            self._since, self._pause = now, FIRST_PAUSE
        self.cap, self.problem, self._failed_at = running, problem, now
        longest = LONGEST_PAUSE if running else LONGEST_PAUSE_IDLE
        self._retry_at = now + min(self._pause, longest)
        self._pause = min(self._pause * 2, longest)
        return because(Kind.STARTS_FAIL, lack=problem) if first else None

    def started(self, now: float, running: int) -> None:
        """Record a start; ``running`` includes the job."""
        if self.cap is not None:
            self._since = now
            if running > self.cap:
                self.cap, self._retry_at, self._pause = running, now, FIRST_PAUSE

    def room(self, now: float, running: int) -> int | None:
        """Return how many jobs may be started now; None for no limit."""
        if self.cap is None:
            return None
        return max(self.cap - running, 1 if now >= self._retry_at else 0)

    def postpone(self, now: float) -> None:
        """Wait longer, because there is no job to try."""
        if self.is_due(now):
            self._retry_at = now + LONGEST_PAUSE_IDLE

    def is_due(self, now: float) -> bool:
        """Return whether it is time to try to start one more job."""
        return self.cap is not None and now >= self._retry_at

    def ended(self, now: float) -> Reason | None:
        """Return a notice when the shortage has ended, None otherwise."""
        if self.cap is None or now - self._failed_at < OVER_AFTER or self._since < self._failed_at:
            return None
        self.cap = None
        return because(Kind.STARTS_RESUMED)

    def given_up(self, now: float) -> str | None:
        """Return why the runner leaves if no job could be started for too long."""
        if self.cap is None or now - self._since < LIMIT:
            return None
        return f"no job could be started for {duration(LIMIT)}: {sentence(self.problem)}"
