"""Import Textual faster, before anything else of the app is imported."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def import_textual() -> None:
    """Import Textual without its command palette, which the app does not use.

    The palette loads ten widgets that the app does not use either: a thirtieth of the start.
    """
    if "textual.command" in sys.modules:
        return
    stand_in: Any = ModuleType("textual.command")
    stand_in.__getattr__ = _stand_in
    sys.modules["textual.command"] = stand_in
    try:
        import textual.app  # noqa: F401 - imported for others
    finally:
        del sys.modules["textual.command"]


def _stand_in(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {})
