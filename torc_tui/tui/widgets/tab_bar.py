"""One line of tabs; the digits before the names are the keys of the table of commands."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from torc_tui.tui.cells import Line, Span
from torc_tui.tui.widgets.painted import Painted, Zones


class TabBar(Painted):
    """``tabs`` are (name, title); the current one is bold. Where the room ends, titles of the others shrink."""

    DEFAULT_CSS = """
    TabBar { height: 1; }
    """

    class Chosen(Message):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.tab = name

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
        """The name of the tab ``by`` places further, round the ends."""
        names = [name for name, _ in self.tabs]
        return names[(names.index(self.current) + by) % len(names)]

    def lines(self, width: int, height: int) -> Sequence[Line]:
        # First the digits leave, then letters, and at last only the digits are there.
        for letters, digits, gap in ((99, True, 2), (99, False, 2), (99, False, 1), (5, False, 1), (3, False, 1)):
            if 1 + sum(self._room(name, title, letters, digits, gap) for name, title in self.tabs) <= width:
                break
        else:
            letters, digits, gap = 0, True, 1
        zones = self._zones
        zones.clear()
        zones.add(1)
        spans: list[Span] = [(" ", "")]
        for name, title in self.tabs:
            key = self.keys.get(name, "") if digits else ""
            current = name == self.current
            text = title if current else title[:letters]
            spans += [
                (key, "key" if current else "faint"),
                (" " if key and text else "", ""),
                (text, "strong underline" if current else "muted"),
                (" " * gap, ""),
            ]
            zones.add(self._room(name, title, letters, digits, gap), name)
        return [spans]

    def _room(self, name: str, title: str, letters: int, digits: bool, gap: int) -> int:
        key = self.keys.get(name, "") if digits else ""
        text = title if name == self.current else title[:letters]
        return len(key) + bool(key and text) + len(text) + gap

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if name := self._zones.at(event.x):
            self.post_message(self.Chosen(name))
