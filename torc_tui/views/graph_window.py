"""Collect the characters of the part of a drawing that is shown.

Input: characters with a role and the box they belong to, at any place. Output: rows of `Run`; what
lies outside of the window is dropped.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from torc_tui.views.status_bar import width_of


class Run(NamedTuple):
    """Neighboring cells of a row that look the same; ``node`` is the index of their box."""

    text: str
    role: str
    node: int | None = None


_Look = tuple[str, int | None]
_EMPTY: tuple[str, _Look] = (" ", ("", None))
_LOOK = itemgetter(1)


class Window:
    """The cells from x, y on."""

    def __init__(self, x: int, y: int, w: int, h: int) -> None:
        self.x, self.y, self.w, self.h = x, y, w, h
        self._rows = [[_EMPTY] * w for _ in range(h)]

    def put(self, x: int, y: int, char: str, role: str, node: int | None = None) -> None:
        """Put a character into a cell."""
        x -= self.x
        y -= self.y
        if 0 <= x < self.w and 0 <= y < self.h:
            self._rows[y][x] = (char, (role, node))

    def put_all(self, x: int, y: int, text: str, role: str, node: int | None) -> None:
        """Put characters that take one cell each side by side."""
        if self.y <= y < self.y + self.h:
            row, left, look = self._rows[y - self.y], x - self.x, (role, node)
            for at in range(max(0, -left), min(len(text), self.w - left)):
                row[left + at] = (text[at], look)

    def write(self, x: int, y: int, text: str, role: str, node: int | None) -> int:
        """Write a text and return the column behind it.

        A wide character that does not fit in full is shown as a space.
        """
        if text.isascii():
            self.put_all(x, y, text, role, node)
            return x + len(text)
        for char in text:
            wide = width_of(char)
            if wide == 0:
                self._combine(x - 1, y, char, role, node)
            elif wide == 2 and not (self.x <= x and x + 1 < self.x + self.w):
                self.put_all(x, y, "  ", role, node)
            else:
                self.put(x, y, char, role, node)
                if wide == 2:
                    self.put(x + 1, y, "", role, node)
            x += wide
        return x

    def _combine(self, x: int, y: int, mark: str, role: str, node: int | None) -> None:
        """Add a combining mark to the character in a cell."""
        if self.y <= y < self.y + self.h and self.x <= x < self.x + self.w:
            before = self._rows[y - self.y][x - self.x]
            if before is not _EMPTY:
                self.put(x, y, before[0] + mark, role, node)

    def runs(self) -> list[list[Run]]:
        """Return the rows of the window."""
        found = []
        for row in self._rows:
            runs = groupby(row, _LOOK)
            found.append([Run("".join([char for char, _ in same]), *look) for look, same in runs])
        return found
