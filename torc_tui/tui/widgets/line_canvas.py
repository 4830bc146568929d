"""Show a viewport over a drawing of any size: the base of the graph and of all pages.

Input: a ``CellDrawing``. Output: its visible part, painted, and messages about clicks. Never:
computing a layout, or asking for parts out of view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Protocol

from textual import events
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, line_width, paint, without_start
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.empty_state import empty_lines
from torc_tui.tui.widgets.painted import FramePainter


class CellDrawing(Protocol):
    """A picture of text cells."""

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in cells."""

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        """Return ``height`` lines of the part that begins at ``x``, ``y``; they may be short."""

    def hit(self, x: int, y: int) -> int | None:
        """Return the number of the object at a cell, or None."""


class LineCanvas(CommandNode, ScrollView, FramePainter, can_focus=True):
    """A viewport that is panned by keys, by the wheel and by dragging."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("canvas",)
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineCanvas {
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
    }
    """

    @dataclass(slots=False)
    class Hit(Message):
        """Something was clicked; ``double`` for a double click."""

        what: int
        double: bool

    def __init__(
        self,
        drawing: CellDrawing | None = None,
        *,
        id: str | None = None,
        empty: str = "nothing to draw",
    ) -> None:
        super().__init__(id=id)
        self.drawing = drawing
        self.empty = empty
        self._lines: Sequence[Line] = ()
        self._drawn: tuple[int, int, int, int] | None = None
        self._painted: tuple[tuple[int, int, int, int], Sequence[Line]] | None = None
        self._drag: tuple[Offset, Offset] | None = None
        self._dragged = False
        self._measured = 0

    def set_drawing(self, drawing: CellDrawing | None) -> None:
        self.drawing = drawing
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height of the drawing: that of a canvas whose height is ``auto``."""
        return 1 if self.drawing is None else self.drawing.size[1]

    def redraw(self) -> None:
        """Measure and paint a changed drawing without scrolling."""
        self._drawn = None
        width, height = self.drawing.size if self.drawing is not None else (1, 1)
        if height != self._measured:
            self._measured = height
            if self.styles.is_auto_height:
                self.refresh(layout=True)
        view = self.size
        # A new virtual size lays out the whole screen, so all drawings that fit share one.
        before = self.virtual_size
        self.virtual_size = Size(
            width if width > view.width - 1 else 1, height if height > view.height else 1
        )
        if self.virtual_size != before or not self._refresh_changed():
            self.refresh()

    def _refresh_changed(self) -> bool:
        """Paint only the lines that differ; return False if those on screen are unknown."""
        painted = self._painted
        if self.drawing is None or painted is None:
            return False
        left, top = self.scroll_offset
        width, height = self.scrollable_content_region.size
        if painted[0] != (left, top, width, height):
            return False
        self._lines = self.drawing.draw(left, top, width, height)
        self._drawn = painted[0]
        old, new = painted[1], self._lines
        for y in range(height):
            was = old[y] if y < len(old) else ()
            now = new[y] if y < len(new) else ()
            if list(was) != list(now):
                self.refresh(Region(0, y, width, 1))
        self._painted = (painted[0], new)
        return True

    on_mount = on_resize = redraw

    def render_line(self, y: int) -> Strip:
        width, height = self.scrollable_content_region.size
        base = self._frame_style = self._frame_style or self.rich_style
        if self.drawing is None or not self.drawing.size[0]:
            self._painted = None
            plain = not self.palette.has_pattern
            lines = empty_lines(self.empty, "", width, height, plain=plain)
            return paint(lines[y] if y < len(lines) else [], self.palette, base, width)
        left, top = self.scroll_offset
        view = (left, top, width, height)
        if self._drawn != view:
            self._lines = self.drawing.draw(*view)
            self._drawn = view
            self._painted = (view, self._lines)
        line = self._lines[y] if y < len(self._lines) else ()
        return paint(line, self.palette, base, width)

    def show_area(self, x: int, y: int, wide: int, high: int) -> None:
        """Scroll cells to the middle unless all are visible; of a large area, show the start."""
        width, height = self.scrollable_content_region.size
        left, top = self.scroll_offset
        if not left <= x <= left + width - wide:
            left = max(0, min(x, x + wide // 2 - width // 2))
        if not top <= y <= top + height - high:
            top = max(0, min(y, y + high // 2 - height // 2))
        if (left, top) != tuple(self.scroll_offset):
            self.scroll_to(left, top, animate=False)

    def pan(self, x: int, y: int) -> None:
        """Scroll by columns and lines."""
        left, top = self.scroll_offset
        self.scroll_to(left + x, top + y, animate=False)

    def handlers(self) -> Mapping[str, Handler]:
        page = self.size.height
        return {
            "pan-left": partial(self.pan, -8, 0),
            "pan-right": partial(self.pan, 8, 0),
            "pan-up": partial(self.pan, 0, -3),
            "pan-down": partial(self.pan, 0, 3),
            "page-up": partial(self.pan, 0, -page),
            "page-down": partial(self.pan, 0, page),
            "cursor-top": self.to_top,
            "cursor-bottom": partial(self.pan, 0, self.virtual_size.height),
        }

    def to_top(self) -> None:
        """Scroll to the first line."""
        self.scroll_to(0, 0, animate=False)

    async def _on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1:
            self._drag = (event.screen_offset, self.scroll_offset)
            self._dragged = False
            self.capture_mouse()

    def _on_mouse_move(self, event: events.MouseMove) -> None:
        if self._drag is None:
            return
        start, scroll = self._drag
        moved = event.screen_offset - start
        if moved != Offset(0, 0):
            self._dragged = True
            self.scroll_to(scroll.x - moved.x, scroll.y - moved.y, animate=False)

    async def _on_mouse_up(self, event: events.MouseUp) -> None:
        if self._drag is not None:
            self._drag = None
            self.release_mouse()

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if self._dragged or self.drawing is None or offset is None:
            return
        event.stop()
        place = offset + self.scroll_offset
        what = self.drawing.hit(place.x, place.y)
        if what is not None:
            self.post_message(self.Hit(what, event.chain == 2))


class TextDrawing:
    """Lines of text; ``links`` maps line numbers to the objects that a click selects."""

    def __init__(self, lines: Sequence[Line], links: Mapping[int, int] | None = None) -> None:
        self.lines = lines
        self.links = links or {}
        self.width = max(map(line_width, lines), default=0)

    @property
    def size(self) -> tuple[int, int]:
        return max(1, self.width), len(self.lines)

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        shown = self.lines[y : y + height]
        return shown if x == 0 else [without_start(line, x) for line in shown]

    def hit(self, x: int, y: int) -> int | None:
        return self.links.get(y)


class PageCanvas(LineCanvas):
    """A page that ``write`` returns for the width of the canvas."""

    def __init__(
        self, write: Callable[[int], Sequence[Line]] | None = None, *, id: str | None = None
    ) -> None:
        super().__init__(id=id, empty="")
        self.write = write

    def rewrite(self) -> None:
        """Write the page for the current width."""
        if self.write is not None and self.size.width:
            self.set_drawing(TextDrawing(self.write(max(24, self.size.width - 1))))

    def on_resize(self) -> None:
        self.rewrite()
