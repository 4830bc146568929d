"""Show a list with the details of its selected row: side by side if they fit, else stacked.

Input: the rows of the list. Output: a border without empty rows in a stack; a message instead of an
empty list.
"""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.widgets.command_node import CommandNode
from torc_tui.tui.widgets.empty_state import EmptyState
from torc_tui.tui.widgets.sides import Side
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.table_model import Rows
from torc_tui.tui.widgets.virtual_table import VirtualTable

BESIDE_FROM = 96
"""Smallest width at which the parts are side by side."""
ABOVE_FROM = 7
"""Smallest height at which the parts are stacked."""
BESIDE, ABOVE = 0.42, 0.45
"""Maximum share of the list."""
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


class ListPart(CommandNode, Vertical):
    """A list with the details of its selected row, or a message if it has no rows."""

    DEFAULT_CSS = """
    ListPart { width: 1fr; height: 1fr; }
    """

    def __init__(
        self, pane: Pane, host: WorkflowHost, rows: Rows, details: Widget, message: str
    ) -> None:
        super().__init__()
        self._pane = pane
        self._host = host
        self.table = VirtualTable(rows, empty="", fits=True)
        self.details = details
        self.split = ListSplit(Side(self.table), details)
        self.empty = EmptyState()
        self.empty.show(message)

    def compose(self) -> ComposeResult:
        yield self.empty
        yield self.split

    def on_mount(self) -> None:
        self.split.display = False

    def on_line_list_selected(self) -> None:
        self.show_selected()

    def show_selected(self) -> None:
        """Show the details of the row under the cursor."""
        raise NotImplementedError

    @property
    def focus_target(self) -> VirtualTable | EmptyState:
        """Return the widget that gets the focus."""
        return self.table if self.table.order else self.empty

    def show_rows(self) -> None:
        """Show the rows, or the message; the focus stays in this part."""
        focused = self.screen.focused
        above = [] if focused is None else focused.ancestors_with_self
        self.table.set_rows(self.table.rows)
        some = bool(self.table.order)
        self.split.display, self.empty.display = some, not some
        self.split.fit(len(self.table.order))
        if self in above and not (some and self.details in above):
            self.focus_target.focus()
        self.show_selected()
