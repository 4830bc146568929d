"""A value checked against a part of JSON Schema. In: value and schema. Out: violations with their
paths.

Checked: type, enum, const, required, properties, additionalProperties, items, minItems, maxItems,
uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength,
pattern, anyOf, oneOf, allOf, not, and ``true``/``false`` as schemas. Other keywords ($ref, format
…) are ignored: what is said here holds, but silence is no proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import ge, gt, le, lt
from typing import NamedTuple

from torc_tui.model import Json
from torc_tui.patterns import Pattern, PatternError
from torc_tui.views.json_diff import same
from torc_tui.views.json_document import Path, jq_path, kind_of, preview


class Violation(NamedTuple):
    """What is wrong with the value at a path."""

    path: Path
    message: str

    @property
    def text(self) -> str:
        """``.lr: 5 is more than 1``."""
        return f"{jq_path(self.path)}: {self.message}"


DEPTH = 200


def check(value: Json, schema: Json, *, limit: int = 100) -> list[Violation]:
    """The violations, in the order of the value, at most ``limit``. A schema that makes no sense
    demands nothing.
    """
    out: list[Violation] = []
    for violation in _check(value, schema, (), 0):
        out.append(violation)
        if len(out) == limit:
            break
    return out


def told(value: Json, schema: Json) -> list[str]:
    """The first few violations as texts: what is written down of a value that is stored all the
    same.
    """
    return [violation.text for violation in check(value, schema, limit=5)]


def _check(value: Json, schema: Json, path: Path, depth: int) -> Iterator[Violation]:
    if schema is False:
        yield Violation(path, "nothing is allowed here")
    if not isinstance(schema, dict) or depth > DEPTH:
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
        yield Violation(path, f"{' or '.join(map(str, kinds))} is wanted, not {kind_of(value)}")
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(_equal(value, choice) for choice in choices):
        yield Violation(
            path,
            f"{preview(value, 40)} is none of {', '.join(preview(one, 20) for one in choices[:10])}",
        )
    if "const" in schema and not _equal(value, schema["const"]):
        yield Violation(path, f"only {preview(schema['const'], 40)} is allowed")


def _is(value: Json, kind: Json) -> bool:
    found = kind_of(value)
    if kind == "integer":
        return found == "number" and float(value).is_integer()
    return bool(found == kind)


def _equal(value: Json, other: Json) -> bool:
    """1 and 1.0 are the same number for a schema."""
    if kind_of(value) == kind_of(other) == "number":
        return bool(value == other)
    return same(value, other)


def _object(
    value: dict[str, Json], schema: dict[str, Json], path: Path, depth: int
) -> Iterator[Violation]:
    required = schema.get("required")
    for key in required if isinstance(required, list) else ():
        if key not in value:
            yield Violation(path, f"{key} is missing")
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    patterns = schema.get("patternProperties")
    patterns = patterns if isinstance(patterns, dict) else {}
    other = schema.get("additionalProperties")
    for key, inner in value.items():
        at = (*path, key)
        if key in properties:
            yield from _check(inner, properties[key], at, depth + 1)
        elif any(_matches(pattern, key) for pattern in patterns):
            continue
        elif other is False:
            yield Violation(at, f"{key} is not foreseen")
        else:
            yield from _check(inner, other, at, depth + 1)


def _array(
    value: list[Json], schema: dict[str, Json], path: Path, depth: int
) -> Iterator[Violation]:
    yield from _sized(len(value), schema, "Items", "items", path)
    if schema.get("uniqueItems") is True and len(value) <= 1000:
        for at, one in enumerate(value):
            if any(_equal(one, other) for other in value[:at]):
                yield Violation((*path, at), "stands there twice")
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
        yield Violation(path, f"{size} {word}, at least {least} are wanted")
    if most is not None and size > most:
        yield Violation(path, f"{size} {word}, at most {most} are allowed")


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
        yield Violation(path, f"{preview(value, 40)} is no multiple of {step}")


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

    every = schema.get("allOf")
    for part in every if isinstance(every, list) else ():
        yield from _check(value, part, path, depth + 1)
    some = schema.get("anyOf")
    if isinstance(some, list) and some and not any(map(fits, some)):
        yield Violation(path, "fits none of the allowed forms")
    one = schema.get("oneOf")
    if isinstance(one, list) and one and (count := sum(map(fits, one))) != 1:
        yield Violation(path, f"fits {count or 'none'} of the allowed forms, exactly one is wanted")
    if "not" in schema and isinstance(schema["not"], dict | bool) and fits(schema["not"]):
        yield Violation(path, "has a form that is not allowed")
