"""The input field of a filter line, and its completion. Imported when a filter is first typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.suggester import Suggester
from textual.widgets import Input

from torc_tui.tui.widgets.command_node import CommandNode


class FilterField(CommandNode, Input):
    """The input field; its keys are in the command table."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("filter",)


class GhostText(Suggester):
    """Suggests the first text of ``complete`` that continues the typed text."""

    def __init__(self, complete: Callable[[str], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        found = (text for text in self.complete(value) if text.startswith(value) and text != value)
        return next(found, None)
