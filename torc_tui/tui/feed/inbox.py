"""Collect the records of the threads for the app."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from torc_tui.tui.feed.handovers import Handover


def ignore() -> None:
    """Do nothing: nobody takes the records yet."""


class Inbox(deque[Handover]):
    """Records, the oldest first. ``wake`` is called after each, in the thread that adds it."""

    wake: Callable[[], object] = staticmethod(ignore)

    def append(self, record: Handover) -> None:
        super().append(record)
        self.wake()
