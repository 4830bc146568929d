"""Let commands inside a job wait for a database that is unavailable, as long as the runner does.

A job must not fail because the database is locked or its server restarts, when the runner that
started the job waits for the same database.
"""

from __future__ import annotations

import os
import time

from torc_tui.cli.diagnostics import print_stderr
from torc_tui.engine.database_retry import DEFAULT_MINUTES, FIRST_PAUSE, LONGEST_PAUSE
from torc_tui.errors import StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


IN_JOBS = frozenset({"user-data", "spawn"})
"""The commands that jobs call."""


def waits(error: BaseException, words: Sequence[str]) -> bool:
    """Return whether the command of these words is repeated after this error."""
    own = os.environ.get("TORC_DATABASE")
    if not isinstance(error, StoreUnavailable) or not own or "TORC_JOB_ID" not in os.environ:
        return False
    if IN_JOBS.isdisjoint(words):
        return False
    return not any(word.partition("=")[0] == "--database" for word in words)


class JobRetry:
    """The attempts of one command, from the first that failed."""

    def __init__(self) -> None:
        self._until = time.monotonic() + DEFAULT_MINUTES * 60
        self._pause = FIRST_PAUSE
        self._reported = False

    def wait(self, error: StoreUnavailable, program: str) -> bool:
        """Sleep until the next attempt and return True; False if the time is over."""
        left = self._until - time.monotonic()
        if left <= 0:
            return False
        if not self._reported:
            print_stderr(
                f"{program}: {error.message}; trying again for up to {DEFAULT_MINUTES:g} min"
            )
            self._reported = True
        time.sleep(min(self._pause, left))
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return True
