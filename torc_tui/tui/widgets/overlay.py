"""The base of all dialogs, and their parts: buttons and lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.message import Message
from textual.screen import ModalScreen

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, Span, sanitize, width_of
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.painted import Painted

T = TypeVar("T")


class Button(Painted, can_focus=True):
    """A button, pressed by enter, space, the mouse, or by ``key`` if the dialog handles it."""

    DEFAULT_CSS = """
    Button { height: 1; width: auto; margin: 0 2 0 0; }
    """

    @dataclass(slots=False)
    class Pressed(Message):
        """The button was pressed."""

        button: Button

    def __init__(self, label: str, *, key: str = "", danger: bool = False) -> None:
        super().__init__()
        self.label = sanitize(label)
        self.key = key
        self.danger = danger

    def get_content_width(self, container: object, viewport: object) -> int:
        return width_of(self.label) + 4 + (len(self.key) + 1 if self.key else 0)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        key: list[Span] = []
        if self.has_focus:
            style = "danger" if self.danger else "button"
            key = [(f"{self.key} ", style)] if self.key else []
            return [[("▸ ", style), *key, (f"{self.label} ", style), (" ", "")]]
        key = [(f"{self.key} ", "key")] if self.key else []
        return [[("  ", ""), *key, (f"{self.label}  ", "error" if self.danger else "muted")]]

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
    """Lines of styled text; their number is the height of the widget."""

    DEFAULT_CSS = """
    Words { height: auto; width: 1fr; }
    """

    def __init__(self, lines: Sequence[Line], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = lines

    def set(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        self.text = lines
        self.repaint()
        self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return self.text

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.text)


class Overlay(CommandNode, ModalScreen[T], Generic[T]):
    """The base of the dialogs: a box that is never larger than the terminal; escape closes it."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("overlay",)
    DEFAULT_CSS = """
    Overlay { align: center middle; background: $background 55%; }
    Overlay:ansi { background: transparent; }
    Overlay > .box {
        width: auto; height: auto; min-width: 30; max-width: 96%; max-height: 96%;
        background: $surface; border: round $border; padding: 0 1; border-title-color: $accent;
        border-subtitle-color: $foreground 60%;
    }
    """

    def handlers(self) -> Mapping[str, Handler]:
        return {"back": self.close}

    def close(self) -> None:
        """Leave the dialog without a result."""
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.close()


def box_title(text: str) -> str:
    """Return a text as the title of a frame, with markup escaped."""
    return sanitize(text).replace("[", "\\[")
