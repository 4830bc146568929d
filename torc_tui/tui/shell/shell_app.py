"""The app, as the parts of its shell see it: dispatcher, commands, tick and notifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from textual.screen import Screen

from torc_tui.tui.feed.machine import MachineNews
from torc_tui.tui.feed.watches import Ended
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.commands import Command
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.widgets.command_node import Handler


class ShellApp(AppPort, Protocol):
    """See the module."""

    theme: str
    config_dir: Path | None

    @property
    def screen(self) -> Screen[Any]:
        """Return the screen on top."""
        ...

    @property
    def theme_names(self) -> Sequence[str]:
        """Return the names of all themes."""
        ...

    def front(self) -> TorcScreen | None:
        """Return the uppermost screen that is not a dialog."""
        ...

    def contexts_here(self) -> list[str]:
        """Return the contexts that hold here and now."""
        ...

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the app itself."""
        ...

    def refuse_read_only(self, command: Command) -> None:
        """Say that the app is read-only."""
        ...

    def take_machine(self, news: MachineNews) -> None:
        """Take a reading of the machine."""
        ...

    def tell_ended(self, ended: Sequence[Ended]) -> None:
        """Notify the user of what ended."""
        ...

    def tell_batcher(self, now: float) -> None:
        """Show collected notifications that are due."""
        ...

    def bell(self) -> None:
        """Ring the bell of the terminal."""
        ...

    def write_terminal(self, text: str) -> None:
        """Write a control sequence to the terminal."""
        ...

    def action_suspend_process(self) -> None:
        """Suspend the app, as ctrl+z does with other programs."""
        ...

    def save_screenshot(self) -> str:
        """Write a picture of the screen; return its path."""
        ...
