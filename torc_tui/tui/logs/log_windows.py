"""Keep lines of a log loaded around the visible ones.

No Textual, no I/O.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from torc_tui.records import replace
from torc_tui.tui.logs.log_reader import LogReader
from torc_tui.tui.logs.log_scroll import LogScroll, LogSelection
from torc_tui.tui.logs.log_window import LineRequest, LogWindow
from torc_tui.tui.logs.merged_log import Place, Stream

FIRST = 150
"""Lines that are read when a log is opened, whatever the height of the screen is then."""


class LogWindows:
    """Keeps lines loaded around the current place."""

    def __init__(self, reader: LogReader, scroll: LogScroll, selection: LogSelection) -> None:
        self.reader = reader
        self.scroll = scroll
        self.lines = scroll.lines
        self.selection = selection
        self.asked = 0
        """The number of the newest request."""
        self.marked: Place | None = None
        """The line that the log was opened at; it is highlighted."""
        self._marks = self._at_start = False
        self._opened = 0

    # -- requests ----------------------------------------------------------------------------------

    def open(self, streams: Sequence[Stream], *, live: bool, at_start: bool = False) -> None:
        """Read these files from their end or start."""
        self.lines.set_pattern("")
        self.marked, self._marks = None, False
        self.lines.window = LogWindow(streams=streams)
        self.scroll.reset()
        self.selection.clear()
        lines = max(FIRST, 3 * self.scroll.height)
        self._at_start, self.scroll.follow = at_start, not at_start
        self._opened = self.reader.open(streams, live=live, lines=lines, at_start=at_start)

    def go_to(self, stream: str, offset: int, pattern: str, *, mark: bool = False) -> None:
        """Go to the line of a file that starts at ``offset``; with ``mark``, highlight it."""
        self._marks = mark
        if pattern:
            self.lines.set_pattern(pattern)
            self.reader.request(self.reader.find, pattern, None, self._around(None))
        self.asked = self.reader.request(self.reader.go_to, stream, offset, self._around(None))

    def go_share(self, share: float) -> None:
        self.asked = self.reader.request(self.reader.go_share, share, self._around(None))

    def find(self, pattern: str, start: Place | None) -> None:
        """Search the whole log, from ``start`` or from the line on top."""
        self.lines.set_pattern(pattern)
        self.asked = self.reader.request(
            self.reader.find, pattern, start or self.scroll.here, self._around(None)
        )

    def step(self, by: int) -> None:
        """Go to the next hit or to the previous one, as seen from the hit on screen."""
        found, start = self.lines.window.found, self.scroll.here
        if found is not None and found.place in [line.place for line in self.scroll.on_screen]:
            start = found.place
        if start is not None:
            self.asked = self.reader.request(self.reader.step, by, start, self._around(None))

    def ask_end(self) -> None:
        """Ask for the last lines, as the log grows."""
        self.asked = self.reader.request(
            self.reader.load, LineRequest(None, 3 * self.scroll.height, 0)
        )

    def ask_if_needed(self) -> None:
        """Request more lines near the edge of the loaded ones."""
        window, scroll = self.lines.window, self.scroll
        if self.asked > window.serial or not window.lines:
            return
        if scroll.follow:
            if not window.follows or (scroll.top == 0 and not window.at_start):
                self.ask_end()
            return
        rows = scroll.rows()
        last = rows[-1][0] if rows else scroll.top
        short_above = scroll.top < scroll.height and not window.at_start
        short_below = len(window.lines) - last <= scroll.height and not window.at_end
        if short_above or short_below or window.follows:
            self.asked = self.reader.request(self.reader.load, self._around(scroll.here))

    def _around(self, place: Place | None) -> LineRequest:
        height, owed = self.scroll.height, self.scroll.owed
        return LineRequest(place, 3 * height + max(0, -owed), 4 * height + max(0, owed))

    # -- answers -----------------------------------------------------------------------------------

    def take(self) -> bool:
        """Take the newest window of the reader; return whether there was one."""
        window = self.reader.take()
        if window is None or window.opened != self._opened:
            return False
        before, scroll, here = self.lines.window, self.scroll, self.scroll.here
        if self._moved_on(window, here):
            window = self._keep_lines(window, here)
        self.lines.window = window
        if window.generation != before.generation:
            self._begin_again(window)
        self._put(window, here)
        if not scroll.follow and not window.jumped and scroll.owed and self.asked <= window.serial:
            owed, scroll.owed = scroll.owed, 0
            scroll.move(owed)
        self.ask_if_needed()
        return True

    def _moved_on(self, window: LogWindow, here: Place | None) -> bool:
        """Return whether the window lacks the current place."""
        settled = self.scroll.follow or window.jumped or here is None
        if settled or window.generation != self.lines.window.generation:
            return False
        return here not in [line.place for line in window.lines]

    def _keep_lines(self, window: LogWindow, here: Place | None) -> LogWindow:
        """Return a late answer with the current lines, and request those on screen again."""
        before = self.lines.window
        if self.asked <= window.serial:
            self.asked = self.reader.request(self.reader.load, self._around(here))
        at_end = before.at_end and window.size == before.size
        return replace(
            window, lines=before.lines, at_start=before.at_start, at_end=at_end, follows=False
        )

    def _begin_again(self, window: LogWindow) -> None:
        """Start over after the file was replaced."""
        self.lines.forget()
        self.selection.clear()
        if window.jumped or self.scroll.follow:
            return
        if self._at_start:
            self.go_share(0.0)
        else:
            self.scroll.follow = True
            self.ask_end()

    def show_marked(self) -> None:
        """Show the highlighted line with the lines above it."""
        places = [line.place for line in self.lines.window.lines]
        if self.marked in places:
            self.scroll.put_with_context(places.index(self.marked))

    def _put(self, window: LogWindow, here: Place | None) -> None:
        """Scroll the window to the previous place, or to the target of a request."""
        places, scroll = [line.place for line in window.lines], self.scroll
        if window.jumped and window.anchor is not None:
            at = bisect_left(places, window.anchor)
            scroll.follow = False
            if self._marks:
                self.marked, self._marks = window.anchor, False
                self.show_marked()
            else:
                scroll.put(at - scroll.height // 3)
            scroll.show_hit(at)
        elif scroll.follow:
            scroll.to_bottom()
        else:
            at = bisect_left(places, here) if here is not None else 0
            if at >= len(places) or places[at] != here:
                scroll.skip = 0
            scroll.top = max(0, min(at, len(places) - 1))
            scroll.settle()
