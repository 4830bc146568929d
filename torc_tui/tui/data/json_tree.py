"""A JSON value as a tree: only what is open has rows, and only rows on screen have text.

What comes in: a parsed value (``set_value``) and hits of a search. What goes out: the path under
the cursor, messages ``Copy``. Law: containers of more than ``PAGE`` children are listed in pages
(``200 … 399``), pages of pages where that is not enough, so that a list of a million numbers opens
as fast as one of ten. The cursor is a path, not a row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from textual import events
from textual.message import Message
from textual.strip import Strip

from torc_tui.model import Json
from torc_tui.tui.look.text_layout import Line, Span, paint
from torc_tui.tui.widgets.virtual_table import GUTTER, Cell, Column, Key, VirtualTable
from torc_tui.views.json_document import Path, jq_path, kind_of, preview, value_at

PAGE = 200
"""Children that are listed at once."""
OPEN_ALL = 2000
"""Rows that "open all" makes at most."""
STYLES = {
    "string": "json-string",
    "number": "json-number",
    "boolean": "json-literal",
    "null": "json-literal",
}


class Place(NamedTuple):
    """A row: the value at ``path``, or, where ``size`` is not 0, its children from ``start`` on."""

    path: Path
    start: int = 0
    size: int = 0


ROOT = Place(())


def page_size(count: int) -> int:
    """How many children one page of a container holds; 0 where all are listed."""
    if count <= PAGE:
        return 0
    size = PAGE
    while count > size * PAGE:
        size *= PAGE
    return size


class TreeRows:
    """The rows that are open. Keys are places. ``value`` is never changed here."""

    columns = (Column("value", "", 40, minimum=10, importance=0, grow=1, sortable=False),)

    def __init__(self, value: Json = None, *, known: bool = False) -> None:
        self.value = value
        self.known = known
        self.open: set[Place] = {ROOT}
        self.depths: dict[Place, int] = {}
        self.hits: Set[Path] = frozenset()

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
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

    def children(self, place: Place) -> list[Place]:
        """The rows below a place; none for a simple value."""
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
            return [Place(place.path, start, size) for start in range(low, high, size)]
        keys: Sequence[str | int] = (
            list(islice(value, low, high)) if isinstance(value, dict) else range(low, high)
        )
        return [Place((*place.path, key)) for key in keys]

    def expandable(self, place: Place) -> bool:
        value = value_at(self.value, place.path)
        return isinstance(value, dict | list) and bool(value)

    def reveal(self, path: Path) -> None:
        """Open all that leads to a path. KeyError if there is no such value."""
        value_at(self.value, path)
        for length, key in enumerate(path):
            self.open.add(Place(path[:length]))
            value = value_at(self.value, path[:length])
            low, count = 0, len(value)
            size = page_size(count)
            if not size:
                continue
            at = (
                key
                if isinstance(key, int)
                else next(i for i, one in enumerate(value) if one == key)
            )
            while size:
                low += (at - low) // size * size
                self.open.add(Place(path[:length], low, size))
                size = page_size(min(count, low + size) - low)

    def exists(self, place: Place) -> bool:
        try:
            value = value_at(self.value, place.path)
        except KeyError:
            return False
        return not place.size or (isinstance(value, dict | list) and place.start < len(value))

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        place: Place = key  # type: ignore[assignment]  # keys are places
        return [self.line(place, widths[0])]

    def line(self, place: Place, width: int) -> Line:
        """One row: indent, sign, key, and as much of the value as has room."""
        value = value_at(self.value, place.path)
        depth = min(self.depths.get(place, 0), max(0, width // 2 - 4))
        is_open, expandable = place in self.open, isinstance(value, dict | list) and bool(value)
        spans: list[Span] = [
            ("  " * depth, ""),
            (("▾ " if is_open else "▸ ") if expandable else "  ", "faint"),
        ]
        if place.size:
            last = min(len(value), place.start + place.size) - 1
            spans.append((f"{place.start} … {last}", "muted"))
            return spans
        if place.path:
            key = place.path[-1]
            style = (
                "match"
                if place.path in self.hits
                else "faint"
                if isinstance(key, int)
                else "json-key"
            )
            spans += [(_key(key), style), (": ", "json-punct")]
        kind = kind_of(value)
        if kind in STYLES:
            style = STYLES[kind] + (
                " underline" if place.path in self.hits and not place.path else ""
            )
            spans.append((preview(value, max(8, width)), style))
        elif not value:
            spans.append(("{}" if kind == "object" else "[]", "json-punct"))
        else:
            words = ("key", "keys") if kind == "object" else ("item", "items")
            spans.append((f"{len(value)} {words[len(value) != 1]}", "faint"))
            if not is_open:
                spans += [("  ", ""), (preview(value, max(8, width)), "muted")]
        return spans


def _key(key: str | int) -> str:
    """A key as it is read: bare where it is plain, else as JSON text."""
    if isinstance(key, int):
        return str(key)
    short = key if len(key) <= 80 else key[:79] + "…"
    return short if short.isprintable() and short.strip() == short and short else json.dumps(short)


class JsonTree(VirtualTable):
    """See the module. The line on top says what is shown (``head``)."""

    CONTEXT: ClassVar[str] = "tree"

    class Copy(Message):
        """The value at ``path`` is wanted in the clipboard."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, *, id: str | None = None, empty: str = "no value") -> None:
        self.model = TreeRows()
        self.head: Line = ()
        super().__init__(self.model, id=id, empty=empty)

    # -- what the owner calls ----------------------------------------------------------------------

    def set_head(self, line: Line) -> None:
        if line != self.head:
            self.head = line
            self.refresh()

    def set_value(self, value: Json, *, same: bool) -> None:
        """Show a value. ``same``: it is the record that was shown before, so what was open stays
        open, and the cursor stays on its path, or on what is left of it."""
        cursor = self.cursor
        before = self.model
        self.model = TreeRows(value, known=True)
        if same:
            self.model.open = before.open | {ROOT}
            if isinstance(cursor, Place) and not self.model.exists(cursor):
                path = cursor.path
                while path and not self.model.exists(Place(path)):
                    path = path[:-1]
                self._go(Place(path), self.model)
                return
        self.set_rows(self.model)
        if not same:
            self.scroll_to(0, 0, animate=False)
            self.do_cursor_top()

    def _go(self, place: Place, model: TreeRows) -> None:
        self.set_rows(model)
        self.select(place)

    def clear(self, empty: str) -> None:
        """Show no value, and why."""
        self.empty = empty
        self.model = TreeRows()
        self.set_rows(self.model)

    @property
    def path(self) -> Path | None:
        """The path under the cursor."""
        return self.cursor.path if isinstance(self.cursor, Place) else None

    def show_path(self, path: Path) -> None:
        """Open what leads there and put the cursor on it; nothing where it is gone."""
        try:
            self.model.reveal(path)
        except KeyError:
            return
        self.reload()
        self.select(Place(path))

    def set_hits(self, hits: Sequence[Path]) -> None:
        self.model.hits = frozenset(hits)
        self._cache.clear()
        self.refresh()

    # -- painting ----------------------------------------------------------------------------------

    def _header(self) -> Strip:
        return paint(
            [("  ", ""), *self.head], self.palette, self._base + self.palette("head"), self._total()
        )

    # -- commands ----------------------------------------------------------------------------------

    def _toggle(self, place: Place) -> None:
        if place in self.model.open:
            self.model.open.discard(place)
        elif self.model.expandable(place):
            self.model.open.add(place)
        else:
            return
        self.reload()

    def do_tree_toggle(self) -> None:
        if isinstance(self.cursor, Place):
            self._toggle(self.cursor)

    do_activate = do_tree_toggle

    def do_tree_open(self) -> None:
        place = self.cursor
        if not isinstance(place, Place) or not self.model.expandable(place):
            return
        if place in self.model.open:
            self.do_cursor_down()
        else:
            self._toggle(place)

    def do_tree_close(self) -> None:
        place = self.cursor
        if not isinstance(place, Place):
            return
        if place in self.model.open and self.model.expandable(place):
            self._toggle(place)
            return
        depth = self.model.depths[place]
        for row in range(self.cursor_row - 1, -1, -1):
            above = self.order[row]
            if isinstance(above, Place) and self.model.depths[above] < depth:
                self.select(above)
                return

    def do_tree_open_all(self) -> None:
        """Open what is below, level by level, up to a size that can be looked at."""
        if not isinstance(self.cursor, Place):
            return
        level, room = [self.cursor], OPEN_ALL
        while level and room > 0:
            below: list[Place] = []
            for place in level:
                if room > 0 and self.model.expandable(place):
                    children = self.model.children(place)
                    room -= len(children)
                    self.model.open.add(place)
                    below += children
            level = below
        self.reload()

    def do_copy_path(self) -> None:
        if self.path is not None:
            text = jq_path(self.path)
            self.app.copy_to_clipboard(text)
            self.app.notify(f"copied: {text}", markup=False)

    def do_copy_value(self) -> None:
        if self.path is not None:
            self.post_message(self.Copy(self.path))

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        row = self.scroll_offset.y + offset.y - 1 if offset is not None else -1
        if offset is not None and offset.y > 0 and row < len(self.order) and event.chain == 1:
            place: Any = self.order[row]
            sign = GUTTER + 2 * self.model.depths[place] - self.scroll_offset.x
            if sign <= offset.x <= sign + 1:
                event.stop()
                self._move_to(row)
                self._toggle(place)
                return
        await super()._on_click(event)
