"""The first seconds of a runner that was started in the background: if it dies at once, its last
words are said.

What comes in: a runner just started. What goes out: an error with the end of its log, or nothing.
The looks are taken by the reader thread; between them nobody waits.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.errors import TorcError
from torc_tui.tui.look.text_layout import sanitize

if TYPE_CHECKING:
    from torc_tui.operations.runners import Background
    from torc_tui.tui.shell.app import TorcApp

LOOKS: Sequence[float] = (0.3, 0.7, 1.0, 2.0)
"""Seconds to the next look at it."""
LINES = 6
TAIL = 4096


class FirstSteps:
    """Watches one runner of a workflow; begin with `watch`."""

    def __init__(self, app: TorcApp, workflow_id: int, background: Background) -> None:
        self.app = app
        self.workflow_id = workflow_id
        self.background = background
        # What others wrote into that log before is not its words.
        self.written = _size(background.log)

    def watch(self, looks: Sequence[float] = LOOKS) -> None:
        """Look after a while, and again, until it works or is gone."""
        if looks:
            self.app.set_timer(
                looks[0],
                lambda: self.app.acts.ask(self._look, then=lambda ok: self._next(ok, looks)),
            )

    def _next(self, settled: bool, looks: Sequence[float]) -> None:
        if not settled:
            self.watch(looks[1:])

    def _look(self, store: Any, _actor: str) -> bool:
        """In the reader thread: True when there is nothing more to watch; TorcError when it died
        before it worked."""
        from torc_tui.store import queries

        if any(
            node["pid"] == self.background.pid
            for node in queries.list_compute_nodes(store, self.workflow_id)
        ):
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
        words = last_words(self.background.log, self.written)
        raise TorcError(
            f"the runner ended at once ({how})",
            hint="\n".join([*words, f"its log: {self.background.log}"]),
        )


def last_words(path: str, start: int) -> list[str]:
    """The last lines that were written into a log after ``start`` bytes."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - TAIL))
            text = file.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return []
    return [sanitize(line) for line in text.splitlines() if line.strip()][-LINES:]


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)  # noqa: PTH202  # nothing else here needs a Path
    except OSError:
        return 0
