"""Show a line of tabs; the digits before the names are their keys."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.tui.widgets.painted import Painted, Zones


class TabBar(Painted):
    """A line of tabs (name, title).

    Where the room ends, tabs around the current one are shown, with marks that lead to the others.
    """

    DEFAULT_CSS = """
    TabBar { height: 1; }
    """

    @dataclass(slots=False)
    class TabClicked(Message):
        """A tab was clicked."""

        tab: str

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tabs = tabs
        self.current = tabs[0][0]
        self.keys: dict[str, str] = {}
        self._zones = Zones()

    def choose(self, name: str) -> None:
        self.current = name
        self.repaint()

    def step(self, by: int) -> str:
        """Return the name of the tab ``by`` places further, wrapping around."""
        names = [name for name, _ in self.tabs]
        return names[(names.index(self.current) + by) % len(names)]

    def lines(self, width: int, height: int) -> Sequence[Line]:
        # First the digits leave, then the room between; then not all tabs are shown.
        for digits, gap in ((True, 2), (False, 2), (False, 1)):
            if (
                1 + sum(self._room(name, title, digits) + gap for name, title in self.tabs) - gap
                <= width
            ):
                break
        first, last = self._window(width, digits, gap)
        zones = self._zones
        zones.clear()
        spans: list[Span] = [("‹" if first else " ", "accent")]
        zones.add(1, self.tabs[first - 1][0] if first else "")
        for name, title in self.tabs[first:last]:
            key = self.keys.get(name, "") if digits else ""
            current = name == self.current
            spans += [
                (f"{key} " if key else "", "key" if current else "faint"),
                (title, "strong underline" if current else "muted"),
                (" " * gap, ""),
            ]
            zones.add(self._room(name, title, digits) + gap, name)
        if last < len(self.tabs):
            spans.append(("›", "accent"))
            zones.add(1, self.tabs[last][0])
        return [spans]

    def _window(self, width: int, digits: bool, gap: int) -> tuple[int, int]:
        """Return the range of tabs around the current one that fits."""
        rooms = [self._room(name, title, digits) + gap for name, title in self.tabs]
        here = [name for name, _ in self.tabs].index(self.current)
        first, last = here, here + 1
        left = width - 1 - rooms[here] + gap
        while True:
            after = last < len(rooms) and rooms[last] + (last + 1 < len(rooms)) <= left
            before = first > 0 and rooms[first - 1] + (last < len(rooms)) <= left
            if before and (not after or here - first < last - 1 - here):
                first -= 1
                left -= rooms[first]
            elif after:
                left -= rooms[last]
                last += 1
            else:
                return first, last

    def _room(self, name: str, title: str, digits: bool) -> int:
        key = self.keys.get(name, "") if digits else ""
        return len(key) + bool(key) + len(title)

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if name := self._zones.at(event.x):
            self.post_message(self.TabClicked(name))
