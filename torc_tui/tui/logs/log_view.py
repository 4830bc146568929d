"""Show a log of any size on screen: follow its end, scroll and search.

Input: windows of lines from the `LogReader`, and commands. Output: painted lines, and
``PositionChanged`` when position, size or search changed. Scrolling within the loaded lines is
immediate; more lines are requested before the edge is reached. Never: file access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from torc_tui.tui.feed.inbox import Inbox
from torc_tui.tui.logs.log_lines import LogLines, sliced
from torc_tui.tui.logs.log_reader import LogReader
from torc_tui.tui.logs.log_scroll import SIDEWAYS, LogScroll, LogSelection
from torc_tui.tui.logs.log_window import LogWindow
from torc_tui.tui.logs.log_windows import LogWindows
from torc_tui.tui.logs.merged_log import MergedLine, Place, Stream
from torc_tui.tui.look.text_layout import Line, paint, width_of
from torc_tui.tui.look.theme import palette_of
from torc_tui.tui.widgets.command_node import CommandNode, Handler


class LogView(CommandNode, Widget, can_focus=True):
    """The visible part of a log."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("log",)
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LogView { width: 1fr; height: 1fr; background: $background; color: $foreground; }
    """

    class Arrived(Message):
        """The reader has an answer."""

    class PositionChanged(Message):
        """The place, the size or the search changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.reader = LogReader(self._post_arrived)
        self.log_lines = LogLines()
        self.scroll = LogScroll(self.log_lines)
        self.selection = LogSelection(self.scroll)
        self.message: Sequence[Line] = ()
        self.source = LogWindows(self.reader, self.scroll, self.selection)
        self._base = RichStyle.null()

    def on_mount(self) -> None:
        inbox = getattr(self.app, "inbox", None)
        if isinstance(inbox, Inbox):  # the app takes the windows with its next tick
            self.reader.on_news = inbox.wake
        self.reader.start()

    def on_unmount(self) -> None:
        self.reader.stop()

    # -- what the owner calls ----------------------------------------------------------------------

    @property
    def window(self) -> LogWindow:
        return self.log_lines.window

    @property
    def pattern(self) -> str:
        return self.log_lines.pattern

    @property
    def follow(self) -> bool:
        return self.scroll.follow

    @property
    def on_screen(self) -> Sequence[MergedLine]:
        return self.scroll.on_screen

    def open(self, streams: Sequence[Stream], *, live: bool, at_start: bool = False) -> None:
        """Show these files from their end or start; without files, only the message."""
        self.source.open(streams, live=live, at_start=at_start)
        self._changed()

    def add(self, streams: Sequence[Stream]) -> None:
        """Show further files; what they contain comes last."""
        self.reader.add(streams)

    def show(self, message: Sequence[Line]) -> None:
        """Set the message that replaces missing lines."""
        if list(message) != list(self.message):
            self.message = message
            self.refresh()

    def take(self) -> None:
        """Take the newest window of the reader."""
        if self.source.take():
            self._changed()

    def go_to(self, stream: str, offset: int, pattern: str = "", *, mark: bool = False) -> None:
        """Go to the line of a file that starts at ``offset``, and search ``pattern``.

        With ``mark``, the line is highlighted.
        """
        self.source.go_to(stream, offset, pattern, mark=mark)

    def find(self, pattern: str, start: Place | None = None) -> None:
        """Search the whole log, and go to the first hit from ``start`` on.

        An empty pattern ends the search.
        """
        self.source.find(pattern, start)
        if not pattern:
            self._changed()

    def unselect(self) -> bool:
        """Unselect the lines; return False if none were selected."""
        cleared = self.selection.clear()
        if cleared:
            self._changed()
        return cleared

    # -- windows -----------------------------------------------------------------------------------

    def _post_arrived(self) -> None:
        """Post a message about an answer; called in the log thread."""
        self.post_message(self.Arrived())

    def _changed(self) -> None:
        self.scroll.changed()
        self.refresh()
        self.post_message(self.PositionChanged())

    def on_log_view_arrived(self, event: LogView.Arrived) -> None:
        event.stop()
        self.take()

    def on_resize(self, event: events.Resize) -> None:
        marked = self.source.marked
        is_seen = any(line.place == marked for line in self.on_screen)
        self.scroll.height, self.log_lines.cells = max(1, self.size.height), self.size.width
        self.log_lines.forget()
        self.scroll.settle()
        if is_seen:
            self.source.show_marked()
        self.source.ask_if_needed()
        self._changed()

    # -- painting ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width, base, palette = self.size.width, self.rich_style, palette_of(self.app)
        if base != self._base or self.log_lines.palette is not palette:
            self._base = base
            self.log_lines.set_palette(palette)
        if not self.window.lines:
            at = y - (1 if self.size.height > len(self.message) + 1 else 0)
            line = self.message[at] if 0 <= at < len(self.message) else ()
            return paint(line, palette, base, width)
        segments, under = self._row(y)
        used = sum(width_of(segment.text) for segment in segments)
        segments.append(Segment(" " * (width - 1 - used)))
        lowest = under or RichStyle.null()
        painted = [
            Segment(text, base + (style or RichStyle.null()) + lowest)
            for text, style, _ in segments
            if text
        ]
        handle = "▐" if y in self.scroll.thumb() else " "
        painted.append(Segment(handle, base + palette("faint")))
        return Strip(painted, width)

    def _row(self, y: int) -> tuple[list[Segment], RichStyle | None]:
        """Return the text in a line of the screen, and the style under it."""
        rows, lines = self.scroll.rows(), self.log_lines
        if y >= len(rows):
            return [], None
        palette = lines.palette
        index, sub = rows[y]
        line = self.window.lines[index]
        segments: list[Segment] = []
        segments += [Segment(text, style) for text, style in lines.gutter_spans(line)]
        spans, found = lines.rows(index)[sub], self.window.found
        if found is not None and found.place == line.place and not line.heading:
            match, current = palette("match"), palette("match-current")
            spans = [(text, current if style is match else style) for text, style in spans]
        left = 0 if lines.wrap or line.heading else self.scroll.left
        width = lines.width + (lines.gutter if line.heading and lines.tags else 0)
        segments += sliced(spans, left, width, palette("accent"))
        marked = self.selection.has(line.place) or line.place == self.source.marked
        return segments, palette("cursor") if marked else None

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        page = max(1, self.scroll.height - 1)
        return {
            "log-up": partial(self.move, -1),
            "log-down": partial(self.move, 1),
            "page-up": partial(self.move, -page),
            "page-down": partial(self.move, page),
            "cursor-top": self.to_top,
            "cursor-bottom": self.to_bottom,
            "log-follow": self.toggle_follow,
            "log-wrap": self.toggle_wrap,
            "scroll-left": self.shift_left,
            "scroll-right": self.shift_right,
            "log-next": partial(self.step, 1),
            "log-previous": partial(self.step, -1),
            "log-select-up": partial(self.select, -1),
            "log-select-down": partial(self.select, 1),
        }

    def move(self, rows: int) -> None:
        if self.window.lines:
            self.scroll.move(rows)
            self.source.ask_if_needed()
            self._changed()

    def to_top(self) -> None:
        self.scroll.follow = False
        if self.window.at_start:
            self.scroll.top = self.scroll.skip = 0
            self.source.ask_if_needed()
            self._changed()
        else:
            self.source.go_share(0.0)

    def to_bottom(self) -> None:
        """Go to the last line, and follow the log."""
        self.scroll.follow = True
        if self.window.at_end:
            self.scroll.to_bottom()
        self.source.ask_end()
        self._changed()

    def toggle_follow(self) -> None:
        """Follow the log, or stop following it."""
        if self.follow:
            self.scroll.follow = False
            self.source.ask_if_needed()
            self._changed()
        else:
            self.to_bottom()

    def toggle_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.log_lines.wrap = not self.log_lines.wrap
        self.scroll.left = self.scroll.skip = 0
        self.log_lines.forget()
        self.scroll.settle()
        self._changed()

    def shift_left(self) -> None:
        self.scroll.left = max(0, self.scroll.left - SIDEWAYS)
        self._changed()

    def shift_right(self) -> None:
        self.scroll.shift_right()
        self._changed()

    def step(self, by: int) -> None:
        """Go to the next hit of the search, or to the previous one."""
        if self.pattern:
            self.source.step(by)

    def select(self, by: int) -> None:
        """Select one more line, upwards or downwards."""
        self.move_if(self.selection.extend(by))

    def move_if(self, rows: int) -> None:
        """Scroll by rows, if any, and paint."""
        if rows:
            self.move(rows)
        self._changed()

    # -- the mouse ---------------------------------------------------------------------------------

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-3)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(3)

    def _on_mouse_down(self, event: events.MouseDown) -> None:  # type: ignore[override]  # Textual calls either kind
        if event.button != 1:
            return
        if event.x >= self.outer_size.width - 1 and not self.scroll.fits:
            self._scrub(event.y)
            return
        self.unselect()
        self.selection.begin_drag(event.y)
        self.capture_mouse()

    def _on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self and self.selection.drag_to(event.y):
            below = 1 if event.y >= self.scroll.height else 0
            self.move_if(-1 if event.y < 0 else below)

    def _on_mouse_up(self, event: events.MouseUp) -> None:  # type: ignore[override]  # Textual calls either kind
        self.selection.end_drag()
        self.release_mouse()

    def _scrub(self, y: int) -> None:
        """Go to the clicked position of the scrollbar."""
        height = self.scroll.height
        if y >= height - 1:
            self.to_bottom()
        elif y <= 0:
            self.to_top()
        else:
            self.scroll.follow = False
            self.source.go_share(y / height)
