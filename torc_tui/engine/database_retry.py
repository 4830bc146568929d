"""Decide when to try again while the database cannot be used, and when to give up.

Input: the times and the errors of failed attempts. Output: pauses, sentences, and finally the error
with which the runner leaves. Nothing waits here, and no database is used.
"""

from __future__ import annotations

from torc_tui.errors import StoreUnavailable
from torc_tui.reasons import Kind, Reason, because
from torc_tui.wording import count, duration

DEFAULT_MINUTES = 20.0
"""Time for which a runner waits for its database, unless the workflow sets
``compute_node_wait_for_healthy_database_minutes``."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts; each pause is twice the pause before."""


class Outage:
    """An outage of the database that may last ``limit`` seconds; ``since`` is None without one."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.since: float | None = None
        self._pause = FIRST_PAUSE

    def failed(self, error: StoreUnavailable, now: float, running: int) -> float:
        """Return the seconds until the next attempt, after an attempt that failed with ``error``.

        Raise StoreUnavailable when the outage has lasted too long. ``running`` jobs run meanwhile.
        """
        if self.since is None:
            self.since, self._pause = now, FIRST_PAUSE
        left = self.since + self.limit - now
        if left <= 0:
            jobs = f"; {count(running, 'job')} still running" if running else ""
            hint = error.hint or "make the database available again"
            raise StoreUnavailable(
                f"{error.message} (tried for {duration(self.limit)}): the runner stops{jobs}",
                hint=f"{hint}; the next `torc run` continues the workflow",
            ) from error
        pause = min(self._pause, left)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return pause

    def ended(self, now: float) -> Reason:
        """Record the end of the outage, and return a notice about it."""
        lasted = now - (now if self.since is None else self.since)
        self.since = None
        return because(Kind.DATABASE_BACK, seconds=lasted)
