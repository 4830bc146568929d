"""The line where a filter is typed: applied while typing, completed by tab, with a note."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, line_width
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.painted import Painted

if TYPE_CHECKING:
    from textual.widgets import Input

    from torc_tui.tui.widgets.filter_field import FilterField

KEPT = 30
"""Filters that the history keeps."""


class FilterNote(Painted):
    """A short text in the filter line."""

    DEFAULT_CSS = """
    FilterNote { width: auto; max-width: 50%; }
    FilterNote.-sign { width: 3; }
    """

    def __init__(self, text: Line = (), *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.text = text

    def show(self, line: Line) -> None:
        """Replace the text."""
        if line != self.text:
            self.text = line
            self.repaint()
            self.refresh(layout=True)

    def get_content_width(self, container: object, viewport: object) -> int:
        return line_width(self.text)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [self.text]


class FilterHistory:
    """The used filters, newest first, and the position while browsing."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._place = -1
        self._typed = ""

    @property
    def is_browsed(self) -> bool:
        return self._place >= 0

    def step(self, by: int, typed: str) -> str:
        """Return the next older filter (1) or newer one (-1), and finally ``typed``."""
        if self._place < 0:
            self._typed = typed
        self._place = max(-1, min(self._place + by, len(self.texts) - 1))
        return self._typed if self._place < 0 else self.texts[self._place]

    def add(self, text: str) -> None:
        """Remember a filter that was used."""
        self._place = -1
        text = text.strip()
        if text:
            self.texts = [text, *(one for one in self.texts if one != text)][:KEPT]


class FilterLine(CommandNode, Horizontal):
    """The filter line, hidden without a filter. ``complete`` returns completions of a text.

    Its field is made when it is first used: most screens are left before, and are painted sooner.
    """

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; background: $surface; }
    FilterLine > FilterField {
        width: 1fr; border: none; height: 1; padding: 0; background: $surface;
    }
    """

    @dataclass(slots=False)
    class FilterChanged(Message):
        """The text changed."""

        text: str

    class Left(Message):
        """The user left the field; the text is empty if the filter was canceled."""

    def __init__(
        self,
        complete: Callable[[str], Sequence[str]] | None = None,
        *,
        placeholder: str = "words to search for",
        stays: bool = True,
    ) -> None:
        """Prepare the line; with ``stays``, it is shown as long as it has a text."""
        super().__init__()
        self.complete = complete
        self.stays = stays
        self.history = FilterHistory()
        self.note = FilterNote()
        self._placeholder = placeholder
        self._field: FilterField | None = None
        self._is_composed = False

    def compose(self) -> ComposeResult:
        self._is_composed = True
        if self._field is not None:
            yield from self._parts(self._field)

    def _parts(self, field: FilterField) -> Sequence[Widget]:
        return FilterNote([(" / ", "accent bold")], classes="-sign"), field, self.note

    @property
    def field(self) -> FilterField:
        """Return the field; make it at its first use."""
        if self._field is None:
            from torc_tui.tui.widgets.filter_field import FilterField, GhostText

            complete = self.complete
            self._field = FilterField(
                placeholder=self._placeholder,
                compact=True,
                suggester=None if complete is None else GhostText(complete),
            )
            if self._is_composed:
                self.mount(*self._parts(self._field))
        return self._field

    def handlers(self) -> Mapping[str, Handler]:
        completing: dict[str, Handler] = {"filter-complete": self._complete}
        return {
            **(completing if self.complete is not None else {}),
            "filter-keep": self.leave,
            "filter-cancel": self.clear,
            "filter-older": lambda: self._write(self.history.step(1, self.text)),
            "filter-newer": self._newer,
        }

    @property
    def text(self) -> str:
        """Return the typed text."""
        return "" if self._field is None else self._field.value

    def begin(self) -> None:
        """Show the line and focus it."""
        self.display = True
        # At once: keys that arrived together with the one for the filter are text.
        self.screen.set_focus(self.field)

    def write(self, text: str) -> None:
        """Filter by a text without moving the focus; an empty text shows everything."""
        self.display = bool(text)
        self._write(text)

    def leave(self) -> None:
        """Leave the field, and keep the filter."""
        self.history.add(self.text)
        self.display = self.stays and bool(self.text)
        self.post_message(self.Left())

    def clear(self) -> None:
        """Leave the field, and remove the filter."""
        if self._field is not None:
            self._field.value = ""
        self.display = False
        self.post_message(self.Left())

    def show(self, line: Line) -> None:
        """Show a note at the right, such as the number of matches or an error."""
        self.note.show(line)

    def _write(self, text: str) -> None:
        if not text and self._field is None:
            return
        self.field.value = text
        self.field.cursor_position = len(text)

    def _complete(self) -> None:
        if self.complete is not None and (found := self.complete(self.text)):
            self._write(found[0])

    def _newer(self) -> None:
        if self.history.is_browsed:
            self._write(self.history.step(-1, self.text))
        else:
            self.leave()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.FilterChanged(event.value))
