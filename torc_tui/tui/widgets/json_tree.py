"""A JSON value as a tree: a virtual table over the rows that are open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torc_tui.tui.cells import Span
from torc_tui.tui.widgets.virtual_table import Cell, Column, Key, VirtualTable
from torc_tui.views.json_document import Path, Row, Tree, dump, jq_path, value_at

STYLES = {
    "string": "json-string",
    "number": "json-number",
    "boolean": "json-literal",
    "null": "json-literal",
    "object": "json-punct",
    "array": "json-punct",
}


class TreeRows:
    """Keys are paths."""

    columns = (Column("value", "", 40, minimum=10, importance=0, grow=1, sortable=False),)

    def __init__(self, tree: Tree | None) -> None:
        self.tree = tree
        self.by_path: dict[Path, Row] = {}

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        rows = self.tree.rows if self.tree is not None else []
        self.by_path = {row.path: row for row in rows}
        return list(self.by_path)

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        row = self.by_path[key]  # type: ignore[index]  # keys are paths
        spans: list[Span] = [("  " * row.depth, "")]
        spans.append((("▾ " if row.expanded else "▸ ") if row.expandable else "  ", "faint"))
        if row.path:
            spans += [(row.key, "json-key"), (": ", "json-punct")]
        if row.expandable:
            size = len(row.value)
            what = "keys" if row.kind == "object" else "items"
            spans.append((f"{size} {what if size != 1 else what[:-1]}  ", "faint"))
            if not row.expanded:
                spans.append((row.preview, "muted"))
        else:
            spans.append((row.preview, STYLES[row.kind]))
        return [spans]


class JsonTree(VirtualTable):
    """``value`` is shown by ``set_value``; branches open and close; ``find`` goes from hit to hit."""

    CONTEXT: ClassVar[tuple[str, ...]] = ("tree",)  # type: ignore[assignment]  # one or several

    def __init__(self, *, id: str | None = None, empty: str = "no value") -> None:
        super().__init__(TreeRows(None), id=id, empty=empty)
        self.hits: list[Path] = []

    @property
    def document(self) -> Tree | None:
        rows = self.rows
        assert isinstance(rows, TreeRows)
        return rows.tree

    def set_value(self, value: Any) -> None:
        """Show that value; branches that were open are opened again where they are still there."""
        before = self.document
        tree = Tree(value)
        if before is not None:
            for row in before.rows:
                if row.expanded and row.path:
                    try:
                        index = tree.reveal(row.path)
                    except KeyError:
                        continue
                    if tree.rows[index].expandable and not tree.rows[index].expanded:
                        tree.toggle(index)
        self.set_rows(TreeRows(tree))

    def clear(self) -> None:
        self.set_rows(TreeRows(None))

    def _toggle(self, row: int) -> None:
        if self.document is not None and self.document.toggle(row):
            self.reload()

    def do_tree_toggle(self) -> None:
        self._toggle(self.cursor_row)

    def do_tree_open(self) -> None:
        tree = self.document
        if tree is None or not tree.rows:
            return
        row = tree.rows[self.cursor_row]
        if row.expandable and not row.expanded:
            self._toggle(self.cursor_row)
        elif row.expandable:
            self.do_cursor_down()

    def do_tree_close(self) -> None:
        tree = self.document
        if tree is None or not tree.rows:
            return
        row = tree.rows[self.cursor_row]
        if row.expanded:
            self._toggle(self.cursor_row)
        elif row.path:
            self.select(row.path[:-1])

    def do_tree_open_all(self) -> None:
        """Open what is below, up to a size that can be looked at."""
        tree = self.document
        if tree is None or not tree.rows:
            return
        index = start = self.cursor_row
        depth = tree.rows[start].depth
        while index < len(tree.rows) and (index == start or tree.rows[index].depth > depth):
            row = tree.rows[index]
            if row.expandable and not row.expanded and len(tree.rows) < 20_000:
                tree.toggle(index)
            index += 1
        self.reload()

    def do_activate(self) -> None:
        self.do_tree_toggle()

    def find(self, text: str) -> int:
        """Go to the first path, key or value with that text; how many there are."""
        tree = self.document
        self.hits = tree.find(text) if tree is not None and text else []
        if self.hits:
            self.show_path(self.hits[0])
        return len(self.hits)

    def next_hit(self, by: int = 1) -> None:
        if self.hits:
            at = self.hits.index(self.cursor) if self.cursor in self.hits else -by
            self.show_path(self.hits[(at + by) % len(self.hits)])

    def show_path(self, path: Path) -> None:
        if self.document is not None:
            self.document.reveal(path)
            self.reload()
            self.select(path)

    def do_copy_path(self) -> None:
        if isinstance(self.cursor, tuple):
            text = jq_path(self.cursor)
            self.app.copy_to_clipboard(text)
            self.app.notify(f"copied: {text}", markup=False)

    def do_copy_value(self) -> None:
        if isinstance(self.cursor, tuple) and self.document is not None:
            self.app.copy_to_clipboard(dump(value_at(self.document.value, self.cursor)))
            self.app.notify("value copied")
