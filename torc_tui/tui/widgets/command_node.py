"""The base of everything that carries out commands: widgets, panes and screens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

Handler = Callable[[], Awaitable[None] | None]
"""Carries out one command."""


class CommandNode:
    """A mixin: the first node from the focus outwards that has a handler carries out a command."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ()
    """The contexts of the command table that hold while the node has the focus, or contains it."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each command, by the id of the command."""
        return {}
