"""Delay the first paint until there is data, so that the screen is not drawn twice.

Input: the first data, or the end of a short time without any. Invariant: nothing is drawn before,
and everything afterwards.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from textual.app import App
from textual.screen import Screen

from torc_tui.tui.widgets.split import FRAMES_FROM

LONGEST = 0.15
"""Seconds after which the screen is painted without data."""


class FirstPaint:
    """The first paint of an app."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waits = False
        self._suspended = ExitStack()

    def wait(self) -> None:
        """Paint nothing until ``begin`` is called, or for `LONGEST` seconds."""
        self._waits = True
        self._suspended.enter_context(self._app.batch_update())
        self._app.set_timer(LONGEST, self.begin)

    def prepare(self, screen: Screen[Any]) -> None:
        """Prepare a screen that will be shown."""
        # Textual would set these classes later, and then compute all styles again.
        for name, length, least in zip(
            ("-wide", "-tall"), self._app.size, FRAMES_FROM, strict=True
        ):
            screen.set_class(length >= least, name)
        if self._waits:
            # Textual would draw the screen nevertheless, and drop the result.
            vars(screen)["_compositor_refresh"] = lambda: None

    def begin(self) -> None:
        """Paint from now on."""
        if self._waits:
            self._waits = False
            self._suspended.close()
            for screen in self._app.screen_stack:
                vars(screen).pop("_compositor_refresh", None)
            self._app.screen.refresh()
