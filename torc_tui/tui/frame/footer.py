"""The line at the bottom: the keys that work here; a click on one does the same."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from torc_tui.tui.frame.commands import Command
from torc_tui.tui.frame.keymap import KeyMap
from torc_tui.tui.look.text_layout import Line, Span, width_of
from torc_tui.tui.widgets.painted import Painted, Zones


class FooterBar(Painted):
    """Shows as many commands as have room, the most important first."""

    BASE = "header"
    DEFAULT_CSS = """
    FooterBar { dock: bottom; height: 1; }
    """

    class Chosen(Message):
        """A command was clicked."""

        def __init__(self, command_id: str) -> None:
            super().__init__()
            self.command_id = command_id

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.commands: Sequence[Command] = ()
        self.keymap = KeyMap()
        self._zones = Zones()

    def show(self, commands: Sequence[Command], keymap: KeyMap) -> None:
        if list(commands) != list(self.commands) or keymap is not self.keymap:
            self.commands, self.keymap = commands, keymap
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        spans: list[Span] = [(" ", "")]
        zones = self._zones
        zones.clear()
        zones.add(1)
        left = width + 1  # one cell before the first; the gap behind the last needs no room
        # Help and quit always stay: help leads to everything else.
        kept = [command for command in self.commands if command.id in ("help", "quit")]
        reserve = sum(self._width(command) for command in kept)
        chosen: list[Command] = []
        for command in self.commands:
            if command in kept or not self._words(command)[0]:
                continue
            if self._width(command) > left - reserve:
                continue
            left -= self._width(command)
            chosen.append(command)
        for command in [*chosen, *(one for one in kept if self.keymap.key(one.id))]:
            key, word = self._words(command)
            if self._width(command) > width:
                continue
            spans += [(key, "key"), (f" {word}", "key-title"), ("  ", "")]
            zones.add(width_of(key) + 1 + width_of(word), command.id)
            zones.add(2)
        return [spans]

    def _width(self, command: Command) -> int:
        return sum(map(width_of, self._words(command))) + 3

    def _words(self, command: Command) -> tuple[str, str]:
        """Return the keys of a command, or of the row it stands for, and its word."""
        keys = [self.keymap.key(one) for one in command.row or (command.id,)]
        return "-".join(keys) if all(keys) else "", command.short or command.title

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if name := self._zones.at(event.x):
            self.post_message(self.Chosen(name))
