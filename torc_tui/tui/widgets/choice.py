"""Questions: a text of any length, and buttons for the answers.

Input: lines and answers. Output: the value of the chosen answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, width_of
from torc_tui.tui.widgets.command_node import move_by_key
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.overlay import Button, Overlay, box_title

T = TypeVar("T")
WIDTH = 110
"""Cells of the box, at most."""


@dataclass(frozen=True, slots=True)
class Option(Generic[T]):
    """One answer: its key, the label of its button, and its value."""

    key: str
    label: str
    value: T
    danger: bool = False


class Choice(Overlay[T], Generic[T]):
    """A question. Escape chooses the last option, which changes nothing and has the focus."""

    DEFAULT_CSS = """
    Choice > .box { width: 110; }
    Choice LineCanvas { max-height: 78vh; background: $surface; }
    Choice #answers { height: auto; margin: 1 0 0 0; layout: horizontal; }
    Choice.-narrow #answers { layout: vertical; margin: 0; }
    Choice.-narrow LineCanvas { max-height: 50vh; }
    """

    def __init__(
        self,
        title: str,
        lines: Sequence[Line],
        options: Sequence[Option[T]],
        *,
        first: bool = False,
    ) -> None:
        """Prepare the question; with ``first``, the first option has the focus."""
        super().__init__()
        self.first = first
        self.heading = title
        self.drawing = TextDrawing(lines)
        self.options = options
        self.canvas = LineCanvas(self.drawing)
        self.canvas.can_focus = False
        self.buttons = [
            Button(option.label, key=option.key, danger=option.danger) for option in options
        ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = box_title(self.heading)
            yield self.canvas
            with Container(id="answers"):
                yield from self.buttons

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Replace the lines of the question."""
        self.drawing = self.canvas.drawing = TextDrawing(lines)
        if self.is_mounted:  # else it is measured when it appears
            self.canvas.redraw()
            self._fit(self.app.size.width)

    def on_mount(self) -> None:
        self.buttons[0 if self.first else -1].focus()

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size.width)

    def _fit(self, screen_width: int) -> None:
        needed = sum(width_of(option.label) + len(option.key) + 7 for option in self.options)
        room = min(self.widest, screen_width * 96 // 100) - 4
        self.set_class(room < needed, "-narrow")
        width, height = self.drawing.size
        # The scrollbar for long lines needs one line.
        self.canvas.styles.height = height + (width > room)

    @property
    def widest(self) -> int:
        """Return the largest width of the box."""
        return WIDTH

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self.options[self.buttons.index(event.button)].value)

    def on_key(self, event: events.Key) -> None:
        chosen = [option for option in self.options if option.key == event.character]
        if chosen:
            event.stop()
            self.dismiss(chosen[0].value)
        elif event.key in ("left", "right", "tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            (self.focus_next if event.key in ("right", "tab") else self.focus_previous)(Button)
        else:
            move_by_key(event, self.canvas, ends=True)

    def close(self) -> None:
        self.dismiss(self.options[-1].value)


class Confirm(Choice[bool]):
    """A confirmation of an action that destroys something, or that affects many jobs."""

    DEFAULT_CSS = """
    Confirm > .box { width: 72; }
    """

    def __init__(self, title: str, lines: Sequence[Line], act: str, *, danger: bool = True) -> None:
        options = (Option("y", act, True, danger), Option("n", "Go back", False))
        super().__init__(title, lines, options)

    @property
    def widest(self) -> int:
        return 72
