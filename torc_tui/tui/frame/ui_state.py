"""Choices of the user that are kept for the next time: a JSON file in the state directory.

Invariant: a file that is broken, unreadable or of another shape counts as none and is replaced.
Values are read with the type of their default.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TypeVar

from torc_tui.model import Json

T = TypeVar("T", bool, int, float, str, list[Json], dict[str, Json])

LIMIT = 1 << 20
"""Bytes of the file, at most."""


class UiState:
    """The choices of the user by key, such as ``workflow.split``; `save` writes changes."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        """``path`` None: nothing is kept."""
        self.path = None if path is None else Path(path)
        self._values: dict[str, Json] = {}
        self._changed = False
        if self.path is not None:
            self._values = _read(self.path)

    def get(self, key: str, default: T) -> T:
        """Return a choice, or ``default`` if it is missing or of another type."""
        value: Json = self._values.get(key, default)
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            return default
        found: T = value
        return found

    def set(self, key: str, value: Json) -> None:
        """Remember a choice; None forgets it."""
        if value is None:
            self._changed |= self._values.pop(key, None) is not None
        elif (
            key not in self._values
            or self._values[key] != value
            or type(self._values[key]) is not type(value)
        ):
            self._values[key] = value
            self._changed = True

    @property
    def changed(self) -> bool:
        """Whether there are unsaved choices."""
        return self._changed and self.path is not None

    def save(self) -> bool:
        """Write the file atomically; return False if that failed or was not needed."""
        if self.path is None or not self._changed:
            return False
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        # Another thread may set values during this; they are written the next time.
        values, self._changed = dict(self._values), False
        try:
            text = json.dumps(values, indent=1, sort_keys=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self.path)
        except (OSError, TypeError, ValueError):
            with contextlib.suppress(OSError):
                temporary.unlink()
            self._changed = True
            return False
        return True


def _read(path: Path) -> dict[str, Json]:
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
        value = json.loads(data) if len(data) <= LIMIT else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
