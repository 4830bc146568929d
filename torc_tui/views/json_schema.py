"""Check a value against a part of JSON Schema.

Input: value and schema. Output: violations with their paths.

Supported: type, enum, const, required, properties, additionalProperties, items, minItems, maxItems,
uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength,
pattern, patternProperties, anyOf, oneOf, allOf, not, and ``true``/``false`` as schemas. Other
keywords ($ref, format …) are ignored, so a value without violations may still be invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from operator import ge, gt, le, lt

from torc_tui.model import Json
from torc_tui.patterns import Pattern, PatternError
from torc_tui.tuples import NamedTuple
from torc_tui.views.json_diff import same
from torc_tui.views.json_document import Path, jq_path, kind_of, preview


class Violation(NamedTuple):
    """What is wrong with the value at a path."""

    path: Path
    message: str

    @property
    def text(self) -> str:
        """Return the violation in words: ``.lr: 5 is more than 1``."""
        return f"{jq_path(self.path)}: {self.message}"


_MOST_NESTED = 200
"""Levels of a value that are checked."""


def check(value: Json, schema: Json, *, limit: int = 100) -> list[Violation]:
    """Return at most ``limit`` violations, in the order of the value.

    Invalid parts of a schema are ignored.
    """
    return list(islice(_check(value, schema, (), 0), limit))


def violation_texts(value: Json, schema: Json) -> list[str]:
    """Return the first few violations as texts, to be recorded with a value."""
    return [violation.text for violation in check(value, schema, limit=5)]


def _check(value: Json, schema: Json, path: Path, depth: int) -> Iterator[Violation]:
    if schema is False:
        yield Violation(path, "no value is allowed here")
    if not isinstance(schema, dict) or depth > _MOST_NESTED:
        return
    yield from _any_type(value, schema, path)
    kind = kind_of(value)
    if kind == "object":
        yield from _object(value, schema, path, depth)
    elif kind == "array":
        yield from _array(value, schema, path, depth)
    elif kind == "string":
        yield from _string(value, schema, path)
    elif kind == "number":
        yield from _number(value, schema, path)
    yield from _combined(value, schema, path, depth)


def _any_type(value: Json, schema: dict[str, Json], path: Path) -> Iterator[Violation]:
    wanted = schema.get("type")
    kinds = [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield Violation(path, f"must be {' or '.join(map(str, kinds))}, not {kind_of(value)}")
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(_equal(value, choice) for choice in choices):
        shown = ", ".join(preview(one, 20) for one in choices[:10])
        yield Violation(path, f"{preview(value, 40)} is not one of {shown}")
    if "const" in schema and not _equal(value, schema["const"]):
        yield Violation(path, f"must be {preview(schema['const'], 40)}")


def _is(value: Json, kind: Json) -> bool:
    found = kind_of(value)
    if kind == "integer":
        return found == "number" and float(value).is_integer()
    return bool(found == kind)


def _equal(value: Json, other: Json) -> bool:
    """Return whether two values are equal for a schema, in which 1 and 1.0 are."""
    if kind_of(value) == kind_of(other) == "number":
        return bool(value == other)
    return same(value, other)


def _part(schema: dict[str, Json], keyword: str, default: Json) -> Json:
    """Return the value of a keyword if it has the type of the default, else the default."""
    found = schema.get(keyword)
    return found if isinstance(found, type(default)) else default


def _object(
    value: dict[str, Json], schema: dict[str, Json], path: Path, depth: int
) -> Iterator[Violation]:
    for key in _part(schema, "required", []):
        if key not in value:
            yield Violation(path, f"{key} is missing")
    properties: dict[str, Json] = _part(schema, "properties", {})
    patterns: dict[str, Json] = _part(schema, "patternProperties", {})
    other = schema.get("additionalProperties")
    for key, inner in value.items():
        at = (*path, key)
        if key in properties:
            yield from _check(inner, properties[key], at, depth + 1)
        elif any(_matches(pattern, key) for pattern in patterns):
            continue
        elif other is False:
            yield Violation(at, f"{key} is not allowed")
        else:
            yield from _check(inner, other, at, depth + 1)


def _array(
    value: list[Json], schema: dict[str, Json], path: Path, depth: int
) -> Iterator[Violation]:
    yield from _sized(len(value), schema, "Items", "items", path)
    if schema.get("uniqueItems") is True and len(value) <= 1000:
        for at, one in enumerate(value):
            if any(_equal(one, other) for other in value[:at]):
                yield Violation((*path, at), "is a duplicate")
    items = schema.get("items")
    if isinstance(items, dict | bool):
        for at, inner in enumerate(value):
            yield from _check(inner, items, (*path, at), depth + 1)


def _string(value: str, schema: dict[str, Json], path: Path) -> Iterator[Violation]:
    yield from _sized(len(value), schema, "Length", "characters", path)
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _matches(pattern, value):
        yield Violation(path, f"{preview(value, 40)} does not match {pattern}")


def _sized(
    size: int, schema: dict[str, Json], keyword: str, word: str, path: Path
) -> Iterator[Violation]:
    least, most = _limit(schema, f"min{keyword}"), _limit(schema, f"max{keyword}")
    if least is not None and size < least:
        yield Violation(path, f"{size} {word}, but at least {least} are required")
    if most is not None and size > most:
        yield Violation(path, f"{size} {word}, but at most {most} are allowed")


def _limit(schema: dict[str, Json], keyword: str) -> float | None:
    found = schema.get(keyword)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _matches(pattern: str, text: str) -> bool:
    try:
        return Pattern(pattern).search(text)
    except PatternError:
        return True


def _number(value: float, schema: dict[str, Json], path: Path) -> Iterator[Violation]:
    limits: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
        ("minimum", lt, "less than"),
        ("maximum", gt, "more than"),
        ("exclusiveMinimum", le, "not more than"),
        ("exclusiveMaximum", ge, "not less than"),
    )
    for keyword, broken, words in limits:
        limit = _limit(schema, keyword)
        if limit is not None and broken(value, limit):
            yield Violation(path, f"{preview(value, 40)} is {words} {limit}")
    step = _limit(schema, "multipleOf")
    if step is not None and step > 0 and not _is_multiple(value, step):
        yield Violation(path, f"{preview(value, 40)} is not a multiple of {step}")


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    try:
        times = value / step
        return abs(times - round(times)) < 1e-9
    except OverflowError:
        return True


def _combined(value: Json, schema: dict[str, Json], path: Path, depth: int) -> Iterator[Violation]:
    def fits(part: Json) -> bool:
        return next(_check(value, part, path, depth + 1), None) is None

    for part in _part(schema, "allOf", []):
        yield from _check(value, part, path, depth + 1)
    some = _part(schema, "anyOf", [])
    if some and not any(map(fits, some)):
        yield Violation(path, "matches none of the schemas in anyOf")
    one = _part(schema, "oneOf", [])
    if one and (count := sum(map(fits, one))) != 1:
        yield Violation(path, f"matches {count} schemas in oneOf instead of 1")
    if "not" in schema and isinstance(schema["not"], dict | bool) and fits(schema["not"]):
        yield Violation(path, "matches the schema in not")
