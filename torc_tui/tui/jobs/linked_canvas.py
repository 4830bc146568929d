"""A page with links to jobs, one of which may be under the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.message import Message

from torc_tui.records import dataclass
from torc_tui.tui.jobs.page import LinkedLines
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing


class LinkedText(TextDrawing):
    """Lines with links to jobs, one of which may be under the cursor."""

    def __init__(self, shown: LinkedLines, cursor: int | None) -> None:
        super().__init__(shown.lines, shown.links)
        self.cursor = cursor

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        lines = list(super().draw(x, y, width, height))
        at = -1 if self.cursor is None else self.cursor - y
        if 0 <= at < len(lines) and x == 0 and lines[at]:
            lines[at] = [("▸ ", "accent bold"), *lines[at][1:]]
        return lines


class LinkedCanvas(LineCanvas):
    """The part of the page that is on screen."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("details", "canvas")

    @dataclass(slots=False)
    class LinkOpened(Message):
        """Enter was pressed: on the link to a job, or on none."""

        job_id: int | None

    def __init__(self, *, empty: str = "") -> None:
        super().__init__(empty=empty)
        self.shown = LinkedLines()
        self.cursor: int | None = None
        """The line under the cursor, one of those with a link."""

    def write(self, shown: LinkedLines) -> None:
        """Show a page; the cursor stays on the link to the same job."""
        linked = None if self.cursor is None else self.shown.links.get(self.cursor)
        self.shown = shown
        if self.cursor is not None and shown.links.get(self.cursor) != linked:
            same = (line for line, job_id in shown.links.items() if job_id == linked)
            self.cursor = next(same, None)
        self.set_drawing(LinkedText(shown, self.cursor))

    def erase(self) -> None:
        """Show no page."""
        self.shown = LinkedLines()
        self.set_drawing(None)

    def begin_page(self) -> None:
        """Prepare for the page about something else, at its top."""
        self.cursor = None
        self.to_top()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **super().handlers(),
            "details-next": lambda: self._step(1),
            "details-previous": lambda: self._step(-1),
            "details-open": self._open_link,
        }

    def _step(self, by: int) -> None:
        """Go to the next link that is on screen or near it; otherwise scroll."""
        top, height = self.scroll_offset.y, self.size.height
        target = self._next_link(by, top, height)
        if target is None:
            self.pan(0, 3 * by)
            return
        self.cursor = target
        if target < top or target >= top + height:
            self.pan(0, 3 * by)
        self.write(self.shown)

    def _next_link(self, by: int, top: int, height: int) -> int | None:
        visible = self.cursor is not None and top <= self.cursor < top + height
        start = self.cursor if visible else (top - 1 if by > 0 else top + height)
        assert start is not None
        ahead = [place for place in sorted(self.shown.links) if (place - start) * by > 0]
        target = None if not ahead else ahead[0] if by > 0 else ahead[-1]
        near = target is not None and top - 3 <= target < top + height + 3
        return target if near else None

    def _open_link(self) -> None:
        linked = None if self.cursor is None else self.shown.links.get(self.cursor)
        self.post_message(self.LinkOpened(linked))
