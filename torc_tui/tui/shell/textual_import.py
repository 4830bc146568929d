"""Import Textual faster, before anything else of the app is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from torc_tui.lazy_regex import compiled_late

UNUSED = "textual.command"
"""The command palette loads ten widgets that the app does not use either: a thirtieth of the
start."""
RARE = ("mimetypes", "platformdirs", "uuid")
"""Modules of which Textual calls few functions, for downloads and notifications: 6 ms."""


def import_textual() -> None:
    """Import Textual without what the app does not use, or not at its start."""
    if "textual.command" in sys.modules:
        return
    absent = [name for name in RARE if name not in sys.modules]
    sys.modules[UNUSED] = _module(UNUSED, lambda name: type(name, (), {}))
    for each in absent:
        sys.modules[each] = _module(each, _late_function(each))
    try:
        with compiled_late():
            import textual.app  # noqa: F401 - imported for others
    finally:
        for each in (UNUSED, *absent):
            del sys.modules[each]


def _module(name: str, attribute: Callable[[str], object]) -> ModuleType:
    """Return a stand-in for a module; ``attribute`` makes what is imported from it."""

    def __getattr__(asked: str) -> object:
        if asked.startswith("__"):
            raise AttributeError(asked)
        return attribute(asked)

    stand_in: Any = ModuleType(name)
    stand_in.__getattr__ = __getattr__
    return stand_in  # type: ignore[no-any-return]  # a module


def _late_function(module: str) -> Callable[[str], object]:
    """Return a function from the name of a function of ``module`` to one that imports it late."""

    def attribute(name: str) -> object:
        return lambda *values, **named: getattr(import_module(module), name)(*values, **named)

    return attribute
