"""Texts with ``{name}`` and ``{name:03d}`` in them, filled in for many rows of values at once.

In: the rows of an entry's parameters. Out: one column per template, or None where the text holds no
placeholder. Braces that are not one of the known names stay as they are: ``${HOME}``, ``{a,b}``,
``awk '{print}'``; so does ``${i}``, a variable of the shell even when a parameter is called ``i``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.model import Json, Value
from torc_tui.workflow_file.parameters import printed

_ZERO_PADDED = re.compile(r"0\d{1,3}d")
_FIXED = re.compile(r"\.\d{1,2}f")


def formatted(value: Value, form: str) -> str:
    """``03d`` pads whole numbers with zeros, ``.2f`` fixes the decimals; any other form prints the
    value plainly."""
    if isinstance(value, str):
        return value
    if _ZERO_PADDED.fullmatch(form) and value == int(value):
        return format(int(value), form)
    if _FIXED.fullmatch(form):
        return format(value, form)
    return printed(value)


def substitute(value: Json, texts: Mapping[str, str], apart: Iterable[Json] = ()) -> Json:
    """The value with every ``{NAME}`` in its texts replaced, once; keys of mappings stay, and so do
    the containers in ``apart``. Changes containers in place."""
    names = "|".join(sorted(map(re.escape, texts), key=len, reverse=True))
    find = re.compile(rf"(?<!\$)\{{({names})\}}")

    def one(text: str) -> str:
        return find.sub(lambda match: texts[match[1]], text) if "{" in text else text

    seen = {id(one) for one in apart}

    def walk(node: Json) -> Json:
        if isinstance(node, str):
            return one(node)
        if isinstance(node, (dict, list)) and id(node) not in seen:
            seen.add(id(node))
            for key, item in list(node.items() if isinstance(node, dict) else enumerate(node)):
                if isinstance(item, (str, dict, list)):
                    node[key] = walk(item)
        return node

    return walk(value)


class Rows:
    """The combinations of one entry's parameters. Columns are made once per placeholder and
    template."""

    def __init__(self, names: Sequence[str], rows: Sequence[tuple[Value, ...]]) -> None:
        self.names = tuple(names)
        self.rows = rows
        self._values = dict(zip(self.names, zip(*rows, strict=True), strict=True)) if rows else {}
        self._slots: dict[tuple[str, str], list[str]] = {}
        self._columns: dict[str, list[str] | None] = {}
        alternatives = "|".join(sorted(map(re.escape, self.names), key=len, reverse=True))
        self._find = re.compile(rf"(?<!\$)\{{({alternatives})(?::([0-9.]*[a-zA-Z]))?\}}")

    def __len__(self) -> int:
        return len(self.rows)

    def _slot(self, name: str, form: str) -> list[str]:
        column = self._slots.get((name, form))
        if column is None:
            values = self._values.get(name, ())
            text = {
                value: formatted(value, form) if form else printed(value) for value in set(values)
            }
            column = self._slots[name, form] = [text[value] for value in values]
        return column

    def text(self, template: str) -> list[str] | None:
        """The text for each row; None when it is the same for all."""
        if "{" not in template:
            return None
        if template in self._columns:
            return self._columns[template]
        parts = self._find.split(template)
        column: list[str] | None = None
        if len(parts) > 1:
            slots = [
                self._slot(name, form or "")
                for name, form in zip(parts[1::3], parts[2::3], strict=True)
            ]
            if len(slots) == 1:
                before, after = parts[0], parts[3]
                column = [f"{before}{text}{after}" for text in slots[0]]
            else:
                pattern = "%s".join(part.replace("%", "%%") for part in parts[0::3])
                column = list(map(pattern.__mod__, zip(*slots, strict=True)))
        self._columns[template] = column
        return column

    def json(self, value: Json) -> list[Json] | None:
        """Like ``text``, for all the texts inside a value (tuples, lists, values of mappings)."""
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, (tuple, list, dict)) or not value:
            return None
        items = list(value.values()) if isinstance(value, dict) else value
        columns = [self.json(item) for item in items]
        if all(column is None for column in columns):
            return None
        full = [
            column if column is not None else [item] * len(self)
            for column, item in zip(columns, items, strict=True)
        ]
        rows = zip(*full, strict=True)
        if isinstance(value, tuple):
            return list(rows)
        if isinstance(value, list):
            return [list(row) for row in rows]
        keys = list(value)
        return [dict(zip(keys, row, strict=True)) for row in rows]

    def pairs(self) -> list[tuple[tuple[str, Value], ...]]:
        """The (name, value) pairs of each row."""
        known: dict[tuple[str, Value], tuple[str, Value]] = {}
        columns = [
            [known.setdefault((name, value), (name, value)) for value in self._values.get(name, ())]
            for name in self.names
        ]
        return list(zip(*columns, strict=True))
