"""A list with the details of its selected row: side by side if there is room, else stacked.

Input: how many rows the list has. Output: a border that leaves no empty rows in a stack.
"""

from __future__ import annotations

from textual import events
from textual.widget import Widget

from torc_tui.tui.widgets.split import Split

BESIDE_FROM = 96
"""From this width on, the parts stand beside each other."""
ABOVE_FROM = 7
"""From this height on, the parts stand above each other."""
BESIDE, ABOVE = 0.42, 0.45
"""Share of the list, at most."""
HEADINGS = 1
"""Lines of the list besides its rows."""


class ListSplit(Split):
    """A list beside or above the details of its selected row."""

    def __init__(self, first: Widget, second: Widget) -> None:
        super().__init__(first, second, side_from=BESIDE_FROM, stack_from=ABOVE_FROM)
        self._rows = 0

    def fit(self, rows: int) -> None:
        """Fit the size of the list to its rows."""
        self._rows = rows
        height = max(1, self.size.height)
        needed = (rows + HEADINGS) / height
        ratio = BESIDE if self.shape == "side" else min(ABOVE, needed)
        if ratio != self.ratio:
            self.ratio = ratio
            self.place()

    def _on_resize(self, event: events.Resize) -> None:
        super()._on_resize(event)
        self.fit(self._rows)
