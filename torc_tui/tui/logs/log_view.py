"""A log as it is read: its end first, following it, searched as a whole, whatever its size.

What comes in: windows of lines from the ``LogReader`` (taken at its word or with the tick), and
commands. What goes out: painted lines, and ``Moved`` for whoever shows how it stands. Moving within
what was read is done at once; more is asked for before the edge is reached. Never done here:
touching a file.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from torc_tui.tui.logs.log_reader import LogReader, Want, Window
from torc_tui.tui.logs.log_rows import Spans, highlighted, rich_style, sliced, wrapped
from torc_tui.tui.logs.merged_log import Place, Stream, TapeLine
from torc_tui.tui.look.text_layout import Line, paint, sanitize, width_of
from torc_tui.tui.look.theme import Palette, palette_of
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.views.ansi import Style, decode

FIRST = 150
"""Lines read at once when a log is opened, whatever the height of the screen is then."""
OWED = 20
"""Screens that keys may run ahead of what was read."""
SIDEWAYS = 16
"""Cells that a step to the side moves."""
KEPT = 600
"""Lines laid out are kept until there are so many."""


class LogView(CommandNode, Widget, can_focus=True):
    """``follow`` holds while the end is shown: it ends with scrolling up and comes back at the end.
    ``laid_out`` counts lines that were decoded: the guard of the tests."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("log",)
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LogView { width: 1fr; height: 1fr; background: $background; color: $foreground; }
    """

    class Arrived(Message):
        """The reader has an answer."""

    class Moved(Message):
        """The place, the size or the search changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.reader = LogReader(self._tell)
        self.window = Window()
        self.message: Sequence[Line] = ()
        self.follow = True
        self.wrap = False
        self.left = 0
        self.pattern = ""
        self.top = 0
        self.skip = 0
        self.selected: tuple[Place, Place] | None = None
        self.laid_out = 0
        self._opened = 0
        self._asked = 0
        self._owed = 0
        self._screen_rows: list[tuple[int, int]] | None = None
        self._kept: dict[tuple[Place, int, int], list[Spans]] = {}
        self._styles: dict[Style, RichStyle] = {}
        self._matches: re.Pattern[str] | None = None
        self._base = RichStyle.null()
        self._painted_with: Palette | None = None
        self._drag: Place | None = None

    @property
    def palette(self) -> Palette:
        """Return the styles of the current theme."""
        return palette_of(self.app)

    def on_mount(self) -> None:
        self.reader.start()

    def on_unmount(self) -> None:
        self.reader.stop()

    # -- what the owner calls ----------------------------------------------------------------------

    def open(self, streams: Sequence[Stream], *, live: bool) -> None:
        """Show these files from their end; none: the message alone."""
        self.follow, self.left, self.pattern, self.selected = True, 0, "", None
        self._matches = None
        self._kept.clear()
        self.window = Window(streams=streams)
        self.top = self.skip = 0
        self._opened = self.reader.open(streams, live=live, lines=max(FIRST, 3 * self._height))
        self._changed()

    def say(self, message: Sequence[Line]) -> None:
        """What stands there while there is nothing to show."""
        if list(message) != list(self.message):
            self.message = message
            self.refresh()

    def take(self) -> None:
        """Take what the reader has found, if it has something."""
        window = self.reader.take()
        if window is not None and window.opened == self._opened:
            self._take(window)

    def go_to(self, stream: str, offset: int, pattern: str = "") -> None:
        """Go to the line of a file that starts at ``offset``, with ``pattern`` searched."""
        if pattern:
            self._set_pattern(pattern)
            self.reader.find(pattern, None, self._around(None))
        self._asked = self.reader.go_to(stream, offset, self._around(None))

    def find(self, pattern: str, start: Place | None = None) -> None:
        """Search the whole log and go to the first hit from ``start`` on; nothing ends the
        search."""
        self._set_pattern(pattern)
        self._asked = self.reader.find(pattern, start or self.here, self._around(None))
        if not pattern:
            self._changed()

    @property
    def here(self) -> Place | None:
        """The line at the top."""
        lines = self.window.lines
        return lines[self.top].place if self.top < len(lines) else None

    @property
    def on_screen(self) -> Sequence[TapeLine]:
        """The lines of which something is on screen."""
        rows = self._rows()
        return self.window.lines[rows[0][0] : rows[-1][0] + 1] if rows else ()

    @property
    def fits(self) -> bool:
        """Whether everything is on screen."""
        window = self.window
        return (
            window.at_start
            and window.at_end
            and len(self.on_screen) == len(window.lines)
            and not self.skip
        )

    @property
    def marked(self) -> tuple[Place, Place] | None:
        """The selected lines, first and last."""
        if self.selected is None:
            return None
        first, last = sorted(self.selected)
        return first, last

    # -- windows -----------------------------------------------------------------------------------

    @property
    def _height(self) -> int:
        return max(1, self.size.height)

    @property
    def _body(self) -> int:
        """Cells for text: what gutter and bar leave."""
        return max(2, self.size.width - 1 - self._gutter)

    @property
    def _gutter(self) -> int:
        return 1 if sum(1 for size in self.window.sizes if size) > 1 else 0

    def _around(self, place: Place | None) -> Want:
        return Want(
            place, 3 * self._height + max(0, -self._owed), 4 * self._height + max(0, self._owed)
        )

    def _take(self, window: Window) -> None:
        old, here = self.window, self.here
        places = [line.place for line in window.lines]
        moved_on = not (
            self.follow or window.jumped or here is None or window.generation != old.generation
        )
        if moved_on and here not in places:
            # An answer from before the user went on: its news are taken, the lines are asked for
            # again.
            at_end = old.at_end and window.size == old.size
            window = replace(
                window, lines=old.lines, at_start=old.at_start, at_end=at_end, follows=False
            )
            places = [line.place for line in window.lines]
            if self._asked <= window.serial:
                self._asked = self.reader.want(self._around(here))
        self.window = window
        if window.generation != old.generation:
            self._kept.clear()
            self.selected = None
            if not window.jumped and not self.follow:
                self.follow = True
                self._ask_end()
        if window.jumped and window.anchor is not None:
            at = bisect_left(places, window.anchor)
            self.follow = False
            self.top, self.skip = max(0, at - self._height // 3), 0
            self._clamp()
            self._show_hit(at)
        elif self.follow:
            self.top, self.skip = self._bottom()
        else:
            at = bisect_left(places, here) if here is not None else 0
            if at >= len(places) or places[at] != here:
                self.skip = 0
            self.top = max(0, min(at, len(places) - 1))
            self._clamp()
            if self._owed and self._asked <= window.serial:
                owed, self._owed = self._owed, 0
                self._move(owed)
                return
        self._need()
        self._changed()

    def _tell(self) -> None:
        """In the reader's thread: an answer is there."""
        self.post_message(self.Arrived())

    def _need(self) -> None:
        """Ask for more lines before the edge of those that are here is reached."""
        window = self.window
        if self._asked > window.serial or not window.lines:
            return
        rows = self._rows()
        last = rows[-1][0] if rows else self.top
        short = self.top < self._height and not window.at_start
        short = short or (len(window.lines) - last <= self._height and not window.at_end)
        if self.follow:
            if not window.follows or (self.top == 0 and not window.at_start):
                self._ask_end()
        elif short or window.follows:
            self._asked = self.reader.want(self._around(self.here))

    def _ask_end(self) -> None:
        self._asked = self.reader.want(Want(None, 3 * self._height, 0))

    def _changed(self) -> None:
        self._screen_rows = None
        self.refresh()
        self.post_message(self.Moved())

    def on_log_view_arrived(self, event: LogView.Arrived) -> None:
        event.stop()
        self.take()

    def on_resize(self) -> None:
        self._kept.clear()
        self._screen_rows = None
        if self.follow:
            self.top, self.skip = self._bottom()
        else:
            self._clamp()
        self._need()
        self._changed()

    # -- lines and rows ----------------------------------------------------------------------------

    def _laid(self, index: int) -> list[Spans]:
        """The rows of a line: one, or several where lines are wrapped."""
        line = self.window.lines[index]
        key = (line.place, len(line.data), line.missing)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) > KEPT:
                self._kept.clear()
            self.laid_out += 1
            spans = self._spans(line)
            found = wrapped(spans, self._body) if self.wrap else [spans]
            self._kept[key] = found
        return found

    def _spans(self, line: TapeLine) -> Spans:
        palette = self.palette
        if line.heading:
            head = f"── {line.heading} "
            return [
                (head, palette("muted")),
                ("─" * max(0, self._body - len(head)), palette("rule")),
            ]
        spans: Spans = []
        for part in decode(line.data)[:1]:
            for text, style in part:
                spans.append((sanitize(text), self._rich(style)))
        if line.missing:
            spans.append((f" … {line.missing:,} more bytes", palette("warning")))
        return highlighted(spans, self._matches, palette("match")) if self._matches else spans

    def _rich(self, style: Style) -> RichStyle:
        found = self._styles.get(style)
        if found is None:
            colours = (
                style if self.palette.name != "torc-mono" else style._replace(fg=None, bg=None)
            )
            found = self._styles[style] = rich_style(colours)
        return found

    def _rows(self) -> list[tuple[int, int]]:
        """Which row of which line stands in each line of the screen."""
        rows = self._screen_rows
        if rows is None:
            rows = []
            height = self._height
            for index in range(self.top, len(self.window.lines)):
                count = len(self._laid(index)) if self.wrap else 1
                first = self.skip if index == self.top else 0
                rows += [(index, sub) for sub in range(first, count)]
                if len(rows) >= height:
                    break
            rows = self._screen_rows = rows[:height]
        return rows

    def _bottom(self) -> tuple[int, int]:
        """The top at which the last row stands in the last line of the screen."""
        left = self._height
        for index in range(len(self.window.lines) - 1, -1, -1):
            count = len(self._laid(index)) if self.wrap else 1
            if count >= left:
                return index, count - left
            left -= count
        return 0, 0

    def _clamp(self) -> None:
        self._screen_rows = None
        bottom = self._bottom()
        if (self.top, self.skip) > bottom:
            self.top, self.skip = bottom

    def _set_pattern(self, pattern: str) -> None:
        self.pattern = pattern
        fold = re.IGNORECASE if pattern == pattern.lower() else 0
        self._matches = re.compile(re.escape(pattern), fold) if pattern else None
        self._kept.clear()

    # -- painting ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if base != self._base or self._painted_with is not self.palette:
            self._base, self._painted_with = base, self.palette
            self._styles.clear()
            self._kept.clear()
        lines = self.window.lines
        if not lines:
            at = y - (1 if self.size.height > len(self.message) + 1 else 0)
            line = self.message[at] if 0 <= at < len(self.message) else ()
            return paint(line, self.palette, base, width)
        rows = self._rows()
        segments: list[Segment] = []
        under: RichStyle | None = None
        gutter = self._gutter
        if y < len(rows):
            index, sub = rows[y]
            line_here = lines[index]
            if self.marked is not None and self.marked[0] <= line_here.place <= self.marked[1]:
                under = self.palette("cursor")
            if gutter:
                error = (
                    self.window.streams[line_here.stream].name == "stderr" and not line_here.heading
                )
                segments.append(Segment("▎" if error else " ", self.palette("stderr")))
            spans = self._laid(index)[sub]
            found = self.window.found
            if found is not None and found.place == line_here.place and not line_here.heading:
                match, current = self.palette("match"), self.palette("match-current")
                spans = [(text, current if style is match else style) for text, style in spans]
            left = 0 if self.wrap or line_here.heading else self.left
            segments += sliced(spans, left, self._body, self.palette("accent"))
        used = sum(width_of(segment.text) for segment in segments)
        segments.append(Segment(" " * (width - 1 - used)))
        painted = [
            Segment(text, base + (style or RichStyle.null()) + (under or RichStyle.null()))
            for text, style, _ in segments
            if text
        ]
        thumb = self._thumb(y)
        painted.append(Segment("▐" if thumb else " ", base + self.palette("faint")))
        return Strip(painted, width)

    def _thumb(self, y: int) -> bool:
        """Whether the handle of the bar at the right stands in this line."""
        window, height = self.window, self._height
        rows = self._rows()
        if not rows or self.fits or not window.size:
            return False
        first, last = window.lines[rows[0][0]].at, window.lines[rows[-1][0]].at
        size = max(1, min(height - 1, round(height * (last - first) / window.size)))
        room = height - size
        at_end = window.at_end and rows[-1][0] == len(window.lines) - 1
        share = 1.0 if at_end else first / max(1, window.size - (last - first))
        top = room if at_end else min(room - (1 if room > 1 else 0), round(room * share))
        if window.at_start and rows[0] == (0, 0):
            top = 0
        return top <= y < top + size

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    # -- moving ------------------------------------------------------------------------------------

    def _move(self, rows: int) -> None:
        """Scroll by rows of the screen. The end, once reached, is followed again."""
        if not self.window.lines:
            return
        lines, window = self.window.lines, self.window
        if rows * self._owed > 0:
            rows += self._owed
        top, skip = self.top, self.skip + rows
        while skip < 0 and top > 0:
            top -= 1
            skip += len(self._laid(top)) if self.wrap else 1
        owed = 0 if window.at_start else min(0, skip)
        skip = max(0, skip)
        while top < len(lines) - 1 and skip >= (count := len(self._laid(top)) if self.wrap else 1):
            skip -= count
            top += 1
        bottom = self._bottom()
        reached = (top, skip) >= bottom
        if reached and not window.at_end and not self.wrap:
            owed = top - bottom[0]
        self.top, self.skip = bottom if reached else (top, skip)
        self.follow = reached and window.at_end and (rows > 0 or self.fits)
        # What goes beyond the lines that are here is done when more of them are.
        self._owed = max(-OWED * self._height, min(OWED * self._height, owed))
        self._screen_rows = None
        self._need()
        self._changed()

    def _show_hit(self, index: int) -> None:
        """Move sideways where the hit of that line is out of sight."""
        if self.wrap or self._matches is None or index >= len(self.window.lines):
            return
        text = "".join(part for part, _ in self._laid(index)[0])
        found = self._matches.search(text)
        if found is not None:
            start, end = width_of(text[: found.start()]), width_of(text[: found.end()])
            if start < self.left or end > self.left + self._body - 1:
                self.left = max(0, end - self._body // 2) if end > self._body - 1 else 0

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "log-up": self.line_up,
            "log-down": self.line_down,
            "page-up": self.page_up,
            "page-down": self.page_down,
            "cursor-top": self.to_top,
            "cursor-bottom": self.to_bottom,
            "log-follow": self.toggle_follow,
            "log-wrap": self.toggle_wrap,
            "scroll-left": self.shift_left,
            "scroll-right": self.shift_right,
            "log-next": self.next_hit,
            "log-previous": self.previous_hit,
            "log-select-up": self.select_up,
            "log-select-down": self.select_down,
        }

    def line_up(self) -> None:
        """Scroll one line up."""
        self._move(-1)

    def line_down(self) -> None:
        """Scroll one line down."""
        self._move(1)

    def page_up(self) -> None:
        """Scroll one page up."""
        self._move(-max(1, self._height - 1))

    def page_down(self) -> None:
        """Scroll one page down."""
        self._move(max(1, self._height - 1))

    def to_top(self) -> None:
        """Go to the first line."""
        window = self.window
        self.follow = False
        if window.at_start:
            self.top = self.skip = 0
            self._need()
            self._changed()
        else:
            self._asked = self.reader.go_share(0.0, self._around(None))

    def to_bottom(self) -> None:
        """Go to the last line, and follow the log."""
        self.follow = True
        if self.window.at_end:
            self.top, self.skip = self._bottom()
        self._ask_end()
        self._changed()

    def toggle_follow(self) -> None:
        """Follow the log, or stop following it."""
        if self.follow:
            self.follow = False
            self._need()
            self._changed()
        else:
            self.to_bottom()

    def toggle_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.wrap = not self.wrap
        self.left = self.skip = 0
        self._kept.clear()
        self._screen_rows = None
        if self.follow:
            self.top, self.skip = self._bottom()
        else:
            self._clamp()
        self._changed()

    def shift_left(self) -> None:
        """Move to the left."""
        self.left = max(0, self.left - SIDEWAYS)
        self._changed()

    def shift_right(self) -> None:
        """Move to the right, as far as the lines on screen go."""
        if self.wrap:
            return
        widest = max(
            (sum(width_of(text) for text, _ in self._laid(index)[0]) for index, _ in self._rows()),
            default=0,
        )
        self.left = max(0, min(self.left + SIDEWAYS, widest - self._body + 1))
        self._changed()

    def next_hit(self) -> None:
        """Go to the next hit of the search."""
        self._step(1)

    def previous_hit(self) -> None:
        """Go to the previous hit of the search."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if not self.pattern:
            return
        found = self.window.found
        start = self.here
        if (
            found is not None
            and found.place is not None
            and any(line.place == found.place for line in self.on_screen)
        ):
            start = found.place
        if start is not None:
            self._asked = self.reader.step(by, start, self._around(None))

    # -- selecting lines ---------------------------------------------------------------------------

    def _extend(self, by: int) -> None:
        lines = self.window.lines
        rows = self._rows()
        if not rows:
            return
        if self.selected is None:
            at = rows[-1][0] if by < 0 else rows[0][0]
            self.selected = (lines[at].place, lines[at].place)
        else:
            places = [line.place for line in lines]
            at = max(0, min(len(lines) - 1, bisect_left(places, self.selected[1]) + by))
            self.selected = (self.selected[0], places[at])
        if at < rows[0][0]:
            self._move(-1)
        elif at > rows[-1][0]:
            self._move(1)
        self._changed()

    def select_up(self) -> None:
        """Select lines, upwards."""
        self._extend(-1)

    def select_down(self) -> None:
        """Select lines, downwards."""
        self._extend(1)

    def unselect(self) -> bool:
        """Let go of the selected lines; False if there were none."""
        was, self.selected = self.selected, None
        if was is not None:
            self._changed()
        return was is not None

    # -- the mouse ---------------------------------------------------------------------------------

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move(-3)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._move(3)

    def _place_at(self, y: int) -> Place | None:
        rows = self._rows()
        return self.window.lines[rows[max(0, min(y, len(rows) - 1))][0]].place if rows else None

    def _on_mouse_down(self, event: events.MouseDown) -> None:  # type: ignore[override]  # Textual calls either kind
        if event.button != 1:
            return
        if event.x >= self.size.width - 1 and not self.fits:
            self._scrub(event.y)
            return
        self._drag = self._place_at(event.y)
        self.unselect()
        self.capture_mouse()

    def _on_mouse_move(self, event: events.MouseMove) -> None:
        if self._drag is None or self.app.mouse_captured is not self:
            return
        place = self._place_at(event.y)
        if place is not None and (self.selected is not None or place != self._drag):
            self.selected = (self._drag, place)
            if event.y < 0:
                self._move(-1)
            elif event.y >= self._height:
                self._move(1)
            self._changed()

    def _on_mouse_up(self, event: events.MouseUp) -> None:  # type: ignore[override]  # Textual calls either kind
        self._drag = None
        self.release_mouse()

    def _scrub(self, y: int) -> None:
        """A click on the bar: go to that share of the log."""
        if y >= self._height - 1:
            self.to_bottom()
        elif y <= 0:
            self.to_top()
        else:
            self.follow = False
            self._asked = self.reader.go_share(y / self._height, self._around(None))
