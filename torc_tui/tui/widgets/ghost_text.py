"""The first completion of a field, shown behind the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.suggester import Suggester


class GhostText(Suggester):
    """Suggests the first text of ``complete`` that goes on from what was typed."""

    def __init__(self, complete: Callable[[str], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        found = (text for text in self.complete(value) if text.startswith(value) and text != value)
        return next(found, None)
