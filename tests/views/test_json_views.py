"""JSON as a tree, compared, and checked."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torc_tui.views.json_diff import JsonChange, diff, same, unified
from torc_tui.views.json_document import Tree, dump, jq_path, parse, preview, value_at, walk
from torc_tui.views.json_schema import check

VALUE = {"lr": 0.1, "layers": [1, {"size": 3}], "name with space": "x", "empty": {}, "none": None}
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def keys(tree: Tree) -> list[str]:
    return ["  " * row.depth + row.key for row in tree.rows]


def test_tree_opens_and_closes() -> None:
    tree = Tree(VALUE)
    assert keys(tree) == ["", "  lr", "  layers", "  name with space", "  empty", "  none"]
    assert tree.toggle(2) == 2 and keys(tree)[3:5] == ["    0", "    1"]
    assert tree.toggle(4) == 1 and tree.rows[5].path == ("layers", 1, "size")
    assert tree.toggle(2) == -3 and len(tree.rows) == 6
    assert tree.toggle(1) == 0 and tree.toggle(4) == 0
    assert [row.kind for row in tree.rows] == [
        "object",
        "number",
        "array",
        "string",
        "object",
        "null",
    ]
    assert Tree(5).rows[0].preview == "5" and len(Tree([]).rows) == 1


def test_find_and_reveal() -> None:
    tree = Tree(VALUE)
    assert tree.find("size") == [("layers", 1, "size")]
    assert tree.find(".layers[0]") == [("layers", 0)]
    assert tree.find("X") == [("name with space",)]
    index = tree.reveal(("layers", 1, "size"))
    assert tree.rows[index].path == ("layers", 1, "size")
    with pytest.raises(KeyError):
        tree.reveal(("layers", 7))


@given(JSON)
def test_every_value_can_be_revealed(value: object) -> None:
    tree = Tree(value)
    for path, inner in walk(value):
        index = tree.reveal(path)
        assert tree.rows[index].path == path and value_at(value, path) is inner
        assert tree.rows[index].preview == preview(inner)
    assert len(tree.rows) == sum(1 for _ in walk(value))


@example({"0": {"": None, "0": None, "00\r": "0000", "00\x7f": 0.0}}, 60)
@given(JSON, st.integers(5, 60))
def test_preview(value: object, limit: int) -> None:
    text = preview(value, limit)
    assert len(text) <= limit and "\n" not in text and "\x1b" not in text
    if "…" not in text and not text.endswith("…"):
        assert json.loads(text) == value


def test_jq_paths() -> None:
    assert [jq_path(p) for p in [(), ("a",), (0,), ("a b", 0, "c"), ('"',)]] == [
        ".", ".a", ".[0]", '.["a b"][0].c', '.["\\""]',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "no value"),
        ('{"a": 1,\n "b": }', 2, 7, "missing before }"),
        ('{"a": 1\n "b": 2}', 2, 2, "comma"),
        ("{'a': 1}", 1, 2, "double quotes"),
        ("['a']", 1, 2, "double quotes"),
        ("[True]", 1, 2, "True is written true"),
        ('{"a" 1}', 1, 6, "colon"),
        ("[1] x", 1, 5, "ended"),
        ('["abc', 1, 2, "not closed"),
        ('["a\nb"]', 1, 4, "end of line"),
        ("[1, NaN]", 1, 5, "NaN is not a JSON value"),
        ('{"a": 1, "a": 2}', 1, 10, "duplicate"),
        ("[1,", 1, 4, "ends where a value"),
        ("[" * 100_000, 1, 1, "nested too deeply"),
    ],
)
def test_position_of_errors(text: str, line: int, column: int, message: str) -> None:
    value, error = parse(text)
    assert value is None and error is not None
    assert (error.line, error.column) == (line, column) and message in error.message


@given(JSON)
def test_text_and_back(value: object) -> None:
    again, error = parse(dump(value))
    assert error is None and same(again, value)


@given(st.text(max_size=30))
def test_parse_never_crashes(text: str) -> None:
    _, error = parse(text)
    assert error is None or (error.line >= 1 and error.column >= 1)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"a": 1}, {"a": 2}, [(("a",), "changed", 1, 2)]),
        ({"a": 1}, {"b": 1}, [(("a",), "removed", 1, None), (("b",), "added", None, 1)]),
        ([1, 2, 3], [1, 3], [((1,), "removed", 2, None)]),
        ([1, 3], [1, 2, 3], [((1,), "added", None, 2)]),
        ([1, 2], [1, 5], [((1,), "changed", 2, 5)]),
        (1, 1.0, [((), "changed", 1, 1.0)]),
        (True, 1, [((), "changed", True, 1)]),
        ({"a": {"b": [0]}}, {"a": {"b": [1]}}, [(("a", "b", 0), "changed", 0, 1)]),
        (None, {}, [((), "changed", None, {})]),
    ],
)
def test_diff(old: object, new: object, changes: list[tuple]) -> None:
    assert diff(old, new) == [JsonChange(*change) for change in changes]


def patched(value: object, changes: list[JsonChange]) -> object:
    value = copy.deepcopy(value)
    for change in [c for c in changes if c.kind == "changed"]:
        if not change.path:
            return change.new
        value_at(value, change.path[:-1])[change.path[-1]] = change.new
    for change in reversed([c for c in changes if c.kind == "removed"]):
        del value_at(value, change.path[:-1])[change.path[-1]]
    for change in [c for c in changes if c.kind == "added"]:
        inside = value_at(value, change.path[:-1])
        if isinstance(inside, list):
            inside.insert(change.path[-1], change.new)
        else:
            inside[change.path[-1]] = change.new
    return value


@given(JSON, JSON)
def test_diff_is_complete(old: object, new: object) -> None:
    assert diff(old, copy.deepcopy(old)) == []
    assert same(old, new) == (diff(old, new) == [])
    assert same(patched(old, diff(old, new)), new)
    assert bool(unified(old, new)) == (dump(old) != dump(new))


def test_text_diff_and_texts() -> None:
    assert unified({"lr": 0.1}, {"lr": 0.2}) == [
        "--- old", "+++ new", "@@ -1,3 +1,3 @@", " {", '-  "lr": 0.1', '+  "lr": 0.2', " }",
    ]  # fmt: skip
    large = [0] * 6000
    assert '-  "a": "x\u2028y"' in unified({"a": "x\u2028y"}, {"a": "z"})
    assert unified(large, [*large[:-1], 1])[2:] == ["! .[5999]: 0 → 1"]
    assert [c.text for c in diff({"a": 1, "c": 1}, {"b": 2, "c": 2})] == [
        ".a: 1 removed",
        ".c: 1 → 2",
        ".b: 2 added",
    ]


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ({"lr": 5}, {"properties": {"lr": {"maximum": 1}}}, [".lr: 5 is more than 1"]),
        ({}, {"required": ["lr"]}, [".: lr is missing"]),
        ({"x": 1}, {"properties": {}, "additionalProperties": False}, [".x: x is not allowed"]),
        (
            {"x": "1"},
            {"additionalProperties": {"type": "number"}},
            [".x: must be number, not string"],
        ),
        ([1, "a"], {"items": {"type": "integer"}}, [".[1]: must be integer, not string"]),
        (1.0, {"type": "integer"}, []),
        (1.5, {"type": ["integer", "null"]}, [".: must be integer or null, not number"]),
        (True, {"type": "number"}, [".: must be number, not boolean"]),
        ("c", {"enum": ["a", "b"]}, ['.: "c" is not one of "a", "b"']),
        (1, {"const": 1.0}, []),
        ("ab", {"minLength": 3}, [".: 2 characters, but at least 3 are required"]),
        ([1, 2], {"maxItems": 1}, [".: 2 items, but at most 1 are allowed"]),
        ([1, 1], {"uniqueItems": True}, [".[1]: is a duplicate"]),
        ("ab", {"pattern": "^b"}, ['.: "ab" does not match ^b']),
        ("ab", {"pattern": "("}, []),
        (0, {"exclusiveMinimum": 0}, [".: 0 is not more than 0"]),
        (0.3, {"multipleOf": 0.1}, []),
        (
            5,
            {"anyOf": [{"type": "string"}, {"minimum": 9}]},
            [".: matches none of the schemas in anyOf"],
        ),
        (
            5,
            {"oneOf": [{"minimum": 1}, {"minimum": 2}]},
            [".: matches 2 schemas in oneOf instead of 1"],
        ),
        (
            5,
            {"allOf": [{"minimum": 6}, {"maximum": 4}]},
            [".: 5 is less than 6", ".: 5 is more than 4"],
        ),
        (5, {"not": {"type": "number"}}, [".: matches the schema in not"]),
        (5, False, [".: no value is allowed here"]),
        (5, {"format": "email", "$ref": "#/x"}, []),
        (5, {"type": 7, "enum": 3, "required": 1, "anyOf": {}}, []),
    ],
)
def test_schema(value: object, schema: object, expected: list[str]) -> None:
    assert [violation.text for violation in check(value, schema)] == expected


@given(JSON, JSON)
def test_any_schema(value: object, schema: object) -> None:
    check(value, schema)
    check(
        value,
        {
            "items": schema,
            "properties": {"a": schema},
            "anyOf": [schema],
            "minimum": schema,
            "pattern": schema,
        },
    )
