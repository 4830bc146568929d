"""Read the values of parameters, and combine them.

Input: the value in the file (a string, a number or a list). Output: tuples of values, and rows of
them. A value keeps its spelling: ``007`` is the string ``007``, and numeric formats use the number
7. Never: opening a file. The caller passes a function that returns the text of ``@file``.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torc_tui.lazy_regex import regex
from torc_tui.model import Json, Value
from torc_tui.quoting import quoted
from torc_tui.workflow_file.document import List
from torc_tui.workflow_file.values import INTEGER, NUMBER, InvalidValue, as_written, kind_of, typed

LIMIT = 1_000_000
"""Largest number of values, and of combinations, in one file; more are considered a mistake."""

NAME = regex(r"[A-Za-z_][A-Za-z0-9_-]*")

_SLIP = "[0-9OolI]"
_NEARLY_NUMBER = regex(rf"[-+]?{_SLIP}+(?:\.{_SLIP}*)?(?:[eE][-+]?{_SLIP}+)?")
"""A number, or a mistyped number: the letter O for 0, l or I for 1."""

_ITEM = regex(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,]*?))\s*(?:,|$)""", re.DOTALL)
_TOLERANCE = "1e-10"
_LONG = 100
"""Length of a range from which on its numbers are too long for `int`, or for a float."""

ReadText = Callable[[str], str]
"""Returns the text of a file with values; raises InvalidValue with the reason."""


class Allowance:
    """The number of values or records that one file may still have."""

    def __init__(self, limit: int | None = None) -> None:
        """Begin with the whole limit."""
        self.limit = LIMIT if limit is None else limit
        self.left = self.limit
        self.exhausted = False

    def take(self, count: int, what: str) -> None:
        """Subtract a number; raise InvalidValue if the limit would be exceeded."""
        if count > self.left:
            self.exhausted = True
            raise InvalidValue(f"makes more than {self.limit} {what} in this file")
        self.left -= count


def values_of(
    given: Json, read_text: ReadText, allowance: Allowance, spelling: str | None = None
) -> tuple[Value, ...]:
    """Return all values of one parameter, from a string, a number or a list."""
    if isinstance(given, str):
        found = _from_text(given.strip(), read_text, allowance)
    elif isinstance(given, List):
        allowance.take(len(given), "values")
        found = tuple(
            _from_native(one, given.spelling(index), index) for index, one in enumerate(given)
        )
    elif given is None or isinstance(given, (dict, list)):
        raise InvalidValue(f"must be a string, a number or a list, not {kind_of(given)}")
    else:
        found = (_from_native(given, spelling, None),)
    if not found:
        raise InvalidValue("has an empty list of values")
    return found


def _from_native(value: Json, spelling: str | None, index: int | None) -> Value:
    """Return the value of a number, boolean or string that is not read as a list or a range."""
    try:
        if value is None or isinstance(value, (dict, list)):
            raise InvalidValue(f"must be a string or a number, not {kind_of(value)}")
        text = as_written(value, spelling)
    except InvalidValue as invalid:
        raise InvalidValue(f"has a value that {invalid.message}", invalid.hint, index) from None
    if isinstance(value, (str, bool)):
        return text
    return value if spelling is None else typed(spelling)


def _from_text(text: str, read_text: ReadText, allowance: Allowance) -> tuple[Value, ...]:
    as_written(text, None)  # refuses characters that no text can hold
    if len(text) > 1 and text[0] == "{" and text[-1] == "}" and "," not in text:
        text = text[1:-1].strip()
    if text.startswith("@") and len(text) > 1:
        lines = (line.strip() for line in read_text(text[1:].strip()).split("\n"))
        found = tuple(typed(line) for line in lines if line and not line.startswith("#"))
        if not found:
            raise InvalidValue(f"has no values: the file {quoted(text[1:], 120)} holds none")
        allowance.take(len(found), "values")
        return found
    if text.startswith("["):
        found = _items(text)
        allowance.take(len(found), "values")
        return found
    parts = [part.strip() for part in text.split(":", 4)]
    if len(parts) > 1 and _is_meant_as_range(parts):
        return _range(parts, allowance)
    allowance.take(1, "values")
    return (typed(text),)


def _items(text: str) -> tuple[Value, ...]:
    """Return the items of a list in a string: ``[a, 'b, c', 3]``."""
    if not text.endswith("]"):
        raise InvalidValue(f"has a list without its closing bracket: {quoted(text)}")
    text = text[1:-1].strip()
    found: list[Value] = []
    at = 0
    while at < len(text):
        match = _ITEM.match(text, at)
        if match is None:
            near = quoted(text[at : at + 30])
            raise InvalidValue(f"has a list in which a quote or a comma is missing near {near}")
        double, single, bare = match.groups()
        if bare is None:
            found.append(re.sub(r"\\([\"'\\])", r"\1", double if double is not None else single))
        elif not bare:
            hint = 'write "" for an empty value'
            raise InvalidValue("has a list with nothing between two commas", hint)
        elif bare[0] in "\"'":
            near = quoted(bare)
            raise InvalidValue(f"has a list in which a quote or a comma is missing near {near}")
        else:
            found.append(typed(bare))
        at = match.end()
    return tuple(found)


def _is_meant_as_range(parts: Sequence[str]) -> bool:
    """Return whether a text with colons is a range, perhaps a mistyped one, and no URL or time."""
    if NUMBER.fullmatch(parts[0]):
        return True
    return any(map(NUMBER.fullmatch, parts)) and all(map(_NEARLY_NUMBER.fullmatch, parts))


def _range(parts: Sequence[str], allowance: Allowance) -> tuple[Value, ...]:
    """Return the numbers of a range, both ends included; decimals, so that nothing drifts."""
    written = ":".join(parts)
    if len(parts) > 3 or not all(map(NUMBER.fullmatch, parts)):
        hint = f"write START:END or START:END:STEP, or for one string a list: ['{written}']"
        raise InvalidValue(f"is not a valid range: {quoted(written)}", hint)
    is_whole = all(map(INTEGER.fullmatch, parts))
    number: Callable[[str], Any] = int if is_whole and len(written) < _LONG else _decimal
    start, end, step = number(parts[0]), number(parts[1]), number(parts[2] if parts[2:] else "1")
    if step == 0:
        hint = f"for one string write a list: ['{written}']"
        raise InvalidValue(f"has the range {quoted(written)} with a step of 0", hint)
    steps = (end - start) // step if number is int else (end - start) / step + _decimal(_TOLERANCE)
    count = math.floor(steps) + 1
    if count <= 0:
        turned = f"{parts[0]}:{parts[1]}:{-step}"
        raise InvalidValue(f"has the empty range {quoted(written)}", f"did you mean '{turned}'?")
    allowance.take(count, "values")
    if is_whole:
        first, by = int(start), int(step)
        return tuple(range(first, first + by * count, by))
    return tuple(float(start + step * index) for index in range(count))


def _decimal(text: str) -> Any:
    from decimal import Decimal  # 1 ms, and most ranges are of whole numbers

    return Decimal(text)


def combine(
    values: Mapping[str, Sequence[Value]], mode: str, allowance: Allowance
) -> list[tuple[Value, ...]]:
    """Return rows of values in the order of the parameters; in a product the last runs fastest."""
    if mode == "zip":
        lengths = {name: len(column) for name, column in values.items()}
        first = next(iter(lengths))
        for name, length in lengths.items():
            if length != lengths[first]:
                raise InvalidValue(
                    f"zip needs lists of equal length: {quoted(first)} has {lengths[first]} values,"
                    f" {quoted(name)} has {length}"
                )
        return list(zip(*values.values(), strict=True))
    total = math.prod(len(column) for column in values.values())
    if total > allowance.left:
        raise InvalidValue(
            f"the parameters make {total} combinations; a file may hold {allowance.limit}"
        )
    return list(itertools.product(*values.values()))
