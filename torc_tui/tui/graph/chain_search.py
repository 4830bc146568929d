"""Search for the critical path while it is highlighted: once, and again after changes."""

from __future__ import annotations

from collections.abc import Callable

from torc_tui.views.graph_critical import CriticalChain

EVERY = 5.0
"""Seconds between two searches."""


class ChainSearch:
    """``search`` gets the function that takes the chain; ``show`` is called after a change."""

    def __init__(
        self,
        search: Callable[[Callable[[CriticalChain], None]], None],
        show: Callable[[], None],
    ) -> None:
        self.chain: CriticalChain | None = None
        self._search = search
        self._show = show
        self._wanted = False
        self._changed = False
        self._at = 0.0

    def toggle(self) -> None:
        """Search for the chain, or forget it."""
        self._wanted, self.chain = not self._wanted, None
        self._show()
        if self._wanted:
            self._search(self._take)

    def jobs_changed(self) -> None:
        """Search again when the time has come."""
        self._changed = True

    def every_second(self, now: float) -> None:
        """Search again after changes, but not often."""
        if self._wanted and self._changed and now - self._at >= EVERY:
            self._at, self._changed = now, False
            self._search(self._take)

    def _take(self, chain: CriticalChain) -> None:
        if self._wanted:
            self.chain = chain
            self._show()
