"""The selected lines of a log, by keys or by the mouse. No Textual, no I/O."""

from __future__ import annotations

from bisect import bisect_left

from torc_tui.tui.logs.log_scroll import LogScroll
from torc_tui.tui.logs.merged_log import Place


class LogSelection:
    """Selected lines are known by their places in the log, so that they stay when it grows."""

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
        """Select one more line; return by how many rows the view must scroll for that."""
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
        """Begin to select with the mouse."""
        self._drag = self._scroll.place_at(y)

    def drag_to(self, y: int) -> bool:
        """Select up to a line of the screen; return False if nothing is selected by that."""
        place = self._scroll.place_at(y)
        if self._drag is None or place is None or (self._ends is None and place == self._drag):
            return False
        self._ends = (self._drag, place)
        return True

    def end_drag(self) -> None:
        """End the selecting with the mouse."""
        self._drag = None
