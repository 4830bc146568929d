"""What lies on top: questions, prompts, help, the palette, texts to read and copy. Each closes with
escape.

What comes in: words and rows. What goes out: the result of the screen (``dismiss``). Nothing here
acts by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from torc_tui.tui.look.text_layout import Line, Span, sanitize, width_of
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.painted import Painted
from torc_tui.tui.widgets.virtual_table import Cell, Column, Key, ListRows, VirtualTable


class Button(Painted, can_focus=True):
    """A word to press, by enter, space or mouse."""

    DEFAULT_CSS = """
    Button { height: 1; width: auto; margin: 0 2 0 0; }
    """

    class Pressed(Message):
        def __init__(self, button: Button) -> None:
            super().__init__()
            self.button = button

    def __init__(self, label: str, value: Any, *, danger: bool = False) -> None:
        super().__init__()
        self.label = sanitize(label)
        self.value = value
        self.danger = danger

    def get_content_width(self, container: object, viewport: object) -> int:
        return width_of(self.label) + 4

    def lines(self, width: int, height: int) -> Sequence[Line]:
        if self.has_focus:
            return [[(f"▸ {self.label} ", "danger" if self.danger else "button"), (" ", "")]]
        return [[(f"  {self.label}  ", "error" if self.danger else "muted")]]

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.repaint()

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Pressed(self))

    def on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "space"):
            event.stop()
            self.post_message(self.Pressed(self))


class Words(Painted):
    """Lines of styled text, as high as they are."""

    DEFAULT_CSS = """
    Words { height: auto; width: 1fr; }
    """

    def __init__(self, lines: Sequence[Line], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = lines

    def set(self, lines: Sequence[Line]) -> None:
        self.text = lines
        self.repaint()
        self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return self.text

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.text)


class Overlay(ModalScreen[Any]):
    """Base of all that lies on top. It stands in a box that is never larger than the terminal."""

    CONTEXT: ClassVar[tuple[str, ...]] = ("overlay",)
    DEFAULT_CSS = """
    Overlay { align: center middle; background: $background 55%; }
    Overlay:ansi { background: transparent; }
    Overlay > .box {
        width: auto; height: auto; min-width: 30; max-width: 96%; max-height: 96%;
        background: $surface; border: round $border; padding: 0 1; border-title-color: $accent;
        border-subtitle-color: $foreground 60%;
    }
    """

    def do_back(self) -> None:
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.do_back()


class Confirm(Overlay):
    """A question before something that cannot be taken back. The result is True or False."""

    DEFAULT_CSS = """
    Confirm > .box { width: 64; }
    Confirm Horizontal { height: 1; margin: 1 0 0 0; }
    Confirm Words { margin: 0; }
    """

    def __init__(
        self, title: str, lines: Sequence[Line], act: str, keep: str = "No, leave it"
    ) -> None:
        super().__init__()
        self.heading = title
        self.text = lines
        self.act = act
        self.keep = keep

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = sanitize(self.heading).replace("[", "\\[")
            box.border_subtitle = "y / n"
            yield Words(self.text)
            with Horizontal():
                yield Button(self.act, True, danger=True)
                yield Button(self.keep, False)

    def on_mount(self) -> None:
        # The sanitize answer has the focus: an enter too many destroys nothing.
        self.query(Button).last().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.value)

    def on_key(self, event: events.Key) -> None:
        if event.key in ("y", "n"):
            event.stop()
            self.dismiss(event.key == "y")
        elif event.key in ("left", "right"):
            event.stop()
            self.focus_next(Button)

    def do_back(self) -> None:
        self.dismiss(False)


class Ask(Overlay):
    """One line from the user. ``check`` gives what is wrong with it, or None. The result is the
    text or None."""

    DEFAULT_CSS = """
    Ask > .box { width: 72; }
    Ask Input { border: none; height: 1; padding: 0; background: $background; }
    """

    def __init__(
        self,
        title: str,
        *,
        value: str = "",
        help: str = "",
        check: Callable[[str], str | None] | None = None,
    ) -> None:
        super().__init__()
        self.heading = title
        self.value = value
        self.help_text = help
        self.check = check

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = sanitize(self.heading).replace("[", "\\[")
            yield Input(self.value, compact=True)
            yield Words([[(self.help_text, "muted")]], id="said")

    def on_input_changed(self, event: Input.Changed) -> None:
        wrong = self.check(event.value) if self.check else None
        self.query_one("#said", Words).set(
            [[(wrong, "error")] if wrong else [(self.help_text, "muted")]]
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self.check is None or self.check(event.value) is None:
            self.dismiss(event.value)


class TextDrawing:
    """Plain lines as a drawing, for reading."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.width = max((sum(width_of(text) for text, _ in line) for line in lines), default=0)

    @property
    def size(self) -> tuple[int, int]:
        return max(1, self.width), len(self.lines)

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        shown = self.lines[y : y + height]
        return shown if x == 0 else [_without_start(line, x) for line in shown]

    def hit(self, x: int, y: int) -> None:
        return None


def _without_start(line: Line, count: int) -> Line:
    out: list[Span] = []
    for text, style in line:
        if count >= len(text):
            count -= len(text)
            continue
        out.append((text[count:], style))
        count = 0
    return out


class Reading(Overlay):
    """A text to read: help, a chain of reasons, a command line."""

    DEFAULT_CSS = """
    Reading > .box { width: 104; height: auto; }
    Reading LineCanvas { height: auto; max-height: 85vh; background: $surface; }
    """

    def __init__(
        self,
        title: str,
        lines: Sequence[Line] | Callable[[int], Sequence[Line]],
        *,
        copy: str | None = None,
    ) -> None:
        """``lines`` may depend on how wide the box is."""
        super().__init__()
        self.heading = title
        self.text = lines
        self.copy = copy

    def on_resize(self, event: events.Resize) -> None:
        if callable(self.text):
            self.query_one(LineCanvas).set_drawing(
                TextDrawing(self.text(min(98, event.size.width - 10)))
            )

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = sanitize(self.heading).replace("[", "\\[")
            box.border_subtitle = "y copies · esc closes" if self.copy else "esc closes"
            yield LineCanvas(TextDrawing(self.text(100) if callable(self.text) else self.text))

    def on_key(self, event: events.Key) -> None:
        if event.character == "y" and self.copy:
            event.stop()
            self.app.copy_to_clipboard(self.copy)
            self.app.notify("copied")
        elif event.key in ("enter", "q"):
            event.stop()
            self.dismiss(None)


class Palette(Overlay):
    """Find by typing. ``search`` gives (key, title, detail, note) rows for what was typed; the
    result is a key."""

    DEFAULT_CSS = """
    Palette { align: center top; }
    Palette > .box { width: 90; height: 70%; margin: 2 0 0 0; }
    Palette.-small > .box { height: 96%; margin: 0; }
    Palette Input { border: none; height: 1; padding: 0; background: $surface; }
    Palette VirtualTable { height: 1fr; background: $surface; }
    """

    def __init__(
        self, title: str, search: Callable[[str], Sequence[tuple[Key, str, str, str]]]
    ) -> None:
        super().__init__()
        self.heading = title
        self.search = search
        self.rows = ListRows(
            (
                Column("title", "", 24, minimum=10, importance=0, grow=1, sortable=False),
                Column("detail", "", 40, minimum=10, importance=2, grow=2, sortable=False),
                Column("note", "", 10, importance=1, align="right", sortable=False),
            ),
            self._cell,
            lambda record, column: None,
        )

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < 20, "-small")

    @staticmethod
    def _cell(record: tuple[str, str, str], column: str, width: int) -> Cell:
        title, detail, note = record
        return {"title": (title, ""), "detail": (detail, "muted"), "note": (note, "key")}[column]

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = self.heading
            yield Input(placeholder="type to find", compact=True)
            table = VirtualTable(self.rows, empty="nothing of that name")
            table.can_focus = False
            yield table

    def on_mount(self) -> None:
        self._find("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, typed: str) -> None:
        self.rows.records = {
            key: (title, detail, note) for key, title, detail, note in self.search(typed)
        }
        table = self.query_one(VirtualTable)
        table.reload()
        table.do_cursor_top()

    def on_key(self, event: events.Key) -> None:
        moves = {
            "up": "do_cursor_up",
            "down": "do_cursor_down",
            "pageup": "do_page_up",
            "pagedown": "do_page_down",
        }
        if event.key in moves:
            event.stop()
            event.prevent_default()
            getattr(self.query_one(VirtualTable), moves[event.key])()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(self.query_one(VirtualTable).cursor)

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        self.dismiss(event.key)
