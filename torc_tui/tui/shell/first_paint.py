"""Delay the first paint until there is data, so that the screen is not drawn twice.

Input: the first data, or the end of a short time without any. Output: a call after the paint, for
work that may wait. Invariant: nothing is drawn before, and everything afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from textual.app import App

from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.widgets.split import FRAMES_FROM

LONGEST = 0.15
"""Seconds after which the screen is painted without data."""


class FirstPaint:
    """The first paint of an app."""

    def __init__(self, app: App[Any], painted: Callable[[], None]) -> None:
        self._app = app
        self._painted: Callable[[], None] | None = painted
        self._waits = False
        self._suspended = ExitStack()

    def wait(self) -> None:
        """Paint nothing until ``begin`` is called, or for `LONGEST` seconds."""
        self._waits = True
        self._suspended.enter_context(self._app.batch_update())
        self._app.set_timer(LONGEST, self.begin)

    def prepare(self, screen: TorcScreen) -> None:
        """Prepare a screen that will be shown."""
        # Textual would set these classes later, and then compute all styles again.
        for name, length, least in zip(
            ("-wide", "-tall"), self._app.size, FRAMES_FROM, strict=True
        ):
            screen.set_class(length >= least, name)
        if self._waits:
            screen.waits = True
            # Textual would draw the screen nevertheless, and drop the result.
            vars(screen)["_compositor_refresh"] = lambda: None

    def begin(self) -> None:
        """Paint from now on."""
        if self._waits:
            self._waits = False
            self._suspended.close()
            for screen in self._app.screen_stack:
                vars(screen).pop("_compositor_refresh", None)
                if isinstance(screen, TorcScreen):
                    screen.waits = False
                    screen.show_keys()
            self._app.screen.refresh()
            self._app.call_after_refresh(self._end)
            self._app.set_timer(LONGEST, self._end)  # the screen may be closed before its paint

    def _end(self) -> None:
        painted, self._painted = self._painted, None
        if painted is not None:
            painted()
