"""Show the lines at the top and at the bottom of a screen.

The header shows the workflow, its progress, the machine and the database. The footer shows the
available keys; a click on a key runs its command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.message import Message

from torc_tui.records import dataclass
from torc_tui.tui.feed.machine import Meter
from torc_tui.tui.frame.command import AppCommand
from torc_tui.tui.frame.keymap import KeyMap, default_keys
from torc_tui.tui.look.status_icons import Sign
from torc_tui.tui.look.text_layout import Line, Span, bar, sanitize, shares, width_of
from torc_tui.tui.widgets.painted import Painted, Zones, joined
from torc_tui.wording import count

Item = tuple[int, Line]
"""A part of the header with its importance; 0 is never left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderState:
    """The content of the header.

    ``lost`` is why the database cannot be read, None while it can. ``parts`` are counts with their
    styles, for the bar. ``watches`` counts what the user will be notified of. ``orphaned`` means
    that jobs are marked as running and no runner watches them. ``absent`` names a runner without a
    heartbeat. ``room`` and ``queue`` are about the allocations of the workflow.
    """

    title: str
    state: Sign | None = None
    run: int | None = None
    done: int = 0
    total: int = 0
    failed: int = 0
    running: int = 0
    parts: Sequence[tuple[int, str]] = ()
    eta: str = ""
    meters: tuple[Meter, ...] = ()
    lost: str | None = None
    read_only: bool = False
    watches: int = 0
    note: str = ""
    orphaned: bool = False
    absent: str = ""
    room: str = ""
    queue: str = ""


class HeaderBar(Painted):
    """Paints a `HeaderState`; parts without room are left out by importance."""

    BASE = "header"
    DEFAULT_CSS = """
    HeaderBar { dock: top; height: 1; }
    """

    def __init__(
        self,
        state: HeaderState | None = None,
        show_counted: Callable[[str], None] = lambda word: None,
    ) -> None:
        """Prepare the bar; ``show_counted`` is called when ``failed`` or ``running`` is clicked."""
        super().__init__()
        self._show_counted = show_counted
        self._state = state or HeaderState(title="torc")
        self._zones = Zones()

    @property
    def state(self) -> HeaderState:
        """Return the content."""
        return self._state

    @state.setter
    def state(self, state: HeaderState) -> None:
        if state != self._state:
            self._state = state
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        state = self._state
        items = [*_condition(state, width), *_progress(state, width), *_surroundings(state)]
        spans: list[Span] = [(" ", ""), *joined(items, width - 2)]
        counts = {_running(state): "running", _failed(state): "failed"}
        self._zones.clear()
        for text, _ in spans:
            self._zones.add(width_of(text), counts.get(text, ""))
        return [spans]

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if name := self._zones.at(event.x):
            self._show_counted(name)


def _condition(state: HeaderState, width: int) -> list[Item]:
    """Return the title, the state, and problems."""
    items: list[Item] = [(0, [(sanitize(state.title), "header-strong")])]
    if state.lost is not None:
        text = f"✖ database unavailable: {sanitize(state.lost)} (retrying)"
        items.append((0, [(text, "error bold")]))
    if state.read_only:
        items.append((3, [("read-only", "warning")]))
    if state.watches:
        items.append((5, [(f"◆ {count(state.watches, 'notification')}", "accent")]))
    if state.state is not None:
        sign = state.state
        items.append((0 if width >= 30 else 1, [(f"{sign.sign} {sign.word}", sign.style)]))
    if state.orphaned:
        items.append((1, [("no runner", "error bold")]))
    elif state.absent:
        items.append((1, [(state.absent, "warning")]))
    return items


def _progress(state: HeaderState, width: int) -> list[Item]:
    items: list[Item] = []
    if state.run is not None:
        items.append((7, [(f"run {state.run}", "")]))
    if state.total:
        cells = 8 if width < 100 else 16 if width < 160 else 24
        share = bar(state.done / state.total, cells)
        meter: list[Span] = shares(state.parts, cells) if state.parts else share
        count: Line = [(f"{state.done}/{state.total}", "header-strong")]
        items.append((1, [*meter, (" ", ""), *count] if width >= 60 else count))
    if state.running:
        items.append((6, [(_running(state), "running")]))
    if state.failed:
        items.append((2, [(_failed(state), "failed")]))
    if state.eta:
        items.append((4, [("ETA ", ""), (state.eta, "header-strong")]))
    return items


def _running(state: HeaderState) -> str:
    return f"{state.running} running"


def _failed(state: HeaderState) -> str:
    return f"{state.failed} failed"


def _surroundings(state: HeaderState) -> list[Item]:
    items: list[Item] = []
    if state.room:
        items.append((3, [(state.room, "load")]))
    if state.queue:
        items.append((5, [(state.queue, "pending")]))
    for place, meter in enumerate(state.meters):
        style = "load-high" if meter.high else "load"
        items.append((8 + place, [(f"{meter.name} ", ""), (f"{meter.used}/{meter.total}", style)]))
    if state.note:
        items.append((5, [(sanitize(state.note), "")]))
    return items


class FooterBar(Painted):
    """Shows as many commands as have room, the most important first."""

    BASE = "header"
    DEFAULT_CSS = """
    FooterBar { dock: bottom; height: 1; }
    """

    @dataclass(slots=False)
    class CommandClicked(Message):
        """A command was clicked."""

        command_id: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.commands: Sequence[AppCommand] = ()
        self.keymap = default_keys()
        self._zones = Zones()

    def show(self, commands: Sequence[AppCommand], keymap: KeyMap) -> None:
        if list(commands) != list(self.commands) or keymap is not self.keymap:
            self.commands, self.keymap = commands, keymap
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        spans: list[Span] = [(" ", "")]
        zones = self._zones
        zones.clear()
        zones.add(1)
        left = width + 1  # one cell before the first; the gap after the last needs no cell
        # Help and quit always stay: help leads to everything else.
        kept = [command for command in self.commands if command.id in ("help", "quit")]
        reserve = sum(self._width(command) for command in kept)
        chosen: list[AppCommand] = []
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

    def _width(self, command: AppCommand) -> int:
        return sum(map(width_of, self._words(command))) + 3

    def _words(self, command: AppCommand) -> tuple[str, str]:
        """Return the keys of a command, or of the row that it represents, and its label."""
        keys = [self.keymap.key(one) for one in command.row or (command.id,)]
        return "-".join(keys) if all(keys) else "", command.short or command.title

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        if name := self._zones.at(event.x):
            self.post_message(self.CommandClicked(name))
