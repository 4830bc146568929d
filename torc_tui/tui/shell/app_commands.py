"""The commands that work everywhere: help, palette, theme, keys, panes, leaving."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from torc_tui.docs import topics
from torc_tui.model import Job
from torc_tui.tui.frame import keymap as keymaps
from torc_tui.tui.frame.base_screen import contexts
from torc_tui.tui.frame.command import AppCommand
from torc_tui.tui.frame.commands import COMMANDS
from torc_tui.tui.frame.keymap import KeyMap
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.look.theme import THEMES
from torc_tui.tui.shell.shell_app import ShellApp
from torc_tui.tui.widgets.command_node import Handler

if TYPE_CHECKING:
    from torc_tui.tui.widgets.dialogs import FoundRow

Found = AppCommand | Job | str
"""A result of the palette: a command, a job, or a help topic."""


ABOUT = {
    "torc-night": "dark",
    "torc-day": "light",
    "torc-safe": "for people with color vision deficiencies",
    "torc-16": "the colors of the terminal",
    "torc-mono": "no colors",
}
"""Descriptions of the built-in themes."""


class AppCommands:
    """The handlers of the app itself."""

    def __init__(self, app: ShellApp) -> None:
        self._app = app

    def handlers(self) -> Mapping[str, Handler]:
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

    def _help(self, topic: str = "") -> None:
        from torc_tui.tui.shell.help import KEYS, HelpDialog  # not before the first paint

        self._app.push(HelpDialog(contexts(self._app.screen), self._app.keymap, topic or KEYS))

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

        from torc_tui.tui.widgets.dialogs import TextDialog

        self._app.push(TextDialog("Command line of the last action", wrapped, copy=line))

    def _palette(self) -> None:
        from torc_tui.tui.widgets.dialogs import Finder

        app, front = self._app, self._app.front()
        # The available commands are determined before the palette has the focus.
        commands = usable(contexts(app.screen), app.handlers_here())

        def search(typed: str) -> Sequence[FoundRow[Found]]:
            rows = command_rows(commands, app.keymap, typed)
            words = typed.lower().split()
            jobs = front.find_jobs(words) if words and front is not None else ()
            return [*rows, *job_rows(jobs), *topic_rows(words)]

        def take(chosen: Found | None) -> None:
            if isinstance(chosen, AppCommand):
                app.run_command(chosen.id)
            elif isinstance(chosen, str):
                self._help(chosen)
            elif chosen is not None and front is not None:
                front.go_to_job(chosen.id)

        app.push(Finder("Commands, jobs and help", search), take)

    # -- settings ----------------------------------------------------------------------------------

    def _choose_theme(self) -> None:
        """Preview the theme under the cursor; escape restores the current theme."""
        from torc_tui.tui.widgets.dialogs import Finder

        app, before = self._app, self._app.theme

        def preview(name: str | None) -> None:
            app.theme = name or before

        def take(name: str | None) -> None:
            app.theme = name or before
            if name is not None:
                app.state.set("theme", name)

        search = theme_search(app.available_themes, before)
        dialog = Finder("Theme", search, preview)
        app.push(dialog, take)

    def _switch_keys(self) -> None:
        app = self._app
        other = "vim" if app.keymap.preset == "default" else "default"
        app.keymap = KeyMap(other, app.keymap.changes)
        app.state.set("keys", other)
        app.notify(f"key preset: {other}")
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


def usable(contexts: Sequence[str], handlers: Mapping[str, Handler]) -> list[AppCommand]:
    """Return the available commands: those about the selection first, those of the app last."""
    here = [*contexts, "app"]
    found = [
        command
        for command in COMMANDS
        if command.palette
        and command.id != "palette"
        and set(command.where) & set(here)
        and command.id in handlers
    ]
    found.sort(key=lambda command: min(here.index(name) for name in command.where if name in here))
    return found


def command_rows(
    commands: Iterable[AppCommand], keymap: KeyMap, typed: str
) -> list[FoundRow[Found]]:
    """Return the commands that contain all words."""
    words = typed.lower().split()
    return [
        (command, command.title, command.help, keymap.key(command.id))
        for command in commands
        if all(word in f"{command.title} {command.help}".lower() for word in words)
    ]


def job_rows(jobs: Iterable[Job]) -> list[FoundRow[Found]]:
    """Return rows for jobs."""
    return [(job, job.name, job.status.word, f"job {job.id}") for job in jobs]


def topic_rows(words: Sequence[str]) -> list[FoundRow[Found]]:
    """Return the help topics whose name or summary contains all words."""
    found = ((name, f"Help: {name}", topics.summary_of(name)) for name in topics.ORDER)
    return [
        (name, title, about.rstrip(".").replace("`", ""), "")
        for name, title, about in found
        if all(word in f"{title} {about}".lower() for word in words)
    ]


def theme_search(names: Iterable[str], current: str) -> Callable[[str], list[FoundRow[str]]]:
    """Return a search over the themes, ours first."""
    ours = sorted((theme.name for theme in THEMES), key=lambda name: name != current)
    others = sorted(name for name in names if not name.startswith("torc-"))

    def search(typed: str) -> list[FoundRow[str]]:
        return [
            (name, name, ABOUT.get(name, ""), "current" if name == current else "")
            for name in [*ours, *others]
            if typed.lower() in name.lower()
        ]

    return search
