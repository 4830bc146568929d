"""The base of all screens: contexts and handlers from the focus outwards, and the footer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from textual.dom import DOMNode
from textual.screen import Screen

from torc_tui.model import Job, ResourceRequirements
from torc_tui.tui.feed.handovers import Handover
from torc_tui.tui.feed.machine import MachineReading
from torc_tui.tui.feed.reader import Failed, ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.bars import FooterBar
from torc_tui.tui.frame.command import AppCommand
from torc_tui.tui.frame.commands import footer
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.widgets.command_node import CommandNode, Handler, is_open, is_text_field
from torc_tui.tui.widgets.line_compositor import LineCompositor
from torc_tui.tui.widgets.line_list import LineList

T = TypeVar("T")


def chain(screen: Screen[Any]) -> Iterator[DOMNode]:
    """Yield the focused widget, its parents, and the screen."""
    node: DOMNode | None = screen.focused
    while node is not None and node is not screen:
        yield node
        node = node.parent
    yield screen


def contexts(screen: Screen[Any]) -> list[str]:
    """Return the active contexts, the innermost first.

    In a text field printable keys are text, so that few other contexts hold there. Elsewhere the
    leading contexts of the screen precede all others.
    """
    found: list[str] = []
    for node in chain(screen):
        names = node.CONTEXTS if isinstance(node, CommandNode) else ()
        if is_text_field(node):
            names = (*names, "text")
        found += [name for name in names if name not in found]
    if "text" in found:
        return ["editor", "text"] if "editor" in found else found[: found.index("text") + 1]
    if "overlay" not in found:
        found.append("app")
    return [*screen.leading_contexts, *found] if isinstance(screen, TorcScreen) else found


def handlers_of(screen: Screen[Any]) -> dict[str, Handler]:
    """Return the active handlers of a screen; inner nodes take precedence."""
    found: dict[str, Handler] = {}
    for node in chain(screen):
        if isinstance(node, CommandNode):
            found = {**node.handlers(), **found}
    return found


class TorcScreen(CommandNode, Screen[None]):
    """The base of the screens. The app passes records of the threads to it, in one batch."""

    leading_contexts: Sequence[str] = ()
    """The contexts that precede those of the focused widget."""
    refusal: str = ""
    """Why nothing can be changed now; empty if changes are possible."""
    waits: bool = False
    """Whether the first paint waits for data; the footer is then shown with the data."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = LineCompositor()

    @property
    def torc(self) -> AppPort:
        return cast(AppPort, self.app)

    # -- what the app hands over -------------------------------------------------------------------

    def receive(self, item: Handover) -> None:
        """Handle a record of the threads; the app delivers answers itself."""

    def machine_read(self, news: MachineReading) -> None:
        """Handle a reading of the machine, which the app has already stored."""

    def requirements_on_screen(self) -> tuple[int | None, Mapping[int, ResourceRequirements]]:
        """Return the workflow on screen, and the requirements of ready jobs on screen."""
        return None, {}

    @property
    def busy(self) -> bool:
        """Whether the screen needs the next tick even without news from the threads."""
        return False

    def every_second(self, now: float) -> None:
        """Update what changes with time alone."""

    def every_tick(self, now: float) -> None:
        """Do postponed work."""

    def find_jobs(self, words: Sequence[str]) -> Sequence[Job]:
        """Return the first jobs whose names contain all words, for the palette."""
        return ()

    def go_to_job(self, job_id: int, *, focus: bool = True) -> None:
        """Select a job on screen."""

    def exit_message(self) -> str | None:
        """Return the message for the terminal after the app is closed."""
        return None

    def name_of_job(self, job_id: int | None) -> str | None:
        """Return the name of a job of the workflow on screen; None if unknown."""
        return None

    def ask(
        self,
        key: Hashable,
        read: Callable[[FeedReader], T],
        then: Callable[[T], None],
        failed: Failed | None = None,
        *,
        slow: bool = False,
    ) -> None:
        """Ask the reader thread; the answer is dropped if the screen is closed by then.

        A ``slow`` question does not keep others waiting.
        """

        def deliver(result: T) -> None:
            if is_open(self):
                then(result)

        def refuse(error: ReadError) -> None:
            if is_open(self):
                (failed or self.torc.show_error)(error)

        reader = self.torc.planner if slow else self.torc.reader
        reader.ask(key, read, deliver, refuse)

    # -- the footer --------------------------------------------------------------------------------

    def is_idle(self, command: AppCommand) -> bool:
        """Return whether the command would do nothing now; the footer leaves it out."""
        if command.writes and self.refusal:
            return True
        in_text = "text" in contexts(self)
        if command.id == "command-line":
            return self.torc.last_line is None
        if "list" in command.where and isinstance(self.focused, LineList):
            return not self.focused.order
        return command.id == "next-pane" and (in_text or len(self.focus_chain) < 2)

    def available(self) -> list[AppCommand]:
        """Return the commands for the footer: those with a handler that would do something now.

        The first of these in a row stands for the row.
        """
        here = contexts(self)
        keymap, handlers = self.torc.keymap, self.torc.handlers_here()
        found: dict[object, AppCommand] = {}
        for command in footer(here):
            if (
                command.id in handlers
                and not self.is_idle(command)
                and any(keymap.find(key, here) is command for key in keymap.keys(command.id))
            ):
                found.setdefault(command.row or command.id, command)
        return list(found.values())

    def show_keys(self) -> None:
        """Update the footer."""
        if self.waits:
            return
        for bar in self.query(FooterBar):
            bar.show(self.available(), self.torc.keymap)

    on_descendant_focus = on_descendant_blur = on_screen_resume = show_keys

    def on_footer_bar_command_clicked(self, event: FooterBar.CommandClicked) -> None:
        self.torc.run_command(event.command_id)


class CoveringScreen(TorcScreen):
    """A screen over ``below``, which stays up to date."""

    def __init__(self, below: TorcScreen) -> None:
        super().__init__()
        self.below = below

    def receive(self, item: Handover) -> None:
        self.below.receive(item)

    def machine_read(self, news: MachineReading) -> None:
        self.below.machine_read(news)

    @property
    def busy(self) -> bool:
        return self.below.busy

    def every_second(self, now: float) -> None:
        self.below.every_second(now)

    def every_tick(self, now: float) -> None:
        self.below.every_tick(now)
