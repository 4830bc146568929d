"""The rows of the finder: commands, jobs and help topics for the palette, and themes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from torc_tui.docs import topics
from torc_tui.model import Job
from torc_tui.tui.frame.commands import COMMANDS, Command
from torc_tui.tui.frame.keymap import KeyMap
from torc_tui.tui.look.theme import THEMES
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import FoundRow

Choice = Command | Job | str
"""What the palette finds: a command, a job, or a topic of help."""


def usable(contexts: Sequence[str], handlers: Mapping[str, Handler]) -> list[Command]:
    """Return the commands that work here: those about the selection first, the app last."""
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


def command_rows(commands: Iterable[Command], keymap: KeyMap, typed: str) -> list[FoundRow[Choice]]:
    """Return the commands that have all the words."""
    words = typed.lower().split()
    return [
        (command, command.title, command.help, keymap.key(command.id))
        for command in commands
        if all(word in f"{command.title} {command.help}".lower() for word in words)
    ]


def job_rows(jobs: Iterable[Job]) -> list[FoundRow[Choice]]:
    """Return rows for jobs."""
    return [(job, job.name, job.status.word, f"job {job.id}") for job in jobs]


def topic_rows(words: Sequence[str]) -> list[FoundRow[Choice]]:
    """Return the topics of help that have all the words in their name or summary."""
    found = ((name, f"Help: {name}", topics.summary_of(name)) for name in topics.ORDER)
    return [
        (name, title, about.rstrip(".").replace("`", ""), "")
        for name, title, about in found
        if all(word in f"{title} {about}".lower() for word in words)
    ]


def theme_search(names: Iterable[str], current: str) -> Callable[[str], list[FoundRow[str]]]:
    """Return a search through the themes: ours, then the others."""
    ours = [theme.name for theme in THEMES]
    others = sorted(name for name in names if not name.startswith("torc-"))

    def search(typed: str) -> list[FoundRow[str]]:
        return [
            (name, name, "", "current" if name == current else "")
            for name in [*ours, *others]
            if typed.lower() in name.lower()
        ]

    return search
