"""Screens that lie over another one for a while: what the threads found still reaches that one, so
that it is true when it is seen again.

What comes in: the screen below. What goes out: every ``take_…`` to it; subclasses add what concerns
themselves.
"""

from __future__ import annotations

from torc_tui.tui.feed.feed_worker import Answer, Changes, Gone, Listed, Loaded
from torc_tui.tui.frame.base_screen import TorcScreen


class CoveringScreen(TorcScreen):
    """``take_own`` gets the answers to questions whose key begins with ``NAME``."""

    NAME = ""

    def __init__(self, below: TorcScreen) -> None:
        super().__init__()
        self.below = below

    def take_loaded(self, loaded: Loaded) -> None:
        self.below.take_loaded(loaded)

    def take_changes(self, changes: Changes) -> None:
        self.below.take_changes(changes)

    def take_listed(self, listed: Listed) -> None:
        self.below.take_listed(listed)

    def take_gone(self, gone: Gone) -> None:
        self.below.take_gone(gone)

    def take_answer(self, answer: Answer) -> None:
        if isinstance(answer.key, tuple) and answer.key[0] == self.NAME:
            if answer.error is not None:
                self.failed(str(answer.key[1]), answer.error)
            else:
                self.take_own(str(answer.key[1]), answer.value)
        else:
            self.below.take_answer(answer)

    def take_own(self, what: str, value: object) -> None:
        """The answer to a question of this screen."""

    def failed(self, what: str, error: Exception) -> None:
        """The question could not be answered."""
        self.torc.complain(error)

    def take_store(self, lost: str | None) -> None:
        self.below.take_store(lost)

    @property
    def busy(self) -> bool:
        return self.below.busy

    def every_second(self, now: float) -> None:
        self.below.every_second(now)

    def every_tick(self, now: float) -> None:
        self.below.every_tick(now)
