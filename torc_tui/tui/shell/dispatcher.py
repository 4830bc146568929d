"""From a pressed key to the handler of a command."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isawaitable

from textual import events

from torc_tui.errors import TorcError
from torc_tui.tui.frame.action_runner import READ_ONLY
from torc_tui.tui.frame.base_screen import contexts, handlers_of
from torc_tui.tui.frame.command import AppCommand
from torc_tui.tui.frame.keymap import PENDING
from torc_tui.tui.shell.shell_app import ShellApp
from torc_tui.tui.widgets.command_node import Handler, is_text_field


class Dispatcher:
    """Finds and runs the commands of pressed keys, including chords."""

    def __init__(self, app: ShellApp) -> None:
        self._app = app
        self._pressed = ""
        self._passed_on: events.Key | None = None

    def find(self, keys: str, *, printable: bool) -> AppCommand | str | None:
        """Return the command of a key; ``PENDING`` for the beginning of a chord."""
        here = contexts(self._app.screen)
        before, self._pressed = self._pressed, ""
        if "text" in here and printable:
            return None
        pressed = f"{before} {keys}" if before else keys
        found = self._app.keymap.find(pressed, here)
        if found is PENDING:
            self._pressed = pressed
        return found

    def pass_on(self, event: events.Key) -> None:
        """Send a key that was typed ahead to the text field that has got the focus since."""
        focused = self._app.screen.focused
        if focused is not None and is_text_field(focused) and event is not self._passed_on:
            self._passed_on = events.Key(event.key, event.character)
            focused.post_message(self._passed_on)

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the available commands, from the focus outwards."""
        return {**self._app.handlers(), **handlers_of(self._app.screen)}

    async def carry_out(self, command: AppCommand) -> None:
        """Run a command, and show its errors."""
        app = self._app
        front = app.front()
        refusal = READ_ONLY if app.read_only else front.refusal if front else ""
        if command.writes and refusal:
            app.notify(f"{command.title}: {refusal}", severity="error")
            return
        handler = self.handlers().get(command.id)
        if handler is None:
            return
        try:
            result = handler()
            if isawaitable(result):
                await result
        except TorcError as error:
            app.show_error(error)
