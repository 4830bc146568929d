"""The store is away for a while: how long that may last, when to try again, what is said of it.

What comes in: the moments and the errors of failed tries. What goes out: pauses, sentences, and in
the end the error with which the runner leaves. Nothing is waited for here, and no store is asked.
"""

from __future__ import annotations

from torc_tui.errors import StoreUnavailable
from torc_tui.wording import duration

DEFAULT_MINUTES = 20.0
"""How long a runner waits for its store unless the workflow says otherwise
(``compute_node_wait_for_healthy_database_minutes``)."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two tries: each pause is twice the one before."""


class Outage:
    """Between the first try that failed and the next that did not. ``since`` is None outside of
    one.
    """

    def __init__(self, limit: float) -> None:
        """``limit`` in seconds."""
        self.limit = limit
        self.since: float | None = None
        self._pause = FIRST_PAUSE

    def failed(self, error: StoreUnavailable, now: float, running: int) -> float:
        """A try has failed: seconds until the next. When the limit is over, the error to leave with
        is raised.
        """
        if self.since is None:
            self.since, self._pause = now, FIRST_PAUSE
        left = self.since + self.limit - now
        if left <= 0:
            jobs = f"; {running} job{'s run' if running != 1 else ' runs'} on" if running else ""
            raise StoreUnavailable(
                f"{error.message} (tried for {duration(self.limit)}): the runner leaves{jobs}",
                hint=f"{error.hint or 'make it usable again'}; the next `torc run` takes up what ran meanwhile",
            ) from error
        pause = min(self._pause, left)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return pause

    def ended(self, now: float) -> str:
        """The store is there again: what to say."""
        lasted = now - (now if self.since is None else self.since)
        self.since = None
        return f"the store can be used again, after {duration(lasted)}"
