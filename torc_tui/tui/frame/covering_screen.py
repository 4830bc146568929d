"""Screens that cover another one for a while.

What the threads found still reaches the screen below, so that it is up to date when it is seen
again. Subclasses add what concerns themselves.
"""

from __future__ import annotations

from torc_tui.tui.feed.handovers import Handover
from torc_tui.tui.feed.machine import MachineNews
from torc_tui.tui.frame.base_screen import TorcScreen


class CoveringScreen(TorcScreen):
    """A screen over ``below``."""

    def __init__(self, below: TorcScreen) -> None:
        super().__init__()
        self.below = below

    def receive(self, item: Handover) -> None:
        self.below.receive(item)

    def machine_read(self, news: MachineNews) -> None:
        self.below.machine_read(news)

    @property
    def busy(self) -> bool:
        return self.below.busy

    def every_second(self, now: float) -> None:
        self.below.every_second(now)

    def every_tick(self, now: float) -> None:
        self.below.every_tick(now)
