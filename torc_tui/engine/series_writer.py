"""Write measures over time of attempts, and delete the oldest ones.

Input: packed series, inside the transaction of a step. Output: rows. A workflow keeps the series of
its last two runs, and the database at most `MOST_BYTES`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.model import AttemptKey
from torc_tui.store import usage_series
from torc_tui.store.connection import Connection
from torc_tui.store.run_context import RunContext

KEPT_RUNS = 2
MOST_BYTES = 100 << 20
"""Size of all series of a database."""
_CHECKED_EVERY = 200
"""Series written between two checks of the size, which reads a page for each series."""


class SeriesWriter:
    """Write the series of one runner, unless the workflow file switches them off."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._since_check = _CHECKED_EVERY
        self._has_older_runs = context.run_id > KEPT_RUNS
        self.is_on = keeps_series(context)

    def write(self, conn: Connection, found: Sequence[tuple[AttemptKey, bytes]]) -> None:
        """Write series by attempt; a series replaces the one from before.

        The first call deletes the series of older runs.
        """
        if self._has_older_runs:
            first = self._context.run_id - KEPT_RUNS + 1
            usage_series.delete_runs_before(conn, self._context.workflow_id, first)
            self._has_older_runs = False
        if not self.is_on or not found:
            return
        usage_series.save(conn, self._context.workflow_id, found)
        self._since_check += len(found)
        if self._since_check >= _CHECKED_EVERY:
            self._since_check = 0
            usage_series.limit_size(conn, MOST_BYTES)


def keeps_series(context: RunContext, part: str = "jobs") -> bool:
    """Return whether measures over time are kept, of ``jobs`` or of the ``compute_node``."""
    monitor = context.settings.get("resource_monitor") or {}
    own = monitor.get(part)
    own = own if isinstance(own, dict) else {}
    for given in (own, monitor):
        if given.get("enabled") is False or given.get("granularity") == "summary":
            return False
        if "granularity" in given:
            return True
    return True
