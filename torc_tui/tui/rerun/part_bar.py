"""The line above the parts of the tab *Rerun*: how much each has, and which one is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from torc_tui.tui.look.text_layout import Line, Span, line_width
from torc_tui.tui.widgets.painted import Painted, Zones


class PartBar(Painted):
    """Parts (name, title, amount) on the left, a note on the right."""

    BASE = "header"

    class Chosen(Message):
        """A part was clicked."""

        def __init__(self, part: str) -> None:
            super().__init__()
            self.part = part

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Sequence[tuple[str, str, str]], str, str, Sequence[str]]
        self._shown = ((), "", "", ())
        self._zones = Zones()

    def show(
        self, parts: Sequence[tuple[str, str, str]], current: str, key: str, notes: Sequence[str]
    ) -> None:
        """Show other amounts, or another part; ``key`` switches between the parts.

        Of the notes, the first one that has room is shown.
        """
        if (parts, current, key, notes) != self._shown:
            self._shown = (parts, current, key, notes)
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        parts, current, key, notes = self._shown
        spans: list[Span] = [(f" {key} ", "key")]
        self._zones.clear()
        self._zones.add(line_width(spans))
        for name, title, amount in parts:
            style = "header-strong underline" if name == current else "muted"
            part: list[Span] = [(title, style), (f" {amount}" if amount else "", "muted")]
            self._zones.add(line_width(part), name)
            self._zones.add(3)
            spans += [*part, ("   ", "")]
        room = width - line_width(spans) - 1
        note = next((note for note in notes if line_width([(note, "")]) <= room), "")
        return [[*spans, (" " * (room - line_width([(note, "")])), ""), (note, "muted")]]

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if part := self._zones.at(event.x):
            self.post_message(self.Chosen(part))
