"""The base of everything that carries out commands: widgets, panes and screens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from textual import events

Handler = Callable[[], Awaitable[None] | None]
"""Carries out one command."""


class CommandNode:
    """A mixin: a command runs in the first node with a handler, from the focus outwards."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ()
    """The contexts of the command table that hold while the node has the focus, or contains it."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each command, by the id of the command."""
        return {}


_KEYS = {
    "up": ("cursor-up", "pan-up"),
    "down": ("cursor-down", "pan-down"),
    "pageup": ("page-up",),
    "pagedown": ("page-down",),
    "home": ("cursor-top",),
    "end": ("cursor-bottom",),
}


def move_by_key(event: events.Key, node: CommandNode, *, ends: bool = False) -> bool:
    """Scroll a list or canvas without the focus; return False for any other key.

    Without ``ends``, home and end are left to the text field that has the focus.
    """
    handlers = node.handlers()
    names = _KEYS.get(event.key, ()) if ends or event.key not in ("home", "end") else ()
    for name in names:
        if name in handlers:
            handlers[name]()
            event.stop()
            event.prevent_default()
            return True
    return False
