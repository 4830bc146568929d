"""The editor of a JSON value: errors while typing, no save while it does not parse, and the difference before a save.

What comes in: the value as it was read. What goes out (``dismiss``): the new value in a one-tuple, or None.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from torc_tui.tui.cells import Line
from torc_tui.tui.theme import Palette
from torc_tui.tui.widgets.overlays import Confirm, Overlay
from torc_tui.tui.widgets.painted import Painted
from torc_tui.views.json_diff import unified
from torc_tui.views.json_document import JsonError, dump, parse

LARGEST = 1 << 20
"""Bytes of text that the editor takes; larger values are for $EDITOR."""
HIGHLIGHTED = 64 << 10
"""Bytes of text up to which colours are worth their time."""
PATIENCE = 0.15
"""Seconds after the last key before the text is parsed."""


def editor_theme(palette: Palette) -> TextAreaTheme:
    """The colours of the editor, out of the palette."""
    return TextAreaTheme(
        name="torc",
        base_style=palette("text"),
        gutter_style=palette("faint"),
        cursor_style=Style(reverse=True),
        cursor_line_style=palette("cursor-blur"),
        cursor_line_gutter_style=palette("accent"),
        bracket_matching_style=palette("accent underline"),
        selection_style=palette("cursor"),
        syntax_styles={
            "json.label": palette("json-key"),
            "string": palette("json-string"),
            "string.escape": palette("json-literal"),
            "number": palette("json-number"),
            "boolean": palette("json-literal"),
            "json.null": palette("json-literal"),
            "json.error": palette("error underline"),
            "punctuation.bracket": palette("json-punct"),
            "punctuation.delimiter": palette("json-punct"),
        },
    )


class Verdict(Painted):
    """The line that says whether it is JSON."""

    DEFAULT_CSS = """
    Verdict { height: 1; }
    """
    text: Line = ()

    def say(self, line: Line) -> None:
        self.text = line
        self.repaint()

    def lines(self, width: int, height: int) -> list[Line]:
        return [self.text]


class JsonEditor(Overlay):
    CONTEXT: ClassVar[tuple[str, ...]] = ("editor", "overlay")
    DEFAULT_CSS = """
    JsonEditor > .box { width: 90%; height: 90%; max-width: 140; }
    JsonEditor TextArea { height: 1fr; border: none; padding: 0; background: $surface; }
    """

    def __init__(self, title: str, value: Any, version: int) -> None:
        super().__init__()
        self.heading = title
        self.before = value
        self.version = version
        self.wrong: JsonError | None = None
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        text = dump(self.before)
        with Vertical(classes="box") as box:
            box.border_title = self.heading.replace("[", "\\[")
            box.border_subtitle = "ctrl+s saves · esc leaves"
            area = TextArea(
                text, language="json" if len(text) <= HIGHLIGHTED else None, show_line_numbers=True, compact=True
            )
            area.indent_width = 2
            palette = getattr(self.app, "palette", None)
            if palette is not None:
                area.register_theme(editor_theme(palette))
                area.theme = "torc"
            yield area
            yield Verdict()

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()
        self._check()

    def on_text_area_changed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PATIENCE, self._check)

    def _check(self) -> Any:
        """Parse what is there; the value, where it is one."""
        value, self.wrong = parse(self.query_one(TextArea).text)
        verdict = self.query_one(Verdict)
        if self.wrong is not None:
            where = f"✖ line {self.wrong.line}, column {self.wrong.column}: "
            verdict.say([(where, "error bold"), (self.wrong.message, "error")])
        else:
            verdict.say([("✔ ", "success"), (f"valid JSON; it replaces version {self.version}", "muted")])
        return value

    def do_editor_save(self) -> None:
        value = self._check()
        if self.wrong is not None:
            self.query_one(TextArea).move_cursor((self.wrong.line - 1, self.wrong.column - 1))
            self.app.notify("it is not saved while it is no JSON", severity="warning")
            return
        lines = unified(self.before, value, old_name=f"version {self.version}", new_name="as edited")
        if not lines:
            self.app.notify("nothing was changed")
            self.dismiss(None)
            return
        styles = {"+": "added", "-": "removed", "!": "warning", "@": "faint"}
        shown: list[Line] = [[(line, styles.get(line[:1], "muted"))] for line in lines[:200]]
        if len(lines) > 200:
            shown.append([(f"… {len(lines) - 200} more lines", "faint")])
        # The place of the jobs that this change makes stale: it comes with the rerun of what changed.
        self._leave_if(Confirm("Save this?", shown, "Save", keep="Go on editing"), (value,))

    def do_editor_format(self) -> None:
        value = self._check()
        if self.wrong is None:
            self.query_one(TextArea).text = dump(value)

    def do_back(self) -> None:
        if self.query_one(TextArea).text == dump(self.before):
            self.dismiss(None)
            return
        lost: list[Line] = [[("What was typed is lost.", "text")]]
        self._leave_if(Confirm("Leave without saving?", lost, "Leave", keep="Go on editing"), None)

    def _leave_if(self, question: Confirm, result: Any) -> None:
        def take(agreed: Any) -> None:
            if agreed:
                self.dismiss(result)

        self.app.push_screen(question, take)
