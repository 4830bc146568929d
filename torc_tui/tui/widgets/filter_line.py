"""The line where a filter is typed: applied while typing, completed by tab, and what is wrong said
beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from torc_tui.tui.look.text_layout import Line
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
    """An input whose keys beside the text are those of the table of commands."""

    CONTEXT: ClassVar[str] = "filter"


class FilterLine(Horizontal):
    """Hidden while there is no filter. ``complete`` gives whole texts that go on from what was
    typed."""

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

    def __init__(
        self, complete: Callable[[str], Sequence[str]], *, placeholder: str = "words to look for"
    ) -> None:
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
        yield _Field(
            placeholder=self.placeholder,
            compact=True,
            suggester=_Ghost(lambda text: self.complete(text)),
        )
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
        """The next older filter of the history (or newer, by -1); before the newest one is what was
        typed."""
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

    def _write(self, text: str) -> None:
        field = self.query_one(_Field)
        field.value = text
        field.cursor_position = len(text)

    def do_filter_keep(self) -> None:
        self.leave()

    def do_filter_cancel(self) -> None:
        self.clear()

    def do_filter_complete(self) -> None:
        found = self.complete(self.text)
        if found:
            self._write(found[0])

    def do_filter_older(self) -> None:
        self._write(self.older(1, self.text))

    def do_filter_newer(self) -> None:
        if self.browses:
            self._write(self.older(-1, self.text))
        else:
            self.leave()

    def say(self, line: Line) -> None:
        """What stands at the right: how many are shown, or what is wrong."""
        self.query_one("#note", _Note).say(line)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))
