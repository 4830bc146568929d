"""The rows of a JSON value as a tree: only open branches have rows. No Textual.

Input: a parsed value and the hits of a search. Output: rows and their text.

Invariant: containers of more than ``PAGE`` children are listed in pages (``200 … 399``), and in
pages of pages where that is not enough, so that a list of a million numbers opens as fast as one of
ten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from itertools import islice

from torc_tui.model import Json
from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.tuples import NamedTuple
from torc_tui.views.json_document import Path, kind_of, preview, value_at
from torc_tui.wording import count

PAGE = 200
"""Children that are listed at once."""
OPEN_ALL = 2000
"""Rows that *open all* adds, at most."""
STYLES = {
    "string": "json-string",
    "number": "json-number",
    "boolean": "json-literal",
    "null": "json-literal",
}


class TreePlace(NamedTuple):
    """A row: the value at ``path``, or, where ``size`` is not 0, its children from ``start`` on."""

    path: Path
    start: int = 0
    size: int = 0


ROOT = TreePlace(())


def page_size(count: int) -> int:
    """Return the number of children per page of a container; 0 if it needs no pages."""
    if count <= PAGE:
        return 0
    size = PAGE
    while count > size * PAGE:
        size *= PAGE
    return size


class TreeRows:
    """The rows of one value, which is never modified."""

    def __init__(self, value: Json = None, *, known: bool = False) -> None:
        self.value = value
        self.known = known
        self.open: set[TreePlace] = {ROOT}
        self.depths: dict[TreePlace, int] = {}
        self.hits: Set[Path] = frozenset()

    def places(self) -> list[TreePlace]:
        """Return the places of all rows, in order."""
        self.depths = {}
        if not self.known:
            return []
        stack = [(ROOT, 0)]
        while stack:
            place, depth = stack.pop()
            self.depths[place] = depth
            if place in self.open:
                stack += [(child, depth + 1) for child in reversed(self.children(place))]
        return list(self.depths)

    def children(self, place: TreePlace) -> list[TreePlace]:
        """Return the rows below a place; none for a simple value."""
        value = value_at(self.value, place.path)
        if not isinstance(value, dict | list):
            return []
        low, high = (
            (place.start, min(len(value), place.start + place.size))
            if place.size
            else (0, len(value))
        )
        size = page_size(high - low)
        if size:
            return [TreePlace(place.path, start, size) for start in range(low, high, size)]
        keys: Sequence[str | int] = (
            list(islice(value, low, high)) if isinstance(value, dict) else range(low, high)
        )
        return [TreePlace((*place.path, key)) for key in keys]

    def expandable(self, place: TreePlace) -> bool:
        """Return whether there are rows below a place."""
        value = value_at(self.value, place.path)
        return isinstance(value, dict | list) and bool(value)

    def reveal(self, path: Path) -> None:
        """Open the parents of a path; raise KeyError if the path does not exist."""
        value_at(self.value, path)
        for length, key in enumerate(path):
            self.open.add(TreePlace(path[:length]))
            self._reveal_pages(path[:length], key)

    def _reveal_pages(self, path: Path, key: str | int) -> None:
        """Open the pages that contain one child of a container."""
        value = value_at(self.value, path)
        assert isinstance(value, dict | list)
        size = page_size(len(value))
        if not size:
            return
        at = key if isinstance(key, int) else next(i for i, one in enumerate(value) if one == key)
        low, count = 0, len(value)
        while size:
            low += (at - low) // size * size
            self.open.add(TreePlace(path, low, size))
            size = page_size(min(count, low + size) - low)

    def exists(self, place: TreePlace) -> bool:
        """Return whether the value has such a place."""
        try:
            value = value_at(self.value, place.path)
        except KeyError:
            return False
        return not place.size or (isinstance(value, dict | list) and place.start < len(value))

    def line(self, place: TreePlace, width: int) -> Line:
        """Return one row: indentation, mark, key, and as much of the value as fits."""
        value = value_at(self.value, place.path)
        depth = min(self.depths.get(place, 0), max(0, width // 2 - 4))
        mark = "  "
        if isinstance(value, dict | list) and value:
            mark = "▾ " if place in self.open else "▸ "
        spans: list[Span] = [("  " * depth, ""), (mark, "faint")]
        if place.size:
            assert isinstance(value, dict | list)
            last = min(len(value), place.start + place.size) - 1
            return [*spans, (f"{place.start} … {last}", "muted")]
        if place.path:
            spans += [(_key(place.path[-1]), self._key_style(place)), (": ", "json-punct")]
        return [*spans, *self._value(place, value, max(8, width))]

    def _key_style(self, place: TreePlace) -> str:
        if place.path in self.hits:
            return "match"
        return "faint" if isinstance(place.path[-1], int) else "json-key"

    def _value(self, place: TreePlace, value: Json, room: int) -> list[Span]:
        kind = kind_of(value)
        if not isinstance(value, dict | list):
            lit = place.path in self.hits and not place.path
            return [(preview(value, room), STYLES[kind] + (" underline" if lit else ""))]
        if not value:
            return [("{}" if kind == "object" else "[]", "json-punct")]
        size = count(len(value), "key" if kind == "object" else "item")
        spans: list[Span] = [(size, "faint")]
        if place not in self.open:
            spans += [("  ", ""), (preview(value, room), "muted")]
        return spans


def _key(key: str | int) -> str:
    """Return a key for display: bare if it is printable, otherwise as JSON."""
    if isinstance(key, int):
        return str(key)
    short = key if len(key) <= 80 else key[:79] + "…"
    return short if short.isprintable() and short.strip() == short and short else json.dumps(short)
