"""Compare two JSON values.

Input: the old and the new value. Output: changes with their paths, or lines of a text diff.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from typing import Literal

from torc_tui.model import Json
from torc_tui.tuples import NamedTuple
from torc_tui.views.json_document import Path, dump, jq_path, preview

LARGE = 5000
"""Lines beyond which a text diff would take seconds; changes are listed by path instead."""


class JsonChange(NamedTuple):
    """A change at a path; ``old`` is None for an added value, ``new`` for a removed one."""

    path: Path
    kind: Literal["added", "removed", "changed"]
    old: Json = None
    new: Json = None

    @property
    def text(self) -> str:
        """Return the change in words: ``.lr: 0.1 → 0.01``."""
        place = jq_path(self.path)
        if self.kind == "added":
            return f"{place}: {preview(self.new)} added"
        if self.kind == "removed":
            return f"{place}: {preview(self.old)} removed"
        return f"{place}: {preview(self.old)} → {preview(self.new)}"


def diff(old: Json, new: Json) -> list[JsonChange]:
    """Return all changes in the order of the old value, followed by additions.

    Lists are compared without their common beginning and end. ``1`` and ``1.0`` differ, and so do
    ``true`` and ``1``.
    """
    return list(_diff((), old, new))


def same(old: Json, new: Json) -> bool:
    """Return whether both values are the same JSON."""
    return next(_diff((), old, new), None) is None


def _diff(path: Path, old: Json, new: Json) -> Iterator[JsonChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            if key in new:
                yield from _diff((*path, key), value, new[key])
            else:
                yield JsonChange((*path, key), "removed", value)
        for key, value in new.items():
            if key not in old:
                yield JsonChange((*path, key), "added", None, value)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(path, old, new)
    elif type(old) is not type(new) or old != new:
        yield JsonChange(path, "changed", old, new)


def _lists(path: Path, old: list[Json], new: list[Json]) -> Iterator[JsonChange]:
    start, shorter = 0, min(len(old), len(new))
    if len(old) != len(new):
        while start < shorter and same(old[start], new[start]):
            start += 1
        end = 0
        while end < shorter - start and same(old[-1 - end], new[-1 - end]):
            end += 1
        shorter -= end
    for at in range(start, shorter):
        yield from _diff((*path, at), old[at], new[at])
    extra = len(old) - len(new)
    for at in range(shorter, shorter + extra):
        yield JsonChange((*path, at), "removed", old[at])
    for at in range(shorter, shorter - extra):
        yield JsonChange((*path, at), "added", None, new[at])


def unified(
    old: Json, new: Json, *, old_name: str = "old", new_name: str = "new", context: int = 3
) -> list[str]:
    """Return the lines of a unified diff; for large values, the changes by path."""
    before, after = dump(old).split("\n"), dump(new).split("\n")
    if before == after:
        return []
    if max(len(before), len(after)) > LARGE:
        signs = {"added": "+", "removed": "-", "changed": "!"}
        return [
            f"--- {old_name}",
            f"+++ {new_name}",
            *(f"{signs[one.kind]} {one.text}" for one in diff(old, new)),
        ]
    return list(unified_diff(before, after, old_name, new_name, lineterm="", n=context))
