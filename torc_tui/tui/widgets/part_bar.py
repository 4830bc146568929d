"""The line above the parts of a tab: how much each has, and which one is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, Span, line_width, width_of
from torc_tui.tui.widgets.painted import Painted, Zones
from torc_tui.tuples import NamedTuple


class BarPart(NamedTuple):
    """A part. Of the texts that say how much it has, the first one that has room is shown."""

    name: str
    title: str
    amounts: Sequence[str]


class PartBar(Painted):
    """Parts on the left, a note on the right."""

    BASE = "header"

    @dataclass(slots=False)
    class PartClicked(Message):
        """A part was clicked."""

        part: str

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Sequence[BarPart], str, str, Sequence[str]] = ((), "", "", ())
        self._zones = Zones()

    def show(self, parts: Sequence[BarPart], current: str, key: str, notes: Sequence[str]) -> None:
        """Show other amounts, or another part; ``key`` switches between the parts.

        Of the notes, the first one that has room is shown.
        """
        if (parts, current, key, notes) != self._shown:
            self._shown = (parts, current, key, notes)
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        parts, current, key, notes = self._shown
        most = max((len(part.amounts) for part in parts), default=1)
        for rank in range(most):
            spans = self._parts(parts, current, key, rank)
            if line_width(spans) < width:
                break
        room = width - line_width(spans) - 1
        note = next((note for note in notes if width_of(note) <= room), "")
        return [[*spans, (" " * (room - width_of(note)), ""), (note, "muted")]]

    def _parts(self, parts: Sequence[BarPart], current: str, key: str, rank: int) -> list[Span]:
        spans: list[Span] = [(f" {key} ", "key")]
        self._zones.clear()
        self._zones.add(line_width(spans))
        for place, (name, title, amounts) in enumerate(parts):
            style = "header-strong underline" if name == current else "muted"
            amount = amounts[min(rank, len(amounts) - 1)]
            part: list[Span] = [(title, style), (f" {amount}" if amount else "", "muted")]
            gap = "   " if place + 1 < len(parts) else ""
            self._zones.add(line_width(part), name)
            self._zones.add(len(gap))
            spans += [*part, (gap, "")]
        return spans

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if part := self._zones.at(event.x):
            self.post_message(self.PartClicked(part))
