"""Show a list, and below it a panel where the rows of the list leave room.

Input: the number of rows, the size. Output: the panel is shown or hidden. Invariant: a hidden panel
costs nothing.
"""

from __future__ import annotations

from textual.app import ComposeResult

from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.sides import FramedSide, Side
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.virtual_table import VirtualTable

PANEL_FROM = 9
"""Minimum number of lines that the rows must leave for the panel."""
EMPTY = 3
"""Lines in which an empty table explains why it is empty."""
FRAME = 2
"""Lines of a frame."""


class PanelSide(Side):
    """A table with its filter in a frame, and a panel below it."""

    def __init__(
        self,
        filter_line: FilterLine,
        table: VirtualTable,
        panel: FramedSide,
        *,
        title: str,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.filter_line = filter_line
        self.table = table
        self.main = FramedSide(filter_line, table, title=title)
        self.panel = panel
        self.panel.display = False

    def compose(self) -> ComposeResult:
        yield self.main
        yield self.panel

    @property
    def is_framed(self) -> bool:
        return self.main.is_framed

    def set_framed(self, framed: bool) -> None:
        self.main.set_framed(framed)
        self.panel.set_framed(framed)
        self.place()

    def on_resize(self) -> None:
        self.place()

    def place(self) -> None:
        """Show the panel if the rows of the table leave room for it."""
        rows = len(self.table.order) or EMPTY
        needed = rows + 1 + self.filter_line.display + FRAME * self.is_framed
        shows = self.is_framed and self.size.height - needed >= PANEL_FROM
        self.main.styles.height = needed if shows else "1fr"
        if self.panel.display is not shows:
            self.panel.display = shows
        if isinstance(self.parent, Split):
            self.parent.limit_first(needed + 1)
