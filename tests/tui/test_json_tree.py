"""The tree of a JSON value: what is open has rows, large containers have pages, the cursor is a
path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from torc_tui.tui.data import json_text_view
from torc_tui.tui.data.json_text_view import JsonDrawing, color, readable
from torc_tui.tui.data.json_tree import JsonTree
from torc_tui.tui.data.json_tree_rows import OPEN_ALL, PAGE, ROOT, TreePlace, TreeRows, page_size
from torc_tui.views.json_document import parse, walk

VALUE = {"a": 1, "b": {"c": [1, 2, {"d": None}]}, "e": []}


def rows(value: Any) -> TreeRows:
    model = TreeRows(value, known=True)
    model.places()
    return model


def paths(model: TreeRows) -> list[tuple[str | int, ...]]:
    return [place.path for place in model.places()]  # keys are places


def test_only_the_root_is_open_at_first() -> None:
    assert paths(rows(VALUE)) == [(), ("a",), ("b",), ("e",)]


def test_an_open_branch_has_its_children_behind_it() -> None:
    model = rows(VALUE)
    model.open.add(TreePlace(("b",)))
    assert paths(model) == [(), ("a",), ("b",), ("b", "c"), ("e",)]


def test_nothing_known_has_no_rows() -> None:
    assert TreeRows().places() == []


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 0), (PAGE, 0), (PAGE + 1, PAGE), (PAGE * PAGE, PAGE), (PAGE * PAGE + 1, PAGE * PAGE)],
)
def test_pages(count: int, expected: int) -> None:
    assert page_size(count) == expected


@pytest.mark.parametrize("count", [PAGE + 1, 1000, 100_000, 1_000_000])
def test_a_large_list_opens_with_few_rows(count: int) -> None:
    model = rows(list(range(count)))
    assert len(model.places()) <= PAGE + 1
    model.reveal((count - 1,))
    listed = model.places()
    assert TreePlace((count - 1,)) in listed and len(listed) <= 4 * PAGE


def test_pages_of_an_object_follow_its_keys() -> None:
    value = {f"k{number}": number for number in range(500)}
    model = rows(value)
    assert [place.start for place in model.places()][1:] == [0, 200, 400]
    model.reveal(("k450",))
    assert ("k450",) in paths(model) and ("k399",) not in paths(model)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=25,
)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_every_value_can_be_revealed_and_every_row_be_written(value: Any) -> None:
    model = rows(value)
    for path, _ in walk(value):
        model.reveal(path)
        listed = model.places()
        assert TreePlace(path) in listed
        assert len(set(listed)) == len(listed)
        assert all(model.line(place, 40) for place in listed)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_readable_text_is_equivalent(value: Any) -> None:
    text = readable(value)
    assert parse(text) == (value, None)
    assert not any(char in text for char in "\u202e\u200b\x9b\x7f")


def test_odd_characters_are_escapes_in_the_text() -> None:
    assert readable({"\u202ea": "\x9b\ud800"}) == '{\n  "\\u202ea": "\\u009b\\ud800"\n}'


def test_colors_keep_the_text() -> None:
    line = '  "key \\" x": [-1.5e3, true, null, "text: {}"], '
    assert "".join(text for text, _ in color(line)) == line
    styles = dict(color(line))
    assert styles['"key \\" x"'] == "json-key" and styles["-1.5e3"] == "json-number"
    assert styles['"text: {}"'] == "json-string" and styles["null"] == "json-literal"


def test_only_lines_on_screen_are_colored(monkeypatch: pytest.MonkeyPatch) -> None:

    seen: list[str] = []

    def color(line: str) -> list[tuple[str, str]]:
        seen.append(line)
        return [(line, "")]

    monkeypatch.setattr(json_text_view, "color", color)
    JsonDrawing([str(number) for number in range(100_000)]).draw(0, 500, 80, 20)
    assert len(seen) == 20


def where(tree: JsonTree) -> tuple[str | int, ...] | None:
    return tree.path


class TreeApp(App[None]):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value
        self.copied: list[Any] = []

    def compose(self) -> ComposeResult:
        yield JsonTree()

    def on_mount(self) -> None:
        self.query_one(JsonTree).set_value(self.value, same=False)

    def on_json_tree_copy_requested(self, event: JsonTree.CopyRequested) -> None:
        self.copied.append(event.path)


async def test_open_and_close() -> None:
    app = TreeApp(VALUE)
    async with app.run_test(size=(60, 20)) as pilot:
        tree = app.query_one(JsonTree)
        assert tree.cursor == ROOT
        tree.select(TreePlace(("b",)))
        tree.open_branch()
        assert where(tree) == ("b",) and TreePlace(("b", "c")) in tree.order
        tree.open_branch()
        assert where(tree) == ("b", "c")
        tree.open_all()
        assert TreePlace(("b", "c", 2, "d")) in tree.order
        tree.select(TreePlace(("b", "c", 2, "d")))
        tree.close_branch()
        assert where(tree) == ("b", "c", 2)
        tree.copy_value()
        await pilot.pause()
        assert app.copied == [("b", "c", 2)]


async def test_new_version_keeps_open_branches() -> None:
    app = TreeApp(VALUE)
    async with app.run_test(size=(60, 20)):
        tree = app.query_one(JsonTree)
        tree.show_path(("b", "c", 1))
        tree.set_value({"new": 0, "a": 2, "b": {"c": [9, 8]}}, same=True)
        assert where(tree) == ("b", "c", 1)
        tree.set_value({"b": {"x": 1}}, same=True)
        assert where(tree) == ("b",)
        tree.set_value([1], same=True)
        assert where(tree) == ()
        tree.set_value({"b": {"c": 1}}, same=False)
        assert where(tree) == () and TreePlace(("b", "c")) not in tree.order


async def test_limit_of_open_all() -> None:
    app = TreeApp([[list(range(50)) for _ in range(50)] for _ in range(50)])
    async with app.run_test(size=(60, 20)):
        tree = app.query_one(JsonTree)
        tree.open_all()
        assert 100 < len(tree.order) < 2 * OPEN_ALL


async def test_tree_of_a_million() -> None:
    app = TreeApp({"numbers": list(range(1_000_000)), "deep": None})
    async with app.run_test(size=(60, 20)) as pilot:
        tree = app.query_one(JsonTree)
        tree.show_path(("numbers", 999_999))
        await pilot.pause()
        assert where(tree) == ("numbers", 999_999)
        assert tree.lines_built < 100 and len(tree.order) < 1000


async def test_hostile_keys() -> None:
    app = TreeApp({"__class__": "[bold]x", "\u202e\x1b[2J": "\x07", "": 1, "a\nb": "\x9b"})
    async with app.run_test(size=(60, 12)) as pilot:
        tree = app.query_one(JsonTree)
        await pilot.pause()
        shown = [tree.render_line(y).text for y in range(6)]
        assert '__class__: "[bold]x"' in shown[2]
        assert not any(char in line for line in shown for char in "\x1b\x07\x9b\u202e\n")
        assert all(tree.render_line(y).cell_length == 60 for y in range(6))
