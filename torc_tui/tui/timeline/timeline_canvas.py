"""The widgets of the tab Timeline: the canvas, and lines of facts above and below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.timeline.timeline_facts import Part
from torc_tui.tui.timeline.timeline_picture import TimelinePicture
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.painted import Painted, joined


class FactsLine(Painted):
    """A line of facts; the less important ones are left out where room is short."""

    BASE = "header"
    parts: Sequence[Part] = ()

    def show(self, parts: Sequence[Part]) -> None:
        if parts != self.parts:
            self.parts = parts
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [[(" ", ""), *joined(self.parts, width - 2)]] if self.parts else []


class TimelineCanvas(LineCanvas):
    """The part of the timeline that is on screen."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("timeline", "canvas")

    def redraw(self) -> None:
        if isinstance(self.drawing, TimelinePicture):
            self.drawing.place(*self.scrollable_content_region.size)
        super().redraw()

    on_mount = on_resize = redraw

    def show_cells(self, cells: range, rows: range) -> None:
        """Scroll so that cells and rows are in view, as far as they fit."""
        picture = self.drawing
        if not isinstance(picture, TimelinePicture):
            return
        width, height = self.scrollable_content_region.size
        left, top = self.scroll_offset
        room = width - picture.gutter
        if not (left <= cells.start and cells.stop <= left + room):
            left = max(0, cells.start - max(0, room - len(cells)) // 2)
        first, last = rows.start - picture.axis, rows.stop - picture.axis
        top = max(min(top, first), last - (height - picture.axis))
        if (left, top) != tuple(self.scroll_offset):
            self.scroll_to(left, top, animate=False, force=True)
