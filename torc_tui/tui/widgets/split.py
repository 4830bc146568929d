"""Show two panes with a movable border; the split can be rotated, and a pane maximized.

Input: two widgets, the ratio. Output: ``LayoutChanged`` when the user changed the layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.painted import Painted
from torc_tui.tui.widgets.sides import Side

Shape = Literal["side", "stack", "single"]

SIDE_FROM = 100
"""Smallest width with panes side by side, unless rotated."""
STACK_FROM = 18
"""Smallest height with panes above each other; below, one pane is shown."""
FRAMES_FROM = (100, 30)
"""Minimum width of a split, and height of the screen, for sides with frames."""


class Handle(Painted, can_focus=False):
    """The border."""

    def __init__(self) -> None:
        super().__init__()
        self.upright = True
        self.visible_line = True

    def lines(self, width: int, height: int) -> Sequence[Line]:
        if not self.visible_line:
            return ()
        if self.upright:
            return [[("│", "rule")]] * height
        return [[("─" * width, "rule")]]

    def _on_mouse_down(self, event: events.MouseDown) -> None:  # type: ignore[override]  # Textual calls either kind
        self.capture_mouse()
        event.stop()

    def _on_mouse_up(self, event: events.MouseUp) -> None:  # type: ignore[override]  # Textual calls either kind
        self.release_mouse()
        event.stop()

    def _on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self and isinstance(self.parent, Split):
            self.parent.drag_to(int(event.screen_x), int(event.screen_y))


class Split(Container):
    """Two panes beside or above each other.

    ``ratio`` is the share of the first pane; ``shape`` follows the size unless ``turned``.
    """

    BLANK = True
    DEFAULT_CSS = """
    Split { width: 1fr; height: 1fr; layout: horizontal; }
    Split > .pane { width: 1fr; height: 1fr; min-width: 1; min-height: 1; }
    """

    class LayoutChanged(Message):
        """The user moved the border, turned the panes or maximized one."""

    def __init__(
        self,
        first: Widget,
        second: Widget,
        *,
        ratio: float = 0.5,
        side_from: int = SIDE_FROM,
        stack_from: int = STACK_FROM,
    ) -> None:
        super().__init__()
        self.side_from = side_from
        self.stack_from = stack_from
        self.first = first
        self.second = second
        self.handle = Handle()
        self.ratio = ratio
        self.turned = False
        self._most: int | None = None
        self.alone: Literal["first", "second"] | None = None
        first.add_class("pane")
        second.add_class("pane")

    def compose(self) -> ComposeResult:
        self._frame(*self.app.size)  # before the sides have styles, which costs much less
        yield self.first
        yield self.handle
        yield self.second

    @property
    def shape(self) -> Shape:
        width, height = self.size
        if self.turned:
            return "stack" if width >= self.side_from else "side"
        if width >= self.side_from:
            return "side"
        return "stack" if height >= self.stack_from else "single"

    def _on_resize(self, event: events.Resize) -> None:
        self.place(event.size)

    def place(self, size: Size | None = None) -> None:
        """Lay out the panes for a size."""
        width, height = size or self.size
        shape = self.shape
        alone = self.alone or ("first" if shape == "single" else None)
        self.first.display = alone != "second"
        self.second.display = alone != "first"
        self.handle.display = alone is None
        self.styles.layout = "vertical" if shape == "stack" else "horizontal"
        side = shape == "side"
        self._frame(width, self.screen.size.height)
        if alone is not None:
            sizes: tuple[int | str, ...] = ("1fr", "1fr", "1fr")
        elif side:
            sizes = (max(10, min(width - 11, round(width * self.ratio))), 1, "1fr")
        else:
            lines = min(round(height * self.ratio), self._most or height)
            sizes = (max(3, min(height - 4, lines)), 1, "1fr")
        for widget, cells in zip((self.first, self.handle, self.second), sizes, strict=True):
            widget.styles.width, widget.styles.height = (cells, "1fr") if side else ("1fr", cells)
        self.handle.upright = side
        self.handle.visible_line = not (isinstance(self.first, Side) and self.first.is_framed)
        self.handle.repaint()

    def _frame(self, width: int, height: int) -> None:
        """Draw or remove the frames of the panes, for a width and the height of the screen."""
        framed = width >= FRAMES_FROM[0] and height >= FRAMES_FROM[1]
        for pane in (self.first, self.second):
            if isinstance(pane, Side) and pane.is_framed is not framed:
                pane.set_framed(framed)

    def limit_first(self, lines: int) -> None:
        """Limit the first of two stacked panes to the lines that it can use."""
        if lines != self._most:
            self._most = lines
            if self.shape == "stack":
                self.place()

    def drag_to(self, x: int, y: int) -> None:
        region = self.region
        if self.shape == "side":
            share = (x - region.x) / max(1, region.width)
        else:
            share = (y - region.y) / max(1, region.height)
        self._set(share)

    def move(self, by: float) -> None:
        self._set(self.ratio + by)

    def _set(self, ratio: float) -> None:
        self.ratio = max(0.1, min(0.9, ratio))
        self.place()
        self.post_message(self.LayoutChanged())

    def turn(self) -> None:
        self.turned = not self.turned
        self.place()
        self.post_message(self.LayoutChanged())

    def show_alone(self, which: Literal["first", "second"] | None) -> None:
        self.alone = which
        self.place()
        self.post_message(self.LayoutChanged())

    def toggle_alone(self, focused: Widget | None) -> None:
        """Show only the focused pane, or both again."""
        if self.alone is not None and self.shape != "single":
            self.show_alone(None)
        else:
            self.show_alone(self.pane_of(focused))

    def pane_of(self, widget: Widget | None) -> Literal["first", "second"]:
        """Return the pane that contains a widget; the first if none does."""
        while widget is not None:
            if widget is self.second:
                return "second"
            parent = widget.parent
            widget = parent if isinstance(parent, Widget) else None
        return "first"
