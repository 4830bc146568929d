"""Call a function whenever there may be work, and let the app sleep otherwise.

Input: wakes of any thread, and input of the user. Output: calls of ``look``, which returns whether
it found work, and after how many seconds to look again if not. Invariants: while there is work,
looks are a pause apart; a look follows each wake.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress

WATCH = 0.5
"""Seconds after input in which each pause ends with a look: messages follow on messages."""


class Beat:
    """Looks for work; created in the thread of the app."""

    def __init__(self, pause: float, look: Callable[[], tuple[bool, float]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._pause = pause
        self._look = look
        self._next: asyncio.TimerHandle | None = None
        self._worked = self._watched = self._loop.time() - max(pause, WATCH)
        self._is_woken = False
        self._plan(0.0)

    def wake(self) -> None:
        """Look for work soon; any thread may call this."""
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # the app has ended
                self._loop.call_soon_threadsafe(self._plan, 0.0, context=self._context)

    def watch(self) -> None:
        """Look for the work that follows from input."""
        self._watched = self._loop.time()
        self._plan(self._pause)

    def stop(self) -> None:
        """End the beat."""
        if self._next is not None:
            self._next.cancel()

    def _plan(self, seconds: float) -> None:
        """Look after some seconds, or earlier; not within the pause after work."""
        at = max(self._loop.time() + seconds, self._worked + self._pause)
        if self._next is None or at < self._next.when():
            self.stop()
            self._next = self._loop.call_at(at, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        self._next, self._is_woken = None, False
        found_work, idle = self._look()
        if found_work:
            self._worked = now
        is_watched = found_work or now - self._watched < WATCH
        self._is_woken = self._is_woken or is_watched  # the next look comes soon anyway
        self._plan(self._pause if is_watched else idle)
