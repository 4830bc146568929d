"""The first mistake in a text that is not JSON: its place, and our own words for it."""

from __future__ import annotations

import json
import random

import pyjson5
import pytest

from torc_tui.json_errors import find_json_error, why_no_json

UNKNOWN = "this is not JSON"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "there is no value"),
        ('{"a": 1,\n "b": }', 2, 7, "a value is missing before }"),
        ('{"a": 1\n "b": 2}', 2, 2, "a comma or the closing } is missing before this"),
        ("[1 2]", 1, 4, "a comma or the closing ] is missing before this"),
        ("{'a': 1}", 1, 2, "a key in double quotes is expected here"),
        ("{a: 1}", 1, 2, "a key in double quotes is expected here"),
        ("['a']", 1, 2, "strings stand in double quotes"),
        ("[True]", 1, 2, "True is written true"),
        ("[yes]", 1, 2, "yes is not a value"),
        ("[01]", 1, 2, "01 is not a number"),
        ('{"a" 1}', 1, 6, "a colon is missing before this"),
        ('{"a"', 1, 5, "the text ends after a key"),
        ("{", 1, 2, "the text ends where a key should follow"),
        ("[1] x", 1, 5, "the value ended before this"),
        ('["abc', 1, 2, "this string is not closed"),
        ('["abc\\', 1, 2, "this string is not closed"),
        ('["a\nb"]', 1, 4, "an end of line or tab inside a string"),
        ('["a\\q"]', 1, 4, "this escape is not known"),
        ('["\\u12"]', 1, 3, "this escape is not known"),
        ("[1,", 1, 4, "the text ends where a value should follow"),
        ("[1", 1, 3, "the text ends where a comma or the closing ] should follow"),
        ("[1,]", 1, 4, "a value is missing before ]: remove the comma"),
        ('{"a": 1,}', 1, 9, "a key is missing before }: remove the comma"),
    ],
)
def test_json(text: str, line: int, column: int, message: str) -> None:
    found = find_json_error(text, detail="not shown")
    assert (found.line, found.column) == (line, column)
    assert found.message.startswith(message) and "not shown" not in found.message


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("[,]", 2, "a value is missing before ,"),
        ("{a: 1,,}", 7, "a key is expected here"),
        ("{a: 1 b: 2}", 7, "a comma or the closing } is missing before this"),
        ("['a", 2, "this string is not closed"),
        ("[0x]", 2, "0x is not a number"),
        ("[1, /* 2]", 5, "this comment is not closed"),
        ("[1 / 2]", 4, "a comment starts with // or /*"),
    ],
)
def test_json5(text: str, column: int, message: str) -> None:
    found = find_json_error(text, json5=True)
    assert (found.column, found.message) == (column, message)


VALID = (
    '{"a": [1, -2.5e3, true, null, "x\\n\\u00e9"], "b": {"c": {}}, "d": []}',
    "{a: 'x', $b: [+1, .5, 0x1F, Infinity], /* c */ 'd': \"e\\\n f\", // end\n u: null,}",
)
SIGNS = [
    *"{}[],:\"'\\/*-+.01eExun \n\t",
    "true",
    "\\u12",
    "//",
    "/*",
    "*/",
    "\u2028",
    "\x01",
    "NaN",
]


def damaged(chance: random.Random) -> str:
    text = chance.choice(VALID)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        cut = at + chance.choice((0, 0, 1, 3))
        text = text[:at] + chance.choice(["", *SIGNS]) + text[cut:]
    return text


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=int)  # refuses NaN and Infinity
    except ValueError:
        return False
    return True


def is_json5(text: str) -> bool:
    try:
        pyjson5.decode(text)
    except (pyjson5.Json5Exception, ValueError):
        return False
    return True


def test_every_refused_text_has_a_mistake() -> None:
    """The rules here are those of the parsers: no refused text gets the general message."""
    chance = random.Random(3)
    refused = 0
    for _ in range(4000):
        text = damaged(chance)
        for json5, accepted in ((False, is_json(text)), (True, is_json5(text))):
            known = not find_json_error(text, json5=json5).message.startswith(UNKNOWN)
            refused += not accepted
            assert known or accepted, text
            if not json5:
                assert known != accepted, text
    assert refused > 2000


def test_the_text_of_the_parser_is_a_detail() -> None:
    """It is shown only for a text that is right by the rules here."""
    assert find_json_error("[1]", detail="odd").message == "this is not JSON (odd)"
    assert find_json_error("[1]", json5=True).message == "this is not JSON5"


@pytest.mark.parametrize("unit", ["[", '{"a":', '["', '"\\', "[0,", "/*", "{'a':[1,"])
def test_long_texts(unit: str) -> None:
    """No nesting exhausts the stack, and the time grows with the length only."""
    found = find_json_error(unit * 50_000, json5=True)
    assert len(found.message) < 200


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1,", "line 1, column 4: the text ends where a value should follow"),
        ("9" * 5000, "a number in it is too long"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_why_no_json(text: str, why: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as caught:
        json.loads(text)
    assert why_no_json(text, caught.value) == why
