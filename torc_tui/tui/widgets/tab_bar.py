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
        # Try full titles, then short ones, then only digits for all but the current.
        for short in (99, 6, 4, 0):
            total = 1 + sum(self._room(name, title, short) for name, title in self.tabs)
            if total <= width or short == 0:
                break
        zones = self._zones
        zones.clear()
        zones.add(1)
        spans: list[Span] = [(" ", "")]
        for name, title in self.tabs:
            key = self.keys.get(name, "")
            current = name == self.current
            text = title if current else title[:short]
            spans += [
                (key, "key" if current else "faint"),
                (" " if key and text else "", ""),
                (text, "strong underline" if current else "muted"),
                ("  " if text else " ", ""),
            ]
            zones.add(self._room(name, title, short), name)
        return [spans]

    def _room(self, name: str, title: str, short: int) -> int:
        key = self.keys.get(name, "")
        text = title if name == self.current else title[:short]
        return len(key) + bool(key and text) + len(text) + (2 if text else 1)

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if name := self._zones.at(event.x):
            self.post_message(self.Chosen(name))
