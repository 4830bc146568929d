"""The JSON editor: marks, limits, and the cost of a large text."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.document._document import Document

from torc_tui.tui.data.json_editor import HIGHLIGHTED, JsonEditor
from torc_tui.views.json_document import parse


class EditorApp(App[None]):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        yield JsonEditor(self.text)


async def test_mark_of_an_error() -> None:
    app = EditorApp('{\n  "a": 1,,\n}')
    async with app.run_test(size=(40, 8)) as pilot:
        field = app.query_one(JsonEditor)
        wrong = parse(field.text)[1]
        field.mark(wrong)
        await pilot.pause()
        line = field.get_line(1)
        assert [(span.start, span.end) for span in line.spans] == [(9, 10)]
        assert not field.get_line(0).spans
        field.go_to_mark()
        assert field.cursor_location == (1, 9)
        field.mark(None)
        assert not field.get_line(1).spans


async def test_tab_and_undo() -> None:
    app = EditorApp("[]")
    async with app.run_test(size=(40, 8)) as pilot:
        field = app.query_one(JsonEditor)
        field.focus()
        await pilot.press("right", "tab", "1")
        assert field.text == "[  1]"
        field.undo()
        field.undo()
        assert field.text == "[]"
        field.redo()
        assert field.text != "[]"
        field.text = "null"
        assert field.text == "null"


async def test_large_text_loses_its_colors() -> None:
    app = EditorApp("[1]")
    async with app.run_test(size=(40, 8)) as pilot:
        field = app.query_one(JsonEditor)
        assert field.language == "json"
        field.insert("2, " * HIGHLIGHTED, (0, 1))
        await pilot.pause()
        assert field.language is None and field.text.startswith("[2, 2, ")


async def test_cost_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = 0
    real = vars(Document)["text"].fget

    def text(document: Document) -> str:
        nonlocal joined
        joined += 1
        return str(real(document))

    app = EditorApp("[\n" + "1,\n" * 50_000 + "1\n]")
    async with app.run_test(size=(80, 40)) as pilot:
        field = app.query_one(JsonEditor)
        field.focus()
        await pilot.press("down")
        monkeypatch.setattr(Document, "text", property(text))
        before = joined
        await pilot.press("7")
        await pilot.pause()
        assert joined - before <= 2
        assert field.wrapped_document.height == 50_003 == len(field.text.split("\n"))
        await pilot.press("enter")
        assert field.wrapped_document.height == 50_004
        await pilot.press("backspace")
        assert field.wrapped_document.height == 50_003
