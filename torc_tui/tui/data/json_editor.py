"""The JSON editor, with the colors of the app and a mark at an error.

Input: a text, and its error (``mark``). Output: ``TextArea.Changed``. Never: parsing, which takes
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.document._wrapped_document import WrappedDocument
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult, TextAreaTheme

from torc_tui.json_errors import JsonError
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.look.theme import Palette, palette_of
from torc_tui.tui.widgets.command_node import CommandNode
from torc_tui.tui.widgets.painted import Painted
from torc_tui.wording import size

LARGEST = 1 << 20
"""Characters of the longest text for the built-in editor; longer texts need $EDITOR."""
HIGHLIGHTED = 64 << 10
"""Characters up to which the grammar reads along."""


def fits(text: str) -> bool:
    """Return whether a text is small enough for the built-in editor."""
    return len(text) <= LARGEST


def editor_theme(palette: Palette) -> TextAreaTheme:
    """Return the colors of the editor for a palette."""
    return TextAreaTheme(
        name="torc",
        gutter_style=palette("faint"),
        cursor_style=Style(reverse=True),
        cursor_line_style=palette("hover"),
        cursor_line_gutter_style=palette("accent"),
        bracket_matching_style=palette("accent underline"),
        selection_style=palette("cursor"),
        syntax_styles={
            "string": palette("json-string"),
            "json.label": palette("json-key"),
            "string.escape": palette("json-literal"),
            "number": palette("json-number"),
            "boolean": palette("json-literal"),
            "json.null": palette("json-literal"),
            "json.error": Style.null(),  # errors are marked by the parser that also words them
            "punctuation.bracket": palette("json-punct"),
            "punctuation.delimiter": palette("json-punct"),
        },
    )


class _Counted(WrappedDocument):
    """A document that caches its height.

    Textual adds up all lines for every line it paints: 100 ms per key in a text of 1 MB.
    """

    @property
    def height(self) -> int:
        return len(self._offset_to_line_info)


class JsonEditor(CommandNode, TextArea):
    """A text area for JSON that marks the place of an error."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("text",)
    DEFAULT_CSS = """
    JsonEditor { width: 1fr; height: 1fr; border: none; padding: 0 0 0 1; background: $background; }
    JsonEditor:focus { border: none; }
    """

    def __init__(self, text: str, *, id: str | None = None) -> None:
        language = "json" if len(text) <= HIGHLIGHTED else None
        super().__init__("", language=language, soft_wrap=False, show_line_numbers=True, id=id)
        self.indent_width = 2
        self._set_document(text, language)  # last: each setting above measures all lines
        self.wrong: JsonError | None = None

    # Textual asks for the whole text for every line it paints; a megabyte is joined once for each
    # change instead.
    _text: str | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.document.text
        return self._text

    @text.setter
    def text(self, value: str) -> None:
        self.load_text(value)

    def edit(self, edit: Edit) -> EditResult:
        self._text = None
        result = super().edit(edit)
        self._text = None
        return result

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        super()._undo_batch(edits)
        self._text = None

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        super()._redo_batch(edits)
        self._text = None

    def _set_document(self, text: str, language: str | None) -> None:
        super()._set_document(text, language)
        self.wrapped_document.__class__ = _Counted
        self._text = None

    @property
    def palette(self) -> Palette:
        return palette_of(self.app)

    def on_mount(self) -> None:
        self.register_theme(editor_theme(self.palette))
        self.theme = "torc"
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._recolor())

    def _recolor(self) -> None:
        self.register_theme(editor_theme(self.palette))
        self._set_theme("torc")
        self.notify_style_update()

    def find_matching_bracket(
        self, bracket: str, search_from: tuple[int, int]
    ) -> tuple[int, int] | None:
        """Skip the search for the matching bracket in a large text, which may read all of it."""
        return (
            None
            if len(self.text) > HIGHLIGHTED
            else super().find_matching_bracket(bracket, search_from)
        )

    def mark(self, wrong: JsonError | None) -> None:
        """Mark the place of an error; None removes the mark."""
        if wrong != self.wrong:
            self.wrong = wrong
            self._line_cache.clear()
            self.refresh()

    def go_to_mark(self) -> None:
        """Put the cursor at the error."""
        if self.wrong is not None:
            self.move_cursor((self.wrong.line - 1, self.wrong.column - 1), center=True)

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        wrong = self.wrong
        if wrong is not None and wrong.line - 1 == line_index:
            at = min(wrong.column - 1, max(0, len(line.plain) - 1))
            line.stylize(self.palette("error underline bold"), at, max(at + 1, len(line.plain)))
        return line

    def on_text_area_changed(self) -> None:
        if self.language is not None and len(self.text) > HIGHLIGHTED:
            self.language = None

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "tab":
            event.stop()
            event.prevent_default()
            start, end = self.selection
            self._replace_via_keyboard("  ", start, end)
            return
        await super()._on_key(event)


class LargeText(Painted, can_focus=True):
    """A message in place of a text that is too large to edit."""

    DEFAULT_CSS = """
    LargeText { height: 1fr; }
    """

    def __init__(self, number: int, key: str) -> None:
        super().__init__()
        self.size_text = size(number)
        self.key = key

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [
            [],
            [(f"  The value is too large to edit here ({self.size_text}).", "text")],
            [
                ("  ", ""),
                (self.key, "key"),
                (" opens it in $EDITOR; the result is checked and reviewed", "muted"),
            ],
        ]
