"""The place in a log and the selected lines. No Textual, no I/O.

Input: laid-out lines, the height, and steps. Output: the rows on screen. Steps beyond the loaded
lines are postponed until more lines are loaded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from torc_tui.tui.logs.log_lines import LogLines
from torc_tui.tui.logs.merged_log import MergedLine, Place

OWED = 20
"""Screens that keys may run ahead of the reading."""
SIDEWAYS = 16
"""Cells that a step to the side moves."""


class LogScroll:
    """The place in a log.

    ``follow`` holds while the end is shown: scrolling up ends it, reaching the end begins it.
    """

    def __init__(self, lines: LogLines) -> None:
        self.lines = lines
        self.height = 1
        self.top = 0
        self.skip = 0
        """Rows of the first line that are above the screen."""
        self.left = 0
        self.follow = True
        self.owed = 0
        self._rows: list[tuple[int, int]] | None = None

    def reset(self) -> None:
        """Reset to the end of another log."""
        self.follow, self.left, self.top, self.skip = True, 0, 0, 0
        self.changed()

    def changed(self) -> None:
        """Discard the cached rows."""
        self._rows = None

    # -- what is on screen -------------------------------------------------------------------------

    def rows(self) -> list[tuple[int, int]]:
        """Return the (line, row of the line) for each line of the screen."""
        rows = self._rows
        if rows is None:
            rows = []
            for index in range(self.top, len(self.lines.window.lines)):
                first = self.skip if index == self.top else 0
                rows += [(index, sub) for sub in range(first, self.lines.count(index))]
                if len(rows) >= self.height:
                    break
            rows = self._rows = rows[: self.height]
        return rows

    @property
    def here(self) -> Place | None:
        """Return the place of the first line on screen."""
        lines = self.lines.window.lines
        return lines[self.top].place if self.top < len(lines) else None

    @property
    def on_screen(self) -> Sequence[MergedLine]:
        """Return the lines that are at least partly on screen."""
        rows = self.rows()
        return self.lines.window.lines[rows[0][0] : rows[-1][0] + 1] if rows else ()

    @property
    def fits(self) -> bool:
        """Whether the whole log is on screen."""
        window = self.lines.window
        whole = window.at_start and window.at_end and not self.skip
        return whole and len(self.on_screen) == len(window.lines)

    def place_at(self, y: int) -> Place | None:
        """Return the place of the line in a line of the screen."""
        rows = self.rows()
        if not rows:
            return None
        return self.lines.window.lines[rows[max(0, min(y, len(rows) - 1))][0]].place

    def thumb(self) -> range:
        """Return the lines of the screen that the scrollbar handle covers."""
        window, height, rows = self.lines.window, self.height, self.rows()
        if not rows or self.fits or not window.size:
            return range(0)
        first, last = window.lines[rows[0][0]].at, window.lines[rows[-1][0]].at
        size = max(1, min(height - 1, round(height * (last - first) / window.size)))
        room = height - size
        if window.at_start and rows[0] == (0, 0):
            return range(size)
        if window.at_end and rows[-1][0] == len(window.lines) - 1:
            return range(room, height)
        share = first / max(1, window.size - (last - first))
        top = min(room - (1 if room > 1 else 0), round(room * share))
        return range(top, top + size)

    # -- moving ------------------------------------------------------------------------------------

    def bottom(self) -> tuple[int, int]:
        """Return the first line and row at which the last row is at the bottom of the screen."""
        left = self.height
        for index in range(len(self.lines.window.lines) - 1, -1, -1):
            count = self.lines.count(index)
            if count >= left:
                return index, count - left
            left -= count
        return 0, 0

    def to_bottom(self) -> None:
        """Scroll to the last loaded rows."""
        self.top, self.skip = self.bottom()
        self.changed()

    def settle(self) -> None:
        """Stay at the end while following, and never scroll past it."""
        self.changed()
        if self.follow or (self.top, self.skip) > self.bottom():
            self.to_bottom()

    def put(self, top: int) -> None:
        """Scroll to a line."""
        self.top, self.skip = max(0, top), 0
        self.settle()

    def put_with_context(self, index: int) -> None:
        """Put a line into the lower part of the screen, below the lines before it."""
        room = min(self.height * 2 // 3, self.height - self.lines.count(index))
        top = index
        while top > 0 and self.lines.count(top - 1) <= room:
            top -= 1
            room -= self.lines.count(top)
        self.put(top)

    def move(self, rows: int) -> None:
        """Scroll by rows; at the end, begin to follow."""
        window = self.lines.window
        if rows * self.owed > 0:
            rows += self.owed
        top, skip = self._stepped(rows)
        owed = 0 if window.at_start else min(0, skip)
        skip = max(0, skip)
        bottom = self.bottom()
        reached = (top, skip) >= bottom
        if reached and not window.at_end and not self.lines.wrap:
            owed = top - bottom[0]
        self.top, self.skip = bottom if reached else (top, skip)
        self.follow = reached and window.at_end and (rows > 0 or self.fits)
        # Steps beyond the present lines are done when more lines arrive.
        self.owed = max(-OWED * self.height, min(OWED * self.height, owed))
        self.changed()

    def _stepped(self, rows: int) -> tuple[int, int]:
        """Return the first line after a step, and how many of its rows are above the screen.

        The second value is negative if the step leads above the first line that was read.
        """
        top, skip, last = self.top, self.skip + rows, len(self.lines.window.lines) - 1
        while skip < 0 and top > 0:
            top -= 1
            skip += self.lines.count(top)
        while top < last and skip >= (count := self.lines.count(top)):
            skip -= count
            top += 1
        return top, skip

    def shift_right(self) -> None:
        """Scroll right, up to the end of the longest line on screen."""
        if not self.lines.wrap:
            widest = max((self.lines.width_of(index) for index, _ in self.rows()), default=0)
            self.left = max(0, min(self.left + SIDEWAYS, widest - self.lines.width + 1))

    def show_hit(self, index: int) -> None:
        """Scroll sideways to the hit of a line."""
        hit = self.lines.hit(index)
        if hit is None:
            return
        start, end, width = *hit, self.lines.width
        if start < self.left or end > self.left + width - 1:
            self.left = max(0, end - width // 2) if end > width - 1 else 0


class LogSelection:
    """The selected lines, by their places, so that they stay selected when the log grows."""

    def __init__(self, scroll: LogScroll) -> None:
        self._scroll = scroll
        self._ends: tuple[Place, Place] | None = None
        self._drag: Place | None = None

    @property
    def range(self) -> tuple[Place, Place] | None:
        """Return the first and the last selected line."""
        if self._ends is None:
            return None
        first, last = sorted(self._ends)
        return first, last

    def has(self, place: Place) -> bool:
        """Return whether a line is selected."""
        marked = self.range
        return marked is not None and marked[0] <= place <= marked[1]

    def clear(self) -> bool:
        """Unselect all lines; return False if none were selected."""
        before, self._ends = self._ends, None
        return before is not None

    def extend(self, by: int) -> int:
        """Extend the selection by a line; return by how many rows the view must scroll."""
        lines, rows = self._scroll.lines.window.lines, self._scroll.rows()
        if not rows:
            return 0
        if self._ends is None:
            at = rows[-1][0] if by < 0 else rows[0][0]
            self._ends = (lines[at].place, lines[at].place)
        else:
            places = [line.place for line in lines]
            at = max(0, min(len(lines) - 1, bisect_left(places, self._ends[1]) + by))
            self._ends = (self._ends[0], places[at])
        below = 1 if at > rows[-1][0] else 0
        return -1 if at < rows[0][0] else below

    def begin_drag(self, y: int) -> None:
        """Begin a selection with the mouse."""
        self._drag = self._scroll.place_at(y)

    def drag_to(self, y: int) -> bool:
        """Select up to a line of the screen; return False if nothing is selected."""
        place = self._scroll.place_at(y)
        if self._drag is None or place is None or (self._ends is None and place == self._drag):
            return False
        self._ends = (self._drag, place)
        return True

    def end_drag(self) -> None:
        """End the selection with the mouse."""
        self._drag = None
