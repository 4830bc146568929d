"""Hold jobs that are claimed before there are resources for them.

Where jobs are short, the next one starts as soon as one has ended, with the same resources, and the
database learns of several ends at once afterwards.

Input: how long attempts take, and jobs that were claimed without resources of their own. Output:
the job that takes over the resources of an attempt. Nothing is started, claimed or written here.

Invariants
* A prefetched job is pending in the database and holds nothing. It takes over the resources of a
  job with an equal request.
* It never waits here for long: when attempts take longer, or anything changes, it goes back to
  ready.
"""

from __future__ import annotations

from torc_tui.store.scheduling import ReadyJob

SHORT_SECONDS = 0.1
"""Jobs are prefetched only while attempts take less than this."""
PREFETCHED_JOBS = 24
"""Number of jobs that are prefetched at once."""
STALE_SECONDS = 0.25
"""Time after which a prefetched job goes back to ready."""


class Prefetched:
    """The prefetched jobs of one runner, in the order in which they are to start."""

    def __init__(self) -> None:
        self.jobs: list[ReadyJob] = []
        self.since = 0.0
        self._typical: float | None = None

    def learn(self, seconds: float) -> None:
        """Take into account how long an attempt has taken."""
        self._typical = seconds if self._typical is None else 0.7 * self._typical + 0.3 * seconds

    @property
    def worthwhile(self) -> bool:
        """Whether attempts are known to be short."""
        return self._typical is not None and self._typical < SHORT_SECONDS

    def is_stale(self, now: float) -> bool:
        """Return whether jobs have waited here for too long."""
        return bool(self.jobs) and not 0 <= now - self.since < STALE_SECONDS

    def take(self, requirement_id: int) -> ReadyJob | None:
        """Remove and return the first job with this request; None without one."""
        for at, job in enumerate(self.jobs):
            if job.requirement_id == requirement_id:
                return self.jobs.pop(at)
        return None
