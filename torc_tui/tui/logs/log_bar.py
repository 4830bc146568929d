"""The two lines below a log: its state, and the field for a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from torc_tui.tui.look.text_layout import Line, line_width
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.filter_line import FilterNote
from torc_tui.tui.widgets.painted import Painted, joined


class LogBar(Painted):
    """The line under the log: its state at the left, its name at the right."""

    BASE = "header"

    def __init__(self) -> None:
        super().__init__()
        self.state: list[tuple[int, Line]] = []
        self.what: list[tuple[int, Line]] = []

    def say(self, state: list[tuple[int, Line]], what: list[tuple[int, Line]]) -> None:
        """Parts with their importance: 0 stays whatever the width."""
        if (state, what) != (self.state, self.what):
            self.state, self.what = state, what
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        left = joined(self.state, width - 2)
        used = line_width(left)
        room = width - used - 6
        right = joined(self.what, room) if self.what and room > 4 else []
        if line_width(right) > room:
            right = []
        return [
            [(" ", ""), *left, (" " * max(0, width - 2 - used - line_width(right)), ""), *right]
        ]


class SearchLine(CommandNode, Horizontal):
    """The field for the text of a search. Hidden while there is no search."""

    DEFAULT_CSS = """
    SearchLine { height: 1; display: none; background: $surface; }
    SearchLine > Input { width: 1fr; border: none; height: 1; padding: 0; background: $surface; }
    """

    class Typed(Message):
        """The text changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Done(Message):
        """The typing is over: ``text`` is kept as the search; None: the search is canceled."""

        def __init__(self, text: str | None) -> None:
            super().__init__()
            self.text = text

    def compose(self) -> ComposeResult:
        yield FilterNote([(" / ", "accent bold")], classes="-sign")
        yield Input(placeholder="search the whole log", compact=True)

    def begin(self) -> None:
        self.display = True
        field = self.query_one(Input)
        field.select_all()
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value))

    def on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "down", "up"):
            event.stop()
            event.prevent_default()
            self.display = False
            self.post_message(self.Done(self.query_one(Input).value))

    def handlers(self) -> Mapping[str, Handler]:
        return {"back": self._give_up}

    def _give_up(self) -> None:
        self.display = False
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self.post_message(self.Done(None))
