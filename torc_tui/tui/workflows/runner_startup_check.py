"""Watch a runner that was started in the background for its first seconds.

Input: the runner. Output: an error with the end of its log if it ends before it works, or nothing.
The reader thread checks; no thread waits between two checks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torc_tui.errors import TorcError
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.look.text_layout import sanitize

if TYPE_CHECKING:
    from torc_tui.operations.runners import Background
    from torc_tui.store.database import Store

LOOKS: Sequence[float] = (0.3, 0.7, 1.0, 2.0)
"""Seconds until each check."""
LINES = 6
"""Lines of the log that the error shows."""
TAIL = 4096
"""Bytes of the log that are read."""


class RunnerStartupCheck:
    """Watches the start of one runner of a workflow."""

    def __init__(self, torc: AppPort, workflow_id: int, background: Background) -> None:
        self.torc = torc
        self.workflow_id = workflow_id
        self.background = background
        self.written = _size(background.log)
        """Bytes of the log that were written before this runner."""

    def watch(self, looks: Sequence[float] = LOOKS) -> None:
        """Check repeatedly until the runner has registered or ended."""
        if not looks:
            return

        def look() -> None:
            self.torc.actions.read(self._look, then=then)

        def then(settled: bool) -> None:
            if not settled:
                self.watch(looks[1:])

        self.torc.after(looks[0], look)

    def _look(self, store: Store, _actor: str) -> bool:
        """Return whether the check is over; raise TorcError if the runner failed.

        Called in the reader thread.
        """
        from torc_tui.store import queries

        nodes = queries.list_compute_nodes(store, self.workflow_id)
        if any(node["pid"] == self.background.pid for node in nodes):
            return True
        try:
            pid, status = os.waitpid(self.background.pid, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return True
        how = f"exit {code}" if code > 0 else f"signal {-code}"
        end = log_tail(self.background.log, self.written)
        raise TorcError(
            f"the runner ended immediately ({how})",
            hint="\n".join([*end, f"log: {self.background.log}"]),
        )


def log_tail(path: str, start: int) -> list[str]:
    """Return the last lines of a log after offset ``start``."""
    from torc_tui.operations.stderr_tail import end_of_file

    data, at = end_of_file(path, TAIL)
    text = data[max(0, start - at) :].decode("utf-8", "replace")
    return [sanitize(line) for line in text.splitlines() if line.strip()][-LINES:]


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)  # noqa: PTH202  # nothing else here needs a Path
    except OSError:
        return 0
