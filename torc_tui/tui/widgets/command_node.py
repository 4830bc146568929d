"""The base of everything that carries out commands: widgets, panes and screens."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from textual import events
from textual.widget import Widget

Handler = Callable[[], Awaitable[None] | None]
"""Carries out one command."""


class CommandNode:
    """A mixin: a command runs in the first node with a handler, from the focus outwards."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ()
    """The contexts of the command table that hold while the node has the focus, or contains it."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each command, by the id of the command."""
        return {}


def is_text_field(node: object) -> bool:
    """Return whether a node is an input field. Textual's module is imported with the first one."""
    module = sys.modules.get("textual.widgets._input")
    return module is not None and isinstance(node, module.Input)


def is_open(widget: Widget) -> bool:
    """Return whether a widget is complete and its screen is open.

    Textual removes the parts of a closed screen one by one, and adds those of a new widget before
    it is mounted: until then, and from then on, a widget may lack parts.
    """
    return widget.is_mounted and widget.is_attached and widget.screen in widget.app.screen_stack


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
