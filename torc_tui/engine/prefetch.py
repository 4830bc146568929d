"""Jobs claimed ahead: where jobs are short, the next one starts in the place of one that has just
ended, and the store hears of several ends at once afterwards.

What comes in: how long attempts take, jobs that were claimed without resources of their own. What
goes out: the job that takes a place over. Nothing is started, claimed or written here.

Laws
* A job ahead is pending in the store and holds nothing; the place that it gets is that of an equal
  request.
* It never waits there for long: when attempts turn out longer, or anything changes, it goes back to
  ready.
"""

from __future__ import annotations

from torc_tui.store.scheduling import ReadyJob

SHORT = 0.1
"""Seconds: only while attempts take less than this are jobs claimed ahead."""
MOST = 24
"""So many jobs are claimed ahead at once."""
PATIENCE = 0.25
"""Seconds after which a job ahead goes back to ready."""


class Ahead:
    """The jobs ahead of one runner, in the order in which they are to start."""

    def __init__(self) -> None:
        self.jobs: list[ReadyJob] = []
        self.since = 0.0
        self._typical: float | None = None

    def learn(self, seconds: float) -> None:
        """An attempt has taken so long."""
        self._typical = seconds if self._typical is None else 0.7 * self._typical + 0.3 * seconds

    @property
    def worthwhile(self) -> bool:
        """Whether attempts are short enough, as far as is known."""
        return self._typical is not None and self._typical < SHORT

    def is_stale(self, now: float) -> bool:
        """Whether jobs have waited here for too long."""
        return bool(self.jobs) and not 0 <= now - self.since < PATIENCE

    def take(self, requirement_id: int) -> ReadyJob | None:
        """The first job with this request."""
        for at, job in enumerate(self.jobs):
            if job.requirement_id == requirement_id:
                return self.jobs.pop(at)
        return None
