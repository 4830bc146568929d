"""Values of parameters, and their combinations (reference facts, sections 3.1 to 3.5 and 3.7).

In: what stands in the file. Out: tuples of values, printed without noise. ``Wrong`` for what cannot
be read. No file is opened here: who calls gives a function that has the lines of ``@file``.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from torc_tui.model import Json, Value
from torc_tui.workflow_file.checks import Wrong, kind_of
from torc_tui.workflow_file.document import quoted

LIMIT = 1_000_000
"""More values, or more combinations, than this are taken for a mistake."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_INT = re.compile(r"[-+]?\d{1,18}")
_NUMBER = re.compile(r"[-+]?(?:\d{1,18}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,2})?")
_ITEM = re.compile(
    r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,]*?))\s*(?:,|$)""", re.DOTALL
)
_TOLERANCE = Decimal("1e-10")

ReadLines = Callable[[str], Sequence[str]]
"""Lines of the file that ``@name`` speaks of; raises Wrong with the reason when it cannot be
read."""


def typed(text: str) -> Value:
    """An integer where the text is one, else a float, else the text."""
    if _INT.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def printed(value: Value) -> str:
    """The value as it stands in names and commands: no exponent, no ``.0``."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    text = format(Decimal(repr(value)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def values_of(given: Json, read_lines: ReadLines) -> tuple[Value, ...]:
    """All values of one parameter, from a text, a number or a list."""
    if isinstance(given, str):
        return _from_text(given.strip(), read_lines)
    if isinstance(given, list):
        if len(given) > LIMIT:
            raise Wrong(f"has {len(given)} values; at most {LIMIT} are taken")
        return tuple(_native(one, index) for index, one in enumerate(given))
    if given is None or isinstance(given, dict):
        raise Wrong(f"must be a text, a number or a list, not {kind_of(given)}")
    return (_native(given, None),)


def _native(value: Json, index: int | None) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise Wrong(f"{value} cannot be a value", None, index)
    if isinstance(value, (int, str)):
        if isinstance(value, str) and "\0" in value:
            raise Wrong("a value holds a NUL character", None, index)
        return value
    if isinstance(value, float):
        return value
    raise Wrong(f"a value must be a text or a number, not {kind_of(value)}", None, index)


def _from_text(text: str, read_lines: ReadLines) -> tuple[Value, ...]:
    if "\0" in text:
        raise Wrong("holds a NUL character")
    if len(text) > 1 and text[0] == "{" and text[-1] == "}" and "," not in text:
        text = text[1:-1].strip()
    if text.startswith("@") and len(text) > 1:
        lines = (line.strip() for line in read_lines(text[1:].strip()))
        return tuple(typed(line) for line in lines if line and not line.startswith("#"))
    if text.startswith("["):
        if not text.endswith("]"):
            raise Wrong(f"the list {quoted(text)} has no closing bracket")
        return _items(text[1:-1])
    if ":" in text:
        parts = [part.strip() for part in text.split(":", 4)]
        if 2 <= len(parts) <= 3 and all(_NUMBER.fullmatch(part) for part in parts):
            return _range(parts)
    return (typed(text),)


def _items(text: str) -> tuple[Value, ...]:
    text = text.strip()
    found: list[Value] = []
    at = 0
    while at < len(text):
        match = _ITEM.match(text, at)
        if match is None:
            raise Wrong(f"near {quoted(text[at : at + 30])} a quote or a comma is missing")
        double, single, bare = match.groups()
        if bare is None:
            found.append(re.sub(r"\\([\"'\\])", r"\1", double if double is not None else single))
        elif not bare:
            raise Wrong("two commas with nothing between them", 'write "" for an empty value')
        elif bare[0] in "\"'":
            raise Wrong(f"near {quoted(bare)} a quote or a comma is missing")
        else:
            found.append(typed(bare))
        at = match.end()
    return tuple(found)


def _range(parts: list[str]) -> tuple[Value, ...]:
    """Both ends included. Counted in decimals, so that nothing drifts."""
    whole = all(_INT.fullmatch(part) for part in parts)
    start, end = Decimal(parts[0]), Decimal(parts[1])
    step = Decimal(parts[2]) if len(parts) == 3 else Decimal(1)
    if step == 0:
        raise Wrong(
            f"the range {quoted(':'.join(parts))} has a step of zero",
            f"for a text with colons write a list: ['{':'.join(parts)}']",
        )
    count = math.floor((end - start) / step + _TOLERANCE) + 1
    if count > LIMIT:
        raise Wrong(
            f"the range {quoted(':'.join(parts))} has {count} values; at most {LIMIT} are taken"
        )
    if count <= 0:
        return ()
    if whole:
        first, by = int(start), int(step)
        return tuple(range(first, first + by * count, by))
    return tuple(float(start + step * index) for index in range(count))


def combine(values: Mapping[str, Sequence[Value]], mode: str) -> list[tuple[Value, ...]]:
    """Rows of values, in the order of the parameters as written; in a product the last one runs
    fastest."""
    if mode == "zip":
        lengths = {name: len(column) for name, column in values.items()}
        first = next(iter(lengths), None)
        for name, length in lengths.items():
            if first is not None and length != lengths[first]:
                raise Wrong(
                    f"zip needs lists of one length: {quoted(first)} has {lengths[first]} values, "
                    f"{quoted(name)} has {length}"
                )
        return list(zip(*values.values(), strict=True))
    total = math.prod(len(column) for column in values.values())
    if total > LIMIT:
        raise Wrong(f"the parameters make {total} combinations; at most {LIMIT} are taken")
    return list(itertools.product(*values.values()))
