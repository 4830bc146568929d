"""The app, as the parts of its shell see it: dispatcher, commands, tick and notifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from textual.screen import Screen
from textual.theme import Theme

from torc_tui.tui.feed.machine import MachineReading
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.widgets.command_node import Handler


class ShellApp(AppPort, Protocol):
    """The app with what only its shell uses."""

    theme: str
    config_dir: Path | None

    @property
    def screen(self) -> Screen[Any]:
        """Return the screen on top."""

    @property
    def available_themes(self) -> Mapping[str, Theme]:
        """Return all themes by name."""

    def front(self) -> TorcScreen | None:
        """Return the uppermost screen that is not a dialog."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the app itself."""

    def take_machine(self, news: MachineReading) -> None:
        """Handle a reading of the machine."""

    def show_due_notices(self, now: float) -> None:
        """Show collected notifications that are due."""

    def bell(self) -> None:
        """Ring the bell of the terminal."""

    def write_terminal(self, text: str) -> None:
        """Write a control sequence to the terminal."""

    def action_suspend_process(self) -> None:
        """Suspend the app, as ctrl+z does with other programs."""

    def save_screenshot(self) -> str:
        """Write a picture of the screen; return its path."""
