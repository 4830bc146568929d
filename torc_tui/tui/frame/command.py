"""A command of the app: what it is called, where it works, and its keys.

Keys are written as users write them: ``R``, ``?``, ``ctrl+p``, ``space``. The keys of a chord are
separated by a space: ``g g``; alternatives by two.
"""

from __future__ import annotations

from typing import Any

from torc_tui.records import dataclass

PRESETS = ("default", "vim")

ARROWS = (("h", "left", "to the left"), ("l", "right", "to the right"), ("k", "up", "above"),
           ("j", "down", "below"))  # fmt: skip
"""The arrows with their keys of vim, and the words for a step with each."""

CONTEXTS = {
    "app": "Everywhere",
    "text": "Text fields",
    "filter": "Filter",
    "list": "Lists",
    "canvas": "Pages and graphs",
    "tree": "JSON tree",
    "log": "Log",
    "editor": "Editor",
    "workflows": "List of workflows",
    "workflow": "Workflow",
    "jobs": "Jobs",
    "graph": "Graph",
    "timeline": "Timeline",
    "replay": "Replay",
    "data": "User data",
    "files": "Files",
    "details": "Overview",
    "events": "Events",
    "results": "Results",
    "sweep": "Sweep",
    "heat": "Heat map",
    "rerun": "Rerun",
    "failures": "Failures",
    "plan": "Rerun plan",
    "runners": "Runners",
    "allocations": "Allocations",
    "new": "New workflow",
    "split": "Panes",
    "overlay": "Dialogs",
}
"""The contexts in which commands work, and their headings in the help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCommand:
    """One command of the app.

    ``shell`` is the command line that does the same, with placeholders such as ``ID``. ``footer``
    is the rank in the footer: 1 first, 0 never. ``short`` is the word there. With ``row``, the
    command stands there for the commands from the first to the last of these two (``1-9 tabs``).
    ``writes``: the command changes the database, so read-only mode refuses it.
    """

    id: str
    title: str
    help: str
    where: tuple[str, ...]
    keys: tuple[str, ...] = ()
    vim: tuple[str, ...] | None = None
    footer: int = 0
    writes: bool = False
    shell: str | None = None
    palette: bool = True
    short: str = ""
    row: tuple[str, str] | None = None

    def keys_of(self, preset: str) -> tuple[str, ...]:
        """Return the keys in a preset."""
        return self.vim if preset == "vim" and self.vim is not None else self.keys


def cmd(id: str, title: str, help: str, where: str, keys: str = "", **more: Any) -> AppCommand:
    """Return a command that only the app has."""
    if "vim" in more:
        more["vim"] = _keys(more["vim"])
    where_all = tuple(where.split())
    return AppCommand(id=id, title=title, help=help, where=where_all, keys=_keys(keys), **more)


def _keys(text: str) -> tuple[str, ...]:
    return tuple(key for key in text.split("  ") if key)


def hidden(id: str, title: str, help: str, where: str, keys: str = "", **more: Any) -> AppCommand:
    """Return a command that the palette does not list, such as a cursor movement."""
    return cmd(id, title, help, where, keys, palette=False, **more)
