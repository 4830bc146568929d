"""Draw the lines of a graph between its boxes, and hold the part of a drawing that is shown.

Input: hops of the layout, and a window. Output: characters in the cells of the window. Where two
lines cross without meeting, the line along the ranks goes over the one that runs across. Lines with
the role ``lit`` are heavy.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from torc_tui.tuples import NamedTuple
from torc_tui.views.graph_routing import Hop
from torc_tui.views.text_cells import width_of


class Run(NamedTuple):
    """Neighboring cells of a row that look the same; ``node`` is the index of their box."""

    text: str
    role: str
    node: int | None = None


_Look = tuple[str, int | None]
_EMPTY: tuple[str, _Look] = (" ", ("", None))
_LOOK = itemgetter(1)


class CellWindow:
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


Cell = tuple[int, int]
"""(rank axis, cross axis)"""

_BACK, _FORTH, _LESS, _MORE = 1, 2, 4, 8
"""Bits of the directions in which a line leaves a cell, along the ranks and across."""
# bits of the characters: north 1, south 2, west 4, east 8
_UNICODE = (" ", "╵", "╷", "│", "╴", "╯", "╮", "┤", "╶", "╰", "╭", "├", "─", "┴", "┬", "┼")
_HEAVY = (" ", "╹", "╻", "┃", "╸", "┛", "┓", "┫", "╺", "┗", "┏", "┣", "━", "┻", "┳", "╋")
_ASCII = (" ", "|", "|", "|", "-", "+", "+", "+", "-", "+", "+", "+", "-", "+", "+", "+")


class Wires:
    """The lines in a window; ``down`` is the direction of the graph."""

    def __init__(self, window: CellWindow, *, down: bool, plain: bool) -> None:
        self.window = window
        self.down = down
        self.plain = plain
        rows = window.y, window.y + window.h - 1
        columns = window.x, window.x + window.w - 1
        self.ranks, self.across = (rows, columns) if down else (columns, rows)
        """The first and the last cell of the window on each axis."""
        self._along: dict[Cell, str] = {}  # roles of lines along the ranks
        self._tracks: dict[Cell, str] = {}  # roles of lines across
        self._bends: dict[Cell, int] = {}  # bits of the directions
        self._bent: dict[Cell, str] = {}  # roles of bends
        self._arrows: set[Cell] = set()
        self._ranking: dict[str, int] = {}  # roles in their order
        self._drawn: set[tuple[int, int, int, int, int | None]] = set()  # shapes of hops

    def add(self, hop: Hop, role: str) -> None:
        """Add a line; of two lines on the same cells, the first one says which role they have."""
        shape = hop[1:6]
        if shape in self._drawn:
            return
        self._drawn.add(shape)
        self._ranking.setdefault(role, len(self._ranking))
        if hop.track is None:
            self._straight(hop.start, hop.end, hop.exit, role)
        else:
            self._straight(hop.start, hop.track - 1, hop.exit, role)
            self._straight(hop.track + 1, hop.end, hop.entry, role)
            self._turn(hop.track, hop.exit, hop.entry, role)
        if hop.arrives:
            self._arrows.add((hop.end, hop.entry))

    def _straight(self, start: int, end: int, cross: int, role: str) -> None:
        if self.across[0] <= cross <= self.across[1]:
            for rank in range(max(start, self.ranks[0]), min(end, self.ranks[1]) + 1):
                self._along.setdefault((rank, cross), role)

    def _turn(self, track: int, leave: int, entry: int, role: str) -> None:
        if not self.ranks[0] <= track <= self.ranks[1]:
            return
        low, high = min(leave, entry) + 1, max(leave, entry) - 1
        for cross in range(max(low, self.across[0]), min(high, self.across[1]) + 1):
            self._tracks.setdefault((track, cross), role)
        first, last = (_MORE, _LESS) if entry > leave else (_LESS, _MORE)
        for cell, bits in (((track, leave), _BACK | first), ((track, entry), _FORTH | last)):
            self._bends[cell] = self._bends.get(cell, 0) | bits
            self._bent.setdefault(cell, role)

    def draw(self) -> None:
        """Put the characters of all lines into the window."""
        arrow = ("v" if self.plain else "▼") if self.down else (">" if self.plain else "▶")
        for cell in self._along.keys() | self._tracks.keys() | self._bends.keys():
            is_arrow = cell in self._arrows and cell not in self._bends
            x, y = (cell[1], cell[0]) if self.down else cell
            role = self._role(cell)
            char = arrow if is_arrow else self._char(cell, heavy=role == "lit")
            self.window.put(x, y, char, role)

    def _role(self, cell: Cell) -> str:
        """Return the role of the lines that are seen in a cell."""
        if cell not in self._bends:
            return self._along.get(cell) or self._tracks[cell]
        lines = (self._bent, self._along, self._tracks)
        return min((line[cell] for line in lines if cell in line), key=self._ranking.__getitem__)

    def _char(self, cell: Cell, *, heavy: bool) -> str:
        bits = _BACK | _FORTH if cell in self._along else 0
        across = _LESS | _MORE if cell in self._tracks else 0
        if cell in self._bends:
            bits |= self._bends[cell] | across
        bits = bits or across
        if not self.down:  # back, forth, less, more are west, east, north, south
            bits = bits >> 2 | (bits & 3) << 2
        return (_ASCII if self.plain else _HEAVY if heavy else _UNICODE)[bits]
