"""Fill in strings that hold ``{name}`` or ``{name:03d}``, for many rows of values at once.

Input: the rows of the parameters of an entry. Output: one column per template, or None where the
string holds no placeholder. Braces around anything but a known name are literal: ``${HOME}``,
``{a,b}``, ``awk '{print}'``. So is ``${i}``: it is a variable of the shell even where a parameter
has this name. ``{{i}}`` becomes ``{i}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.lazy_regex import regex
from torc_tui.model import Json, Value
from torc_tui.units import printed
from torc_tui.workflow_file.values import number_of

_FORM = regex(r"(?:0(?P<width>\d{0,3}))?(?:\.(?P<digits>\d{1,2}))?(?P<kind>[a-zA-Z])")
_INTEGER_KINDS = "dxXob"
_FLOAT_KINDS = "eEfFgG"
_FORMS = r"[-+<>^=#,_.0-9]*[a-zA-Z%?]?"
"""Formats of Rust and Python; those that do not fit are left out of the text, with a warning."""
QUOTE = "q"
"""The format that quotes a value for the shell."""


def formatted(value: Value, form: str) -> str | None:
    """Return a value in a format; None where the format does not fit.

    ``q`` quotes for the shell. ``d``, ``x``, ``X``, ``o``, ``b`` (integers) and ``e``, ``f``, ``g``
    (numbers) are those of Python, with zeros as the only padding: ``03d``, ``.2f``, ``.2e``.
    """
    if form == QUOTE:
        return _quoted(printed(value))
    match = _FORM.fullmatch(form)
    number = number_of(value)
    if match is None or number is None:
        return None
    kind = match["kind"]
    if kind in _INTEGER_KINDS and not match["digits"] and number == int(number):
        return format(int(number), form)
    return format(number, form) if kind in _FLOAT_KINDS else None


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def placeholder(names: Iterable[str], forms: str) -> re.Pattern[str]:
    """Return the pattern of ``{{NAME}}`` (group 1) and ``{NAME:FORM}`` (groups 2 and 3)."""
    known = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.compile(rf"\{{\{{({known})\}}\}}|(?<!\$)\{{({known})(?::({forms}))?\}}")


def substitute(value: Json, strings: Mapping[str, str], apart: Iterable[Json] = ()) -> Json:
    """Return a value with every ``{NAME}`` in its strings replaced, once.

    Keys of mappings stay, and so do the containers in ``apart``. Containers are changed in place.
    """
    find = placeholder(strings, QUOTE)

    def replacement(match: re.Match[str]) -> str:
        escaped, name, form = match.groups()
        if escaped is not None:
            return f"{{{escaped}}}"
        return _quoted(strings[name]) if form else strings[name]

    seen = {id(one) for one in apart}

    def walk(node: Json) -> Json:
        if isinstance(node, str):
            return find.sub(replacement, node) if "{" in node else node
        if isinstance(node, (dict, list)) and id(node) not in seen:
            seen.add(id(node))
            for key, item in list(node.items() if isinstance(node, dict) else enumerate(node)):
                if isinstance(item, (str, dict, list)):
                    node[key] = walk(item)
        return node

    return walk(value)


class ParameterRows:
    """The combinations of the parameters of one entry.

    Columns are made once per placeholder and once per template.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[tuple[Value, ...]]) -> None:
        """Take the names of the parameters, and one tuple of values for each combination."""
        self.names = tuple(names)
        self.rows = rows
        self.unfit: dict[tuple[str, str], Value] = {}
        """Name and format of placeholders that did not fit, with a value that they did not fit."""
        self._values = dict(zip(self.names, zip(*rows, strict=True), strict=True)) if rows else {}
        self._slots: dict[tuple[str, str], list[str]] = {}
        self._columns: dict[str, list[str] | None] = {}
        self._find = placeholder(self.names, _FORMS)

    def __len__(self) -> int:
        """Return the number of combinations."""
        return len(self.rows)

    def _slot(self, name: str, form: str) -> list[str]:
        column = self._slots.get((name, form))
        if column is None:
            column = self._slots[name, form] = self._filled(name, form)
        return column

    def _filled(self, name: str, form: str) -> list[str]:
        """Return the values of a parameter as a placeholder of this form shows them."""
        values = self._values.get(name, ())
        if not form and set(map(type, values)) == {int}:
            return list(map(str, values))  # the usual case: numbers that are all different
        shown = {value: self._shown(name, form, value) for value in set(values)}
        return [shown[value] for value in values]

    def _shown(self, name: str, form: str, value: Value) -> str:
        if not form:
            return printed(value)
        found = formatted(value, form)
        if found is None:
            self.unfit.setdefault((name, form), value)
            return printed(value)
        return found

    def text(self, template: str) -> list[str] | None:
        """Return the string of each row; None when it is the same for all."""
        if "{" not in template:
            return None
        if template not in self._columns:
            self._columns[template] = self._column(self._find.split(template))
        return self._columns[template]

    def _column(self, parts: Sequence[str | None]) -> list[str] | None:
        """Return the column of a template; ``parts`` are a literal, three groups, and so on."""
        if len(parts) == 1:
            return None
        literals = [parts[0] or ""]
        slots: list[list[str]] = []
        for escaped, name, form, literal in zip(
            parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True
        ):
            if escaped is not None:
                literals[-1] += f"{{{escaped}}}{literal}"
            else:
                slots.append(self._slot(name or "", form or ""))
                literals.append(literal or "")
        if not slots:
            return [literals[0]] * len(self)
        if len(slots) == 1:
            before, after = literals
            return [f"{before}{value}{after}" for value in slots[0]]
        pattern = "%s".join(literal.replace("%", "%%") for literal in literals)
        return list(map(pattern.__mod__, zip(*slots, strict=True)))

    def json(self, value: Json) -> list[Json] | None:
        """Return the column of a value with strings inside: tuples, lists, values of mappings."""
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
        """Return the (name, value) pairs of each row."""
        known: dict[tuple[str, Value], tuple[str, Value]] = {}
        columns = [
            [known.setdefault((name, value), (name, value)) for value in self._values.get(name, ())]
            for name in self.names
        ]
        return list(zip(*columns, strict=True))
