"""The line where a filter is typed: applied while typing, completed by tab, and what is wrong said beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from torc_tui.tui.cells import Line
from torc_tui.tui.widgets.painted import Painted

KEPT = 30
"""So many filters are kept."""


class _Ghost(Suggester):
    """The first completion, shown behind the cursor."""

    def __init__(self, complete: Callable[[str], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        found = self.complete(value)
        return found[0] if found else None


class _Note(Painted):
    DEFAULT_CSS = """
    _Note { width: auto; max-width: 50%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.text: Line = ()

    def say(self, line: Line) -> None:
        if line != self.text:
            self.text = line
            self.repaint()
            self.refresh(layout=True)

    def get_content_width(self, container: object, viewport: object) -> int:
        return sum(len(text) for text, _ in self.text)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [self.text]


class _Field(Input):
    """An input that gives tab to the completion, and enter and down back to the list."""

    def on_key(self, event: events.Key) -> None:
        line = self.parent
        assert isinstance(line, FilterLine)
        if event.key == "tab":
            event.stop()
            event.prevent_default()
            found = line.complete(self.value)
            if found:
                self.value = found[0]
                self.cursor_position = len(self.value)
        elif event.key == "up" or (event.key == "down" and line.browses):
            event.stop()
            event.prevent_default()
            self.value = line.older(1 if event.key == "up" else -1, self.value)
            self.cursor_position = len(self.value)
        elif event.key in ("enter", "down"):
            event.stop()
            event.prevent_default()
            line.leave()


class FilterLine(Horizontal):
    """Hidden while there is no filter. ``complete`` gives whole texts that go on from what was typed."""

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; background: $surface; }
    FilterLine > _Field { width: 1fr; border: none; height: 1; padding: 0; background: $surface; }
    FilterLine > #slash { width: 3; }
    """

    class Changed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The typing is over; the filter stays."""

    def __init__(self, complete: Callable[[str], Sequence[str]], *, placeholder: str = "words to look for") -> None:
        super().__init__()
        self.complete = complete
        self.placeholder = placeholder
        self.history: list[str] = []
        """Filters that were used, the newest first."""
        self._place = -1
        self._typed = ""

    def compose(self) -> ComposeResult:
        slash = _Note()
        slash.id = "slash"
        slash.text = [(" / ", "accent bold")]
        yield slash
        yield _Field(placeholder=self.placeholder, compact=True, suggester=_Ghost(lambda text: self.complete(text)))
        note = _Note()
        note.id = "note"
        yield note

    @property
    def text(self) -> str:
        return self.query_one(_Field).value

    def begin(self) -> None:
        self.display = True
        self.query_one(_Field).focus()

    def set(self, text: str) -> None:
        self.display = bool(text)
        self.query_one(_Field).value = text

    @property
    def browses(self) -> bool:
        """Whether a filter of the history stands there."""
        return self._place >= 0

    def older(self, by: int, typed: str) -> str:
        """The next older filter of the history (or newer, by -1); before the newest one is what was typed."""
        if self._place < 0:
            self._typed = typed
        self._place = max(-1, min(self._place + by, len(self.history) - 1))
        return self._typed if self._place < 0 else self.history[self._place]

    def _remember(self) -> None:
        self._place = -1
        text = self.text.strip()
        if text:
            self.history = [text, *(one for one in self.history if one != text)][:KEPT]

    def leave(self) -> None:
        self._remember()
        if not self.text:
            self.display = False
        self.post_message(self.Left())

    def clear(self) -> None:
        self.query_one(_Field).value = ""
        self.display = False
        self.post_message(self.Left())

    def say(self, line: Line) -> None:
        """What stands at the right: how many are shown, or what is wrong."""
        self.query_one("#note", _Note).say(line)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))
