"""The commands that work everywhere: help, palette, theme, keys, panes, leaving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.screen import Screen

from torc_tui.tui.frame import keymap as keymaps
from torc_tui.tui.frame.commands import Command
from torc_tui.tui.frame.keymap import KeyMap
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.shell.help import KEYS, HelpDialog
from torc_tui.tui.shell.palette import (
    Choice,
    command_rows,
    job_rows,
    theme_search,
    topic_rows,
    usable,
)
from torc_tui.tui.shell.shell_app import ShellApp
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import Finder, FoundRow, Reading


class AppCommands:
    """See the module."""

    def __init__(self, app: ShellApp) -> None:
        self._app = app

    def handlers(self) -> Mapping[str, Handler]:
        """Return the commands that are carried out here."""
        app = self._app
        return {
            "quit": app.quit,
            "quit-now": app.quit,
            "next-pane": lambda: _focus(app.screen, next_one=True),
            "previous-pane": lambda: _focus(app.screen, next_one=False),
            "suspend": app.action_suspend_process,
            "help": self._help,
            "palette": self._palette,
            "command-line": self._command_line,
            "theme": self._choose_theme,
            "keys-preset": self._switch_keys,
            "keys-write": self._write_keys,
            "screenshot": lambda: app.notify(f"wrote {app.save_screenshot()}"),
        }

    def _help(self, topic: str = KEYS) -> None:
        self._app.push(HelpDialog(self._app.contexts_here(), self._app.keymap, topic))

    def _command_line(self) -> None:
        line = self._app.last_line
        if line is None:
            self._app.notify("no action yet; this key shows the command line of the last one")
            return

        def wrapped(width: int) -> list[Line]:
            return [
                [(part[at : at + width], "strong")]
                for part in line.split("\n")
                for at in range(0, len(part) or 1, width)
            ]

        self._app.push(Reading("As a command", wrapped, copy=line))

    def _palette(self) -> None:
        app, front = self._app, self._app.front()
        # What works here is asked before the palette takes the focus.
        commands = usable(app.contexts_here(), app.handlers_here())

        def search(typed: str) -> Sequence[FoundRow[Choice]]:
            rows = command_rows(commands, app.keymap, typed)
            words = typed.lower().split()
            jobs = front.find_jobs(words) if words and front is not None else ()
            return [*rows, *job_rows(jobs), *topic_rows(words)]

        def take(chosen: Choice | None) -> None:
            if isinstance(chosen, Command):
                app.run_command(chosen.id)
            elif isinstance(chosen, str):
                self._help(chosen)
            elif chosen is not None and front is not None:
                front.go_to_job(chosen.id)

        app.push(Finder("Commands, jobs and help", search), take)

    # -- settings ----------------------------------------------------------------------------------

    def _choose_theme(self) -> None:
        app = self._app
        app.push(Finder("Theme", theme_search(app.theme_names, app.theme)), self._take_theme)

    def _take_theme(self, name: str | None) -> None:
        if name is not None:
            self._app.theme = name
            self._app.state.set("theme", name)

    def _switch_keys(self) -> None:
        app = self._app
        other = "vim" if app.keymap.preset == "default" else "default"
        app.keymap = KeyMap(other, app.keymap.changes)
        app.state.set("keys", other)
        app.notify(f"keys: {other}")
        if (screen := app.front()) is not None:
            screen.show_keys()

    def _write_keys(self) -> None:
        app = self._app
        if app.config_dir is None:
            app.notify("there is no configuration directory", severity="error")
        else:
            app.notify(f"wrote {keymaps.write(app.keymap, app.config_dir)}")


def _focus(screen: Screen[Any], *, next_one: bool) -> None:
    if next_one:
        screen.focus_next()
    else:
        screen.focus_previous()
