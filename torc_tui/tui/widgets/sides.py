"""Show the sides of a split, with thin frames if the screen is large enough."""

from __future__ import annotations

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from torc_tui.tui.look.text_layout import fit, sanitize, width_of

EDGES = 6
"""Cells of a frame that its title cannot use."""


class Side(Vertical):
    """A side of a split, which is never painted because its children cover it."""

    BLANK = True

    @property
    def is_framed(self) -> bool:
        """Return whether a frame is drawn."""
        return False

    def set_framed(self, framed: bool) -> None:
        """Draw or remove the frame, if the side can have a frame."""


class FramedSide(Side):
    """A side with a frame and a title, in the accent color while the focus is inside.

    The split draws or removes the frames of its sides when its size changes.
    """

    DEFAULT_CSS = """
    FramedSide.framed {
        border: round $border-blurred;
        border-title-color: $foreground 70%;
        &:focus-within { border: round $border; border-title-color: $accent; }
        &:ansi:focus-within { border-title-style: bold reverse; }
    }
    """

    def __init__(self, *children: Widget, title: str = "", id: str | None = None) -> None:
        super().__init__(*children, id=id)
        self._title = (title, "")

    @property
    def is_framed(self) -> bool:
        return not self.BLANK

    def set_framed(self, framed: bool) -> None:
        self.BLANK = not framed  # type: ignore[misc]  # Textual reads it from the instance
        self.set_class(framed, "framed")
        self._write_title()

    def set_title(self, title: str, count: str = "") -> None:
        """Change the title of the frame, and the count beside it."""
        if (title, count) != self._title:
            self._title = title, count
            self._write_title()

    def _write_title(self) -> None:
        if not self.is_framed:
            return
        title, count = sanitize(self._title[0]), self._title[1]
        end = f" {count}" if count else ""
        room = max(4, (self.size.width or 80) - EDGES - len(end))
        title = fit(title, room) if width_of(title) > room else title
        self.border_title = Content(title + end)

    def on_resize(self) -> None:
        self._write_title()
